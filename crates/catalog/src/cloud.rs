//! What really creates, reads, changes and deletes objects: AWS, or this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use infra_provider::plan::Meta;
use infra_provider::{Failure, Object};
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
    /// Reads a data source: the configuration, with what it does not set filled in.
    async fn read_data(&self, ty: &str, config: Object) -> Result<Object, Failure>;
}
