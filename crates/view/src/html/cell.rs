//! A value before and after, where each fits in a cell of a table.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::words;
use crate::difference::diff::{Diff, Sign, What};
use crate::page::visible;

/// What stands in a cell.
#[derive(Clone)]
pub(super) enum Cell {
    /// There is no value on this side.
    Absent,
    /// A word of ours in place of a value.
    Word(&'static str),
    /// A value.
    Value(Markup),
}

impl Cell {
    fn is_long(text: &str) -> bool {
        text.len() > 900 || text.matches('\n').count() > 16
    }

    /// As the content of a cell of the row of that name.
    pub(super) fn markup(&self, name: &str) -> Markup {
        match self {
            Cell::Absent => html! { span.q { "not set" } },
            Cell::Word(word) => html! { span.w { (word) } },
            // What scrolls has to be reached with the keyboard.
            Cell::Value(value) if Cell::is_long(&value.0) => {
                html! { div.v tabindex="0" role="group" aria-label=(format!("Value of {name}")) { (value) } }
            }
            Cell::Value(value) => html! { (value) },
        }
    }
}

pub(super) const UNKNOWN: Cell = Cell::Word("(known after apply)");
const SENSITIVE: Cell = Cell::Word("(sensitive value)");
const WRITE_ONLY: Cell = Cell::Word("(write-only attribute)");

/// The document that a text holds, if it is JSON with something in it.
pub(super) fn document(json: Option<&Json>) -> Option<Json> {
    let text = json?.as_str()?;
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let document: Json = serde_json::from_str(text).ok()?;
    let empty =
        document.as_object().is_some_and(serde_json::Map::is_empty) || document.as_array().is_some_and(Vec::is_empty);
    (!empty).then_some(document)
}

/// Both sides, by whether there is something on them.
fn sided(sign: Sign, cell: Cell) -> (Cell, Cell) {
    match sign {
        Sign::Create => (Cell::Absent, cell),
        Sign::Delete => (cell, Cell::Absent),
        Sign::Same | Sign::Update => (cell.clone(), cell),
    }
}

/// Both sides of a value that needs no rows of its own; `None` if it does.
pub(super) fn cells(diff: &Diff<'_>) -> Option<(Cell, Cell)> {
    match &diff.what {
        What::Scalar { before, after } => scalar(*before, *after, diff.sign),
        What::Sensitive { .. } => Some(sided(diff.sign, SENSITIVE)),
        What::WriteOnly => Some(sided(diff.sign, WRITE_ONLY)),
        What::Unknown(None) => Some((Cell::Absent, UNKNOWN)),
        What::Unknown(Some(going)) => Some((cells(going)?.0, UNKNOWN)),
        What::Retyped(going, coming) => Some((cells(going)?.0, cells(coming)?.1)),
        What::Object(members) | What::Map(members) if members.is_empty() => {
            Some(sided(diff.sign, Cell::Value(html! { "{}" })))
        }
        What::List(elements) | What::Set(elements) if elements.is_empty() => {
            Some(sided(diff.sign, Cell::Value(html! { "[]" })))
        }
        What::List(elements) | What::Set(elements) => listed(elements, diff.sign == Sign::Update),
        What::Object(_) | What::Map(_) | What::Block(_) => None,
    }
}

/// Elements of a line each, one below the other; those that come and go are `marked`.
fn listed(elements: &[Diff<'_>], marked: bool) -> Option<(Cell, Cell)> {
    let short = |json: &Option<&Json>| {
        json.is_none_or(|json| json.as_str().is_none_or(|text| !text.contains('\n') && text.len() < 400))
    };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for element in elements {
        match &element.what {
            What::Scalar { before, after } if short(before) && short(after) => {
                let (before, after) = scalar(*before, *after, element.sign)?;
                let shown = |cell: Cell| match cell {
                    Cell::Value(value) => Some(value),
                    Cell::Word(word) => Some(html! { span.w { (word) } }),
                    Cell::Absent => None,
                };
                let whole = |markup: Markup| match element.sign {
                    _ if !marked => html! { div { (markup) } },
                    Sign::Create => html! { div { ins { (markup) } } },
                    Sign::Delete => html! { div { del { (markup) } } },
                    Sign::Same | Sign::Update => html! { div { (markup) } },
                };
                old.extend(shown(before).map(whole));
                new.extend(shown(after).map(whole));
            }
            _ => return None,
        }
    }
    let side = |lines: Vec<Markup>| match lines.is_empty() {
        true => Cell::Absent,
        false => Cell::Value(html! { @for line in lines { (line) } }),
    };
    Some((side(old), side(new)))
}

fn scalar(before: Option<&Json>, after: Option<&Json>, sign: Sign) -> Option<(Cell, Cell)> {
    let (was, is) = (document(before), document(after));
    let text = |json: Option<&Json>| json.is_some_and(Json::is_string);
    match (&was, &is) {
        (Some(_), Some(_)) => return None,
        (Some(_), None) if !text(after) => return None,
        (None, Some(_)) if !text(before) => return None,
        _ => {}
    }
    if let (Sign::Update, Some(Json::String(old)), Some(Json::String(new))) = (sign, before, after) {
        let (old, new) = match old.contains('\n') || new.contains('\n') {
            true => words::lines(old, new),
            false => words::line(old, new),
        };
        return Some((Cell::Value(old), Cell::Value(new)));
    }
    if let (Sign::Update, Some(old), Some(new)) = (sign, before, after)
        && !old.is_string()
        && !new.is_string()
    {
        let (old, new) = words::bare(&old.to_string(), &new.to_string());
        return Some((Cell::Value(old), Cell::Value(new)));
    }
    let cell = |json: Option<&Json>, there: bool| match json {
        Some(json) => Cell::Value(plain(json)),
        None if there => Cell::Word("null"),
        None => Cell::Absent,
    };
    Some(match sign {
        Sign::Create => (Cell::Absent, cell(after, true)),
        Sign::Delete => (cell(before, true), Cell::Absent),
        Sign::Same | Sign::Update => (cell(before, false), cell(after, false)),
    })
}

fn plain(json: &Json) -> Markup {
    match json {
        Json::String(text) if text.contains('\n') => html! { (visible(text)) },
        Json::String(text) => html! { (words::quoted(text)) },
        other => html! { (other.to_string()) },
    }
}
