//! What a module declares, beside resources and variables.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use infra_address::{ModulePath, ProviderSource, Resource as ResourceAddress, ResourceMode};
use infra_diag::SourceRange;

use super::version::Constraint;
use super::{Resource, Variable};
use crate::syntax::{Attribute, Body, Expr, Traversal};

/// A whole configuration: the root module, with the modules that it calls inside of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The module of the folder that was loaded.
    pub root: Module,
}

impl Config {
    /// The module at a path.
    pub fn module(&self, path: &ModulePath) -> Option<&Module> {
        path.0.iter().try_fold(&self.root, |module, name| module.children.get(name))
    }

    /// Every module, a parent before its children, children by name.
    pub fn modules(&self) -> Vec<&Module> {
        let mut all = Vec::new();
        let mut open = vec![&self.root];
        while let Some(module) = open.pop() {
            all.push(module);
            open.extend(module.children.values().rev());
        }
        all
    }
}

/// A module: everything that the files of one folder declare, at the place where it is called.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The calls that lead to it.
    pub path: ModulePath,
    /// Its folder, to read files from.
    pub dir: PathBuf,
    /// Its folder as `path.module` and messages name it: `.`, `modules/net`, `../shared`.
    pub source_dir: String,
    /// `variable` blocks.
    pub variables: BTreeMap<Arc<str>, Variable>,
    /// Entries of `locals` blocks.
    pub locals: BTreeMap<Arc<str>, Local>,
    /// `output` blocks.
    pub outputs: BTreeMap<Arc<str>, Output>,
    /// `resource`, `data` and `ephemeral` blocks; also the data sources inside of `check` blocks.
    pub resources: BTreeMap<ResourceAddress, Resource>,
    /// `module` blocks.
    pub module_calls: BTreeMap<Arc<str>, ModuleCall>,
    /// The called modules, by the name of the call. A call whose source could not be loaded has none.
    pub children: BTreeMap<Arc<str>, Module>,
    /// `provider` blocks.
    pub providers: Vec<ProviderBlock>,
    /// `required_providers`, by local name.
    pub required_providers: BTreeMap<Arc<str>, RequiredProvider>,
    /// Every `required_version`.
    pub required_version: Vec<VersionRequirement>,
    /// `backend` or `cloud` block.
    pub backend: Option<Backend>,
    /// `provider_meta` blocks.
    pub provider_meta: Vec<ProviderMeta>,
    /// `moved` blocks.
    pub moved: Vec<Moved>,
    /// `removed` blocks.
    pub removed: Vec<Removed>,
    /// `import` blocks.
    pub imports: Vec<Import>,
    /// `check` blocks.
    pub checks: BTreeMap<Arc<str>, Check>,
    /// `release` blocks of `*.infra.hcl` files.
    pub releases: BTreeMap<Arc<str>, super::ReleaseBlock>,
}

impl Module {
    /// A resource, data source or ephemeral resource of this module.
    pub fn resource(&self, address: &ResourceAddress) -> Option<&Resource> {
        self.resources.get(address)
    }

    /// The resources of one mode.
    pub fn resources_of(&self, mode: ResourceMode) -> impl Iterator<Item = &Resource> {
        self.resources.values().filter(move |r| r.address.mode == mode)
    }

    /// Where a provider's local name in this module leads: what `required_providers` says, or what the name implies.
    pub fn provider_source(&self, local_name: &str) -> ProviderSource {
        match self.required_providers.get(local_name) {
            Some(required) => required.source.clone(),
            None => ProviderSource::parse(local_name),
        }
    }

    /// A provider block by its local name and alias.
    pub fn provider_block(&self, local_name: &str, alias: Option<&str>) -> Option<&ProviderBlock> {
        self.providers.iter().find(|p| &*p.local_name == local_name && p.alias.as_deref() == alias)
    }
}

/// An entry of a `locals` block.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub expr: Expr,
    /// The whole entry.
    pub decl_range: SourceRange,
}

/// An `output` block.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its name.
    pub name: Arc<str>,
    /// `value`; `None` only where that was an error.
    pub value: Option<Expr>,
    /// `description`
    pub description: Option<Arc<str>>,
    /// `sensitive`
    pub sensitive: bool,
    /// `ephemeral`
    pub ephemeral: bool,
    /// `depends_on`
    pub depends_on: Vec<Traversal>,
    /// `precondition` blocks.
    pub preconditions: Vec<CheckRule>,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A condition and what to say when it does not hold: `precondition`, `postcondition`, `assert`, `validation`.
#[derive(Clone, Debug)]
pub struct CheckRule {
    /// What has to be true.
    pub condition: Expr,
    /// What to say otherwise.
    pub error_message: Expr,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A `check` block.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: Arc<str>,
    /// The data source that it declares, which is among [`Module::resources`].
    pub data: Option<ResourceAddress>,
    /// `assert` blocks.
    pub asserts: Vec<CheckRule>,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A `module` block.
#[derive(Clone, Debug)]
pub struct ModuleCall {
    /// Its name.
    pub name: Arc<str>,
    /// `source`, as it is written.
    pub source: Arc<str>,
    /// Where `source`'s value stands.
    pub source_range: Option<SourceRange>,
    /// `version`
    pub version: Option<VersionRequirement>,
    /// `count`
    pub count: Option<Expr>,
    /// `for_each`
    pub for_each: Option<Expr>,
    /// `providers`
    pub providers: Vec<PassedProvider>,
    /// `depends_on`
    pub depends_on: Vec<Traversal>,
    /// The inputs: all other arguments.
    pub inputs: BTreeMap<Arc<str>, Attribute>,
    /// The block's header.
    pub decl_range: SourceRange,
    /// Where messages about missing inputs point to.
    pub missing_item_range: SourceRange,
}

/// An entry of a module call's `providers`: `in_child = in_parent`.
#[derive(Clone, Debug)]
pub struct PassedProvider {
    /// The name in the called module.
    pub in_child: ProviderRef,
    /// The name in the calling module.
    pub in_parent: ProviderRef,
}

/// The name of a provider configuration in a module: `aws`, `aws.west`.
#[derive(Clone, Debug)]
pub struct ProviderRef {
    /// The provider's local name.
    pub local_name: Arc<str>,
    /// The alias.
    pub alias: Option<Arc<str>>,
    /// Where it is written.
    pub range: SourceRange,
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.alias {
            Some(alias) => write!(f, "{}.{alias}", self.local_name),
            None => f.write_str(&self.local_name),
        }
    }
}

/// A `provider` block.
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    /// The provider's local name: the label.
    pub local_name: Arc<str>,
    /// `alias`
    pub alias: Option<Arc<str>>,
    /// `version`, which is deprecated.
    pub version: Option<VersionRequirement>,
    /// The provider's own arguments.
    pub body: Body,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// An entry of `required_providers`.
#[derive(Clone, Debug)]
pub struct RequiredProvider {
    /// The provider's name in this module.
    pub local_name: Arc<str>,
    /// `source`, or what the name implies.
    pub source: ProviderSource,
    /// `version`
    pub version: Option<VersionRequirement>,
    /// `configuration_aliases`: configurations that a caller has to pass.
    pub configuration_aliases: Vec<ProviderRef>,
    /// The entry.
    pub decl_range: SourceRange,
}

/// A version constraint and where it stands.
#[derive(Clone, Debug)]
pub struct VersionRequirement {
    /// As it is written.
    pub text: Arc<str>,
    /// What it means.
    pub constraint: Constraint,
    /// Where it is written.
    pub range: SourceRange,
}

/// A `backend` block; a `cloud` block has the type `cloud`.
#[derive(Clone, Debug)]
pub struct Backend {
    /// `local`, `s3`, …
    pub ty: Arc<str>,
    /// Its arguments.
    pub body: Body,
    /// Where the type stands.
    pub ty_range: SourceRange,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A `provider_meta` block.
#[derive(Clone, Debug)]
pub struct ProviderMeta {
    /// The provider's local name.
    pub provider: Arc<str>,
    /// Its arguments.
    pub body: Body,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// One end of a `moved` block, or the address of a `removed` block.
#[derive(Clone, Debug, PartialEq)]
pub struct MovedEndpoint {
    /// What is named, relative to the module of the block. A step without a key is written without one.
    pub target: infra_address::Target,
    /// Where it is written.
    pub range: SourceRange,
}

/// A `moved` block.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The former address.
    pub from: MovedEndpoint,
    /// The address now.
    pub to: MovedEndpoint,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A `removed` block.
#[derive(Clone, Debug)]
pub struct Removed {
    /// What is no longer in the configuration; without instance keys.
    pub from: MovedEndpoint,
    /// `lifecycle { destroy }`: whether it is destroyed rather than forgotten.
    pub destroy: bool,
    /// Provisioners that run when it is destroyed.
    pub provisioners: Vec<super::Provisioner>,
    /// `connection`
    pub connection: Option<super::Connection>,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// An `import` block.
#[derive(Clone, Debug)]
pub struct Import {
    /// `to`: the address, whose instance keys may be expressions (with `for_each`).
    pub to: Expr,
    /// The modules from the root and the resource that `to` names, keys aside.
    pub to_resource: Option<(ModulePath, ResourceAddress)>,
    /// `id`
    pub id: Expr,
    /// `for_each`
    pub for_each: Option<Expr>,
    /// `provider`
    pub provider: Option<ProviderRef>,
    /// The block's header.
    pub decl_range: SourceRange,
}
