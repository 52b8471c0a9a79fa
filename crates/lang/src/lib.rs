//! Text to configuration: the language, its files and its modules.

pub mod config;
