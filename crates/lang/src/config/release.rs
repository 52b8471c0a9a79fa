//! `release` blocks, which stand in `*.infra.hcl` files beside the others: Terraform does not read those.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{InstanceKey, Resource as ResourceAddress};
use infra_diag::SourceRange;

use crate::syntax::ast::Attribute;

/// A `release` block, with its expressions not evaluated yet.
#[derive(Clone, Debug)]
pub struct ReleaseBlock {
    /// Its name.
    pub name: Arc<str>,
    /// `services`: a resource with one instance for each colour (or, for `rolling`, the one service).
    pub services: Option<ReleaseMember>,
    /// `target_groups`: a resource with the same keys.
    pub target_groups: Option<ReleaseMember>,
    /// `listener` or `listener_rule`: whose action forwards to both groups.
    pub listener: Option<ReleaseMember>,
    /// `test_listener`
    pub test_listener: Option<ReleaseMember>,
    /// `strategy`, as a text or as a block with a label.
    pub strategy: ReleaseStrategy,
    /// `standby` and `start_timeout`.
    pub settings: BTreeMap<Arc<str>, Attribute>,
    /// `check` blocks.
    pub checks: Vec<ReleaseCheck>,
    /// The arguments of the `before_shift` block, if there is one.
    pub before_shift: Option<BTreeMap<Arc<str>, Attribute>>,
    /// The arguments of the `revert_when` block.
    pub revert_when: BTreeMap<Arc<str>, Attribute>,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// A resource (or one instance of it) that a release is about.
#[derive(Clone, Debug)]
pub struct ReleaseMember {
    /// The resource, in the release's own module.
    pub resource: ResourceAddress,
    /// The instance, if one is named.
    pub key: Option<InstanceKey>,
    /// Where it is written.
    pub range: SourceRange,
}

/// How a release moves traffic.
#[derive(Clone, Debug, Default)]
pub enum ReleaseStrategy {
    /// Not said: blue/green.
    #[default]
    Usual,
    /// `strategy = "blue_green"`
    Named(Attribute),
    /// `strategy "canary" { … }`
    Block {
        /// The label.
        name: Arc<str>,
        /// The block's arguments.
        settings: BTreeMap<Arc<str>, Attribute>,
        /// The block's header.
        range: SourceRange,
    },
}

/// A `check` block of a release: `check "http" "health" { … }`.
#[derive(Clone, Debug)]
pub struct ReleaseCheck {
    /// `http` or `command`.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its arguments.
    pub settings: BTreeMap<Arc<str>, Attribute>,
    /// The block's header.
    pub range: SourceRange,
}
