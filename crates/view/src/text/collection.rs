//! Lists, sets, maps and objects.

use std::collections::BTreeMap;

use super::pen::Style;
use super::render::{attribute_name, entry, is_telling, render, warnings};
use super::text_value::quoted;
use crate::difference::diff::{Diff, Sign};

type Members<'j> = BTreeMap<&'j str, Diff<'j>>;

fn empty(brackets: &str, diff: &Diff<'_>, style: Style) -> String {
    format!("{brackets}{}{}", style.removal(diff.sign), style.replacement(diff.replace))
}

fn close(out: &mut String, bracket: char, diff: &Diff<'_>, level: usize, style: Style) {
    out.push_str(&style.start(level, Sign::Same));
    out.push(bracket);
    out.push_str(&style.removal(diff.sign));
}

fn count(out: &mut String, what: &str, hidden: usize, level: usize, style: Style) {
    if hidden > 0 {
        out.push_str(&format!("{}{}\n", style.start(level, Sign::Same), style.hidden(what, hidden)));
    }
}

/// From the opening to the closing brace, names as identifiers.
pub(super) fn object(members: &Members<'_>, diff: &Diff<'_>, level: usize, style: Style) -> String {
    if members.is_empty() {
        return empty("{}", diff, style);
    }
    let inner = style.without_removal().replacing(false);
    let names: Vec<String> = members.keys().map(|name| attribute_name(name)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut out = format!("{{{}\n", style.replacement(diff.replace));
    let mut hidden = 0;
    for ((name, member), written) in members.iter().zip(&names) {
        if is_telling(name) {
            out += &entry(member, written, width, level + 1, inner.showing_unchanged(), "");
        } else if member.sign == Sign::Same && !style.show_unchanged {
            hidden += 1;
        } else {
            out += &entry(member, written, width, level + 1, inner, "");
        }
    }
    count(&mut out, "attribute", hidden, level + 1, style);
    close(&mut out, '}', diff, level, style);
    out
}

/// From the opening to the closing brace, keys in quotes.
pub(super) fn map(members: &Members<'_>, diff: &Diff<'_>, level: usize, style: Style) -> String {
    if members.is_empty() {
        return empty("{}", diff, style);
    }
    let plain_removal = style.plain_removal || diff.sign == Sign::Delete;
    let inner = Style { plain_removal, ..style.replacing(false) };
    let keys: Vec<String> = members.keys().map(|key| quoted(key)).collect();
    let width = keys.iter().map(String::len).max().unwrap_or(0);
    let mut out = format!("{{{}\n", style.replacement(diff.replace));
    let mut hidden = 0;
    for (member, key) in members.values().zip(&keys) {
        if member.sign == Sign::Same && !style.show_unchanged {
            hidden += 1;
            continue;
        }
        let end = if matches!(member.what, crate::difference::diff::What::Object(_)) { "," } else { "" };
        out += &entry(member, key, width, level + 1, inner, end);
    }
    count(&mut out, "element", hidden, level + 1, style);
    close(&mut out, '}', diff, level, style);
    out
}

fn element(diff: &Diff<'_>, level: usize, style: Style) -> String {
    let (before, start) = (warnings(diff, level, style), style.start(level, diff.sign));
    format!("{before}{start}{},\n", render(diff, level, style))
}

/// From the opening to the closing bracket. Around each change one unchanged element is shown on either side.
pub(super) fn list(elements: &[Diff<'_>], diff: &Diff<'_>, level: usize, style: Style) -> String {
    if elements.is_empty() {
        return empty("[]", diff, style);
    }
    let inner = style.without_removal().replacing(false);
    let unchanged = style.replacing(false).showing_unchanged();
    let mut out = format!("[{}\n", style.replacement(diff.replace));
    let mut passed: Vec<&Diff<'_>> = Vec::new();
    let mut show_next = false;
    for part in elements {
        if part.sign == Sign::Same && !show_next && !style.show_unchanged {
            passed.push(part);
            continue;
        }
        if let Some((last, earlier)) = passed.split_last() {
            count(&mut out, "element", earlier.len(), level + 1, style);
            out += &element(last, level + 1, unchanged);
        }
        passed.clear();
        show_next = part.sign != Sign::Same;
        out += &element(part, level + 1, if show_next { inner } else { unchanged });
    }
    count(&mut out, "element", passed.len(), level + 1, style);
    close(&mut out, ']', diff, level, style);
    out
}

/// From the opening to the closing bracket.
pub(super) fn set(elements: &[Diff<'_>], diff: &Diff<'_>, level: usize, style: Style) -> String {
    if elements.is_empty() {
        return empty("[]", diff, style);
    }
    let inner = style.without_removal().replacing(false);
    let mut out = format!("[{}\n", style.replacement(diff.replace));
    let mut hidden = 0;
    for part in elements {
        if part.sign == Sign::Same && !style.show_unchanged {
            hidden += 1;
        } else {
            out += &element(part, level + 1, inner);
        }
    }
    count(&mut out, "element", hidden, level + 1, style);
    close(&mut out, ']', diff, level, style);
    out
}
