//! The `aws_*` resource types and data sources as schema and rules. No SDK: what really happens is behind [`Cloud`].

pub mod attention;
mod cloud;
mod data_checks;
mod deprecations;
pub mod dns;
pub mod json_text;
pub mod network;
pub mod partition;
pub mod policy;
mod provider;
mod registry;
mod releases;
mod tag_rules;
pub mod types;
pub mod validate;

pub use cloud::{Cloud, HalfDone, OpContext, Timeouts, Trace};
pub use provider::{AwsProvider, Connecting, parse_duration};
pub use registry::{Catalog, DataType, PROVIDER_VERSION, ResourceType, catalog};
pub use tag_rules::tag_rules;
