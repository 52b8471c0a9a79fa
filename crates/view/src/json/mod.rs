//! The published JSON of plans and states (`show -json`).

mod plan;
mod state;
mod value;

pub use plan::plan_json;
pub use state::state_json;
pub use value::{known_json, sensitive_json, unknown_json};

/// The version of the plan's format.
pub const PLAN_FORMAT_VERSION: &str = "1.2";
/// The version of the state's format.
pub const STATE_FORMAT_VERSION: &str = "1.0";
