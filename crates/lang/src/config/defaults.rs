//! Giving optional attributes their defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_value::{Kind, Value};

use super::Defaults;

/// The value with the defaults in the place of every optional attribute in it that is absent or null.
///
/// The result still has to be converted to the type constraint: lists, sets and maps whose elements got attributes come
/// out as tuples and objects.
pub fn apply_defaults(value: &Value, defaults: &Defaults) -> Value {
    if value.is_null() || !value.is_known() || defaults.is_empty() {
        return value.clone();
    }
    let (value, marks) = value.clone().unmark();
    let with_defaults = match value.kind() {
        Kind::List(_, elements) | Kind::Set(_, elements) | Kind::Tuple(elements) => {
            if elements.is_empty() {
                return value.with_marks(marks);
            }
            let of_element = |i: usize| defaults.tuple.get(&i).or(defaults.each.as_deref());
            Value::tuple(elements.iter().enumerate().map(|(i, e)| apply(e, of_element(i))))
        }
        Kind::Map(_, members) | Kind::Object(members) => {
            if members.is_empty() && defaults.values.is_empty() {
                return value.with_marks(marks);
            }
            let of_member = |name: &str| defaults.attributes.get(name).or(defaults.each.as_deref());
            let mut members: BTreeMap<Arc<str>, Value> =
                members.iter().map(|(name, v)| (name.clone(), apply(v, of_member(name)))).collect();
            for (name, default) in &defaults.values {
                if members.get(name).is_none_or(Value::is_null) {
                    members.insert(name.clone(), apply(default, of_member(name)));
                }
            }
            Value::object(members)
        }
        _ => value,
    };
    with_defaults.with_marks(marks)
}

fn apply(value: &Value, defaults: Option<&Defaults>) -> Value {
    match defaults {
        Some(defaults) => apply_defaults(value, defaults),
        None => value.clone(),
    }
}

impl Defaults {
    /// Whether there is no default at any depth.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.attributes.is_empty() && self.tuple.is_empty() && self.each.is_none()
    }
}
