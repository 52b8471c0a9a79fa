//! What the code of one resource type does on the AWS API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use infra_catalog::OpContext;
use infra_provider::{Failure, Object};

use crate::Aws;

/// A resource type on the AWS API. Around these, once for all types: the object is read after create and update, tag
/// changes are sent before an update, and what a failed create left is kept.
#[async_trait]
pub(crate) trait ResourceType: Send + Sync {
    /// Reads many objects in as few calls as the API allows. One answer per object, in order; `None`: it is gone.
    /// Sets every attribute that the API tells, and `tags_all` to all tags (system tags left out).
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>>;

    /// Creates the object and waits until it is ready. Sets `id` as soon as it is known and then calls
    /// `cx.checkpoint`. A failure after that leaves a half-made object.
    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure>;

    /// Brings the object from `prior` to `object` (planned), tags aside, and waits.
    async fn update(
        &self,
        aws: &Aws,
        prior: &Object,
        object: &mut Object,
        cx: &OpContext<'_>,
    ) -> Result<(), Failure>;

    /// Changes tags: `remove` are keys with their old values, `put` new and changed ones. Never called for a type
    /// without tags, nor with both empty.
    async fn tag(
        &self,
        _aws: &Aws,
        _object: &Object,
        _remove: &BTreeMap<String, String>,
        _put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// Deletes the object and waits until it is gone. Gone already is no failure.
    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure>;
}

/// A data source on the AWS API.
#[async_trait]
pub(crate) trait DataSource: Send + Sync {
    /// Fills in what the configuration does not set.
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure>;
}
