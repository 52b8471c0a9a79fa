//! Releases in the plan and after the apply: which there are, what each would do, and what it is driven with.

pub(crate) mod checking;
mod own;
mod planning;
mod ready;
mod records;
pub(crate) mod saved;
mod settings;
mod under_way;

use std::collections::BTreeMap;

use infra_address::{ModuleInstance, ProviderConfig, ResourceInstance};
use infra_lang::config::{ReleaseBlock, ReleaseStrategy};
use infra_provider::fleet::{Colour, Version};
use infra_release::{Record, Release, Step};

pub use own::owned;
pub use ready::{Ready, fleet_of, read_again, ready_providers};
pub(crate) use records::forget_gone;
pub use records::{Kept, put_record, records};

/// What a release would do.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseChange {
    /// Its block, evaluated.
    pub release: Release,
    /// The module instance that it is in.
    pub module: ModuleInstance,
    /// The provider that does it.
    pub provider: ProviderConfig,
    /// The objects that it is about.
    pub members: Members,
    /// What would happen.
    pub kind: ReleaseKind,
    /// The colour that users get now.
    pub live: Colour,
    /// The colour that the new version goes to.
    pub idle: Colour,
    /// What the live colour runs.
    pub old: Version,
    /// What the configuration wants; the definition is empty where only the apply will tell.
    pub new: Version,
    /// How many tasks there are, and will be.
    pub count: Option<u32>,
    /// The steps, in order; empty if there are none.
    pub steps: Vec<Step>,
    /// The record of the last one, or of the one under way.
    pub record: Option<Record>,
}

impl ReleaseChange {
    /// Whether applying the plan does something for it.
    pub fn is_active(&self) -> bool {
        matches!(self.kind, ReleaseKind::New | ReleaseKind::Resume | ReleaseKind::CleanUp)
    }
}

/// What would happen to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseKind {
    /// The services are made: one with its full count, the other with none.
    First,
    /// The live version is the wanted one.
    Nothing,
    /// A new version goes out.
    New,
    /// One that was begun goes on.
    Resume,
    /// One that was taken back, or is not wanted any more, is brought to its end: the old version stays live.
    CleanUp,
    /// This version was taken back before: it is not released again by itself.
    RevertedBefore,
}

/// The objects that a release is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// The service of each colour.
    pub services: BTreeMap<Colour, ResourceInstance>,
    /// The target group of each colour.
    pub target_groups: BTreeMap<Colour, ResourceInstance>,
    /// The listener or rule with the weights.
    pub listener: Option<ResourceInstance>,
    /// Where the idle colour is tried.
    pub test_listener: Option<ResourceInstance>,
}

impl Members {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &ResourceInstance> {
        let listeners = self.listener.iter().chain(&self.test_listener);
        self.services.values().chain(self.target_groups.values()).chain(listeners)
    }
}

/// Whether a block asks for the cloud's own rolling update.
pub(crate) fn is_rolling(block: &ReleaseBlock) -> bool {
    match &block.strategy {
        ReleaseStrategy::Block { name, .. } => &**name == "rolling",
        ReleaseStrategy::Named(attribute) => matches!(
            &attribute.expr.kind,
            infra_lang::syntax::ast::ExprKind::Literal(value) if value.as_str() == Some("rolling")
        ),
        ReleaseStrategy::Usual => false,
    }
}
