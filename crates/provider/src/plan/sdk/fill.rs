//! The last touches of a plan: what the comparison lost, unknown values on create, write-only arguments.

use infra_schema::{Block, NestedBlock, Nesting};
use infra_value::{Kind, Value};

/// Gives back to a plan what the comparison as texts cannot hold: unknown values and empty texts of the proposed value.
pub(in crate::plan) fn restore_from_proposed(planned: &Value, proposed: &Value) -> Value {
    if !proposed.is_known() {
        return if planned.is_null() { proposed.clone() } else { planned.clone() };
    }
    if proposed.is_null() || !planned.is_known() {
        return planned.clone();
    }
    match (planned.kind(), proposed.kind()) {
        (Kind::Null(_), Kind::String(s)) if s.is_empty() => proposed.clone(),
        (Kind::Null(_), Kind::List(_, es)) if es.iter().all(|e| !e.is_known()) => proposed.clone(),
        (Kind::List(ty, a), Kind::List(_, b)) if a.len() == b.len() => {
            Value::list(ty.clone(), a.iter().zip(b.iter()).map(|(a, b)| restore_from_proposed(a, b)))
        }
        (Kind::Object(a), Kind::Object(b)) => Value::object(a.iter().map(|(name, a)| {
            let restored = b.get(name).map_or_else(|| a.clone(), |b| restore_from_proposed(a, b));
            (name.clone(), restored)
        })),
        _ => planned.clone(),
    }
}

/// The object with every computed attribute that is null made unknown, also inside of the blocks that there are.
pub fn fill_unknown(block: &Block, object: &Value) -> Value {
    each_attribute(block, object, &|attribute, value| {
        if attribute.computed && value.is_null() { Value::unknown(attribute.ty.clone()) } else { value.clone() }
    })
}

/// The object with every write-only argument made null.
pub fn without_write_only(block: &Block, object: &Value) -> Value {
    each_attribute(block, object, &|attribute, value| {
        if attribute.write_only { Value::null(attribute.ty.clone()) } else { value.clone() }
    })
}

type Change<'f> = &'f dyn Fn(&infra_schema::Attribute, &Value) -> Value;

fn each_attribute(block: &Block, object: &Value, change: Change<'_>) -> Value {
    let Kind::Object(members) = object.kind() else { return object.clone() };
    Value::object(members.iter().map(|(name, value)| {
        let value = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) => change(attribute, value),
            (_, Some(nested)) => each_block(nested, value, change),
            _ => value.clone(),
        };
        (name.clone(), value)
    }))
}

fn each_block(nested: &NestedBlock, value: &Value, change: Change<'_>) -> Value {
    match nested.nesting {
        Nesting::Single | Nesting::Group => each_attribute(&nested.block, value, change),
        _ => value.map_elements(&mut |element| each_attribute(&nested.block, element, change)),
    }
}
