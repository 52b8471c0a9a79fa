//! From what was planned and what was read to what is stored.

use std::sync::Arc;

use infra_schema::{Block, NestedBlock, Nesting};
use infra_value::{Kind, Type, Value};

use super::TypeRules;
use super::at::with_member;
use super::sdk::{restore_from_proposed, without_write_only};
use super::zero::{fill, fill_elements, is_zero, zero_like};

/// What is stored of an object of the older plugin kind after a create or update. What the read does not tell from
/// "nothing" stays as it was planned, and a set that was wholly known is stored as it was planned.
pub fn stored_after_apply(block: &Block, planned: &Value, read: &Value) -> Value {
    let stored = as_planned(&fill_elements(&with_collections(block, read)), planned);
    without_write_only(block, &with_timeouts(&without_unknown(&stored), planned))
}

/// What is stored of an object of the older plugin kind after a refresh.
pub fn stored_after_refresh(block: &Block, prior: &Value, read: &Value) -> Value {
    let stored = restore_from_proposed(&fill_elements(&with_collections(block, read)), prior);
    without_write_only(block, &with_timeouts(&stored, prior))
}

/// What is stored of an object of the older plugin kind after an update that failed: what was planned. An argument that was
/// to go is there with nothing in it, what a list's block does not say is what it is by default, and what a set's block
/// does not say is nothing.
pub fn stored_after_failed_update(block: &Block, prior: &Value, planned: &Value) -> Value {
    let planned = without_unknown(planned);
    let emptied = block.attributes.iter().filter(|(name, attribute)| {
        let was = prior.get(name).is_some_and(|was| was.is_known() && !is_zero(was));
        let goes = planned.get(name).is_some_and(Value::is_null);
        let scalar = matches!(attribute.ty, Type::String | Type::Number | Type::Bool);
        was && goes && scalar && !attribute.write_only
    });
    let stored = emptied.fold(planned.clone(), |stored, (name, a)| with_member(&stored, name, zero_like(&a.ty)));
    block.blocks.iter().fold(stored, |stored, (name, nested)| match (stored.get(name), nested.nesting) {
        (Some(blocks), Nesting::List) => {
            with_member(&stored, name, blocks.map_elements(&mut |b| with_defaults(&nested.block, b)))
        }
        (Some(blocks), Nesting::Set) => with_member(&stored, name, blocks.map_elements(&mut fill)),
        _ => stored,
    })
}

/// A block with its defaults in the place of null, or what is nothing where there is none. One without any value and any
/// default stays so.
fn with_defaults(block: &Block, value: &Value) -> Value {
    let Kind::Object(members) = value.kind() else { return value.clone() };
    if members.values().all(Value::is_null) && block.attributes.values().all(|a| a.default.is_none()) {
        return value.clone();
    }
    Value::object(members.iter().map(|(name, value)| {
        let filled = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(a), _) if value.is_null() => a.default.clone().unwrap_or_else(|| zero_like(&a.ty)),
            (_, Some(nested)) if nested.nesting == Nesting::List => {
                value.map_elements(&mut |inner| with_defaults(&nested.block, inner))
            }
            _ => value.clone(),
        };
        (name.clone(), filled)
    }))
}

/// What is stored of a framework type, after an apply (`before` is the planned object) or a refresh (the prior one): what
/// was read, but in the old spelling where that means the same.
pub fn stored_exact(block: &Block, rules: &dyn TypeRules, before: &Value, read: &Value) -> Value {
    let stored = block.attributes.keys().fold(read.clone(), |stored, name| match (before.get(name), read.get(name)) {
        (Some(old), Some(new))
            if old.is_known() && !old.is_null() && !new.is_null() && rules.same_meaning(&[name], old, new) =>
        {
            with_member(&stored, name, old.clone())
        }
        _ => stored,
    });
    without_write_only(block, &stored)
}

/// What is stored of an object that is half made: the planned value, with nothing where that is unknown. Of a set nothing
/// is an empty one.
pub fn without_unknown(value: &Value) -> Value {
    match value.kind() {
        Kind::Unknown(unknown) => match unknown.ty() {
            Type::Set(t) => Value::set((**t).clone(), []),
            other => Value::null(other.clone()),
        },
        _ if value.is_wholly_known() => value.clone(),
        _ => value.map_elements(&mut without_unknown),
    }
}

fn as_planned(read: &Value, planned: &Value) -> Value {
    if !planned.is_known() {
        return read.clone();
    }
    let is_collection = matches!(planned.ty(), Type::List(_) | Type::Set(_) | Type::Map(_));
    if is_collection && ((planned.is_null() && read.is_empty()) || (planned.is_empty() && read.is_null())) {
        return planned.clone();
    }
    if planned.is_null() || !read.is_known() {
        return read.clone();
    }
    match (read.kind(), planned.kind()) {
        (Kind::Set(..), Kind::Set(..)) if planned.is_wholly_known() => planned.clone(),
        (Kind::List(ty, a), Kind::List(_, b)) if a.len() == b.len() => {
            Value::list(ty.clone(), a.iter().zip(b.iter()).map(|(a, b)| as_planned(a, b)))
        }
        (Kind::Map(ty, a), Kind::Map(_, b)) => Value::map(
            ty.clone(),
            a.iter().map(|(k, a)| (k.clone(), b.get(k).map_or_else(|| a.clone(), |b| as_planned(a, b)))),
        ),
        (Kind::Object(a), Kind::Object(b)) => {
            Value::object(a.iter().map(|(k, a)| (k.clone(), b.get(k).map_or_else(|| a.clone(), |b| as_planned(a, b)))))
        }
        (Kind::Null(_), Kind::String(s)) if s.is_empty() => planned.clone(),
        _ => read.clone(),
    }
}

/// Blocks are never null: none of them is an empty list or set. Nor is a list, set or map that the provider gives: it
/// would be asked for at every change.
fn with_collections(block: &Block, object: &Value) -> Value {
    let missing = |name: &str| object.get(name).is_none_or(Value::is_null);
    let computed = block.attributes.iter().filter(|(_, a)| a.computed);
    let empty_attributes = computed.filter_map(|(name, a)| Some((name, empty_collection(&a.ty)?)));
    let several = |b: &NestedBlock| !matches!(b.nesting, Nesting::Single | Nesting::Group);
    let empty_blocks = block.blocks.iter().filter(|(_, b)| several(b)).map(|(name, b)| (name, b.empty()));
    let filled = empty_attributes.chain(empty_blocks).filter(|(name, _)| missing(name));
    filled.fold(object.clone(), |object, (name, empty)| with_member(&object, name, empty))
}

fn empty_collection(ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::List(t) => Value::list((**t).clone(), []),
        Type::Set(t) => Value::set((**t).clone(), []),
        Type::Map(t) => Value::map::<Arc<str>>((**t).clone(), []),
        _ => return None,
    })
}

/// `timeouts` is nothing that a cloud knows.
fn with_timeouts(object: &Value, source: &Value) -> Value {
    match source.get("timeouts") {
        Some(timeouts) if object.get("timeouts").is_some() => with_member(object, "timeouts", timeouts.clone()),
        _ => object.clone(),
    }
}

#[cfg(test)]
mod tests {
    use infra_schema::parse_schema;
    use infra_value::value_from_json;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_update_stores_what_was_planned_with_nothing_in_what_was_to_go() {
        let schema = json!({"version": 0, "block": {
            "attributes": {
                "gone": {"type": "string", "optional": true},
                "left": {"type": "string", "optional": true},
                "new": {"type": "number", "optional": true},
                "secret": {"type": "string", "optional": true, "write_only": true},
                "words": {"type": ["list", "string"], "optional": true},
            },
            "block_types": {
                "check": {"nesting_mode": "list", "block": {"attributes": {
                    "limit": {"type": "string", "optional": true, "default": "off"},
                    "times": {"type": "number", "optional": true},
                }}},
                "plain": {"nesting_mode": "list", "block": {"attributes": {
                    "a": {"type": "string", "optional": true},
                    "b": {"type": "string", "optional": true},
                }}},
                "several": {"nesting_mode": "set", "block": {"attributes": {
                    "a": {"type": "string", "optional": true},
                    "b": {"type": "string", "optional": true, "computed": true},
                }}},
            },
        }});
        let block = parse_schema(&schema.to_string()).expect("a schema").block;
        let object = |json| value_from_json(&json, &block.ty()).expect("an object");
        let prior = object(json!({"gone": "a", "left": null, "new": 1, "words": ["a"], "check": [], "plain": []}));
        let planned = object(json!({"new": 2, "check": [{}], "plain": [{}, {"a": "x"}], "several": [{"a": "x"}]}));
        let stored = object(json!({
            "gone": "",
            "new": 2,
            "check": [{"limit": "off", "times": 0}],
            "plain": [{}, {"a": "x", "b": ""}],
            "several": [{"a": "x", "b": ""}],
        }));
        assert_eq!(stored_after_failed_update(&block, &prior, &planned), stored);
    }

    #[test]
    fn what_is_not_known_of_a_half_made_object_is_null_but_a_set_is_empty() {
        let unknown = |ty: &Type| without_unknown(&Value::unknown(ty.clone()));
        let (list, set) = (Type::list(Type::String), Type::set(Type::String));
        assert_eq!((unknown(&list), unknown(&Type::String)), (Value::null(list), Value::null(Type::String)));
        assert_eq!(unknown(&set), Value::set(Type::String, []));
    }
}
