//! Text to configuration: the language, its files and its modules.

pub mod config;
pub mod eval;

pub mod functions;
pub mod syntax;
