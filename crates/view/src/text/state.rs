//! The text of a state, and of one resource in it.

use infra_value::{Type, type_from_json};
use serde_json::{Map, Value as Json};

use super::pen::{Ink, Pen, Signs, Style};
use super::render::render;
use super::{SchemaOf, TextOptions};
use crate::difference::change::Change;
use crate::difference::compare::compare_attribute;
use crate::difference::diff::Sign;
use crate::difference::entry::{compare_change, schema_of};
use crate::json::hide_repeated;

fn style(options: &TextOptions) -> Style {
    let pen = Pen { colour: options.colour };
    Style { pen, show_unchanged: true, signs: Signs::Nowhere, ..Style::default() }
}

/// A whole state, from its published JSON.
pub fn state_text(state: &Json, schemas: SchemaOf<'_, '_>, options: &TextOptions) -> String {
    let values = &state["values"];
    if values.is_null() {
        return "The state file is empty. No resources are represented.\n".into();
    }
    let mut out = String::new();
    module(&values["root_module"], schemas, options, &mut out);
    if let Some(outputs) = values["outputs"].as_object().filter(|outputs| !outputs.is_empty()) {
        out.push_str("\n\nOutputs:\n\n");
        out.push_str(&outputs_of_state(outputs, options));
    }
    out
}

/// The outputs of a state, a line or several for each; empty if there are none.
pub(crate) fn outputs_of_state_plain(state: &Json) -> String {
    let outputs = state["values"]["outputs"].as_object();
    outputs.map_or_else(String::new, |outputs| outputs_of_state(outputs, &TextOptions::default()))
}

fn module(json: &Json, schemas: SchemaOf<'_, '_>, options: &TextOptions, out: &mut String) {
    let listed = |name: &str| json[name].as_array().map_or(&[][..], Vec::as_slice);
    let resources = listed("resources");
    if !resources.is_empty() && !out.is_empty() {
        out.push('\n');
    }
    for resource in resources {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&resource_text(resource, schemas, options));
    }
    for child in listed("child_modules") {
        module(child, schemas, options, out);
    }
}

/// One resource of a published state: its address, and its attributes as they would be written.
pub fn resource_text(resource: &Json, schemas: SchemaOf<'_, '_>, options: &TextOptions) -> String {
    let suffix = match resource["deposed_key"].as_str() {
        Some(key) => format!(" (deposed object {key})"),
        None if resource["tainted"] == true => " (tainted)".to_string(),
        None => String::new(),
    };
    let style = style(options);
    let address = resource["address"].as_str().unwrap_or_default();
    let heading = style.pen.paint(Ink::Bold, &format!("# {address}:{suffix}"));
    format!("{heading}\n{}", body(resource, schemas, style))
}

/// One resource of a published state as lines of which none is a change.
pub(crate) fn standing_patch(resource: &Json, schemas: SchemaOf<'_, '_>) -> String {
    body(resource, schemas, Style { signs: Signs::First, ..style(&TextOptions::default()) })
}

fn body(resource: &Json, schemas: SchemaOf<'_, '_>, style: Style) -> String {
    let text = |name: &str| resource[name].as_str().unwrap_or_default();
    let keyword = if text("mode") == "data" { "data" } else { "resource" };
    let schema = schema_of(resource, schemas);
    let mut sensitive = resource["sensitive_values"].clone();
    hide_repeated(&mut sensitive);
    let diff = compare_change(Change::standing(&resource["values"], &sensitive), schema);
    let start = style.start(0, Sign::Same);
    format!("{start}{keyword} \"{}\" \"{}\" {}\n", text("type"), text("name"), render(&diff, 0, style))
}

fn outputs_of_state(outputs: &Map<String, Json>, options: &TextOptions) -> String {
    let mut outputs: Vec<(&String, &Json)> = outputs.iter().collect();
    outputs.sort_by_key(|(name, _)| *name);
    let mut out = String::new();
    for (name, output) in outputs {
        let ty = type_from_json(&output["type"]).unwrap_or(Type::Dynamic);
        let mut change = Change::standing(&output["value"], &output["sensitive"]);
        change.empty_is_null = true;
        let diff = compare_attribute(change, &ty);
        out += &format!("{name} = {}\n", render(&diff, 0, style(options)));
    }
    out
}
