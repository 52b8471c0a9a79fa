//! The published JSON of plans and states (`show -json`).

mod configuration;
pub mod events;
pub mod infra_events;
mod plan;
mod releases;
mod state;
mod value;

pub use configuration::configuration_json;
pub use events::{diagnostic_json, validate_json};
pub(crate) use plan::hide_repeated;
pub use plan::{plan_json, told_json};
pub use state::state_json;
pub use value::{known_json, sensitive_json, unknown_json};

/// The version of the plan's format.
pub const PLAN_FORMAT_VERSION: &str = "1.2";
/// The version of the state's format.
pub const STATE_FORMAT_VERSION: &str = "1.0";
