//! The part of a value that a path leads to: reading and replacing it.

use std::sync::Arc;

use infra_value::{Kind, Path, PathStep, Value};

/// The part of a value at a path. `None` where a step leads nowhere: null or unknown on the way, an index out of range,
/// a member that is not there.
pub fn get_at<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.0.iter().try_fold(value, step_into)
}

fn step_into<'v>(value: &'v Value, step: &PathStep) -> Option<&'v Value> {
    match step {
        PathStep::Attribute(name) => value.get(name),
        PathStep::Index(key) => match value.kind() {
            Kind::Set(_, es) => es.iter().find(|e| *e == key),
            Kind::List(_, es) | Kind::Tuple(es) => es.get(usize::try_from(key.as_i64()?).ok()?),
            _ => value.get(key.as_str()?),
        },
    }
}

/// The value with the part at a path replaced. Where the path leads nowhere the value stays as it was.
#[must_use]
pub fn with_at(value: &Value, path: &[PathStep], part: &Value) -> Value {
    let Some((step, rest)) = path.split_first() else { return part.clone() };
    let Some(old) = step_into(value, step) else { return value.clone() };
    let new = with_at(old, rest, part);
    match (step, value.kind()) {
        (PathStep::Attribute(name), _) => with_member(value, name, new),
        (PathStep::Index(key), Kind::List(ty, es)) => {
            let at = key.as_i64().and_then(|i| usize::try_from(i).ok());
            let elements = es.iter().enumerate().map(|(i, e)| if Some(i) == at { new.clone() } else { e.clone() });
            Value::list(ty.clone(), elements).with_marks(value.marks())
        }
        (PathStep::Index(key), Kind::Tuple(es)) => {
            let at = key.as_i64().and_then(|i| usize::try_from(i).ok());
            let elements = es.iter().enumerate().map(|(i, e)| if Some(i) == at { new.clone() } else { e.clone() });
            Value::tuple(elements).with_marks(value.marks())
        }
        (PathStep::Index(key), Kind::Set(..)) => {
            value.map_elements(&mut |e| if e == key { new.clone() } else { e.clone() })
        }
        (PathStep::Index(key), _) => match key.as_str() {
            Some(name) => with_member(value, name, new),
            None => value.clone(),
        },
    }
}

/// The object or map with one attribute or member set; anything else stays as it is.
#[must_use]
pub fn with_member(value: &Value, name: &str, member: Value) -> Value {
    let set = |members: &infra_value::Members| {
        let mut members = members.clone();
        members.insert(name.into(), member);
        Arc::new(members)
    };
    let kind = match value.kind() {
        Kind::Object(ms) => Kind::Object(set(ms)),
        Kind::Map(ty, ms) => Kind::Map(ty.clone(), set(ms)),
        _ => return value.clone(),
    };
    Value::from(kind).with_marks(value.marks())
}

/// The map without one member; anything else stays as it is.
#[must_use]
pub fn without_member(value: &Value, name: &str) -> Value {
    match value.kind() {
        Kind::Map(ty, ms) if ms.contains_key(name) => {
            let mut members = (**ms).clone();
            members.remove(name);
            Value::from(Kind::Map(ty.clone(), Arc::new(members))).with_marks(value.marks())
        }
        _ => value.clone(),
    }
}
