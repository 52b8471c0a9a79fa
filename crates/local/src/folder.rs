//! What is kept where under a project's `.infra/local/`.

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// The folder of one project. Everything in it is readable by its owner alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// `.infra/local` under the project's folder, which is made absolute.
    pub fn of(project: &Path) -> io::Result<Folder> {
        Ok(Folder(project.canonicalize()?.join(".infra").join("local")))
    }

    /// The folder at this path.
    pub fn at(local: &Path) -> Folder {
        Folder(local.to_path_buf())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, and keeps it out of version control.
    pub fn create(&self) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0)?;
        let ignore = self.0.join(".gitignore");
        if ignore.exists() { Ok(()) } else { write_private(&ignore, b"*\n") }
    }

    /// The recorded objects.
    pub fn world(&self) -> PathBuf {
        self.0.join("world.json")
    }

    /// Where the supervisor is reached.
    pub fn contact(&self) -> PathBuf {
        self.0.join("supervisor.json")
    }

    /// Locked by the supervisor as long as it lives.
    pub fn lock(&self) -> PathBuf {
        self.0.join("supervisor.lock")
    }

    /// What the supervisor itself has to say.
    pub fn log(&self) -> PathBuf {
        self.0.join("supervisor.log")
    }

    /// Snapshots of databases, one file each.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("backups")
    }

    /// Where the snapshot of this name is, if that is a name.
    pub fn snapshot(&self, name: &str) -> Option<PathBuf> {
        let is_name = Path::new(name).components().eq([Component::Normal(name.as_ref())]);
        is_name.then(|| self.snapshots().join(name))
    }

    /// The state of the default workspace.
    pub fn state(&self) -> PathBuf {
        self.0.join("terraform.tfstate")
    }
}

/// Writes a file as a whole: first beside it, then renamed, so that it is never seen half-written.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    });
    // On a full disk, half a file would take what room is left.
    written.inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}
