//! What really creates, reads, changes and deletes objects: AWS, or this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use infra_provider::fleet::{FleetOrProblems, FleetSpec};
use infra_provider::plan::Meta;
use infra_provider::{Failure, Held, Object, Problem, Token};
use infra_value::Value;

/// How long each operation of a resource may take: the type's defaults overlaid with the `timeouts` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts(pub BTreeMap<String, Duration>);

impl Timeouts {
    /// The limit for `create`, `read`, `update` or `delete`; 20 minutes where the type has none.
    pub fn of(&self, operation: &str) -> Duration {
        self.0.get(operation).copied().unwrap_or(Duration::from_secs(20 * 60))
    }
}

/// What an operation is told beside the object.
pub struct OpContext<'a> {
    /// The configuration as written; write-only arguments are only here. Null on delete.
    pub config: &'a Value,
    /// See [`Timeouts`].
    pub timeouts: Timeouts,
    /// The tags that the object has to have: own ones over the provider's defaults, known even where `tags_all` was
    /// unknown in the plan.
    pub tags: BTreeMap<String, String>,
    /// Called by a create as soon as the object has its id.
    pub checkpoint: &'a (dyn Fn(&Object) + Send + Sync),
    /// What a creation is known by: sent along where the API takes a token, and the end of names that nobody gave.
    pub token: Token,
    /// Whether the state holds an object of the type with this ARN (id, if the type has none).
    pub held: Held<'a>,
}

/// An object whose creation was begun, and whose end nobody saw.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What the creation is known by.
    pub token: Token,
    /// The tags that it was to have.
    pub tags: BTreeMap<String, String>,
    /// When it was begun, in seconds since 1970.
    pub began: u64,
    /// See [`Timeouts`].
    pub timeouts: Timeouts,
}

/// An operation that failed, and what is known to exist afterwards.
#[derive(Debug)]
pub struct HalfDone {
    /// The object, if there is one. After a failed update: with the planned values, as Terraform stores them.
    pub object: Option<Object>,
    /// What went wrong.
    pub failure: Failure,
}

/// A cloud. Objects carry no marks. Reads set `tags_all` to all tags that the object has (system tags left out); which
/// of them are the object's own `tags` is worked out by the caller.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// Region, account, tag settings.
    fn meta(&self) -> &Meta;
    /// Who it sees calling, if that was asked at the start: an ARN.
    fn caller(&self) -> Option<String> {
        None
    }
    /// Whether it can handle a resource type (or data source).
    fn supports(&self, ty: &str, data: bool) -> bool;
    /// Reads objects of one type: one answer per object, in order; `None` for one that is gone. Attributes that the
    /// cloud does not tell keep the value that they have in the object given.
    async fn read(&self, ty: &str, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>>;
    /// Creates the planned object (unknown attributes are not set), waits until it is ready, and reads it.
    async fn create(&self, ty: &str, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone>;
    /// Brings the object from prior to planned, waits, and reads it.
    async fn update(&self, ty: &str, prior: &Object, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone>;
    /// Deletes the object and waits until it is gone. An object that is gone already is no failure.
    async fn delete(&self, ty: &str, prior: &Object, cx: &OpContext<'_>) -> Result<(), HalfDone>;
    /// Looks for an object that was to be created, by its token, its name, or everything that its creation sets. Each
    /// answer is the planned object, read. `None`: that cannot be told.
    async fn find_created(&self, _ty: &str, _planned: Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        Ok(None)
    }
    /// Waits until an object whose creation was cut off is ready, as [`Cloud::create`] does, and tells how it was found.
    /// One that is gone is no failure; `None` where a cloud leaves no creation half done.
    async fn ready(&self, _ty: &str, _object: &Object, _trace: &Trace) -> Result<Option<Object>, Failure> {
        Ok(None)
    }
    /// Opens an ephemeral resource: the configuration, with what it does not set filled in.
    async fn open(&self, ty: &str, _config: Object) -> Result<Object, Failure> {
        Err(Failure::new(format!("opening {ty}"), "this type is not supported yet"))
    }
    /// Reads a data source: the configuration, with what it does not set filled in.
    async fn read_data(&self, ty: &str, config: Object) -> Result<Object, Failure>;
    /// The two services of a release, to be driven.
    async fn fleet(&self, _spec: FleetSpec) -> FleetOrProblems {
        Err(vec![Problem::error("Unsupported release", "There are no releases where these resources are.")])
    }
    /// How late the evidence of such a release is at the most.
    fn evidence_delay(&self) -> Duration {
        Duration::ZERO
    }
}
