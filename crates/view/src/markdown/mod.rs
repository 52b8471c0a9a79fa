//! Plans, states and history records as Markdown: for the comment of a pull request, and never longer than one may be.

mod escape;
mod paper;
mod plan;
mod record;
mod state;

pub use paper::LONGEST;
pub use plan::plan;
pub use record::record;
pub use state::state;
