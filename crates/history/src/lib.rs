//! What was done to a state, when, by whom and approved by whom: records that are only added, each holding the digest of
//! the one before.

mod canonical;
mod ci;
mod folder;
mod record;
mod secrets;
mod shelf;
mod shown;
mod size;
mod verify;
mod words;

pub use canonical::{canonical, digest};
pub use folder::Folder;
pub use record::{
    ApprovedBy, Change, Ci, Gap, Numbers, Outcome, PlanUsed, Problem, Record, RecordError, Release, Reverted, Running,
    StateAt, Step, Who,
};
pub use secrets::Secrets;
pub use shelf::{Shelf, ShelfError, add, copy, file_name, find, newest, number_of};
pub use shown::{AttributeChange, Shown, attribute_changes, marked_paths};
pub use size::{LARGEST, fit};
pub use verify::{Fault, Finding, Report, Unrecorded, verify};
pub use words::{Action, Kind, Result as ChangeResult, Status};
