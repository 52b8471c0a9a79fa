//! What the code of one resource type does on the AWS API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};
use infra_value::{Kind, Value};

use crate::Aws;

/// A resource type on the AWS API. Around these, once for all types: the object is read after create and update, tag
/// changes are sent before an update, and what a failed create left is kept.
#[async_trait]
pub(crate) trait ResourceType: Send + Sync {
    /// Reads many objects in as few calls as the API allows. One answer per object, in order; `None`: it is gone.
    /// Sets every attribute that the API tells, and `tags_all` to all tags (system tags left out).
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>>;

    /// Reads one object that was just written, by calls that show it soonest: lists of a whole account may lag.
    async fn read_new(&self, aws: &Aws, object: Object) -> Result<Option<Object>, Failure> {
        self.read(aws, vec![object]).await.pop().unwrap_or(Ok(None))
    }

    /// Whether an object is read after create and update. A type that says no sets everything itself.
    fn reads_back(&self) -> bool {
        true
    }

    /// Whether an object is read after an update. Where it is not, what was planned is stored, whatever came of it.
    fn reads_back_changes(&self) -> bool {
        self.reads_back()
    }

    /// Whether an update that changes nothing but tags has something else to set, too.
    fn is_completed_with_tags(&self, _prior: &Object) -> bool {
        false
    }

    /// Creates the object and waits until it is ready. Sets `id` as soon as it is known and then calls
    /// `cx.checkpoint`. A failure after that leaves a half-made object. Unknown attributes are null.
    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure>;

    /// Looks for what a create may have made although no answer has come: by its token, by its name, or, where there is
    /// neither, by everything that the create call sets. Each answer is the planned object with what a read needs; whether
    /// it exists, and has the tags of the create, is found out by the caller. `None`: that cannot be told.
    async fn find_created(
        &self,
        _aws: &Aws,
        _planned: &Object,
        _trace: &Trace,
    ) -> Result<Option<Vec<Object>>, Failure> {
        Ok(None)
    }

    /// Whether the create call gives the object its tags. Otherwise they say nothing about one that may be half made.
    fn is_tagged_at_once(&self) -> bool {
        true
    }

    /// Waits until a new object is ready, as a create does.
    async fn ready(&self, _aws: &Aws, _object: &Object, _trace: &Trace) -> Result<(), Failure> {
        Ok(())
    }

    /// Brings the object from `prior` to `object` (planned; what is unknown has the prior value), tags aside, and
    /// waits. Not called if only tags or timeouts changed.
    async fn update(
        &self,
        _aws: &Aws,
        _prior: &Object,
        _object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        Ok(())
    }

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

/// The same failure for every object of a read.
pub(crate) fn all_failed(objects: &[Object], failure: &Failure) -> Vec<Result<Option<Object>, Failure>> {
    objects.iter().map(|_| Err(failure.clone())).collect()
}

/// Whether any of the attributes changes; null, `""`, 0, false and empty collections are the same.
pub(crate) fn changed(prior: &Object, planned: &Object, names: &[&str]) -> bool {
    names.iter().any(|name| differ(prior.raw(name), planned.raw(name)))
}

/// Whether two values differ, where nothing and zero are the same.
pub(crate) fn differ(a: &Value, b: &Value) -> bool {
    a != b && !(is_zero(a) && is_zero(b))
}

fn is_zero(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(_) => true,
        Kind::Bool(b) => !b,
        Kind::String(s) => s.is_empty(),
        Kind::Number(_) => value.as_i64() == Some(0),
        Kind::List(..) | Kind::Set(..) | Kind::Map(..) => value.is_empty(),
        _ => false,
    }
}
