//! The configuration: the files of a folder as a tree of modules.

mod content;
mod context;
mod decode;
mod defaults;
mod endpoint;
mod inputs;
mod load;
mod model;
mod module;
mod names;
mod overrides;
mod providers;
mod resource;
mod source;
mod static_expr;
mod types;
mod validate;
mod variable;
pub mod version;

pub use context::{block_around, name_blocks};
pub use defaults::apply_defaults;
pub use inputs::{InputValue, parse_variable_arg, variables_file};
pub use load::{LoadOptions, check, load, read};
pub use model::{
    Backend, Check, CheckRule, Config, Import, Local, Module, ModuleCall, Moved, MovedEndpoint, Output, PassedProvider,
    ProviderBlock, ProviderMeta, ProviderRef, Removed, RequiredProvider, VersionRequirement,
};
pub use resource::{Connection, IgnoreChanges, Lifecycle, OnFailure, Provisioner, ProvisionerWhen, Resource};
pub use source::ModuleSource;
pub use variable::{Defaults, Variable};
