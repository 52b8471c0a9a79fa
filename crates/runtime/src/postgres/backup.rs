//! Backups as files: base backups, as a compressed tar archive.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncReadExt;

/// What `pg_basebackup` is told: everything that is needed to start from it, as one archive on standard output.
pub(super) const OPTIONS: [&str; 7] = [
    "--pgdata=-",
    "--format=tar",
    "--wal-method=fetch",
    "--checkpoint=fast",
    "--gzip",
    "--no-manifest",
    "--no-verify-checksums",
];

/// Where a backup is.
pub(crate) fn path(data_dir: &Path, file: &str) -> Result<PathBuf, String> {
    let mut parts = Path::new(file).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => Ok(data_dir.join("backups").join(name)),
        _ => Err(format!("{file:?} is not the name of a backup")),
    }
}

/// A backup that is being written. The file gets its name when it is whole.
pub(super) struct Half {
    whole: PathBuf,
    half: PathBuf,
}

impl Half {
    pub(super) fn new(file: &Path) -> std::io::Result<(Half, tokio::fs::File)> {
        if let Some(folder) = file.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut half = file.as_os_str().to_os_string();
        half.push(".half");
        let half = PathBuf::from(half);
        let open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
        Ok((Half { whole: file.to_path_buf(), half }, tokio::fs::File::from_std(open)))
    }

    pub(super) async fn finish(self, file: tokio::fs::File) -> std::io::Result<()> {
        file.sync_all().await?;
        fs::rename(&self.half, &self.whole)
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.half);
    }
}

/// Writes what a program writes to standard output into a backup.
pub(super) async fn from_program(mut command: tokio::process::Command, file: &Path) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("writing {}: {why}", file.display());
    let (half, mut target) = Half::new(file).map_err(failed)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|why| format!("starting pg_basebackup: {why}"))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let copying = async {
        if let Some(mut output) = output {
            tokio::io::copy(&mut output, &mut target).await?;
        }
        Ok(())
    };
    let mut said = String::new();
    let listening = async {
        if let Some(mut errors) = errors {
            let _ = errors.read_to_string(&mut said).await;
        }
    };
    let (copied, ()) = tokio::join!(copying, listening);
    copied.map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(format!("pg_basebackup: {}", said.trim()));
    }
    half.finish(target).await.map_err(failed)
}

/// Unpacks a backup into a folder.
pub(super) async fn unpack(file: &Path, folder: &Path) -> Result<(), String> {
    let (file, folder) = (file.to_path_buf(), folder.to_path_buf());
    let doing = format!("restoring {}", file.display());
    let unpacking = tokio::task::spawn_blocking(move || {
        let mut archive =
            tar::Archive::new(flate2::read::GzDecoder::new(std::io::BufReader::new(fs::File::open(file)?)));
        archive.set_preserve_ownerships(false);
        archive.unpack(folder)
    });
    match unpacking.await {
        Ok(unpacked) => unpacked.map_err(|why| format!("{doing}: {why}")),
        Err(why) => Err(format!("{doing}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_a_name_and_no_path() {
        let data = Path::new("/data");
        assert_eq!(path(data, "final"), Ok(PathBuf::from("/data/backups/final")));
        for file in ["", ".", "..", "../x", "/etc/passwd", "a/b"] {
            assert!(path(data, file).is_err(), "{file}");
        }
    }
}
