//! What a cloud says of an object, as it is stored.

use infra_provider::Object;
use infra_provider::plan::{
    PluginKind, TagRules, Tags, stored_after_apply, stored_after_refresh, stored_exact, tags_of, tags_value,
    with_member, without_unknown,
};
use infra_value::{Type, Value};

use crate::ResourceType;

/// An object after a create or update: `read` against what was planned and configured.
pub(super) fn applied(ty: &ResourceType, rules: &TagRules, planned: &Value, config: &Value, read: Object) -> Value {
    let before = planned.get("tags").filter(|tags| tags.is_known());
    let claimed = config.get("tags").or(before).cloned().unwrap_or_else(no_tags);
    let read = with_tags(ty, rules, before.unwrap_or(&claimed), &claimed, &read);
    match ty.rules.kind() {
        PluginKind::Sdk => stored_after_apply(ty.block(), planned, &read),
        PluginKind::Framework => without_unknown(&stored_exact(ty.block(), ty.rules, planned, &read)),
    }
}

/// An object after a refresh: `read` against what was known.
pub(super) fn refreshed(ty: &ResourceType, rules: &TagRules, prior: &Value, read: &Object) -> Value {
    let claimed = prior.get("tags").cloned().unwrap_or_else(no_tags);
    let read = with_tags(ty, rules, &claimed, &claimed, read);
    match ty.rules.kind() {
        PluginKind::Sdk => stored_after_refresh(ty.block(), prior, &read),
        PluginKind::Framework => stored_exact(ty.block(), ty.rules, prior, &read),
    }
}

/// An object whose create or update failed half way: what is known of it, for the rest what was planned.
pub(super) fn half_done(planned: &Value, object: &Object) -> Value {
    let known = object.value();
    let planned = without_unknown(planned);
    known.members().into_iter().flatten().fold(without_unknown(&known), |value, (name, member)| {
        match planned.get(name) {
            Some(wanted) if member.is_null() && !wanted.is_null() => with_member(&value, name, wanted.clone()),
            _ => value,
        }
    })
}

/// Splits the tags that were read (`tags_all`) into own ones and all.
fn with_tags(ty: &ResourceType, rules: &TagRules, before: &Value, claimed: &Value, read: &Object) -> Value {
    let value = read.value();
    if !ty.is_taggable() {
        return value;
    }
    let (own, all) = rules.split(&tags_of(read.raw("tags_all")), claimed);
    let value = with_member(&value, "tags_all", tags_value(&all));
    if value.get("tags").is_none() {
        return value;
    }
    let exact = ty.rules.kind() == PluginKind::Framework && with_null_as_empty(before) == own;
    with_member(&value, "tags", if exact { before.clone() } else { tags_value(&own) })
}

/// Framework types keep a null tag; the cloud has an empty text for it.
pub(super) fn with_null_as_empty(tags: &Value) -> Tags {
    let members = tags.members().into_iter().flatten();
    members.map(|(key, value)| (key.to_string(), value.as_str().unwrap_or("").to_string())).collect()
}

fn no_tags() -> Value {
    Value::null(Type::map(Type::String))
}
