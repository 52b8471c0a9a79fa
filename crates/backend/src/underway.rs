//! The journal of creations as an object beside the state: a run whose machine is gone leaves it too.
//!
//! Who may write the state need not be allowed to write anything else. Then the journal is a file on this machine.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use infra_provider::Failure;
use infra_state::UnderwayObject;

use crate::s3::{Connection, told};
use crate::worker::Stopped;

/// The object, or the file in its stead.
pub(crate) struct UnderwayInBucket {
    connection: Arc<Connection>,
    key: String,
    /// The file, if there may be one.
    instead: Option<PathBuf>,
    denied: AtomicBool,
}

impl UnderwayInBucket {
    pub fn new(connection: Arc<Connection>, key: String) -> UnderwayInBucket {
        let place = connection.place(&key);
        let name: String = place.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let instead = connection.folder.as_ref().map(|folder| folder.join(name));
        UnderwayInBucket { connection, key, instead, denied: AtomicBool::new(false) }
    }

    fn told<T>(&self, answer: Result<Result<T, Failure>, Stopped>) -> io::Result<T> {
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => {
                let denied = failure.is(&["AccessDenied"]);
                let kind = if denied { ErrorKind::PermissionDenied } else { ErrorKind::Other };
                Err(io::Error::new(kind, format!("{}: {}", self.place(), told(&failure))))
            }
            Err(Stopped) => Err(io::Error::other(Stopped::MESSAGE)),
        }
    }

    /// The file that is used, now that the bucket has said no.
    fn instead(&self, error: io::Error) -> io::Result<&Path> {
        match &self.instead {
            Some(file) if error.kind() == ErrorKind::PermissionDenied => {
                if !self.denied.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, file = %file.display(), "creations under way are noted on this machine only");
                }
                Ok(file)
            }
            _ => Err(error),
        }
    }
}

impl UnderwayObject for UnderwayInBucket {
    fn place(&self) -> String {
        self.connection.place(&self.key)
    }

    fn read(&self) -> io::Result<Option<String>> {
        let key = self.key.clone();
        let there = self.told(self.connection.call(|s| async move { s.bucket.get(&key).await }));
        let bytes = match there {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) => self.instead(error).map(|_| Vec::new())?,
        };
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(file) = &self.instead {
            match fs::read_to_string(file) {
                Ok(more) => text.push_str(&more),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn put(&self, text: &str) -> io::Result<()> {
        if let (true, Some(file)) = (self.denied.load(Ordering::Relaxed), &self.instead) {
            return write(file, text);
        }
        let (key, bytes) = (self.key.clone(), text.as_bytes().to_vec());
        match self.told(self.connection.call(|s| async move { s.bucket.put(&key, bytes).await })) {
            Ok(()) => self.instead.as_deref().map_or(Ok(()), remove),
            Err(error) => write(self.instead(error)?, text),
        }
    }

    fn remove(&self) -> io::Result<()> {
        self.instead.as_deref().map_or(Ok(()), remove)?;
        if self.denied.load(Ordering::Relaxed) {
            return Ok(());
        }
        let key = self.key.clone();
        match self.told(self.connection.call(|s| async move { s.bucket.delete(&key).await })) {
            // An empty object says the same.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => self.put(""),
            removed => removed,
        }
    }
}

/// Writes a file that only its owner can read, synced, and puts it in place at once.
fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    let mut opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_data()?;
    fs::rename(&new, file)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
