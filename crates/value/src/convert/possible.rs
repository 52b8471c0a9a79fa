//! Whether values of one type convert to another, judged by the types alone.

use super::unify_with;
use crate::Type;

/// Whether values of type `from` convert to `to`. An `unsafe_too` conversion may fail for some values.
pub(crate) fn is_possible(from: &Type, to: &Type, unsafe_too: bool) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        (_, Type::Dynamic) => true,
        (Type::Dynamic, _) => unsafe_too,
        (Type::Number | Type::Bool, Type::String) => true,
        (Type::String, Type::Number | Type::Bool) => unsafe_too,
        (Type::List(from) | Type::Set(from), Type::List(to)) | (Type::Set(from), Type::Set(to)) => {
            is_possible(from, to, unsafe_too)
        }
        (Type::Map(from), Type::Map(to)) => is_possible(from, to, unsafe_too),
        // Order and repetition are lost.
        (Type::List(from), Type::Set(to)) => unsafe_too && is_possible(from, to, true),
        (Type::Tuple(from), Type::List(to) | Type::Set(to)) => elements_possible(from.iter(), to, unsafe_too),
        (Type::Object(from), Type::Map(to)) => elements_possible(from.attributes.values(), to, unsafe_too),
        (Type::Tuple(from), Type::Tuple(to)) => {
            from.len() == to.len() && from.iter().zip(to.iter()).all(|(f, t)| is_possible(f, t, unsafe_too))
        }
        (Type::Object(from), Type::Object(to)) => to.attributes.iter().all(|(name, t)| {
            from.attributes.get(name).map_or(to.optional.contains(name), |f| is_possible(f, t, unsafe_too))
        }),
        // The map may lack what the object needs.
        (Type::Map(from), Type::Object(to)) => unsafe_too && to.attributes.values().all(|t| is_possible(from, t, true)),
        _ => false,
    }
}

fn elements_possible<'a>(mut from: impl Iterator<Item = &'a Type> + Clone, to: &Type, unsafe_too: bool) -> bool {
    if *to == Type::Dynamic {
        let types: Vec<Type> = from.cloned().collect();
        return types.is_empty() || unify_with(&types, unsafe_too).is_some();
    }
    from.all(|f| is_possible(f, to, unsafe_too))
}
