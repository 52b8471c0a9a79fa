//! What a type's own rules may do to a plan.

use infra_schema::Block;
use infra_value::{Path, Value};

use super::Meta;

/// A plan in the making, as SDK's CustomizeDiff sees it.
pub struct Diff<'a> {
    /// The resource's schema.
    pub block: &'a Block,
    /// The prior object; null on create.
    pub prior: &'a Value,
    /// The configuration as it is written; unset attributes are null.
    pub config: &'a Value,
    /// The planned object so far.
    pub planned: Value,
    /// Provider settings.
    pub meta: &'a Meta,
    /// Paths whose change replaces the resource, beside those of the schema.
    pub force_new: Vec<Path>,
}

impl Diff<'_> {
    /// Whether there is no prior object.
    pub fn is_create(&self) -> bool {
        self.prior.is_null()
    }
    /// The prior value of a top-level attribute; null on create.
    pub fn old(&self, name: &str) -> Value {
        self.prior.get(name).cloned().unwrap_or_else(|| Value::null(infra_value::Type::Dynamic))
    }
    /// The planned value of a top-level attribute.
    pub fn new(&self, name: &str) -> Value {
        self.planned.get(name).cloned().unwrap_or_else(|| Value::null(infra_value::Type::Dynamic))
    }
}
