//! The version-4 state file, where it lives, and its lock.

mod backend;
mod go_json;
mod json;
mod local;
mod local_backend;
mod lock;
mod model;
mod underway;

pub use backend::{Backend, Kept};
pub use go_json::{GoJson, to_go_json};
pub use json::{StateError, path_from_json, path_to_json};
pub use local::{LocalState, StoreError};
pub use local_backend::LocalBackend;
pub use lock::{LockInfo, LockOptions};
pub use model::{Instance, InstanceSlot, OutputValue, ResourceState, State};
pub use underway::{Begun, Intent, Underway, UnderwayObject};

/// The version of the Terraform language and state that infra implements: what it writes as `terraform_version`, and
/// what `required_version` is checked against.
pub const TERRAFORM_VERSION: &str = "1.11.4";
