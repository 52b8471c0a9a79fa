//! The module installer: fetches the modules that a configuration calls, and lists them as Terraform does, so that
//! either program can go on in a folder that the other has initialised.
//!
//! Nothing half-installed stays: a module is fetched into a temporary folder in the folder of modules and moved to its
//! place when it is whole, and it is on the list only then.

mod archive;
mod checksum;
mod fetch;
mod git;
mod http;
mod install;
mod registry;
mod select;
mod settings;
mod staging;

pub use install::{Options, Progress, install};
pub use settings::Settings;
