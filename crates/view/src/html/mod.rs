//! Plans, states and history records as HTML: one file that needs nothing else, and no scripts to be read.

mod cell;
mod frame;
mod objects;
mod plan;
mod record;
mod rows;
mod state;
mod words;

pub use plan::plan;
pub use record::record;
pub use state::state;
