//! Where states are kept: what a backend does, whatever it keeps them in.

use infra_history::Shelf;

use crate::{LockInfo, LockOptions, State, StoreError, Underway};

/// Where the states of a configuration are kept: one for each workspace.
///
/// Its methods block: the state is read before and written between operations, never beside them.
pub trait Backend: Send + Sync {
    /// The type as the `backend` block names it: `local`, `s3`.
    fn kind(&self) -> &'static str;
    /// The state of a workspace. Nothing is opened yet.
    fn state(&self, workspace: &str) -> Box<dyn Kept>;
    /// The workspaces that have a state, and `default`, sorted.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn workspaces(&self) -> Result<Vec<String>, StoreError>;
    /// Removes a workspace's state; nothing happens if there is none.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn delete(&self, workspace: &str) -> Result<(), StoreError>;
    /// Removes a lock that a run left.
    ///
    /// # Errors
    /// When there is no lock, or it has another id.
    fn force_unlock(&self, workspace: &str, id: &str) -> Result<LockInfo, StoreError>;
}

/// A state that is kept somewhere, perhaps locked. Unlocked when it is dropped.
pub trait Kept: Send {
    /// Where, as messages say it: a path, or `s3://bucket/key`.
    fn place(&self) -> String;
    /// Takes the lock, waiting for somebody else's as long as the options say.
    ///
    /// # Errors
    /// When somebody else keeps holding it, or it cannot be taken.
    fn lock(&mut self, operation: &str, options: LockOptions) -> Result<(), StoreError>;
    /// Gives the lock back. Nothing happens if it is not held.
    ///
    /// # Errors
    /// When it cannot be removed: it is still there for others.
    fn unlock(&mut self) -> Result<(), StoreError>;
    /// The state; `None` if there is none yet.
    ///
    /// # Errors
    /// When it cannot be read, or is something else. Nothing is changed then.
    fn read(&mut self) -> Result<Option<State>, StoreError>;
    /// Writes the state, if it is another one than was read or written last, and sets its serial and lineage.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&mut self, state: &mut State) -> Result<(), StoreError>;
    /// Whether the last read finished a write that had been cut off.
    fn was_recovered(&self) -> bool {
        false
    }
    /// The journal of creations beside it.
    fn underway(&self) -> Underway;
    /// Who the cloud that it is in sees calling, if that was asked: an ARN. Asks nothing.
    fn caller(&self) -> Option<String> {
        None
    }
    /// Where records of what was done to it are put; `None` if there is no such place.
    fn shelf(&self) -> Option<Box<dyn Shelf>> {
        None
    }
}
