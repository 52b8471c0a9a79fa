//! Each rule by what it says of changes.

use infra_provider::Provider;
use infra_value::{Marks, Members, Path, Type};
use serde_json::{Value as Json, json};

use super::*;
use crate::{AwsProvider, catalog};

mod access;
mod data_and_service;

/// An object of a type from its JSON: `"(unknown)"` stands for a value that is not known yet, `{"sensitive": …}` for one
/// that is marked.
fn object(ty: &str, json: &Json) -> Value {
    let provider = AwsProvider::new(|_| Box::pin(async { Err(Vec::new()) }));
    let schema = catalog().resources[ty].schema();
    let Some(given) = json.as_object() else { return Value::null(schema.block.ty()) };
    let mut plain = given.clone();
    plain.retain(|_, value| *value != "(unknown)");
    for value in plain.values_mut() {
        if let Some(inner) = value.get("sensitive") {
            *value = inner.clone();
        }
    }
    let known = provider.upgrade(ty, schema.version, &Json::Object(plain)).expect("an object of the type");
    let types = schema.block.ty();
    let members: Members = known.members().expect("an object").clone().into_iter().collect();
    Value::object(members.into_iter().map(|(name, value)| {
        let value = match given.get(&*name) {
            Some(given) if *given == "(unknown)" => {
                let Type::Object(object) = &types else { unreachable!("a block is an object") };
                Value::unknown(object.attributes[&name].clone())
            }
            Some(given) if given.get("sensitive").is_some() => value.with_marks(Marks::SENSITIVE),
            _ => value,
        };
        (name, value)
    }))
}

/// What is said of a change, each remark on a line.
fn said_of(ty: &str, fate: Fate<'_>, before: &Json, after: &Json, stored: &Json, destroying: bool) -> String {
    let (before, after, stored) = (object(ty, before), object(ty, after), object(ty, stored));
    let stored = Some(&stored).filter(|stored| !stored.is_null());
    let about = Attention { ty, fate, before: &before, after: &after, stored, destroying };
    let line = |remark: Remark| {
        assert!(RULES.contains(&remark.rule), "{} is among the rules", remark.rule);
        assert!(!remark.message.ends_with('.') && !remark.message.contains("  "), "{}", remark.message);
        format!("{:?} {}: {}", remark.weight, remark.rule, remark.message)
    };
    remarks(&about).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn created(ty: &str, after: &Json) -> String {
    said_of(ty, Fate::Create, &Json::Null, after, &Json::Null, false)
}

fn updated(ty: &str, before: &Json, after: &Json) -> String {
    said_of(ty, Fate::Update, before, after, &Json::Null, false)
}

fn deleted(ty: &str, before: &Json) -> String {
    said_of(ty, Fate::Delete, before, &Json::Null, &Json::Null, false)
}

/// Deleted, then created because of an attribute.
fn replaced(ty: &str, before: &Json, after: &Json, because: &str) -> String {
    let paths = [Path::attribute(because)];
    let fate = Fate::Replace { create_first: false, because: Cause::Changed(&paths) };
    said_of(ty, fate, before, after, &Json::Null, false)
}

#[test]
fn the_rules_are_those_that_are_documented() {
    let text = include_str!("../../../../docs/attention.md");
    let (resources, _) = text.split_once("\n## Releases\n").expect("a part about releases");
    let documented: Vec<&str> = resources.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let (mut documented, mut rules) = (documented, RULES.to_vec());
    documented.sort_unstable();
    rules.sort_unstable();
    assert_eq!(documented, rules);
}

#[test]
fn every_attribute_that_a_table_names_is_one_of_its_type() {
    let has = |ty: &str, name: &str| {
        let block = &catalog().resources[ty].schema().block;
        assert!(block.attributes.contains_key(name), "{ty} has no {name}");
    };
    protection::SWITCHES.iter().for_each(|(ty, name, _, _)| has(ty, name));
    policy::HELD.iter().for_each(|(ty, name, _)| has(ty, name));
    serving::RESTARTING.iter().for_each(|name| has("aws_db_instance", name));
    for (ty, _) in serving::SERVING.iter().chain(serving::NOTICED) {
        assert!(catalog().resources.contains_key(ty), "{ty} is a type");
    }
    for (ty, _) in data::HOLDERS {
        assert!(catalog().resources.contains_key(ty), "{ty} is a type");
    }
}

#[test]
fn what_may_be_the_same_is_no_difference() {
    let unknown = Value::unknown(Type::String);
    let (a, b) = (Value::string("a"), Value::string("b"));
    let set = |elements: Vec<Value>| Value::set(Type::String, elements);
    for (x, y, wanted) in [
        (a.clone(), b.clone(), true),
        (a.clone(), a.clone().with_marks(Marks::SENSITIVE), false),
        (a.clone(), unknown.clone(), false),
        (Value::strings(["a"]), Value::list(Type::String, [unknown.clone()]), false),
        (Value::strings(["a"]), Value::strings(["a", "b"]), true),
        (Value::null(Type::String), a.clone(), true),
        (set(vec![a.clone(), b.clone()]), set(vec![b.clone(), a.clone()]), false),
        (set(vec![a.clone()]), set(vec![b.clone()]), true),
        (Value::object([("n", a.clone())]), Value::object([("n", b)]), true),
        (Value::object([("n", a)]), Value::object([("n", unknown)]), false),
    ] {
        assert_eq!(differ(&x, &y), wanted, "{x:?} and {y:?}");
    }
}

#[test]
fn what_forces_a_replacement_is_named() {
    let paths = [Path::attribute("name"), Path::attribute("ports").index(0_i64), Path::attribute("name")];
    for (because, wanted) in [
        (Cause::Changed(&paths), "name and ports[0]"),
        (Cause::Changed(&[]), "what changes"),
        (Cause::Tainted, "the taint"),
        (Cause::Requested, "-replace"),
        (Cause::Triggered, "replace_triggered_by"),
    ] {
        assert_eq!(forced_by(because), wanted);
    }
    let many: Vec<String> = (1..=6).map(|n| n.to_string()).collect();
    assert_eq!(listed(&many, " and "), "1, 2, 3 and 3 more");
    assert_eq!(listed(&["a".repeat(200)], " and "), format!("{}…", "a".repeat(80)));
    assert_eq!(listed(&many[..4], " and "), "1, 2, 3 and 4");
}

#[test]
fn a_remark_does_not_move_the_cursor() {
    let said = remark(Weight::Exposed, policy::STAR, "allows \u{1b}[2Js3:\u{202e}*\n");
    assert_eq!(said.message, "allows \u{fffd}[2Js3:\u{fffd}*\u{fffd}");
}

#[test]
fn a_change_without_anything_to_say_has_no_remarks() {
    assert_eq!(created("aws_lb", &json!({"internal": false})), "");
    assert_eq!(updated("aws_vpc", &json!({"tags": {"a": "b"}}), &json!({"tags": {}})), "");
    assert_eq!(deleted("aws_iam_policy", &json!({})), "");
}
