//! The catalogue on this machine: a supervisor process for each project folder records what AWS would keep, runs the
//! tasks, balances HTTP and serves databases; commands talk to it as to a cloud.

mod client;
mod cloud;
mod fleet;
mod folder;
mod protocol;
pub mod status;
mod supervisor;
pub mod world;

pub use client::Client;
pub use cloud::LocalCloud;
pub use folder::Folder;
pub use protocol::LogEntry;
pub use status::Status;
pub use supervisor::supervise;

/// The account that everything belongs to.
pub const ACCOUNT: &str = "000000000000";

/// The region where neither the configuration nor the environment names one.
pub const DEFAULT_REGION: &str = "us-east-1";
