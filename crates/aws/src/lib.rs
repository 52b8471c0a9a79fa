//! The catalog's types on the AWS API: one file a type, batched reads, waiting.

mod batch;
mod calls;
mod client;
mod cloud;
mod connect;
mod creating;
mod credentials;
mod data;
mod ec2;
mod ecs;
mod elb;
mod ephemeral;
mod error;
mod fleet;
mod iam;
mod ids;
mod observed;
mod policy;
mod rds;
mod reach;
mod recent;
mod repeat;
mod resource;
mod route53;
mod secret_text;
mod settings;
mod tagging;
mod tags;
mod time;
mod types;
mod wait;

pub use calls::{Calls, calls};
pub use client::Aws;
pub use connect::{connect, connect_as};
pub use error::failure;
pub use observed::Observed;
