//! States in files: the workspace `default` in one, and each other one in a folder of its own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use infra_history::{Folder, Shelf};

use crate::{Backend, Kept, LocalState, LockInfo, LockOptions, State, StoreError, Underway};

/// The settings of a `backend "local"` block, and the backend that it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalBackend {
    /// `path`: the state of the workspace `default`, if not `terraform.tfstate`.
    pub path: Option<PathBuf>,
    /// `workspace_dir`: the folder of the others, if not `terraform.tfstate.d`.
    pub workspace_dir: Option<PathBuf>,
}

impl LocalBackend {
    /// The folder in which each workspace but `default` has one.
    pub fn workspace_dir(&self) -> &Path {
        self.workspace_dir.as_deref().unwrap_or(Path::new("terraform.tfstate.d"))
    }

    /// Where a workspace's state is.
    pub fn state_path(&self, workspace: &str) -> PathBuf {
        match workspace {
            "default" => self.path.clone().unwrap_or_else(|| "terraform.tfstate".into()),
            other => self.workspace_dir().join(other).join("terraform.tfstate"),
        }
    }

    /// Where the records of a workspace but `default` are: beside the folder of the states, for they outlive a workspace.
    fn history_path(&self, workspace: &str) -> PathBuf {
        let mut folder = self.workspace_dir().as_os_str().to_os_string();
        folder.push(".infra-history");
        PathBuf::from(folder).join(workspace)
    }
}

impl Backend for LocalBackend {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn state(&self, workspace: &str) -> Box<dyn Kept> {
        let mut state = LocalState::new(self.state_path(workspace));
        if workspace != "default" {
            state.set_history(self.history_path(workspace));
        }
        Box::new(state)
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.workspace_dir();
        let failed = |error| StoreError::Io { path: folder.to_path_buf(), error };
        let mut names = vec!["default".to_string()];
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(failed)?;
                    if entry.path().is_dir() {
                        names.extend(entry.file_name().into_string());
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        let path = match workspace {
            "default" => self.state_path(workspace),
            other => self.workspace_dir().join(other),
        };
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::Io { path, error }),
            _ => Ok(()),
        }
    }

    fn force_unlock(&self, workspace: &str, id: &str) -> Result<LockInfo, StoreError> {
        LocalState::force_unlock(&self.state_path(workspace), id)
    }
}

impl Kept for LocalState {
    fn place(&self) -> String {
        self.path().display().to_string()
    }

    fn lock(&mut self, operation: &str, options: LockOptions) -> Result<(), StoreError> {
        LocalState::lock(self, operation, options)
    }

    fn unlock(&mut self) -> Result<(), StoreError> {
        LocalState::unlock(self);
        Ok(())
    }

    fn read(&mut self) -> Result<Option<State>, StoreError> {
        LocalState::read(self)
    }

    fn write(&mut self, state: &mut State) -> Result<(), StoreError> {
        LocalState::write(self, state)
    }

    fn was_recovered(&self) -> bool {
        LocalState::was_recovered(self)
    }

    fn underway(&self) -> Underway {
        Underway::beside(self.path())
    }

    fn shelf(&self) -> Option<Box<dyn Shelf>> {
        Some(Box::new(Folder::new(self.history())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workspace_has_a_state_of_its_own_and_is_listed_and_removed() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().map_err(|error| StoreError::Io { path: "".into(), error })?;
        let backend = LocalBackend {
            path: Some(folder.path().join("own.tfstate")),
            workspace_dir: Some(folder.path().join("spaces")),
        };
        assert_eq!(backend.workspaces()?, ["default"]);
        for workspace in ["default", "b", "a"] {
            let mut state = backend.state(workspace);
            state.lock("test", LockOptions::default())?;
            assert_eq!(state.read()?, None);
            state.write(&mut State::new())?;
            state.unlock()?;
        }
        assert!(
            folder.path().join("own.tfstate").exists() && folder.path().join("spaces/a/terraform.tfstate").exists()
        );
        assert_eq!(backend.workspaces()?, ["a", "b", "default"]);
        let shelf = |workspace: &str| backend.state(workspace).shelf().map(|shelf| shelf.place()).unwrap_or_default();
        assert!(shelf("default").ends_with("own.tfstate.infra-history"), "{}", shelf("default"));
        assert!(shelf("a").ends_with("spaces.infra-history/a"), "{}", shelf("a"));
        backend.delete("a")?;
        backend.delete("a")?;
        assert_eq!(backend.workspaces()?, ["b", "default"]);
        Ok(())
    }
}
