//! What counts as "not set" for the older plugin kind: null, `""`, 0, false and empty are the same.

use std::sync::Arc;

use infra_value::{Kind, Type, Value};

/// Whether a value is null, `""`, 0, false or an empty collection.
pub fn is_zero(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(_) => true,
        Kind::Bool(b) => !b,
        Kind::Number(n) => n.is_zero(),
        Kind::String(s) => s.is_empty(),
        Kind::List(_, es) | Kind::Set(_, es) => es.is_empty(),
        Kind::Map(_, ms) => ms.is_empty(),
        Kind::Unknown(_) | Kind::Tuple(_) | Kind::Object(_) => false,
    }
}

/// The zero value of a type; null for objects and maps.
pub fn zero_like(ty: &Type) -> Value {
    match ty {
        Type::String => Value::string(""),
        Type::Bool => Value::bool(false),
        Type::Number => Value::from(0_i64),
        Type::List(t) => Value::list((**t).clone(), []),
        Type::Set(t) => Value::set((**t).clone(), []),
        other => Value::null(other.clone()),
    }
}

/// A scalar as the text that the older plugin kind compares; `""` for null and unknown.
pub fn text(value: &Value) -> String {
    match value.kind() {
        Kind::String(s) => s.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::Bool(b) => b.to_string(),
        _ => String::new(),
    }
}

/// Whether two values are the same where all that is "not set" is the same, numbers are doubles, and sets have no
/// order. Two unknown values are the same; an unknown and a known one never are.
pub fn same_or_zero(a: &Value, b: &Value) -> bool {
    if !a.is_known() || !b.is_known() {
        return a.is_known() == b.is_known();
    }
    match (is_zero(a), is_zero(b)) {
        (true, true) => return true,
        (false, false) => {}
        _ => return false,
    }
    match (a.kind(), b.kind()) {
        (Kind::Number(x), Kind::Number(y)) => x == y || x.to_f64() == y.to_f64(),
        (Kind::Set(_, xs), Kind::Set(_, ys)) => {
            let mut rest: Vec<&Value> = ys.iter().collect();
            xs.len() == ys.len()
                && xs.iter().all(|x| {
                    let found = rest.iter().position(|y| same_or_zero(x, y));
                    found.map(|i| rest.swap_remove(i)).is_some()
                })
        }
        (Kind::List(_, xs) | Kind::Tuple(xs), Kind::List(_, ys) | Kind::Tuple(ys)) => {
            xs.len() == ys.len() && xs.iter().zip(ys.iter()).all(|(x, y)| same_or_zero(x, y))
        }
        (Kind::Map(_, xs) | Kind::Object(xs), Kind::Map(_, ys) | Kind::Object(ys)) => {
            xs.len() == ys.len() && xs.iter().all(|(k, x)| ys.get(k).is_some_and(|y| same_or_zero(x, y)))
        }
        (x, y) => x == y,
    }
}

/// A value as the older plugin kind reads it where it compares whole lists: what is not known yet as nothing. `None` where
/// it is equal to none: a part of it is a text that is not known, or a set.
pub fn unknown_as_zero(value: &Value) -> Option<Value> {
    match value.kind() {
        Kind::Unknown(_) => match value.ty() {
            Type::String | Type::Set(_) | Type::Object(_) | Type::Dynamic => None,
            Type::Map(t) => Some(Value::map::<Arc<str>>((*t).clone(), [])),
            ty => Some(zero_like(&ty)),
        },
        Kind::Map(t, _) if !value.is_wholly_known() => Some(Value::map::<Arc<str>>(t.clone(), [])),
        Kind::Set(..) => None,
        Kind::List(t, es) => {
            let read: Option<Vec<Value>> = es.iter().map(unknown_as_zero).collect();
            Some(Value::list(t.clone(), read?))
        }
        Kind::Object(ms) => {
            let read: Option<Vec<_>> = ms.iter().map(|(k, v)| Some((k.clone(), unknown_as_zero(v)?))).collect();
            Some(Value::object(read?))
        }
        Kind::Null(Type::Set(_)) => None,
        _ => Some(value.clone()),
    }
}

/// An object as the older plugin kind reads it from a state: its own attributes as they are, and inside of lists and
/// sets of objects zero values for what is null, unless an element has no value at all.
pub fn fill_elements(object: &Value) -> Value {
    object.map_elements(&mut |member| match member.kind() {
        Kind::List(Type::Object(_), _) | Kind::Set(Type::Object(_), _) => member.map_elements(&mut fill),
        _ => member.clone(),
    })
}

/// An element with zero values for what is null, unless it has no value at all.
pub(super) fn fill(element: &Value) -> Value {
    let Some(members) = element.members() else { return element.clone() };
    if members.values().all(Value::is_null) {
        return element.clone();
    }
    element.map_elements(&mut |member| match member.kind() {
        Kind::Null(Type::Map(t)) => Value::map::<Arc<str>>((**t).clone(), []),
        Kind::Null(ty) => zero_like(ty),
        Kind::List(Type::Object(_), _) | Kind::Set(Type::Object(_), _) => member.map_elements(&mut fill),
        _ => member.clone(),
    })
}
