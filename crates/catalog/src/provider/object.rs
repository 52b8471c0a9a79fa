//! What a cloud says of an object, as it is stored.

use infra_provider::Object;
use infra_provider::plan::{
    PluginKind, TagRules, Tags, fill_elements, stored_after_apply, stored_after_refresh, stored_exact, tags_of,
    tags_value, with_member, without_unknown, zero_like,
};
use infra_schema::Attribute;
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

/// An object after an update that has taken arguments away: of those that nobody reads back, the older kind of types
/// stores the zero value, not null.
pub(super) fn without_removed(ty: &ResourceType, prior: &Value, planned: &Value, stored: Value) -> Value {
    if ty.rules.kind() != PluginKind::Sdk {
        return stored;
    }
    let null = |value: &Value, name: &str| value.get(name).is_some_and(Value::is_null);
    let own = |a: &Attribute| a.optional && !a.computed && !a.write_only && a.ty.is_primitive();
    let attributes = ty.block().attributes.iter().filter(|(_, a)| own(a));
    attributes.fold(stored, |stored, (name, a)| {
        let removed = !null(prior, name) && null(planned, name) && null(&stored, name);
        if removed { with_member(&stored, name, zero_like(&a.ty)) } else { stored }
    })
}

/// An object whose create or update failed half way: what is known of it, for the rest what was planned.
pub(super) fn half_done(planned: &Value, object: &Object) -> Value {
    let known = object.value();
    let (wanted, filled) = (without_unknown(planned), fill_elements(&without_unknown(&known)));
    known.members().into_iter().flatten().fold(without_unknown(&known), |value, (name, member)| {
        match (wanted.get(name), planned.get(name), filled.get(name)) {
            (Some(wanted), ..) if member.is_null() && !wanted.is_null() => with_member(&value, name, wanted.clone()),
            // What is not known inside of blocks is nothing there. A set that is known stays as it was planned.
            (_, Some(planned), Some(filled))
                if planned.is_known() && (matches!(planned.ty(), Type::List(_)) || !planned.is_wholly_known()) =>
            {
                with_member(&value, name, filled.clone())
            }
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

#[cfg(test)]
mod tests {
    use infra_provider::Object;
    use infra_provider::plan::with_member;
    use infra_value::Value;

    use super::half_done;
    use crate::catalog;

    #[test]
    fn what_a_failed_creation_leaves_has_zero_values_inside_of_its_blocks() {
        let block = catalog().resources["aws_lb_target_group"].block().clone();
        let stickiness =
            [("cookie_duration", Value::null(infra_value::Type::Number)), ("type", Value::string("source_ip"))];
        let inner = block.blocks["stickiness"].block.empty();
        let element = stickiness.into_iter().fold(inner, |element, (name, value)| with_member(&element, name, value));
        let list = Value::list(element.ty(), [element]);
        let planned = with_member(&block.empty(), "stickiness", list);
        let mut object = Object::new(block, &planned);
        object.set("id", "arn");
        let left = half_done(&planned, &object);
        let stickiness = left.get("stickiness").and_then(|v| v.elements()?.first().cloned()).expect("a block");
        assert_eq!(stickiness.get("cookie_duration").and_then(Value::as_i64), Some(0));
        assert_eq!(stickiness.get("cookie_name").and_then(Value::as_str), Some(""));
        assert_eq!(stickiness.get("type").and_then(Value::as_str), Some("source_ip"));
    }
}
