//! Addresses: what things in a configuration and a state are called. An address is a type, not a string.

mod instance;
mod parse;
mod resource;

pub use instance::{InstanceKey, ModuleInstance, ModulePath, ResourceInstance};
pub use parse::{AddressError, Target, parse_resource_instance, parse_target};
pub use resource::{ProviderConfig, ProviderSource, Resource, ResourceMode};
