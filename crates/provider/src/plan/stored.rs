//! From what was planned and what was read to what is stored.

use std::sync::Arc;

use infra_schema::{Block, NestedBlock, Nesting};
use infra_value::{Kind, Type, Value};

use super::TypeRules;
use super::at::with_member;
use super::sdk::{restore_from_proposed, without_write_only};
use super::zero::fill_elements;

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

/// What is stored of an object that is half made: the planned value, with nothing where that is unknown.
pub fn without_unknown(value: &Value) -> Value {
    match value.kind() {
        Kind::Unknown(unknown) => match unknown.ty() {
            Type::List(t) => Value::list((**t).clone(), []),
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
