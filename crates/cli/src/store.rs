//! The state of the selected workspace, as the commands use it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use infra_diag::Diagnostic;
use infra_engine::StateStore;
use infra_history::Shelf;
use infra_state::{Kept, LocalState, LockOptions, State, StateError, StoreError, Underway};

use crate::args::Locking;
use crate::session::Session;
use crate::{local, output};

/// The name of the selected workspace.
pub(crate) fn workspace() -> String {
    if let Some(name) = std::env::var("TF_WORKSPACE").ok().filter(|n| !n.is_empty()) {
        return name;
    }
    let selected = std::fs::read_to_string(data_dir().join("environment")).unwrap_or_default();
    match selected.trim() {
        "" => "default".into(),
        name => name.into(),
    }
}

/// Selects a workspace for the runs to come.
///
/// # Errors
/// When it cannot be written down.
pub(crate) fn select(name: &str) -> Result<(), Diagnostic> {
    let folder = data_dir();
    let path = folder.join("environment");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, name))
        .map_err(|error| Diagnostic::error("Error selecting workspace", format!("{}: {error}.", path.display())))
}

/// `.terraform`, or what `TF_DATA_DIR` says.
pub(crate) fn data_dir() -> PathBuf {
    std::env::var_os("TF_DATA_DIR").filter(|d| !d.is_empty()).map_or_else(|| ".terraform".into(), PathBuf::from)
}

/// An opened state. Unlocked when it is dropped.
pub(crate) struct Store {
    kept: Box<dyn Kept>,
    /// `-state-out`: where it is written, if not where it was read.
    out: Option<LocalState>,
}

/// Whether a lock could not be given back.
static LEFT_LOCKED: AtomicBool = AtomicBool::new(false);

/// Whether a lock could not be given back in this run, which has been told.
pub(crate) fn left_locked() -> bool {
    LEFT_LOCKED.load(Ordering::Relaxed)
}

/// Opens the state of the selected workspace, and locks it for an operation.
pub(crate) fn open(session: &Session, locking: &Locking, operation: &str) -> Result<Store, Diagnostic> {
    let options = LockOptions { enabled: locking.lock, timeout: parse_duration(&locking.lock_timeout)? };
    let backend = session.backend()?;
    if local::is_on() {
        local::prepare()?;
    }
    let kept = backend.state(&session.workspace);
    let (mut kept, out): (Box<dyn Kept>, _) = match backend.kind() {
        "local" => {
            let path = locking.state.clone().unwrap_or_else(|| kept.place().into());
            let mut state = in_file(&path, locking);
            // The records of a workspace are not beside its state.
            if let (None, Some(shelf)) = (&locking.state, kept.shelf()) {
                state.set_history(shelf.place().into());
            }
            (Box::new(state), locking.state_out.as_ref().map(LocalState::new))
        }
        // As in Terraform, these options are for states in files.
        _ => (kept, None),
    };
    let _locking = tracing::debug_span!("state lock", operation).entered();
    kept.lock(operation, options).map_err(|e| explain(&e))?;
    Ok(Store { kept, out })
}

/// Opens the state in a file, whatever the backend is, and locks it for an operation.
pub(crate) fn open_file(path: &Path, locking: &Locking, operation: &str) -> Result<Store, Diagnostic> {
    let options = LockOptions { enabled: locking.lock, timeout: parse_duration(&locking.lock_timeout)? };
    let mut state = in_file(path, locking);
    state.lock(operation, options).map_err(|e| explain(&e))?;
    Ok(Store { kept: Box::new(state), out: locking.state_out.as_ref().map(LocalState::new) })
}

fn in_file(path: &Path, locking: &Locking) -> LocalState {
    let mut state = LocalState::new(path);
    match &locking.backup {
        Some(backup) if backup.as_os_str() == "-" => state.set_backup(None),
        Some(backup) => state.set_backup(Some(backup.clone())),
        None => {}
    }
    state
}

/// Reads the state of the selected workspace without a lock.
pub(crate) fn read_only(session: &Session, given: Option<&PathBuf>) -> Result<Option<State>, Diagnostic> {
    let backend = session.backend()?;
    match given.filter(|_| backend.kind() == "local") {
        Some(path) => read_file(path),
        None => backend.state(&session.workspace).read().map_err(|e| explain(&e)),
    }
}

/// Reads a state file.
pub(crate) fn read_file(path: &Path) -> Result<Option<State>, Diagnostic> {
    LocalState::new(path).read().map_err(|e| explain(&e))
}

impl Store {
    pub fn read(&mut self) -> Result<Option<State>, Diagnostic> {
        let state = self.kept.read().map_err(|e| explain(&e))?;
        if let Some(out) = &mut self.out {
            out.read().map_err(|e| explain(&e))?;
        }
        Ok(state)
    }

    /// Where it is kept.
    pub fn place(&self) -> String {
        self.kept.place()
    }

    /// Whether the read had to finish a write that had been cut off.
    pub fn was_recovered(&self) -> bool {
        self.kept.was_recovered()
    }

    /// The journal of creations beside it.
    pub fn underway(&self) -> Underway {
        self.kept.underway()
    }

    /// Who the cloud that it is in sees calling, if that was asked.
    pub fn caller(&self) -> Option<String> {
        self.kept.caller()
    }

    /// Where records of what is done to it are put.
    pub fn shelf(&self) -> Option<Box<dyn Shelf>> {
        match &self.out {
            Some(out) => out.shelf(),
            None => self.kept.shelf(),
        }
    }

    pub fn write(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        self.put(state).map_err(|e| explain(&e))
    }

    fn put(&mut self, state: &mut State) -> Result<(), StoreError> {
        let _writing = tracing::debug_span!("state write", serial = state.serial).entered();
        match &mut self.out {
            Some(out) => out.write(state),
            None => self.kept.write(state),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.kept.unlock() {
            let problem = still_locked(&error);
            output::error(&problem.summary, &problem.detail);
            LEFT_LOCKED.store(true, Ordering::Relaxed);
        }
    }
}

impl StateStore for Store {
    fn save(&mut self, state: &mut State) -> Result<(), String> {
        self.put(state).map_err(|e| e.to_string())
    }
}

/// Puts a state that could not be written where it belongs into a file of its own. What to do with it.
pub(crate) fn keep_unwritten(state: &State) -> String {
    let path = Path::new("errored.tfstate");
    // One from an earlier run may not have been pushed yet.
    let aside = path.exists().then(|| free_name(path)).filter(|aside| std::fs::rename(path, aside).is_ok());
    let aside = aside.map(|aside| format!(" One that was there before is now {}.", aside.display()));
    let mut store = LocalState::new(path);
    store.set_backup(None);
    match store.write(&mut state.clone()) {
        Ok(()) => format!(
            "The state has been written to {0} instead.{1} Correct the cause, and then put it in its place:\n    infra state \
             push {0}",
            path.display(),
            aside.unwrap_or_default()
        ),
        Err(error) => {
            format!("It could not be written to {} either: {error}. Here it is:\n{}", path.display(), state.to_text())
        }
    }
}

/// The backup of a file, under a name that nothing else has.
pub(crate) fn free_name(path: &Path) -> PathBuf {
    let now = jiff::Timestamp::now().as_second();
    let plain = std::iter::once(PathBuf::from(format!("{}.backup", path.display())));
    let mut names = plain.chain((now..).map(|n| PathBuf::from(format!("{}.{n}.backup", path.display()))));
    names.find(|name| !name.exists()).unwrap_or_else(|| path.with_extension("backup"))
}

/// What it means that a lock could not be given back, and what to do.
pub(crate) fn still_locked(error: &StoreError) -> Diagnostic {
    let (why, unlock) = match error {
        StoreError::Locked(Some(holder)) => {
            (format!("It is held by somebody else by now:\n\n{}", holder.describe()), String::new())
        }
        other => (
            other.to_string(),
            "\n\nOthers wait for it until it is removed. They are told its ID:\n    infra force-unlock ID".to_string(),
        ),
    };
    Diagnostic::error("Error releasing the state lock", format!("{why}{unlock}"))
}

/// What a failure of the store means, and what to do.
pub(crate) fn explain(error: &StoreError) -> Diagnostic {
    match error {
        StoreError::Locked(holder) => {
            let info = match holder {
                Some(info) => info.describe(),
                None => "Who holds it is not known: the lock's information could not be read.".into(),
            };
            let unlock = holder.as_ref().map(|h| format!("\n    infra force-unlock {}", h.id)).unwrap_or_default();
            Diagnostic::error(
                "Error acquiring the state lock",
                format!(
                    "Somebody else is working on this state.\n\n{info}\n\nWait until they are done (-lock-timeout=5m waits). \
                     If that run is certainly over, remove what it left:{unlock}"
                ),
            )
        }
        StoreError::LockFailed { path, .. } if path.is_dir() => Diagnostic::error(
            "The state cannot be read or written",
            format!("{} is a folder, and a state is a file. Rename the folder, or name a file.", path.display()),
        ),
        StoreError::LockFailed { path, error } => Diagnostic::error(
            "Error acquiring the state lock",
            format!(
                "{}: {error}.\n\nThe lock is taken in the folder of the state, which has to be writable. To only look at \
                 the plan, use -lock=false.",
                path.display()
            ),
        ),
        StoreError::Remote { place, message } => {
            Diagnostic::error("The state cannot be read or written", format!("{place}: {message}"))
        }
        StoreError::Io { path, error } => {
            Diagnostic::error("The state cannot be read or written", format!("{}: {error}.", path.display()))
        }
        StoreError::Invalid { path, error: StateError::Newer(version) } => Diagnostic::error(
            "Unsupported state file format",
            format!(
                "{} has format version {version}, and this version of infra knows version 4. A newer program has written it: \
                 use that one, or a newer infra.\n\nNothing was changed.",
                path.display()
            ),
        ),
        StoreError::Invalid { path, error } if path.starts_with("s3:") => Diagnostic::error(
            "The state cannot be used",
            format!(
                "{}: {error}.\n\nNothing was changed. If the object is damaged and its bucket keeps versions, restore the one \
                 before.",
                path.display()
            ),
        ),
        StoreError::Invalid { path, error } => Diagnostic::error(
            "The state cannot be used",
            format!(
                "{}: {error}.\n\nNothing was changed. If the file is damaged, put back its backup ({}.backup) or the copy \
                 that the version control or the backend has.",
                path.display(),
                path.display()
            ),
        ),
    }
}

/// A duration as Go writes it: `90s`, `5m`, `1h30m`, `500ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, Diagnostic> {
    infra_catalog::parse_duration(text).ok_or_else(|| {
        Diagnostic::error("Invalid duration", format!("{text:?} is not a duration. Write it like 30s, 5m or 1h30m."))
    })
}
