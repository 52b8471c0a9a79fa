//! Which elements of two sets are the same.

use infra_schema::{Attribute, Block, NestedBlock, Nesting};
use infra_value::{Kind, Type, Value};

use super::{Place, Walk};
use crate::plan::zero::{text, zero_like};

impl Walk<'_> {
    /// What the type's own rules say about the identity of an element.
    pub(super) fn own_identity(&self, place: &Place, element: &Value) -> Option<Value> {
        let names: Vec<&str> = place.names.iter().map(|n| &**n).collect();
        self.rules.set_identity(&names, element)
    }

    /// What an element of a set of objects is recognised by: its settable members, with defaults, where null is the zero
    /// value. `None` where a part of it is unknown: it is equal to none then.
    pub(super) fn identity(&self, block: &Block, element: &Value, is_new: bool, place: &Place) -> Option<Value> {
        if !element.is_wholly_known() {
            return None;
        }
        let element = if is_new { with_defaults(block, element) } else { element.clone() };
        Some(self.own_identity(place, &element).unwrap_or_else(|| object_key(block, &element)))
    }
}

/// The object with the defaults of what it does not set.
pub(super) fn with_defaults(block: &Block, element: &Value) -> Value {
    let Some(members) = element.members() else { return element.clone() };
    let with_default = |name: &std::sync::Arc<str>, value: &Value| {
        let default = block.attributes.get(name).and_then(|a| a.default.as_ref());
        let nested = block.blocks.get(name);
        let value = match (default, nested) {
            (Some(default), _) if value.is_null() => default.clone(),
            (_, Some(nested)) if value.is_known() => value.map_elements(&mut |e| with_defaults(&nested.block, e)),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Value::object(members.iter().map(|(name, value)| with_default(name, value)))
}

fn object_key(block: &Block, element: &Value) -> Value {
    let settable = |a: &&Attribute| a.optional || a.required;
    let only_computed = block.blocks.is_empty() && !block.attributes.values().any(|a| settable(&a));
    let attributes = block.attributes.iter().filter(|(_, a)| only_computed || settable(a));
    let attributes = attributes.map(|(name, a)| (name.clone(), value_key(&a.ty, element.get(name))));
    let blocks = block.blocks.iter().map(|(name, b)| (name.clone(), blocks_key(b, element.get(name))));
    Value::object(attributes.chain(blocks))
}

fn blocks_key(nested: &NestedBlock, value: Option<&Value>) -> Value {
    let Some(value) = value else { return Value::tuple([]) };
    let mut keys: Vec<Value> = match nested.nesting {
        Nesting::Single | Nesting::Group if value.is_null() => Vec::new(),
        Nesting::Single | Nesting::Group => vec![object_key(&nested.block, value)],
        _ => value.elements().unwrap_or(&[]).iter().map(|e| object_key(&nested.block, e)).collect(),
    };
    if nested.nesting == Nesting::Set {
        sort(&mut keys);
    }
    Value::tuple(keys)
}

fn value_key(ty: &Type, value: Option<&Value>) -> Value {
    let zero = zero_like(ty);
    let value = value.filter(|v| !v.is_null()).unwrap_or(&zero);
    match value.kind() {
        Kind::Null(_) => Value::tuple([]),
        Kind::List(t, es) => Value::tuple(es.iter().map(|e| value_key(t, Some(e)))),
        Kind::Set(t, es) => {
            let mut keys: Vec<Value> = es.iter().map(|e| value_key(t, Some(e))).collect();
            sort(&mut keys);
            Value::tuple(keys)
        }
        Kind::Map(t, ms) if ms.is_empty() => value_key(&Type::list((*t).clone()), None),
        Kind::Map(t, ms) => Value::object(ms.iter().map(|(k, v)| (k.clone(), value_key(t, Some(v))))),
        Kind::Object(ms) => Value::object(ms.iter().map(|(k, v)| (k.clone(), value_key(&v.ty(), Some(v))))),
        _ => Value::string(text(value)),
    }
}

/// Any order that depends on the values alone.
fn sort(keys: &mut [Value]) {
    keys.sort_by_cached_key(|key| format!("{key:?}"));
}
