//! Plans, states and their changes for people and machines.

pub mod dot;
pub mod json;
pub mod text;
