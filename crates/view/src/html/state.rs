//! A state as HTML.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::frame::document;
use super::objects::{Anchors, Choice, Object, list};
use super::rows::{Sides, Table, object};
use crate::difference::change::Change;
use crate::difference::compare::compare_attribute;
use crate::difference::entry::{compare_change, schema_of};
use crate::json::hide_repeated;
use crate::page::{StatePage, many, objects_of_state};
use crate::text::attribute_name;

/// A state as one file.
pub fn state(page: &StatePage<'_, '_>) -> String {
    let all = objects_of_state(page.state);
    let mut anchors = Anchors::default();
    let objects: Vec<Object> = all.iter().map(|(module, json)| standing(module, json, page, &mut anchors)).collect();
    let choices: Vec<Choice> = ["managed", "data", "tainted", "deposed"]
        .into_iter()
        .map(|kind| (kind, objects.iter().filter(|object| object.kind == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| Choice { kind, label: kind.into(), count })
        .collect();
    let outputs = outputs(page.state);
    let main = html! {
        @if let Some(outputs) = outputs {
            section aria-labelledby="outputs-h" { h2 #outputs-h { "Outputs" } div.r.plain { div.body { (outputs) } } }
        }
        @if !objects.is_empty() { (list("Resources", &objects, &choices)) }
    };
    document(&format!("State: {}", many(objects.len(), "object")), &page.facts, &main)
}

fn standing(module: &str, json: &Json, page: &StatePage<'_, '_>, anchors: &mut Anchors) -> Object {
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    let address = text("address");
    let schema = schema_of(json, page.schemas);
    let mut sensitive = json["sensitive_values"].clone();
    hide_repeated(&mut sensitive);
    let diff = compare_change(Change::standing(&json["values"], &sensitive), schema);
    let (kind, verb) = match json["deposed_key"].as_str() {
        Some(key) => ("deposed", format!("deposed {key}")),
        None if json["tainted"] == true => ("tainted", "tainted".into()),
        None if text("mode") == "data" => ("data", "data".into()),
        None => ("managed", String::new()),
    };
    Object {
        anchor: anchors.name(address),
        kind,
        sign: "",
        verb,
        module: module.to_string(),
        name: address.to_string(),
        why: Vec::new(),
        open: false,
        body: object(&diff, Sides::After, true),
    }
}

fn outputs(state: &Json) -> Option<Markup> {
    let outputs = state["values"]["outputs"].as_object().filter(|outputs| !outputs.is_empty())?;
    let mut names: Vec<&String> = outputs.keys().collect();
    names.sort();
    let mut table = Table::new(Sides::After, true);
    for name in names {
        let output = &outputs[name];
        let ty = infra_value::type_from_json(&output["type"]).unwrap_or(infra_value::Type::Dynamic);
        let diff = compare_attribute(Change::standing(&output["value"], &output["sensitive"]), &ty);
        table.part(0, &attribute_name(name), &diff);
    }
    Some(table.finish())
}
