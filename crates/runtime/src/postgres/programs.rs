//! Which PostgreSQL programs this machine has, and which of them fit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::status::PostgresPrograms;

/// Folders whose subfolders (or their `bin`) usually hold the programs.
const USUAL: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// All programs of this machine, newest first.
pub(crate) async fn find() -> Vec<PostgresPrograms> {
    let folders = tokio::task::spawn_blocking(folders).await.unwrap_or_default();
    let found = futures::future::join_all(folders.into_iter().map(|folder| async {
        let version = version(&folder).await?;
        Some(PostgresPrograms { folder, version })
    }));
    let mut found: Vec<PostgresPrograms> = found.await.into_iter().flatten().collect();
    found.sort_by(|a, b| numbers(&b.version).cmp(&numbers(&a.version)).then_with(|| a.folder.cmp(&b.folder)));
    found
}

fn folders() -> BTreeSet<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, prefix, bin) in USUAL {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let fitting = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        candidates.extend(fitting.map(|entry| entry.path().join(bin)));
    }
    // A link on the search path leads to where its siblings are.
    let real = candidates.iter().filter_map(|folder| std::fs::canonicalize(folder.join("postgres")).ok());
    let folders = real.filter_map(|program| program.parent().map(Path::to_path_buf));
    folders.filter(|folder| is_program(&folder.join("postgres")) && is_program(&folder.join("initdb"))).collect()
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `15.13` from `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
async fn version(folder: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(folder.join("postgres"));
    let output = command.arg("--version").stdin(Stdio::null()).output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let after = text.split_once("(PostgreSQL) ")?.1;
    after.split_whitespace().next().map(str::to_string)
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0))
        .collect()
}

/// The major version: `16` of `16.3`.
pub(crate) fn major(version: &str) -> u32 {
    numbers(version).first().copied().unwrap_or(0)
}

/// The programs to use for a version that is wanted (newest first in, as [`find`] gives them), and a note if they are
/// of another one. Data that is already there can be used with its own major version only.
pub(crate) fn choose<'a>(
    found: &'a [PostgresPrograms],
    wanted: &str,
    data: Option<u32>,
) -> Option<(&'a PostgresPrograms, Option<String>)> {
    let fits = |version: u32| found.iter().find(|programs| major(&programs.version) == version);
    let chosen = match data {
        Some(data) => fits(data)?,
        None => fits(major(wanted)).or(found.first())?,
    };
    let note = (major(&chosen.version) != major(wanted) && major(wanted) != 0)
        .then(|| format!("PostgreSQL {} runs in place of {wanted}", chosen.version));
    Some((chosen, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_major_version_comes_first_and_data_binds() {
        let found = ["17.2", "16.10", "15.13"]
            .map(|version| PostgresPrograms { folder: PathBuf::from("/pg").join(version), version: version.into() });
        for (wanted, data, expected) in [
            ("16", None, Some(("16.10", false))),
            ("16.3", None, Some(("16.10", false))),
            ("14.1", None, Some(("17.2", true))),
            ("", None, Some(("17.2", false))),
            ("17", Some(15), Some(("15.13", true))),
            ("17", Some(12), None),
        ] {
            let chosen = choose(&found, wanted, data);
            assert_eq!(chosen.map(|(p, note)| (p.version.as_str(), note.is_some())), expected, "{wanted} {data:?}");
        }
    }
}
