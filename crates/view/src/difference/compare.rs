//! Comparing two objects of a schema: blocks, and attributes by their types.

use infra_schema::{Block as BlockSchema, Nesting};
use infra_value::Type;
use serde_json::Value as Json;

use super::change::Change;
use super::diff::{Block, Diff, Group, Sign, What};
use super::pairing::{pair_lists, pair_sets};
use super::paths::Paths;

/// Whether objects of this schema tell an empty text from null. Schemas of the older kind have none of the features that
/// are looked for here.
pub(crate) fn tells_empty_from_null(schema: &BlockSchema) -> bool {
    let newer = |ty: &Type| ty.has_dynamic() || ty.is_structural();
    schema.attributes.values().any(|a| newer(&a.ty))
        || schema
            .blocks
            .values()
            .any(|b| matches!(b.nesting, Nesting::Map | Nesting::Group) || tells_empty_from_null(&b.block))
}

/// The difference of two blocks.
pub(crate) fn compare_block<'j>(change: &Change<'j>, schema: &'j BlockSchema) -> Diff<'j> {
    let mut sign = change.outer_sign();
    let outer = sign;
    let mut block = Block::default();
    for (name, attribute) in &schema.attributes {
        let child = match attribute.sensitive {
            // A state of an older writer does not say it.
            true => change.attribute(name).closed(),
            false => change.attribute(name),
        };
        let diff = match attribute.write_only {
            true => Diff { what: What::WriteOnly, sign: outer, replace: child.replace.reached() },
            false => compare_attribute(child.clone(), &attribute.ty),
        };
        if diff.sign == Sign::Same && child.is_nothing() && !attribute.write_only {
            continue;
        }
        sign = sign.and(diff.sign);
        block.attributes.insert(name, diff);
    }
    for (name, nested) in &schema.blocks {
        let mut child = change.attribute(name);
        let mut group = Group {
            unknown: None,
            blocks: Vec::new(),
            replace: child.replace.reached(),
            was_sensitive: child.was_sensitive(),
            is_sensitive: child.is_sensitive(),
        };
        if child.is_unknown() {
            let of_unknown = if child.before.is_none() { Sign::Create } else { Sign::Update };
            sign = sign.and(of_unknown);
            group.unknown = Some(of_unknown);
            child.after = None;
        }
        for (label, part) in parts(&child, nested.nesting) {
            let diff = compare_block(&part, &nested.block);
            if matches!(nested.nesting, Nesting::Single | Nesting::Group)
                && diff.sign == Sign::Same
                && part.is_nothing()
            {
                continue;
            }
            sign = sign.and(diff.sign);
            group.blocks.push((label, diff));
        }
        if group.was_sensitive != group.is_sensitive && sign == Sign::Same {
            sign = Sign::Update;
        }
        if group.unknown.is_some() || !group.blocks.is_empty() {
            block.groups.insert(name, group);
        }
    }
    Diff { what: What::Block(block), sign, replace: change.replace.reached() }
}

/// The blocks of one type, each before and after.
fn parts<'j>(change: &Change<'j>, nesting: Nesting) -> Vec<(Option<&'j str>, Change<'j>)> {
    let (old, new) = change.elements();
    match nesting {
        Nesting::Single | Nesting::Group => vec![(None, change.clone())],
        Nesting::List => (0..old.len().max(new.len())).map(|i| (None, change.element(i, i))).collect(),
        Nesting::Set => set_pairs(change).map(|part| (None, part)).collect(),
        Nesting::Map => change.member_names().into_iter().map(|name| (Some(name), change.member(name))).collect(),
    }
}

fn set_pairs<'j>(change: &Change<'j>) -> impl Iterator<Item = Change<'j>> {
    let (old, new) = change.elements();
    let pairs = pair_sets(old.len(), new.len(), |o, n| {
        let child = change.element(o, n);
        old[o] == new[n] && child.was_sensitive() == child.is_sensitive() && !child.is_unknown()
    });
    pairs.into_iter().map(|(o, n)| change.element(o, n))
}

/// What is sensitive or unknown about a value comes before its type. `inner` compares values of the type.
fn guarded<'j>(change: Change<'j>, inner: &dyn Fn(Change<'j>) -> Diff<'j>) -> Diff<'j> {
    let (before, after) = (change.was_sensitive(), change.is_sensitive());
    let replace = change.replace.reached();
    if before || after {
        let nowhere = change.is_nothing() && !change.before_given && !change.after_given;
        let hidden = guarded(change.revealed(), inner).sign;
        let sign = if hidden == Sign::Same && before != after && !nowhere { Sign::Update } else { hidden };
        return Diff { what: What::Sensitive { inner: hidden, before, after }, sign, replace };
    }
    if !change.is_unknown() {
        return inner(change);
    }
    match change.before {
        None => Diff { what: What::Unknown(None), sign: Sign::Create, replace },
        Some(_) => {
            // What forces the replacement is said once, of the whole.
            let going = guarded(Change { replace: Paths::none(), ..change.deleted() }, inner);
            Diff { what: What::Unknown(Some(Box::new(going))), sign: Sign::Update, replace }
        }
    }
}

/// The difference of two values of a type.
pub(crate) fn compare_attribute<'j>(mut change: Change<'j>, ty: &Type) -> Diff<'j> {
    if change.empty_is_null {
        let visible = |json: &&Json| json.as_str() != Some("");
        change.before = change.before.filter(visible);
        change.after = change.after.filter(visible);
    }
    guarded(change, &|change| {
        let replace = change.replace.reached();
        let outer = change.outer_sign();
        let all = |parts: &[Diff<'j>]| parts.iter().fold(outer, |sign, part| sign.and(part.sign));
        match ty {
            // That a part of such a value forces a replacement is not said.
            Type::Dynamic => compare_untyped(Change { replace: Paths::none(), ..change }),
            Type::Map(element) => {
                let names = change.member_names().into_iter();
                let members = names.map(|name| (name, compare_attribute(change.member(name), element)));
                keyed(outer, members, replace, What::Map)
            }
            Type::Object(object) => {
                let mut members = Vec::new();
                for name in change.member_names() {
                    let child = change.attribute(name);
                    let Some(ty) = object.attributes.get(name) else { continue };
                    let diff = compare_attribute(child.clone(), ty);
                    if diff.sign != Sign::Same || !child.is_nothing() {
                        members.push((name, diff));
                    }
                }
                keyed(outer, members.into_iter(), replace, What::Object)
            }
            Type::List(element) => {
                let (old, new) = change.elements();
                let structured = matches!(**element, Type::Object(_));
                let pairs = pair_lists(old, new, |_| structured);
                let parts: Vec<_> =
                    pairs.into_iter().map(|(o, n)| compare_attribute(change.element(o, n), element)).collect();
                Diff { sign: all(&parts), what: What::List(parts), replace }
            }
            Type::Tuple(types) => {
                let elements = types.iter().enumerate();
                let parts: Vec<_> = elements.map(|(i, ty)| compare_attribute(change.element(i, i), ty)).collect();
                Diff { sign: all(&parts), what: What::List(parts), replace }
            }
            Type::Set(element) => {
                let parts: Vec<_> = set_pairs(&change).map(|part| compare_attribute(part, element)).collect();
                Diff { sign: all(&parts), what: What::Set(parts), replace }
            }
            _ => scalar(&change),
        }
    })
}

fn keyed<'j, K: Ord>(
    outer: Sign,
    members: impl Iterator<Item = (K, Diff<'j>)>,
    replace: bool,
    what: impl FnOnce(std::collections::BTreeMap<K, Diff<'j>>) -> What<'j>,
) -> Diff<'j> {
    let members: std::collections::BTreeMap<K, Diff<'j>> = members.collect();
    let sign = members.values().fold(outer, |sign, member| sign.and(member.sign));
    Diff { what: what(members), sign, replace }
}

fn scalar<'j>(change: &Change<'j>) -> Diff<'j> {
    let what = What::Scalar { before: change.before, after: change.after };
    Diff { what, sign: change.sign(), replace: change.replace.reached() }
}

/// The kinds of JSON values, as far as they are compared with each other.
#[derive(PartialEq, Clone, Copy)]
enum Shape {
    Null,
    Object,
    Array,
    Text,
    Number,
    Bool,
}

fn shape(json: Option<&Json>) -> Shape {
    match json {
        None | Some(Json::Null) => Shape::Null,
        Some(Json::Object(_)) => Shape::Object,
        Some(Json::Array(_)) => Shape::Array,
        Some(Json::String(_)) => Shape::Text,
        Some(Json::Number(_)) => Shape::Number,
        Some(Json::Bool(_)) => Shape::Bool,
    }
}

/// The difference of two values of any type: outputs, and JSON inside of texts.
pub(crate) fn compare_untyped<'j>(change: Change<'j>) -> Diff<'j> {
    guarded(change, &|change| {
        let (old, new) = (shape(change.before), shape(change.after));
        let created = old == Shape::Null && !change.before_given;
        let deleted = new == Shape::Null && !change.after_given;
        if old == new || created || deleted {
            return of_shape(&change, if old == Shape::Null { new } else { old });
        }
        let replace = change.replace.reached();
        let going = of_shape(&change.clone().deleted(), old);
        let coming = of_shape(&change.created(), new);
        Diff { what: What::Retyped(Box::new(going), Box::new(coming)), sign: Sign::Update, replace }
    })
}

fn of_shape<'j>(change: &Change<'j>, shape: Shape) -> Diff<'j> {
    let replace = change.replace.reached();
    let outer = change.outer_sign();
    match shape {
        Shape::Object => {
            let names = change.member_names().into_iter();
            keyed(outer, names.map(|name| (name, compare_untyped(change.member(name)))), replace, What::Object)
        }
        Shape::Array => {
            let (old, new) = change.elements();
            let pairs = pair_lists(old, new, Json::is_object);
            let parts: Vec<_> = pairs.into_iter().map(|(o, n)| compare_untyped(change.element(o, n))).collect();
            let sign = parts.iter().fold(outer, |sign, part| sign.and(part.sign));
            Diff { sign, what: What::List(parts), replace }
        }
        _ => scalar(change),
    }
}
