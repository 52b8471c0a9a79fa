//! One type for values of several types.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::is_possible;
use crate::Type;

/// The type to which values of all these types convert, as a conditional or `list(any)` chooses it; `None` if there is
/// none. [`Type::Dynamic`] if it depends on types that are not known yet.
pub fn unify(types: &[Type]) -> Option<Type> {
    unify_with(types, true)
}

/// As [`unify`]; without `unsafe_too` only with conversions that no value can fail.
pub(crate) fn unify_with(types: &[Type], unsafe_too: bool) -> Option<Type> {
    let first = types.first()?;
    // Each type counts once: a long tuple has few different ones.
    let mut seen = HashSet::new();
    let distinct: Vec<Type> = types.iter().filter(|t| seen.insert(*t)).cloned().collect();
    let types = distinct.as_slice();
    if types.len() == 1 {
        return Some(first.clone());
    }
    let count = |is: fn(&Type) -> bool| types.iter().filter(|t| is(t)).count();
    let dynamics = count(|t| *t == Type::Dynamic);
    let maps = count(|t| matches!(t, Type::Map(_)));
    let lists = count(|t| matches!(t, Type::List(_)));
    let sets = count(|t| matches!(t, Type::Set(_)));
    let objects = count(|t| matches!(t, Type::Object(_)));
    let tuples = count(|t| matches!(t, Type::Tuple(_)));
    let all = types.len();

    // First what combines types of one kind: the result need not be any of them.
    if [maps, lists, sets, objects, tuples].iter().any(|n| *n > 0 && n + dynamics == all) {
        if dynamics > 0 {
            return Some(Type::Dynamic);
        }
        return match first {
            Type::Map(_) => unify_elements(types, unsafe_too).map(Type::map),
            Type::List(_) => unify_elements(types, unsafe_too).map(Type::list),
            Type::Set(_) => unify_elements(types, unsafe_too).map(Type::set),
            Type::Object(_) => unify_objects(types, unsafe_too),
            _ => unify_tuples(types, unsafe_too),
        };
    }
    if objects > 0 && tuples > 0 {
        return None;
    }
    if maps > 0
        && maps + objects + dynamics == all
        && let Some(map) = unify_disguised(types, unsafe_too, |t| matches!(t, Type::Object(_)), objects_to_map)
    {
        return Some(map);
    }
    if lists > 0
        && lists + tuples + dynamics == all
        && let Some(list) = unify_disguised(types, unsafe_too, |t| matches!(t, Type::Tuple(_)), tuples_to_list)
    {
        return Some(list);
    }
    // Then one of the types themselves, the most general one first.
    by_preference(types).into_iter().find(|wanted| types.iter().all(|t| is_possible(t, wanted, unsafe_too))).cloned()
}

fn unify_elements(types: &[Type], unsafe_too: bool) -> Option<Type> {
    let elements: Vec<Type> = types.iter().filter_map(Type::element).cloned().collect();
    unify_with(&elements, unsafe_too)
}

fn unify_objects(types: &[Type], unsafe_too: bool) -> Option<Type> {
    let objects: Vec<_> = types.iter().filter_map(|t| if let Type::Object(o) = t { Some(o) } else { None }).collect();
    let (first, rest) = objects.split_first()?;
    if !rest.iter().all(|o| o.attributes.keys().eq(first.attributes.keys())) {
        return objects_to_map(types, unsafe_too);
    }
    let mut attributes: BTreeMap<Arc<str>, Type> = BTreeMap::new();
    for name in first.attributes.keys() {
        let across: Vec<Type> = objects.iter().filter_map(|o| o.attributes.get(name)).cloned().collect();
        attributes.insert(name.clone(), unify_with(&across, unsafe_too)?);
    }
    Some(Type::object(attributes))
}

fn unify_tuples(types: &[Type], unsafe_too: bool) -> Option<Type> {
    let tuples: Vec<_> = types.iter().filter_map(|t| if let Type::Tuple(ts) = t { Some(ts) } else { None }).collect();
    let (first, rest) = tuples.split_first()?;
    if !rest.iter().all(|ts| ts.len() == first.len()) {
        return tuples_to_list(types, unsafe_too);
    }
    let across = |i: usize| -> Vec<Type> { tuples.iter().filter_map(|ts| ts.get(i)).cloned().collect() };
    (0..first.len()).map(|i| unify_with(&across(i), unsafe_too)).collect::<Option<Vec<_>>>().map(Type::tuple)
}

fn objects_to_map(types: &[Type], unsafe_too: bool) -> Option<Type> {
    let inner: Vec<Type> = types
        .iter()
        .filter_map(|t| if let Type::Object(o) = t { Some(o.attributes.values().cloned()) } else { None })
        .flatten()
        .collect();
    fitting(types, Type::map(unify_with(&inner, unsafe_too)?), unsafe_too)
}

fn tuples_to_list(types: &[Type], unsafe_too: bool) -> Option<Type> {
    let inner: Vec<Type> = types
        .iter()
        .filter_map(|t| if let Type::Tuple(ts) = t { Some(ts.iter().cloned()) } else { None })
        .flatten()
        .collect();
    fitting(types, Type::list(unify_with(&inner, unsafe_too)?), unsafe_too)
}

fn fitting(types: &[Type], wanted: Type, unsafe_too: bool) -> Option<Type> {
    types.iter().all(|t| is_possible(t, &wanted, unsafe_too)).then_some(wanted)
}

/// Objects beside maps are taken for maps, tuples beside lists for lists.
fn unify_disguised(
    types: &[Type],
    unsafe_too: bool,
    disguised: fn(&Type) -> bool,
    combine: fn(&[Type], bool) -> Option<Type>,
) -> Option<Type> {
    let (hidden, plain): (Vec<Type>, Vec<Type>) = types.iter().cloned().partition(disguised);
    // What is empty says nothing about the elements.
    let hidden = if hidden.iter().all(is_empty) { Vec::new() } else { vec![combine(&hidden, unsafe_too)?] };
    unify_with(&plain.into_iter().chain(hidden).collect::<Vec<_>>(), unsafe_too).filter(Type::is_collection)
}

fn is_empty(ty: &Type) -> bool {
    match ty {
        Type::Tuple(types) => types.is_empty(),
        Type::Object(object) => object.attributes.is_empty(),
        _ => false,
    }
}

/// The types with those first that others should become; otherwise in their own order.
fn by_preference(types: &[Type]) -> Vec<&Type> {
    let mut left: Vec<&Type> = types.iter().collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let best = left.iter().position(|t| !left.iter().any(|other| is_preferred(other, t))).unwrap_or(0);
        ordered.push(left.remove(best));
    }
    ordered
}

fn is_preferred(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dynamic, _) => false,
        (_, Type::Dynamic) => true,
        (Type::String, Type::Bool | Type::Number) => true,
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            is_preferred(a, b)
        }
        (Type::List(_), Type::Tuple(_) | Type::Set(_)) => true,
        (Type::Tuple(_), Type::Set(_)) => true,
        (Type::Map(_), Type::Object(_)) => true,
        _ => false,
    }
}
