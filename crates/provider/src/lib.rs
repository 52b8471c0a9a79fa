//! The contract between the engine and a provider: schemas, and validate, plan, read many, apply, import.
//!
//! It is dynamic: schemas and values are data, so that a provider may be native or a process of its own.

mod attention;
mod contract;
pub mod fleet;
mod identity;
mod object;
pub mod plan;
mod problem;
mod token;

pub use attention::{Attention, Cause, Fate, Remark, Weight};
pub use contract::{
    Applied, ApplyRequest, Checkpoint, Configured, Held, Imported, MovedFrom, Opened, Operation, PlanRequest, Planned,
    Private, Provider, ReadRequest, Readiness, Sought,
};
pub use identity::Identity;
pub use object::{IntoAttribute, Object, Part};
pub use problem::{Failure, Problem};
pub use token::{Token, date, prefix_of};
