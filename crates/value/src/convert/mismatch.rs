//! What to say of a value whose type does not convert to the wanted one.

use super::is_possible;
use crate::{ObjectType, Type};

/// The first thing that keeps values of type `got` from becoming `want`.
pub(super) fn message(got: &Type, want: &Type) -> String {
    match (got, want) {
        (Type::Object(got), Type::Object(want)) => objects(got, want),
        (Type::Tuple(_), Type::List(e)) if **e == Type::Dynamic => "all list elements must have the same type".into(),
        (Type::Tuple(_), Type::Set(e)) if **e == Type::Dynamic => "all set elements must have the same type".into(),
        (Type::Object(_), Type::Map(e)) if **e == Type::Dynamic => "all map elements must have the same type".into(),
        (Type::Tuple(elements), Type::List(want) | Type::Set(want)) => {
            let elements = elements.iter().enumerate().map(|(i, e)| (format!("element {i}"), e));
            first_misfit(elements, want)
        }
        (Type::Object(object), Type::Map(want)) => {
            first_misfit(object.attributes.iter().map(|(name, e)| (format!("element {name:?}"), e)), want)
        }
        (Type::List(got) | Type::Set(got), Type::List(want)) => inside("list", got, want),
        (Type::List(got) | Type::Set(got), Type::Set(want)) => inside("set", got, want),
        (Type::Map(got), Type::Map(want)) => inside("map", got, want),
        _ => required(want),
    }
}

fn required(want: &Type) -> String {
    format!("{} required", want.friendly_name())
}

fn inside(kind: &str, got: &Type, want: &Type) -> String {
    format!("incorrect {kind} element type: {}", message(got, want))
}

fn first_misfit<'a>(elements: impl Iterator<Item = (String, &'a Type)>, want: &Type) -> String {
    elements
        .filter(|(_, e)| !is_possible(e, want, true))
        .map(|(place, e)| format!("{place}: {}", message(e, want)))
        .next()
        .unwrap_or_else(|| format!("all elements must be {}", want.friendly_name()))
}

fn objects(got: &ObjectType, want: &ObjectType) -> String {
    let missing: Vec<String> = want
        .attributes
        .keys()
        .filter(|name| !got.attributes.contains_key(*name) && !want.optional.contains(*name))
        .map(|name| format!("{name:?}"))
        .collect();
    match missing.as_slice() {
        [] => {}
        [one] => return format!("attribute {one} is required"),
        [one, other] => return format!("attributes {one} and {other} are required"),
        [more @ .., last] => return format!("attributes {}, and {last} are required", more.join(", ")),
    }
    want.attributes
        .iter()
        .filter_map(|(name, want)| Some((name, got.attributes.get(name)?, want)))
        .find(|(_, got, want)| !is_possible(got, want, true))
        .map_or_else(
            || "incorrect object attributes".into(),
            |(name, got, want)| format!("attribute {name:?}: {}", message(got, want)),
        )
}
