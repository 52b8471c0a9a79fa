//! The temporary folder that modules are put together in, and how they get from there to their place.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

/// What the names of temporary folders begin with.
const PREFIX: &str = ".installing-";
/// How long to wait for somebody else who installs modules in the same folder.
const PATIENCE: u32 = 300;

/// A temporary folder in the folder of modules, which only one process has at a time.
pub(crate) struct Staging {
    temporary: TempDir,
    modules: PathBuf,
    next: usize,
    /// Ends with the value.
    _lock: Option<File>,
}

impl Staging {
    /// Makes it, and clears away what others left who were killed.
    pub(crate) async fn begin(modules: &Path) -> io::Result<Staging> {
        fs::create_dir_all(modules)?;
        let lock = lock(modules).await?;
        if lock.is_some() {
            for entry in fs::read_dir(modules)?.flatten() {
                if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                    remove(&entry.path())?;
                }
            }
        }
        let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir_in(modules)?;
        Ok(Staging { temporary, modules: modules.to_path_buf(), next: 0, _lock: lock })
    }

    /// A path in it where nothing is.
    pub(crate) fn place(&mut self) -> PathBuf {
        self.next += 1;
        self.temporary.path().join(self.next.to_string())
    }

    /// Moves what is at one of its places to the module's own; what was there goes.
    pub(crate) fn put(&mut self, from: &Path, key: &str) -> io::Result<()> {
        let to = self.modules.join(key);
        if to.symlink_metadata().is_ok() {
            let old = self.place();
            fs::rename(&to, &old)?;
        }
        fs::rename(from, &to)
    }

    /// Writes a file of the folder of modules, whole or not at all.
    pub(crate) fn write(&mut self, name: &str, text: &str) -> io::Result<()> {
        let new = self.place();
        fs::write(&new, text)?;
        fs::rename(new, self.modules.join(name))
    }
}

/// Locks a folder. `None` where folders cannot be locked.
async fn lock(folder: &Path) -> io::Result<Option<File>> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    for _ in 0..PATIENCE {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process is installing modules in this folder"))
}

/// Removes a file, a link or a folder.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata()?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// Copies a package. Links are copied as links.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let kind = from.symlink_metadata()?.file_type();
    if kind.is_symlink() {
        return crate::archive::make_link(&fs::read_link(from)?, to);
    }
    if kind.is_file() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The folder in a package that a path with wildcards means: there has to be just one.
pub(crate) fn folder_in(package: &Path, wanted: &str) -> Result<String, String> {
    let mut found: Vec<PathBuf> = vec![PathBuf::new()];
    for part in wanted.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut next = Vec::new();
        for path in &found {
            let entries = fs::read_dir(package.join(path)).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            next.extend(names.filter(|name| !name.starts_with('.') && matches(part, name)).map(|name| path.join(name)));
        }
        found = next;
    }
    found.retain(|path| package.join(path).is_dir());
    match found.as_slice() {
        [one] => Ok(one.to_string_lossy().into_owned()),
        [] => Err(format!("the package has no folder {wanted}")),
        _ => Err(format!("the package has several folders {wanted}")),
    }
}

/// Whether a name fits a pattern, in which `*` is any text and `?` any letter.
fn matches(pattern: &str, name: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = letters.as_str();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }
        Some(letter) => {
            let mut of_name = name.chars();
            of_name.next().is_some_and(|c| letter == '?' || c == letter) && matches(letters.as_str(), of_name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{PREFIX, Staging, folder_in, matches};

    #[test]
    fn wildcards_stand_for_one_folder() {
        for (pattern, name, fits) in [
            ("*", "repo-1.0", true),
            ("repo-*", "repo-1.0", true),
            ("r?", "r", false),
            ("r?", "rx", true),
            ("*x", "xy", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        let package = tempfile::tempdir().expect("a temporary folder");
        for path in ["repo-1.0/modules/a", "repo-1.0/modules/b", ".hidden"] {
            fs::create_dir_all(package.path().join(path)).expect("a folder");
        }
        assert_eq!(folder_in(package.path(), "*").as_deref(), Ok("repo-1.0"));
        assert_eq!(folder_in(package.path(), "*/modules/a").as_deref(), Ok("repo-1.0/modules/a"));
        assert_eq!(folder_in(package.path(), "").as_deref(), Ok(""));
        assert!(folder_in(package.path(), "*/modules/*").is_err());
        assert!(folder_in(package.path(), "none").is_err());
    }

    #[tokio::test]
    async fn what_others_left_is_cleared_away_and_nothing_is_left() {
        let modules = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(modules.path().join(format!("{PREFIX}old"))).expect("a folder");
        fs::create_dir(modules.path().join("a")).expect("a folder");
        let mut staging = Staging::begin(modules.path()).await.expect("a staging folder");
        let place = staging.place();
        fs::create_dir(&place).and_then(|()| fs::write(place.join("new"), "")).expect("a folder");
        staging.put(&place, "a").expect("a moved folder");
        staging.write("modules.json", "{}").expect("a written file");
        drop(staging);
        let mut names: Vec<_> =
            fs::read_dir(modules.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "modules.json"]);
        assert!(modules.path().join("a/new").is_file());
    }
}
