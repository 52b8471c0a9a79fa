//! A state as Markdown.

use serde_json::Value as Json;

use super::escape::{code, html_code};
use super::paper::{Folded, LONGEST, Paper};
use super::plan::footer;
use crate::page::{StatePage, many, objects_of_state};
use crate::text::{outputs_of_state_plain, standing_patch};

/// Each object of a state, folded, and its outputs.
pub fn state(page: &StatePage<'_, '_>) -> String {
    let footer = footer(&page.facts);
    let mut paper = Paper::before(&footer);
    let objects = objects_of_state(page.state);
    paper.say(&format!("### State: {}\n\n", many(objects.len(), "object")));
    let outputs = outputs_of_state_plain(page.state);
    let for_outputs = LONGEST / 8;
    if !outputs.is_empty() {
        paper.reserve(for_outputs);
    }
    let all: Vec<Folded> = objects.iter().map(|(_, object)| folded(object, page)).collect();
    paper.fold(&all, usize::MAX, "object");
    if !outputs.is_empty() {
        paper.release(for_outputs);
        let outputs = Folded { summary: "Outputs".into(), line: "Outputs".into(), body: outputs };
        paper.fold(&[outputs], for_outputs, "output");
    }
    paper.ending_with(&footer)
}

fn folded(object: &Json, page: &StatePage<'_, '_>) -> Folded {
    let address = object["address"].as_str().unwrap_or_default();
    let suffix = match object["deposed_key"].as_str() {
        Some(key) => format!(" (deposed object {key})"),
        None if object["tainted"] == true => " (tainted)".to_string(),
        None => String::new(),
    };
    let name = format!("{address}{suffix}");
    Folded { summary: html_code(&name), line: code(&name), body: standing_patch(object, page.schemas) }
}
