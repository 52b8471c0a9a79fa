//! A plan: everything that would change, as a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{ProviderConfig, ResourceInstance, Target};
use infra_provider::Private;
use infra_state::State;
use infra_value::{Path, Value};

use crate::attention::Finding;
use crate::releases::ReleaseChange;

/// What kind of plan is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PlanMode {
    /// Bring everything to the configuration.
    #[default]
    Normal,
    /// Delete everything.
    Destroy,
    /// Only bring the state to what there is.
    RefreshOnly,
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is created.
    Create,
    /// A data source is read during apply.
    Read,
    /// It is changed in place.
    Update,
    /// It is deleted, then created anew.
    DeleteThenCreate,
    /// A new one is created, then the old one deleted.
    CreateThenDelete,
    /// It is deleted.
    Delete,
    /// It is left alone and no longer known.
    Forget,
}

impl Action {
    /// Whether the object is replaced by a new one.
    pub fn is_replace(self) -> bool {
        matches!(self, Action::DeleteThenCreate | Action::CreateThenDelete)
    }

    /// Every action.
    pub const ALL: [Action; 8] = [
        Action::NoOp,
        Action::Create,
        Action::Read,
        Action::Update,
        Action::DeleteThenCreate,
        Action::CreateThenDelete,
        Action::Delete,
        Action::Forget,
    ];

    /// The action that the plan's JSON names like this ([`Action::names`]); `None` if there is none.
    pub fn named(names: &[&str]) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.names() == names)
    }

    /// As the plan's JSON says it.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Action::NoOp => &["no-op"],
            Action::Create => &["create"],
            Action::Read => &["read"],
            Action::Update => &["update"],
            Action::DeleteThenCreate => &["delete", "create"],
            Action::CreateThenDelete => &["create", "delete"],
            Action::Delete => &["delete"],
            Action::Forget => &["forget"],
        }
    }
}

/// Why an action was chosen where that is not plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An attribute changed that cannot be changed in place.
    ReplaceBecauseCannotUpdate,
    /// It is tainted.
    ReplaceBecauseTainted,
    /// `-replace`
    ReplaceByRequest,
    /// `replace_triggered_by`
    ReplaceByTriggers,
    /// It was moved to an address that is not configured.
    DeleteBecauseNoMoveTarget,
    /// The block is gone.
    DeleteBecauseNoResourceConfig,
    /// The module instance is gone.
    DeleteBecauseNoModule,
    /// The block has `count` or `for_each` now, or no longer.
    DeleteBecauseWrongRepetition,
    /// `count` is smaller.
    DeleteBecauseCountIndex,
    /// The key is gone from `for_each`.
    DeleteBecauseEachKey,
    /// Its arguments are not all known yet.
    ReadBecauseConfigUnknown,
    /// Something that it waits for will change.
    ReadBecauseDependencyPending,
    /// It stands in a `check` block.
    ReadBecauseCheckNested,
}

impl Reason {
    /// As the plan's JSON says it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::ReplaceBecauseCannotUpdate => "replace_because_cannot_update",
            Reason::ReplaceBecauseTainted => "replace_because_tainted",
            Reason::ReplaceByRequest => "replace_by_request",
            Reason::ReplaceByTriggers => "replace_by_triggers",
            Reason::DeleteBecauseNoMoveTarget => "delete_because_no_move_target",
            Reason::DeleteBecauseNoResourceConfig => "delete_because_no_resource_config",
            Reason::DeleteBecauseNoModule => "delete_because_no_module",
            Reason::DeleteBecauseWrongRepetition => "delete_because_wrong_repetition",
            Reason::DeleteBecauseCountIndex => "delete_because_count_index",
            Reason::DeleteBecauseEachKey => "delete_because_each_key",
            Reason::ReadBecauseConfigUnknown => "read_because_config_unknown",
            Reason::ReadBecauseDependencyPending => "read_because_dependency_pending",
            Reason::ReadBecauseCheckNested => "read_because_check_nested",
        }
    }
}

/// What would happen to one object.
#[derive(Clone, Debug)]
pub struct ResourceChange {
    /// The instance.
    pub address: ResourceInstance,
    /// The key of the deposed object that this is about.
    pub deposed: Option<String>,
    /// Its address before a move.
    pub previous_address: Option<ResourceInstance>,
    /// The provider configuration that does it.
    pub provider: ProviderConfig,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Option<Reason>,
    /// The object now, with marks; null if there is none.
    pub before: Value,
    /// The object afterwards, with marks; null if there is none.
    pub after: Value,
    /// Attributes whose change forces the replacement, in the order in which they are reported.
    pub replace_paths: Vec<Path>,
    /// The id that it is imported by.
    pub importing: Option<String>,
    /// Configuration that was generated for the import.
    pub generated_config: Option<String>,
    /// The provider's own data for the apply.
    pub private: Private,
    /// The object is to be replaced with the new one created first.
    pub create_before_destroy: bool,
    /// Resources that its block depends on, as addresses without keys: `dependencies` of the state.
    pub dependencies: Vec<String>,
}

impl ResourceChange {
    /// Whether the plan's text shows it: it does something, or it moved or is imported.
    pub fn is_visible(&self) -> bool {
        self.action != Action::NoOp || self.previous_address.is_some() || self.importing.is_some()
    }
}

/// What would happen to an output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputChange {
    /// Create, update, delete or nothing.
    pub action: Action,
    /// The value in the state, without marks.
    pub before: Value,
    /// The value afterwards, without marks; unknown where only the apply will tell.
    pub after: Value,
    /// Whether it must not be shown, before or afterwards.
    pub sensitive: bool,
    /// Whether it is marked sensitive afterwards.
    pub sensitive_after: bool,
}

/// What became of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be evaluated.
    Error,
    /// It depends on what is not known yet.
    Unknown,
}

impl CheckStatus {
    /// As state and plan say it.
    pub fn name(self) -> &'static str {
        match self {
            CheckStatus::Pass => "pass",
            CheckStatus::Fail => "fail",
            CheckStatus::Error => "error",
            CheckStatus::Unknown => "unknown",
        }
    }
}

/// What kind of object has the conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckKind {
    /// A resource or data source.
    Resource,
    /// An output.
    Output,
    /// A `check` block.
    Check,
    /// An input variable.
    Variable,
}

/// The conditions of one block: its instances' results.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckResult {
    /// What has them.
    pub kind: CheckKind,
    /// The block's address without keys: `aws_vpc.v`, `module.m.output.o`, `check.c`.
    pub config_address: String,
    /// By instance address; `None` if the instances are not known.
    pub objects: Option<BTreeMap<String, CheckObject>>,
}

/// The conditions of one instance.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckObject {
    /// The worst of its conditions' results.
    pub status: CheckStatus,
    /// What the conditions that do not hold say.
    pub failure_messages: Vec<String>,
}

impl CheckResult {
    /// The worst result of its instances.
    pub fn status(&self) -> CheckStatus {
        let Some(objects) = &self.objects else { return CheckStatus::Unknown };
        let has = |status| objects.values().any(|o| o.status == status);
        match () {
            () if has(CheckStatus::Error) => CheckStatus::Error,
            () if has(CheckStatus::Fail) => CheckStatus::Fail,
            () if has(CheckStatus::Unknown) => CheckStatus::Unknown,
            () => CheckStatus::Pass,
        }
    }
}

/// The value that a root variable was given, as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenVariable {
    /// The value before conversion: a text where it came from `-var` or the environment for a primitive type.
    pub value: Value,
    /// Whether it was given at all, or is the default.
    pub given: bool,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What kind of plan it is.
    pub mode: PlanMode,
    /// Root variables by name.
    pub variables: BTreeMap<Arc<str>, GivenVariable>,
    /// What would happen to each object, in the order in which they are shown; also to those that stay as they are.
    pub changes: Vec<ResourceChange>,
    /// What the refresh found changed: updates and deletes, and in refresh-only plans moves.
    pub drift: Vec<ResourceChange>,
    /// What would happen to the root outputs.
    pub outputs: BTreeMap<Arc<str>, OutputChange>,
    /// The state after refresh and moves, with newly evaluated outputs where they are known. Serial and lineage are
    /// those of the state that was read.
    pub prior_state: State,
    /// What each release would do.
    pub releases: Vec<ReleaseChange>,
    /// What needs attention, most important first.
    pub attention: Vec<Finding>,
    /// Results of conditions.
    pub checks: Vec<CheckResult>,
    /// Attributes that contributed to a change: address of the instance as text, and path.
    pub relevant_attributes: Vec<(String, Path)>,
    /// `-target`
    pub targets: Vec<Target>,
    /// When it was made, RFC 3339 in UTC with seconds.
    pub timestamp: String,
    /// Whether applying it would do anything.
    pub applyable: bool,
    /// Whether it is of everything: no target left anything out, and there was no error.
    pub complete: bool,
    /// Whether planning failed.
    pub errored: bool,
}

impl Plan {
    /// How many objects are created, changed, deleted and imported, as the closing line counts.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change.action {
                Action::Create => counts.add += 1,
                Action::Update => counts.change += 1,
                Action::Delete => counts.destroy += 1,
                Action::DeleteThenCreate | Action::CreateThenDelete => {
                    counts.add += 1;
                    counts.destroy += 1;
                }
                Action::NoOp | Action::Read | Action::Forget => {}
            }
            counts.import += usize::from(change.importing.is_some());
        }
        counts
    }
}

/// The numbers of a plan's or an apply's closing line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Created, replaced ones too.
    pub add: usize,
    /// Changed in place.
    pub change: usize,
    /// Deleted, replaced ones too.
    pub destroy: usize,
    /// Imported.
    pub import: usize,
}
