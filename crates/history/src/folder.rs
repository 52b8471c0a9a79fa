//! Records in a folder: files that only their owner can read.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::shelf::{Shelf, ShelfError, file_name, number_of};

/// A folder of records. It is made when the first is added.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// The folder beside a state file: `terraform.tfstate.infra-history`.
    pub fn beside(state: &Path) -> Folder {
        let mut name = state.as_os_str().to_os_string();
        name.push(".infra-history");
        Folder::new(name)
    }

    fn failed(&self, error: &io::Error) -> ShelfError {
        ShelfError::Failed { place: self.place(), message: error.to_string() }
    }

    /// Puts a file in place that is not there yet, whole or not at all.
    fn put(&self, number: u64, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        let path = self.path.join(file_name(number));
        let temporary = self.path.join(format!(".{}.{}", file_name(number), uuid::Uuid::new_v4().simple()));
        let create = |path: &Path| -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        let written = create(&temporary).and_then(|()| match fs::hard_link(&temporary, &path) {
            // Not every file system has links.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                let created = create(&path);
                if created.as_ref().is_err_and(|error| error.kind() != ErrorKind::AlreadyExists) {
                    let _ = fs::remove_file(&path);
                }
                created
            }
            linked => linked,
        });
        let _ = fs::remove_file(&temporary);
        written?;
        // The name is synced too, where folders can be.
        if let Ok(folder) = fs::File::open(&self.path) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Shelf for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn numbers(&self) -> Result<Vec<u64>, ShelfError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(&error)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.failed(&error))?;
            numbers.extend(entry.file_name().to_str().and_then(number_of));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&self, number: u64) -> Result<Option<Vec<u8>>, ShelfError> {
        match fs::read(self.path.join(file_name(number))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn add(&self, number: u64, bytes: &[u8]) -> Result<(), ShelfError> {
        self.put(number, bytes).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => ShelfError::Taken(number),
            _ => self.failed(&error),
        })
    }
}
