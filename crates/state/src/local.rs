//! A state in a file.
//!
//! The file is locked and written in place, as Terraform does it, so that each sees the other's lock: a rename would
//! leave a waiting Terraform with a lock on a file that is no longer there. What is about to be written is first put,
//! whole and synced, into a journal beside the state; a write that was cut off is finished from it by the next read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};

use crate::{LockInfo, LockOptions, State, StateError};

/// How often a file that is no JSON is read again without the lock: it may be in the middle of being written.
const READS_DURING_A_WRITE: u32 = 5;

/// What can go wrong with a state that is kept somewhere.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else holds the lock.
    #[error("the state is locked")]
    Locked(Option<Box<LockInfo>>),
    /// The lock could not be taken for another reason.
    #[error("{path}: the lock cannot be taken: {error}")]
    LockFailed {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is not in a file could not be read, written or locked.
    #[error("{place}: {message}")]
    Remote {
        /// Where it is: `s3://bucket/key`.
        place: String,
        /// What was tried and why it failed, with the service's error code if there is one.
        message: String,
    },
    /// The file holds something else than a state.
    #[error("{path} cannot be used as a state: {error}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        error: StateError,
    },
}

/// A state file, perhaps locked. Unlocked when it is dropped.
#[derive(Debug)]
pub struct LocalState {
    path: PathBuf,
    backup: Option<PathBuf>,
    history: PathBuf,
    /// Every access goes through this handle: closing another one on the same file would give up the lock.
    file: Option<File>,
    created_here: bool,
    as_read: Option<State>,
    serial: u64,
    backup_done: bool,
    lock: Option<LockInfo>,
    recovered: bool,
}

impl LocalState {
    /// The state at a path; nothing is opened yet. The backup stands beside it unless another place is given.
    pub fn new(path: impl Into<PathBuf>) -> LocalState {
        let path = path.into();
        let backup = Some(with_suffix(&path, ".backup"));
        LocalState {
            history: with_suffix(&path, ".infra-history"),
            path,
            backup,
            file: None,
            created_here: false,
            as_read: None,
            serial: 0,
            backup_done: false,
            lock: None,
            recovered: false,
        }
    }

    /// Where the state is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets where the state as read is kept at the first write that changes it; `None` for no backup.
    pub fn set_backup(&mut self, path: Option<PathBuf>) {
        self.backup = path;
    }

    /// Sets where records of what is done to it are put, if not beside it.
    pub fn set_history(&mut self, path: PathBuf) {
        self.history = path;
    }

    /// Where records of what is done to it are put.
    pub fn history(&self) -> &Path {
        &self.history
    }

    /// Whether the last read finished a write that had been cut off.
    pub fn was_recovered(&self) -> bool {
        self.recovered
    }

    /// The lock that is held.
    pub fn lock_info(&self) -> Option<&LockInfo> {
        self.lock.as_ref()
    }

    /// Takes the lock, waiting for another holder as long as the options allow.
    ///
    /// # Errors
    /// When somebody else keeps holding it, or the file cannot be opened for writing.
    pub fn lock(&mut self, operation: &str, options: LockOptions) -> Result<(), StoreError> {
        if !options.enabled || self.lock.is_some() {
            return Ok(());
        }
        let existed = self.path.exists();
        if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| self.lock_failed(e))?;
        }
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = open.open(&self.path).map_err(|e| self.lock_failed(e))?;
        let started = Instant::now();
        let mut pause = Duration::from_millis(250);
        while let Err(error) = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            if !matches!(error, rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) {
                return Err(self.lock_failed(error.into()));
            }
            let left = options.timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                let holder = fs::read_to_string(self.info_path()).ok();
                return Err(StoreError::Locked(holder.and_then(|t| LockInfo::from_json(&t)).map(Box::new)));
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_secs(4));
        }
        let info = LockInfo::new(operation, &self.path.to_string_lossy());
        write_private(&self.info_path(), info.to_json().as_bytes()).map_err(|e| self.lock_failed(e))?;
        self.file = Some(file);
        self.created_here = !existed;
        self.lock = Some(info);
        Ok(())
    }

    /// Gives the lock back. Nothing happens if it is not held.
    pub fn unlock(&mut self) {
        if self.lock.take().is_none() {
            return;
        }
        // The order matters: what names the holder goes while the lock is still held.
        let _ = fs::remove_file(self.info_path());
        let empty = self.file.as_ref().and_then(|f| f.metadata().ok()).is_some_and(|m| m.len() == 0);
        if self.created_here && empty {
            let _ = fs::remove_file(&self.path);
        }
        self.file = None;
    }

    /// Removes a lock that its holder left behind. Returns what it said.
    ///
    /// # Errors
    /// When there is no lock, or it has another id.
    pub fn force_unlock(path: &Path, id: &str) -> Result<LockInfo, StoreError> {
        let info_path = lock_info_path(path);
        let text = fs::read_to_string(&info_path).map_err(|error| StoreError::Io { path: info_path.clone(), error })?;
        let info = LockInfo::from_json(&text).filter(|info| info.id == id);
        let Some(info) = info else {
            return Err(StoreError::Locked(LockInfo::from_json(&text).map(Box::new)));
        };
        fs::remove_file(&info_path).map_err(|error| StoreError::Io { path: info_path, error })?;
        Ok(info)
    }

    /// Reads the state; `None` where there is none yet.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else. Nothing is changed then.
    pub fn read(&mut self) -> Result<Option<State>, StoreError> {
        let mut tries = 0;
        let state = loop {
            let parsed = State::parse(&self.read_text()?);
            match (parsed, self.journal()) {
                (parsed, Some((journal, text))) if cut_off(&parsed, &journal) => {
                    // Without the lock somebody may be in the middle of that very write, and it is theirs to finish.
                    if self.lock.is_some() {
                        self.put(text.as_bytes())?;
                        self.recovered = true;
                    }
                    break Some(journal);
                }
                (Ok(state), _) => break state,
                (Err(StateError::NotJson(_)), _) if self.lock.is_none() && tries < READS_DURING_A_WRITE => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                (Err(error), _) => return Err(StoreError::Invalid { path: self.path.clone(), error }),
            }
        };
        self.serial = state.as_ref().map_or(0, |s| s.serial);
        self.as_read.clone_from(&state);
        Ok(state)
    }

    /// Writes the state, synced. Its serial rises if anything differs from what was read; it is then also the first
    /// time in this run that the state as read goes into the backup.
    ///
    /// # Errors
    /// When the file or the journal cannot be written.
    pub fn write(&mut self, state: &mut State) -> Result<(), StoreError> {
        let changed = self.as_read.as_ref().is_none_or(|old| !old.same_content(state));
        if changed {
            self.serial += 1;
        }
        state.serial = self.serial.max(state.serial);
        self.serial = state.serial;
        state.terraform_version = crate::TERRAFORM_VERSION.into();
        if let (Some(old), Some(backup), false, true) = (&self.as_read, &self.backup, self.backup_done, changed) {
            write_private(backup, old.to_text().as_bytes())
                .map_err(|error| StoreError::Io { path: backup.clone(), error })?;
            self.backup_done = true;
        }
        self.put(state.to_text().as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let journal = self.journal_path();
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |error| StoreError::Io { path, error }
        };
        write_private(&journal, bytes).map_err(failed(&journal))?;
        if self.file.is_none() {
            let mut open = OpenOptions::new();
            open.read(true).write(true).create(true).truncate(false).mode(0o600);
            self.file = Some(open.open(&self.path).map_err(failed(&self.path))?);
        }
        if let Some(file) = &mut self.file {
            rewrite(file, bytes).map_err(failed(&self.path))?;
        }
        fs::remove_file(&journal).map_err(failed(&journal))
    }

    fn read_text(&mut self) -> Result<String, StoreError> {
        let mut text = String::new();
        let read = match &mut self.file {
            Some(file) => file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text)),
            None => match File::open(&self.path) {
                Ok(mut file) => file.read_to_string(&mut text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
                Err(error) => Err(error),
            },
        };
        match read {
            Ok(_) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(StoreError::Invalid {
                path: self.path.clone(),
                error: StateError::NotJson("it is not text (UTF-8)".into()),
            }),
            Err(error) => Err(StoreError::Io { path: self.path.clone(), error }),
        }
    }

    /// What a write that was cut off wanted to write.
    fn journal(&self) -> Option<(State, String)> {
        let text = fs::read_to_string(self.journal_path()).ok()?;
        Some((State::parse(&text).ok()??, text))
    }

    fn lock_failed(&self, error: io::Error) -> StoreError {
        StoreError::LockFailed { path: self.path.clone(), error }
    }

    fn journal_path(&self) -> PathBuf {
        hidden_beside(&self.path, ".infra-journal")
    }

    fn info_path(&self) -> PathBuf {
        lock_info_path(&self.path)
    }
}

impl Drop for LocalState {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// Whether the journal holds a later content of the same state than the file, or the file is torn.
fn cut_off(file: &Result<Option<State>, StateError>, journal: &State) -> bool {
    match file {
        Ok(Some(state)) => state.lineage == journal.lineage && journal.serial > state.serial,
        Ok(None) => true,
        Err(StateError::NotJson(_)) => true,
        Err(_) => false,
    }
}

fn rewrite(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_data()
}

/// Writes a file that only its owner can read, synced, and puts it in place at once.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = with_suffix(path, ".new");
    let mut open = OpenOptions::new();
    let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_data()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // On a full disk every byte counts.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}

pub(crate) fn hidden_beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{suffix}"))
}

fn lock_info_path(path: &Path) -> PathBuf {
    hidden_beside(path, ".lock.info")
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_value::{Type, Value};
    use std::os::unix::fs::PermissionsExt;

    fn with_output(text: &str) -> State {
        let mut state = State::new();
        let value = crate::OutputValue { value: Value::string(text), ty: Type::String, sensitive: false };
        state.outputs.insert("o".into(), value);
        state
    }

    fn store(folder: &tempfile::TempDir) -> LocalState {
        LocalState::new(folder.path().join("terraform.tfstate"))
    }

    #[test]
    fn the_serial_rises_with_each_write_that_changes_something_and_the_first_read_is_kept() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().map_err(|error| StoreError::Io { path: "".into(), error })?;
        let mut first = store(&folder);
        assert_eq!(first.read()?, None);
        let mut state = with_output("a");
        first.write(&mut state)?;
        let mut second = store(&folder);
        let read = second.read()?;
        assert_eq!(read.as_ref().map(|s| s.serial), Some(1));
        let mut same = read.unwrap_or_default();
        second.write(&mut same)?;
        assert_eq!(same.serial, 1);
        let mut changed = State { lineage: same.lineage.clone(), ..with_output("b") };
        second.write(&mut changed)?;
        second.write(&mut changed)?;
        assert_eq!(changed.serial, 3);
        let backup = fs::read_to_string(folder.path().join("terraform.tfstate.backup")).unwrap_or_default();
        assert!(backup.contains("\"value\": \"a\""), "{backup}");
        let mode = fs::metadata(second.path()).map(|m| m.permissions().mode() & 0o777).ok();
        assert_eq!(mode, Some(0o600));
        Ok(())
    }

    #[test]
    fn a_write_that_was_cut_off_is_finished_by_the_next_read() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().map_err(|error| StoreError::Io { path: "".into(), error })?;
        let wanted = State { serial: 5, ..with_output("x") };
        let text = wanted.to_text();
        let journal = folder.path().join(".terraform.tfstate.infra-journal");
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |error| StoreError::Io { path, error }
        };
        fs::write(&journal, &text).map_err(io(&journal))?;
        let mut torn = store(&folder);
        fs::write(torn.path(), &text[..text.len() / 2]).map_err(io(torn.path()))?;
        assert_eq!(store(&folder).read()?.as_ref(), Some(&wanted));
        assert!(journal.exists(), "a reader without the lock changed something");
        torn.lock("test", LockOptions::default())?;
        assert_eq!(torn.read()?, Some(wanted));
        assert!(torn.was_recovered());
        assert!(!journal.exists());
        Ok(())
    }

    #[test]
    fn a_damaged_state_is_an_error_and_stays_as_it_is() {
        let Ok(folder) = tempfile::tempdir() else { panic!("no temporary folder") };
        let mut damaged = store(&folder);
        assert!(fs::write(damaged.path(), "{\"version\": 4,").is_ok());
        assert!(matches!(damaged.read(), Err(StoreError::Invalid { .. })));
        assert_eq!(fs::read_to_string(damaged.path()).ok().as_deref(), Some("{\"version\": 4,"));
    }

    #[test]
    fn an_unused_lock_leaves_nothing_behind() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().map_err(|error| StoreError::Io { path: "".into(), error })?;
        let mut state = store(&folder);
        state.lock("OperationTypePlan", LockOptions::default())?;
        assert!(folder.path().join(".terraform.tfstate.lock.info").exists());
        state.unlock();
        let left = fs::read_dir(folder.path()).map(Iterator::count).ok();
        assert_eq!(left, Some(0));
        Ok(())
    }
}
