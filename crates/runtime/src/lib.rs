//! Tasks and databases that really run on this machine: containers of a Docker engine, processes of the built-in sample
//! image, PostgreSQL servers. Knows no AWS API and no configuration: it is given a [`Spec`] as a whole and brings what
//! runs to it.

mod addresses;
mod container;
mod docker;
mod engine;
mod health;
mod hello;
mod logs;
mod postgres;
mod processes;
mod rollout;
mod runtime;
mod service;
pub mod spec;
mod status;
mod task;

pub use hello::hello;
pub use runtime::{Runtime, Settings, engines, kept_logs};
pub use spec::Spec;
pub use status::{
    DatabaseState, DatabaseStatus, Deployment, Engines, Health, LogLine, PostgresPrograms, Rollout, ServiceStatus,
    TaskState, TaskStatus,
};
