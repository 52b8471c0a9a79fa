//! The whole program, as people run it.

mod calls;
mod configurations;
mod console;
mod kill;
mod language;
mod local;
mod mistakes;
mod modules;
mod support;
