//! Plans of load balancers, ECS and auto scaling against recorded ones.
//!
//! A row of the data is a resource of a recorded plan: its configuration (`{"__unknown__": true}` for what was not known
//! yet), the object before, the planned object and what in it is unknown, and the attributes that replace it.

use std::sync::Arc;

use infra_catalog::catalog;
use infra_provider::plan::{Meta, plan_sdk, proposed_new};
use infra_schema::{Block, Nesting};
use infra_value::{Kind, PathStep, Type, Value, value_from_json, value_to_json};
use serde_json::{Value as Json, json};

const UNKNOWN: &str = "(known after apply)";

#[test]
fn plans_and_replacements_are_as_recorded() {
    let rows: Vec<Json> = serde_json::from_str(include_str!("data/balancing_and_tasks.json")).expect("rows");
    let meta = Meta { partition: "aws".into(), region: "eu-west-1".into(), ..Meta::default() };
    for row in &rows {
        let name = row["name"].as_str().unwrap_or("");
        let ty = &catalog().resources[row["type"].as_str().unwrap_or("")];
        let block = &ty.schema().block;
        let config = block_value(block, &row["config"]);
        let mut problems = Vec::new();
        ty.rules.validate(&config, &mut problems);
        assert_eq!(problems, [], "{name}");
        let none = Value::null(block.ty());
        let before = if row["before"].is_null() { none.clone() } else { block_value(block, &row["before"]) };
        let plan = |prior: &Value| {
            let proposed = proposed_new(block, prior, &config);
            plan_sdk(ty.schema(), ty.rules, &meta, prior, &config, &proposed).expect("a plan")
        };
        let (mut planned, replace) = plan(&before);
        if !before.is_null() {
            let paths: Vec<Vec<String>> = replace.iter().map(|path| path.0.iter().map(step).collect()).collect();
            assert_eq!(json!(paths), row["replace"], "{name}");
            if !replace.is_empty() {
                planned = plan(&none).0;
            }
        }
        let wanted = with_unknowns(&row["after"], &row["unknown"]);
        for (attribute, value) in planned.members().into_iter().flatten() {
            assert_eq!(sorted(&json_of(value)), sorted(&wanted[&**attribute]), "{name}: {attribute}");
        }
    }
}

fn step(step: &PathStep) -> String {
    match step {
        PathStep::Attribute(name) => name.to_string(),
        PathStep::Index(key) => format!("{key:?}"),
    }
}

fn block_value(block: &Block, json: &Json) -> Value {
    let attributes = block.attributes.iter().map(|(name, a)| (name.clone(), attribute_value(&json[&**name], &a.ty)));
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let (inner, given) = (nested.block.ty(), &json[&**name]);
        let all = || given.as_array().into_iter().flatten().map(|json| block_value(&nested.block, json));
        let value = match nested.nesting {
            _ if given.is_null() => nested.empty(),
            _ if given.get("__unknown__").is_some() => Value::unknown(nested.empty().ty()),
            Nesting::Set => Value::set(inner, all()),
            Nesting::List => Value::list(inner, all()),
            _ => block_value(&nested.block, given),
        };
        (name.clone(), value)
    });
    Value::object(attributes.chain(blocks))
}

fn attribute_value(json: &Json, ty: &Type) -> Value {
    match (json, ty) {
        (Json::Object(members), _) if members.contains_key("__unknown__") => Value::unknown(ty.clone()),
        (Json::Array(es), Type::List(t)) => Value::list((**t).clone(), es.iter().map(|e| attribute_value(e, t))),
        (Json::Array(es), Type::Set(t)) => Value::set((**t).clone(), es.iter().map(|e| attribute_value(e, t))),
        (Json::Object(ms), Type::Map(t)) => {
            let members = ms.iter().map(|(name, e)| (Arc::<str>::from(name.as_str()), attribute_value(e, t)));
            Value::map((**t).clone(), members)
        }
        // Configurations say numbers and truth values for texts, and the other way round.
        (Json::Number(_) | Json::Bool(_), Type::String) => Value::string(json.to_string()),
        (Json::String(text), Type::Number) => Value::from(text.parse::<i64>().expect("a number")),
        _ => value_from_json(json, ty).expect("a value of the schema's type"),
    }
}

fn json_of(value: &Value) -> Json {
    match value.kind() {
        Kind::Unknown(_) => json!(UNKNOWN),
        Kind::List(_, es) | Kind::Set(_, es) => es.iter().map(json_of).collect(),
        Kind::Map(_, ms) | Kind::Object(ms) => {
            Json::Object(ms.iter().map(|(name, v)| (name.to_string(), json_of(v))).collect())
        }
        _ => value_to_json(value, &value.ty()).expect("it is known"),
    }
}

/// A planned object with a text where something is unknown.
fn with_unknowns(after: &Json, unknown: &Json) -> Json {
    match (after, unknown) {
        (_, Json::Bool(true)) => json!(UNKNOWN),
        (Json::Object(_) | Json::Null, Json::Object(unknown)) => {
            let mut all = after.as_object().cloned().unwrap_or_default();
            for (name, unknown) in unknown {
                let value = with_unknowns(&after[name], unknown);
                all.insert(name.clone(), value);
            }
            Json::Object(all)
        }
        (Json::Array(elements), Json::Array(unknown)) => {
            let mut unknown = unknown.iter();
            elements.iter().map(|e| with_unknowns(e, unknown.next().unwrap_or(&Json::Null))).collect()
        }
        _ => after.clone(),
    }
}

/// The same in an order that does not depend on that of sets.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Array(elements) => {
            let mut elements: Vec<Json> = elements.iter().map(sorted).collect();
            elements.sort_by_cached_key(Json::to_string);
            Json::Array(elements)
        }
        Json::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            Json::Object(names.into_iter().map(|name| (name.clone(), sorted(&members[name]))).collect())
        }
        other => other.clone(),
    }
}
