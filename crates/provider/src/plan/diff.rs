//! What a type's own rules may do to a plan.

use std::collections::BTreeSet;

use infra_schema::Block;
use infra_value::{Path, Type, Value};

use super::Meta;
use super::at::with_member;
use super::zero::{same_or_zero, zero_like};
use crate::Part;

/// A plan in the making, as SDK's CustomizeDiff sees it.
pub struct Diff<'a> {
    /// The resource's schema.
    pub block: &'a Block,
    /// The prior object; null on create.
    pub prior: &'a Value,
    /// The configuration as it is written; unset attributes are null.
    pub config: &'a Value,
    /// The planned object so far. On create, computed attributes without a value are still null.
    pub planned: Value,
    /// Provider settings.
    pub meta: &'a Meta,
    /// Paths whose change replaces the resource, beside those of the schema.
    pub force_new: Vec<Path>,
    /// Top-level attributes whose planned value was decided here.
    pub(super) decided: BTreeSet<String>,
}

impl<'a> Diff<'a> {
    /// A plan as the schema alone makes it.
    pub(super) fn new_plan(
        block: &'a Block,
        prior: &'a Value,
        config: &'a Value,
        planned: Value,
        meta: &'a Meta,
    ) -> Diff<'a> {
        Diff { block, prior, config, planned, meta, force_new: Vec::new(), decided: BTreeSet::new() }
    }

    /// Whether there is no prior object.
    pub fn is_create(&self) -> bool {
        self.prior.is_null()
    }
    /// The prior value of a top-level attribute; null on create.
    pub fn old(&self, name: &str) -> Value {
        self.prior.get(name).cloned().unwrap_or_else(|| Value::null(Type::Dynamic))
    }
    /// The planned value of a top-level attribute.
    #[allow(clippy::new_ret_no_self)] // Terraform's own words: old and new.
    pub fn new(&self, name: &str) -> Value {
        self.planned.get(name).cloned().unwrap_or_else(|| Value::null(Type::Dynamic))
    }
    /// The prior object, with zero values for what is not set.
    pub fn was(&self) -> Part<'_> {
        Part::new(self.prior)
    }
    /// The planned object, with zero values for what is not set or not known.
    pub fn will(&self) -> Part<'_> {
        Part::new(&self.planned)
    }
    /// The configuration, with zero values for what is not set or not known.
    pub fn written(&self) -> Part<'_> {
        Part::new(self.config)
    }
    /// Whether the planned value of a top-level attribute is known, at every depth.
    pub fn is_known(&self, name: &str) -> bool {
        self.planned.get(name).is_none_or(Value::is_wholly_known)
    }
    /// Whether a top-level attribute changes. Null, `""`, 0, false and empty are the same, and, as with the SDK's
    /// `HasChange`, so is an unknown value: ask [`Diff::is_known`] for that.
    pub fn has_change(&self, name: &str) -> bool {
        let new = self.new(name);
        // The plan of a computed attribute stays as it is where the configured text is empty, and where nothing is known of
        // a configured collection; what is configured counts.
        let given = |v: &Value| v.is_known() && v.as_str() != Some("");
        let is_given = new.is_known() && self.config.get(name).is_none_or(given);
        let new = if is_given { new } else { zero_like(&new.ty()) };
        !same_or_zero(&self.old(name), &new)
    }
    /// Whether a top-level attribute changes or may change: as [`Diff::has_change`], and an unknown value differs.
    pub fn may_change(&self, name: &str) -> bool {
        !self.is_known(name) || self.has_change(name)
    }
    /// Whether any of these changes.
    pub fn has_changes(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has_change(name))
    }

    /// Plans a value for a computed top-level attribute. The attribute's own `force_new` applies to the change.
    pub fn set_new(&mut self, name: &str, value: Value) {
        self.decide(name, value);
    }
    /// Plans that a computed top-level attribute is only known after the apply.
    pub fn set_new_computed(&mut self, name: &str) {
        let ty = self.ty_of(name);
        self.decide(name, Value::unknown(ty));
    }
    /// Plans that a computed top-level attribute stays as it is (on create: that it is not known).
    pub fn clear(&mut self, name: &str) {
        let old = match self.prior.get(name) {
            Some(old) => old.clone(),
            None => Value::null(self.ty_of(name)),
        };
        self.decide(name, old);
    }
    /// Drops a change, whatever the attribute's kind: the planned value is the prior one.
    pub fn keep(&mut self, name: &str) {
        self.clear(name);
    }
    /// Makes the change at a path replace the resource. Without a change there it does nothing.
    pub fn force_new(&mut self, path: Path) {
        self.force_new.push(path);
    }
    /// Makes the change of a top-level attribute replace the resource. Without a change it does nothing.
    pub fn force_new_attribute(&mut self, name: &str) {
        self.force_new(Path::attribute(name));
    }

    fn decide(&mut self, name: &str, value: Value) {
        debug_assert!(
            self.block.attributes.contains_key(name) || self.block.blocks.contains_key(name),
            "the schema has no attribute {name}"
        );
        self.decided.insert(name.to_string());
        self.planned = with_member(&self.planned, name, value);
    }

    fn ty_of(&self, name: &str) -> Type {
        match (self.block.attributes.get(name), self.block.blocks.get(name)) {
            (Some(attribute), _) => attribute.ty.clone(),
            (_, Some(block)) => block.ty(),
            _ => Type::Dynamic,
        }
    }
}
