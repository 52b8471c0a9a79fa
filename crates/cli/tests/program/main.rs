//! The whole program, as people run it.

mod approval;
mod attention;
mod backend;
mod calls;
mod command_line;
mod configurations;
mod console;
mod history;
mod kill;
mod language;
mod local;
mod local_engines;
mod local_faults;
mod mistakes;
mod modules;
#[cfg(unix)]
mod pipeline;
mod reading;
mod releases;
mod secrets;
mod support;
mod telemetry;
