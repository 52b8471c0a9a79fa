//! Expand, refresh, plan, apply: the graph. Knows no cloud and no screen.

mod applying;
mod asking;
mod codec;
mod conditions;
mod console;
mod expand;
mod graph;
mod imports;
mod marks;
mod moves;
mod order;
pub mod plan;
mod planning;
mod provisioner;
mod registry;
pub mod saved;
mod targets;
mod triggers;
pub mod ui;
mod validate;
mod walk;
mod world;

pub use applying::{Applied, ApplyInputs, StateStore, apply};
pub use console::{ConsoleInputs, console, resource_dependencies};
pub use planning::{PlanInputs, PlanOptions, plan};
pub use registry::Registry;
pub use validate::validate;
