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
mod iam;
mod ids;
mod partition;
mod policy;
mod rds;
mod resource;
mod route53;
mod secret_text;
mod settings;
mod tags;
mod time;
mod types;
mod wait;

pub use client::Aws;
pub use connect::connect;
