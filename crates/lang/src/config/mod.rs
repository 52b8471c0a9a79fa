//! The configuration: the files of a folder as a tree of modules.

mod content;
mod context;
mod decode;
mod defaults;
mod endpoint;
mod inputs;
mod load;
mod manifest;
mod model;
mod module;
mod names;
mod overrides;
mod providers;
mod release;
mod resource;
mod snapshot;
mod source;
pub(crate) mod static_expr;
mod types;
mod validate;
mod variable;
pub mod version;

pub use context::{block_around, name_blocks};
pub use defaults::apply_defaults;
pub use inputs::{InputValue, parse_variable_arg, variables_file};
pub use load::{LoadOptions, check, check_calls, join, load, read, read_module, read_snapshot};
pub use manifest::{InstalledModule, Manifest, modules_dir};
pub use model::{
    Backend, Check, CheckRule, Config, Import, Local, Module, ModuleCall, Moved, MovedEndpoint, Output, PassedProvider,
    ProviderBlock, ProviderMeta, ProviderRef, Removed, RequiredProvider, VersionRequirement,
};
pub use module::WRONG_VERSION;
pub use release::{ReleaseBlock, ReleaseCheck, ReleaseMember, ReleaseStrategy};
pub use resource::{Connection, IgnoreChanges, Lifecycle, OnFailure, Provisioner, ProvisionerWhen, Resource};
pub use snapshot::Snapshot;
pub use source::{DEFAULT_REGISTRY, ModuleSource, RegistryAddress, RemoteAddress};
pub use validate::check_references;
pub use variable::{Defaults, Variable};
