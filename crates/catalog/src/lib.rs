//! The `aws_*` resource types and data sources as schema and rules. No SDK: what really happens is behind [`Cloud`].

mod cloud;
mod registry;
pub mod types;

pub use cloud::{Cloud, HalfDone, OpContext, Timeouts};
pub use registry::{Catalog, DataType, PROVIDER_VERSION, ResourceType, catalog};
