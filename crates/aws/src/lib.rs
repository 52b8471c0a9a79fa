//! The catalog's types on the AWS API: one file a type, batched reads, waiting.

mod batch;
mod calls;
mod client;
mod cloud;
mod connect;
mod credentials;
mod data;
mod ec2;
mod ecs;
mod elb;
mod error;
mod ids;
mod time;
mod iam;
mod partition;
mod rds;
mod resource;
mod settings;
mod types;
mod wait;

pub use client::Aws;
pub use connect::connect;
