//! What would happen to the outputs.

use serde_json::Value as Json;

use super::pen::{Pen, Signs, Style};
use super::render::{attribute_name, entry};
use crate::difference::change::Change;
use crate::difference::compare::compare_untyped;
use crate::difference::diff::Sign;
use crate::difference::paths::Paths;

/// A line for each output that changes; empty if none does.
pub(super) fn outputs(plan: &Json, pen: Pen) -> String {
    written(plan, Style { pen, ..Style::default() })
}

/// The same as a patch.
pub(crate) fn outputs_patch(plan: &Json) -> String {
    written(plan, Style { signs: Signs::First, ..Style::default() })
}

fn written(plan: &Json, style: Style) -> String {
    let Some(changes) = plan["output_changes"].as_object() else { return String::new() };
    let mut changes: Vec<(&String, &Json)> = changes.iter().collect();
    changes.sort_by_key(|(name, _)| *name);
    let names: Vec<String> = changes.iter().map(|(name, _)| attribute_name(name)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    for ((_, change), name) in changes.iter().zip(&names) {
        let diff = compare_untyped(Change::of(change, Paths::everything()));
        if diff.sign != Sign::Same {
            out += &entry(&diff, name, width, 0, style, "");
        }
    }
    out
}
