//! The state of the selected workspace, as the commands use it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use infra_diag::Diagnostic;
use infra_engine::StateStore;
use infra_state::{LocalState, LockOptions, State, StateError, StoreError};

use crate::args::Locking;
use crate::local;

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

/// `.terraform`, or what `TF_DATA_DIR` says.
pub(crate) fn data_dir() -> PathBuf {
    std::env::var_os("TF_DATA_DIR").filter(|d| !d.is_empty()).map_or_else(|| ".terraform".into(), PathBuf::from)
}

/// Where a workspace's state is kept, with a `backend "local"` block's settings.
pub(crate) fn state_path(workspace: &str, backend: &LocalBackend) -> PathBuf {
    match workspace {
        _ if local::is_on() => local::state_path(workspace),
        "default" => backend.path.clone().unwrap_or_else(|| "terraform.tfstate".into()),
        other => backend.workspace_dir().join(other).join("terraform.tfstate"),
    }
}

/// The settings of a `backend "local"` block.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocalBackend {
    pub path: Option<PathBuf>,
    pub workspace_dir: Option<PathBuf>,
}

impl LocalBackend {
    pub fn workspace_dir(&self) -> PathBuf {
        match &self.workspace_dir {
            _ if local::is_on() => local::workspace_dir(),
            Some(given) => given.clone(),
            None => "terraform.tfstate.d".into(),
        }
    }
}

/// An opened state.
pub(crate) struct Store {
    local: LocalState,
    /// `-state-out`: where it is written, if not where it was read.
    out: Option<LocalState>,
}

/// Opens the state at a path, and locks it for an operation.
pub(crate) fn open(path: &Path, locking: &Locking, operation: &str) -> Result<Store, Diagnostic> {
    if local::is_on() {
        local::prepare()?;
    }
    let mut local = LocalState::new(path);
    match &locking.backup {
        Some(backup) if backup.as_os_str() == "-" => local.set_backup(None),
        Some(backup) => local.set_backup(Some(backup.clone())),
        None => {}
    }
    let timeout = parse_duration(&locking.lock_timeout)?;
    local.lock(operation, LockOptions { enabled: locking.lock, timeout }).map_err(|e| explain(&e))?;
    Ok(Store { local, out: locking.state_out.as_ref().map(LocalState::new) })
}

/// Opens the state at a path for reading.
pub(crate) fn read_only(path: &Path) -> Result<Option<State>, Diagnostic> {
    LocalState::new(path).read().map_err(|e| explain(&e))
}

impl Store {
    pub fn read(&mut self) -> Result<Option<State>, Diagnostic> {
        let state = self.local.read().map_err(|e| explain(&e))?;
        if let Some(out) = &mut self.out {
            out.read().map_err(|e| explain(&e))?;
        }
        Ok(state)
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        self.local.path()
    }

    /// Whether the read had to finish a write that had been cut off.
    pub fn was_recovered(&self) -> bool {
        self.local.was_recovered()
    }

    pub fn write(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        let target = self.out.as_mut().unwrap_or(&mut self.local);
        target.write(state).map_err(|e| explain(&e))
    }
}

impl StateStore for Store {
    fn save(&mut self, state: &mut State) -> Result<(), String> {
        let target = self.out.as_mut().unwrap_or(&mut self.local);
        target.write(state).map_err(|e| e.to_string())
    }
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
        StoreError::LockFailed { path, error } => Diagnostic::error(
            "Error acquiring the state lock",
            format!(
                "{}: {error}.\n\nThe lock is taken in the folder of the state, which has to be writable. To only look at \
                 the plan, use -lock=false.",
                path.display()
            ),
        ),
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
