//! What would happen to the outputs.

use serde_json::Value as Json;

use super::change::Change;
use super::compare::compare_untyped;
use super::diff::Sign;
use super::paths::Paths;
use super::pen::{Pen, Style};
use super::render::{attribute_name, entry};

/// A line for each output that changes; empty if none does.
pub(super) fn outputs(plan: &Json, pen: Pen) -> String {
    let Some(changes) = plan["output_changes"].as_object() else { return String::new() };
    let mut changes: Vec<(&String, &Json)> = changes.iter().collect();
    changes.sort_by_key(|(name, _)| *name);
    let names: Vec<String> = changes.iter().map(|(name, _)| attribute_name(name)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let style = Style { pen, ..Style::default() };
    let mut out = String::new();
    for ((_, change), name) in changes.iter().zip(&names) {
        let diff = compare_untyped(Change::of(change, Paths::everything()));
        if diff.sign != Sign::Same {
            out += &entry(&diff, name, width, 0, style, "");
        }
    }
    out
}
