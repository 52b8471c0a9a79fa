//! The whole program, as people run it.

mod configurations;
mod mistakes;
mod support;
