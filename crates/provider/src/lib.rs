//! The contract between the engine and a provider: schemas, and validate, plan, read many, apply, import.
//!
//! It is dynamic: schemas and values are data, so that a provider may be native or a process of its own.

mod contract;
mod object;
pub mod plan;
mod problem;

pub use contract::{
    Applied, ApplyRequest, Checkpoint, Configured, Imported, Operation, PlanRequest, Planned, Private, Provider,
    ReadRequest,
};
pub use object::{IntoAttribute, Object, Part};
pub use problem::{Failure, Problem};
