//! A difference as text.

use super::pen::Style;
use super::{block, collection, text_value};
use crate::difference::diff::{Diff, Sign, What};

/// The value of an attribute, the body of a block or an element, beginning on the line that it stands on. `level` is the
/// indent of that line.
pub(super) fn render(diff: &Diff<'_>, level: usize, style: Style) -> String {
    match &diff.what {
        What::Scalar { before, after } => text_value::scalar(*before, *after, diff, level, style),
        What::Object(members) => collection::object(members, diff, level, style),
        What::Map(members) => collection::map(members, diff, level, style),
        What::List(elements) => collection::list(elements, diff, level, style),
        What::Set(elements) => collection::set(elements, diff, level, style),
        What::Block(block) => block::block(block, diff, level, style),
        What::Sensitive { .. } => closed("(sensitive value)", diff, style),
        What::WriteOnly => closed("(write-only attribute)", diff, style),
        What::Unknown(None) => format!("(known after apply){}", style.replacement(diff.replace)),
        What::Unknown(Some(going)) => {
            let going = render(going, level, style.without_removal().replacing(false));
            let (arrow, replacement) = (style.pen.arrow(), style.replacement(diff.replace));
            format!("{going} {arrow} (known after apply){replacement}")
        }
        What::Retyped(going, coming) => {
            let inner = style.without_removal().replacing(false);
            let (going, coming) = (render(going, level, inner), render(coming, level, inner));
            format!("{going} {} {coming}{}", style.pen.arrow(), style.replacement(diff.replace))
        }
    }
}

/// A value of which only a word is shown.
fn closed(word: &str, diff: &Diff<'_>, style: Style) -> String {
    format!("{word}{}{}", style.removal(diff.sign), style.replacement(diff.replace))
}

/// Lines that stand before a part: what becomes of its sensitivity.
pub(super) fn warnings(diff: &Diff<'_>, level: usize, style: Style) -> String {
    let What::Sensitive { inner, before, after } = &diff.what else { return String::new() };
    if before == after || matches!(diff.sign, Sign::Create | Sign::Delete) {
        return String::new();
    }
    let indent = "    ".repeat(level);
    let [first, second] = match before {
        true => ["will no longer be marked as sensitive", "after applying this change."],
        false => ["will be marked as sensitive and will not", "display in UI output after applying this change."],
    };
    let word = style.pen.paint(super::pen::Ink::Yellow, "Warning:");
    let unchanged = if *inner == Sign::Same { " The value is unchanged." } else { "" };
    format!("{indent}  # {word} this attribute value {first}\n{indent}  # {second}{unchanged}\n")
}

/// The name of an attribute as it is written: quoted if it is no identifier.
pub(crate) fn attribute_name(name: &str) -> String {
    match infra_lang::syntax::is_identifier(name) {
        true => name.to_string(),
        false => text_value::quoted(name),
    }
}

/// Whether an attribute of this name is shown even if it does not change: it tells which object it is.
pub(crate) fn is_telling(name: &str) -> bool {
    matches!(name, "id" | "name" | "tags")
}

/// `name = value` on lines of its own, with what stands before it.
pub(super) fn entry(diff: &Diff<'_>, name: &str, width: usize, level: usize, style: Style, end: &str) -> String {
    let padding = " ".repeat(width.saturating_sub(name.chars().count()));
    let (before, start) = (warnings(diff, level, style), style.start(level, diff.sign));
    format!("{before}{start}{name}{padding} = {}{end}\n", render(diff, level, style))
}
