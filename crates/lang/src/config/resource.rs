//! `resource`, `data` and `ephemeral` blocks.

use std::sync::Arc;

use infra_address::Resource as ResourceAddress;
use infra_diag::SourceRange;
use infra_value::Path;

use super::{CheckRule, ProviderRef};
use crate::syntax::ast::{Body, Expr, Traversal};

/// A `resource`, `data` or `ephemeral` block.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its mode, type and name.
    pub address: ResourceAddress,
    /// `provider`, if it is given.
    pub provider: Option<ProviderRef>,
    /// `count`
    pub count: Option<Expr>,
    /// `for_each`
    pub for_each: Option<Expr>,
    /// `depends_on`
    pub depends_on: Vec<Traversal>,
    /// `lifecycle`
    pub lifecycle: Lifecycle,
    /// `provisioner` blocks, in order.
    pub provisioners: Vec<Provisioner>,
    /// `connection`
    pub connection: Option<Connection>,
    /// What is left for the type's own schema.
    pub body: Body,
    /// The check block that it stands in, if it is in one.
    pub check: Option<Arc<str>>,
    /// The block's header.
    pub decl_range: SourceRange,
    /// Where the type stands in the header.
    pub ty_range: SourceRange,
}

/// A `lifecycle` block; without one, its empty form.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// `create_before_destroy`
    pub create_before_destroy: Option<bool>,
    /// `prevent_destroy`
    pub prevent_destroy: bool,
    /// `ignore_changes`
    pub ignore_changes: IgnoreChanges,
    /// `replace_triggered_by`
    pub replace_triggered_by: Vec<Expr>,
    /// `precondition` blocks.
    pub preconditions: Vec<CheckRule>,
    /// `postcondition` blocks.
    pub postconditions: Vec<CheckRule>,
    /// The block's header.
    pub range: Option<SourceRange>,
}

/// Which changes of configuration are not planned.
#[derive(Clone, Debug, PartialEq)]
pub enum IgnoreChanges {
    /// Any: `ignore_changes = all`
    All,
    /// Those of these parts, each with its place.
    Paths(Vec<(Path, SourceRange)>),
}

impl Default for IgnoreChanges {
    fn default() -> IgnoreChanges {
        IgnoreChanges::Paths(Vec::new())
    }
}

/// When a provisioner runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProvisionerWhen {
    /// After creation.
    #[default]
    Create,
    /// Before destruction.
    Destroy,
}

/// What happens when a provisioner fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The apply fails and the new resource is tainted.
    #[default]
    Fail,
    /// A warning, and it goes on.
    Continue,
}

/// A `provisioner` block.
#[derive(Clone, Debug)]
pub struct Provisioner {
    /// `local-exec`, …
    pub ty: Arc<str>,
    /// `when`
    pub when: ProvisionerWhen,
    /// `on_failure`
    pub on_failure: OnFailure,
    /// Its own `connection`.
    pub connection: Option<Connection>,
    /// Its arguments.
    pub body: Body,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A `connection` block.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its arguments.
    pub body: Body,
    /// The block's header.
    pub decl_range: SourceRange,
}
