//! What the published JSON says about one object, and the difference that it makes.

use infra_engine::plan::Action;
use infra_schema::Schema;
use serde_json::Value as Json;

use super::change::Change;
use super::compare::{compare_block, compare_untyped, tells_empty_from_null};
use super::diff::{Block, Diff, Sign, What};
use super::paths::Paths;

/// What the `actions` of a change say. What is made anew while the old one is left alone counts as left alone.
fn action_of(change: &Json) -> Action {
    let names = change["actions"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
    match names.as_slice() {
        ["create", "forget"] => Action::Forget,
        names => Action::named(names).unwrap_or(Action::NoOp),
    }
}

/// One entry of `resource_changes` or `resource_drift`.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'j> {
    pub(crate) json: &'j Json,
    pub(crate) action: Action,
}

impl<'j> Entry<'j> {
    pub(crate) fn of(json: &'j Json) -> Entry<'j> {
        Entry { json, action: action_of(&json["change"]) }
    }
    /// A text of the entry; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &'j str {
        self.json[name].as_str().unwrap_or_default()
    }
    pub(crate) fn address(&self) -> &'j str {
        self.text("address")
    }
    /// Its address before a move.
    pub(crate) fn moved_from(&self) -> Option<&'j str> {
        self.json["previous_address"].as_str().filter(|previous| *previous != self.address())
    }
    pub(crate) fn is_imported(&self) -> bool {
        !self.json["change"]["importing"].is_null()
    }
    pub(crate) fn is_data(&self) -> bool {
        self.text("mode") == "data"
    }
    pub(crate) fn schema<'s>(&self, schemas: crate::text::SchemaOf<'_, 's>) -> Option<&'s Schema> {
        schema_of(self.json, schemas)
    }
}

/// The schema of a resource, by what the published JSON says of it.
pub(crate) fn schema_of<'s>(json: &Json, schemas: crate::text::SchemaOf<'_, 's>) -> Option<&'s Schema> {
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    schemas(text("provider_name"), text("mode"), text("type"))
}

/// The difference between the object before and after, as far as it is looked at.
pub(crate) fn compare<'j>(entry: Entry<'j>, schema: Option<&'j Schema>, relevant: Paths<'j>) -> Diff<'j> {
    let change = Change::of(&entry.json["change"], relevant);
    let change = if entry.action == Action::Forget { change.unchanged() } else { change };
    compare_change(change, schema)
}

/// The difference of two objects of a schema.
pub(crate) fn compare_change<'j>(mut change: Change<'j>, schema: Option<&'j Schema>) -> Diff<'j> {
    change.empty_is_null = schema.is_some_and(|s| !tells_empty_from_null(&s.block));
    match schema {
        Some(schema) => compare_block(&change, &schema.block),
        None => without_schema(&change),
    }
}

/// All members as attributes.
fn without_schema<'j>(change: &Change<'j>) -> Diff<'j> {
    let mut sign = change.outer_sign();
    let mut block = Block::default();
    for name in change.member_names() {
        let child = change.attribute(name);
        let diff = compare_untyped(child.clone());
        if diff.sign != Sign::Same || !child.is_nothing() {
            sign = sign.and(diff.sign);
            block.attributes.insert(name, diff);
        }
    }
    Diff { what: What::Block(block), sign, replace: false }
}
