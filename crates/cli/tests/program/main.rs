//! The whole program, as people run it.

mod calls;
mod configurations;
mod console;
mod kill;
mod language;
mod local;
mod local_engines;
mod local_faults;
mod mistakes;
mod modules;
mod releases;
mod support;
