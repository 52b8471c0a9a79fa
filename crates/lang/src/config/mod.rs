//! The configuration: the files of a folder as a tree of modules.

mod model;
mod resource;
mod variable;
pub mod version;

pub use model::{
    Backend, Check, CheckRule, Config, Import, Local, Module, ModuleCall, Moved, MovedEndpoint, Output, PassedProvider,
    ProviderBlock, ProviderMeta, ProviderRef, Removed, RequiredProvider, VersionRequirement,
};
pub use resource::{Connection, IgnoreChanges, Lifecycle, OnFailure, Provisioner, ProvisionerWhen, Resource};
pub use variable::{Defaults, Variable};
