//! The body of a block: attributes, then nested blocks.

use super::pen::Style;
use super::render::{attribute_name, entry, is_telling, render, warnings};
use crate::difference::diff::{Block, Diff, Group, Sign, What};

/// From the opening to the closing brace.
pub(super) fn block(block: &Block<'_>, diff: &Diff<'_>, level: usize, style: Style) -> String {
    let replacement = style.replacement(diff.replace);
    if block.attributes.is_empty() && block.groups.is_empty() {
        return format!("{{}}{replacement}");
    }
    let style = style.replacing(false);
    let mut out = format!("{{{replacement}\n");
    out.push_str(&attributes(block, level + 1, style));
    let mut hidden = 0;
    for (name, group) in &block.groups {
        let mut shown = String::new();
        if let Some(sign) = group.unknown {
            let replacement = style.replacement(group.replace);
            shown +=
                &format!("{}{} (known after apply){replacement}\n", style.start(level + 1, sign), attribute_name(name));
        }
        for (label, nested) in &group.blocks {
            if nested.sign == Sign::Same && !style.show_unchanged && !became_sensitive(group) {
                hidden += 1;
                continue;
            }
            let label = label.map(|l| format!(" {}", super::text_value::quoted(l))).unwrap_or_default();
            let body = match group.was_sensitive || group.is_sensitive {
                true => closed(nested, level + 1, style.replacing(group.replace)),
                false => render(nested, level + 1, style.replacing(group.replace)),
            };
            shown += &warnings(nested, level + 1, style);
            shown += &format!("{}{}{label} {body}\n", style.start(level + 1, nested.sign), attribute_name(name));
        }
        if !shown.is_empty() && !block.attributes.is_empty() {
            out.push('\n');
        }
        out.push_str(&shown);
    }
    if hidden > 0 {
        out += &format!("\n{}{}\n", style.start(level + 1, Sign::Same), style.hidden("block", hidden));
    }
    out + &style.start(level, Sign::Same) + "}"
}

fn became_sensitive(group: &Group<'_>) -> bool {
    group.was_sensitive != group.is_sensitive
}

fn attributes(block: &Block<'_>, level: usize, style: Style) -> String {
    let names: Vec<String> = block.attributes.keys().map(|name| attribute_name(name)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    let mut hidden = 0;
    for ((name, diff), written) in block.attributes.iter().zip(&names) {
        if is_telling(name) {
            out += &entry(diff, written, width, level, style.showing_unchanged(), "");
        } else if diff.sign == Sign::Same && !style.show_unchanged {
            hidden += 1;
        } else {
            out += &entry(diff, written, width, level, style, "");
        }
    }
    if hidden > 0 {
        out += &format!("{}{}\n", style.start(level, Sign::Same), style.hidden("attribute", hidden));
    }
    out
}

/// A block of which nothing may be shown.
fn closed(diff: &Diff<'_>, level: usize, style: Style) -> String {
    let replace = diff.replace && matches!(diff.what, What::Block(_));
    let (replacement, line) = (style.replacement(replace), style.start(level, Sign::Same));
    format!(
        "{{{replacement}\n{line}  # At least one attribute in this block is (or was) sensitive,\n\
         {line}  # so its contents will not be displayed.\n{line}}}"
    )
}
