//! Plans, states and their changes for people and machines.

mod difference;
pub mod dot;
pub mod html;
pub mod json;
pub mod markdown;
mod page;
mod releases;
pub mod text;

pub use page::{Fact, PlanPage, StatePage};
