//! Expand, refresh, plan, apply: the graph. Knows no cloud and no screen.

mod applying;
mod asking;
mod codec;
mod conditions;
mod console;
mod ephemeral;
mod expand;
mod generated;
mod graph;
mod imports;
mod marks;
mod moves;
mod order;
pub mod plan;
mod planning;
mod provisioner;
mod recovering;
mod registry;
pub mod releases;
pub mod saved;
mod targets;
mod triggers;
pub mod ui;
mod validate;
mod walk;
mod world;

pub use applying::{Applied, ApplyInputs, StateStore, apply};
pub use console::{ConsoleInputs, console, plan_dependencies, resource_dependencies};
pub use generated::{GeneratedFile, file as generated_file};
pub use planning::{PlanInputs, PlanOptions, plan};
pub use recovering::{Recovered, recover};
pub use registry::Registry;
pub use validate::validate;
