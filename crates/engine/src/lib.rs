//! Expand, refresh, plan, apply: the graph. Knows no cloud and no screen.

mod applying;
mod codec;
mod conditions;
mod expand;
mod graph;
mod imports;
mod marks;
mod moves;
mod order;
pub mod plan;
mod planning;
mod registry;
mod targets;
mod triggers;
pub mod ui;
mod walk;
mod world;

pub use applying::{Applied, ApplyInputs, StateStore, apply};
pub use planning::{PlanInputs, PlanOptions, plan};
pub use registry::Registry;
