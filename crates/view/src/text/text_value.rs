//! Single values: numbers, bools, null, and texts, which may be JSON or have several lines.

use infra_lang::functions::quote;
use serde_json::Value as Json;

use super::pen::{Ink, Style};
use super::render::render;
use crate::difference::change::Change;
use crate::difference::compare::compare_untyped;
use crate::difference::diff::{Diff, Sign, What};
use crate::difference::pairing::pair_lists;

/// A text in quotes, with escapes for what cannot be seen.
pub(super) fn quoted(text: &str) -> String {
    quote(text)
}

/// A text as it is shown: what it holds decides how.
enum Text<'t> {
    Null,
    Line(&'t str),
    Lines(&'t str),
    Document(Json),
}

impl<'t> Text<'t> {
    fn of(json: Option<&'t Json>) -> Text<'t> {
        let Some(text) = json.and_then(Json::as_str) else { return Text::Null };
        if text.starts_with(['{', '['])
            && let Ok(document) = serde_json::from_str(text)
        {
            return Text::Document(document);
        }
        match text.contains('\n') {
            true => Text::Lines(text.trim()),
            false => Text::Line(text),
        }
    }

    /// The lines, where the other side has several.
    fn lines(&self) -> Vec<&'t str> {
        match self {
            Text::Lines(text) | Text::Line(text) => text.split('\n').collect(),
            Text::Null | Text::Document(_) => Vec::new(),
        }
    }

    fn simple(&self, style: Style) -> String {
        match self {
            Text::Line(text) | Text::Lines(text) => quoted(text),
            Text::Null | Text::Document(_) => null(style),
        }
    }
}

fn null(style: Style) -> String {
    style.pen.paint(Ink::Grey, "null")
}

/// A value that has no parts.
pub(super) fn scalar(
    before: Option<&Json>,
    after: Option<&Json>,
    diff: &Diff<'_>,
    level: usize,
    style: Style,
) -> String {
    if before.is_some_and(Json::is_string) || after.is_some_and(Json::is_string) {
        return text(before, after, diff, level, style);
    }
    let plain = |json: Option<&Json>| json.map_or_else(|| null(style), Json::to_string);
    let replacement = style.replacement(diff.replace);
    match diff.sign {
        Sign::Create => format!("{}{replacement}", plain(after)),
        Sign::Delete if before.is_none() => format!("{}{replacement}", null(style)),
        Sign::Delete => format!("{}{}{replacement}", plain(before), style.removal(diff.sign)),
        Sign::Same => format!("{}{replacement}", plain(before)),
        Sign::Update => format!("{} {} {}{replacement}", plain(before), style.pen.arrow(), plain(after)),
    }
}

fn text(before: Option<&Json>, after: Option<&Json>, diff: &Diff<'_>, level: usize, style: Style) -> String {
    let replacement = style.replacement(diff.replace);
    let (old, new) = (Text::of(before), Text::of(after));
    let one = match diff.sign {
        Sign::Create | Sign::Same => &new,
        Sign::Delete => &old,
        Sign::Update => return changed_text(before, after, (old, new), diff, level, style),
    };
    match one {
        Text::Document(document) => {
            let (was, is) = match diff.sign {
                Sign::Create => (None, Some(document)),
                Sign::Delete => (Some(document), None),
                Sign::Same | Sign::Update => (Some(document), Some(document)),
            };
            encoded(was, is, diff, level, style)
        }
        Text::Null => format!("{}{replacement}", null(style)),
        Text::Line(_) => format!("{}{}{replacement}", one.simple(style), style.removal(diff.sign)),
        Text::Lines(_) => {
            let lines = one.lines().into_iter().map(|line| (Sign::Same, line)).collect();
            heredoc(lines, diff, level, style)
        }
    }
}

fn changed_text(
    before: Option<&Json>,
    after: Option<&Json>,
    texts: (Text<'_>, Text<'_>),
    diff: &Diff<'_>,
    level: usize,
    style: Style,
) -> String {
    match texts {
        (Text::Document(was), Text::Document(is)) => encoded(Some(&was), Some(&is), diff, level, style),
        (Text::Document(_), _) | (_, Text::Document(_)) => {
            let side = |before, after, sign| Diff { what: What::Scalar { before, after }, sign, replace: false };
            let (going, coming) = (side(before, None, Sign::Delete), side(None, after, Sign::Create));
            let what = What::Retyped(Box::new(going), Box::new(coming));
            render(&Diff { what, ..*diff }, level, style)
        }
        (old @ Text::Lines(_), new) | (old, new @ Text::Lines(_)) => {
            heredoc(line_changes(&old.lines(), &new.lines()), diff, level, style)
        }
        (old, new) => {
            let (old, new) = (old.simple(style), new.simple(style));
            format!("{old} {} {new}{}", style.pen.arrow(), style.replacement(diff.replace))
        }
    }
}

fn line_changes<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Sign, &'t str)> {
    let mut lines = Vec::new();
    for (o, n) in pair_lists(old, new, |_| false) {
        match (old.get(o), new.get(n)) {
            (Some(same), Some(other)) if same == other => lines.push((Sign::Same, *same)),
            (going, coming) => {
                lines.extend(going.map(|line| (Sign::Delete, *line)));
                lines.extend(coming.map(|line| (Sign::Create, *line)));
            }
        }
    }
    lines
}

fn heredoc(lines: Vec<(Sign, &str)>, diff: &Diff<'_>, level: usize, style: Style) -> String {
    let mut out = format!("<<-EOT{}\n", style.replacement(diff.replace));
    for (sign, line) in lines {
        out += &format!("{}{line}\n", style.start(level + 1, sign));
    }
    out + &style.start(level, Sign::Same) + "EOT" + &style.removal(diff.sign)
}

/// A text that holds JSON, shown as what it encodes.
fn encoded(was: Option<&Json>, is: Option<&Json>, diff: &Diff<'_>, level: usize, style: Style) -> String {
    let inner = compare_untyped(Change::between(was, is));
    let only_layout = inner.sign == Sign::Same && diff.sign == Sign::Update;
    let mut inner_style = style.without_removal().replacing(false);
    let (note, replacement) = match only_layout {
        true => {
            inner_style = inner_style.showing_unchanged();
            let forced = diff.replace || style.replaces;
            (if forced { " # whitespace changes force replacement" } else { " # whitespace changes" }, String::new())
        }
        false => ("", style.replacement(diff.replace)),
    };
    let body = render(&inner, level + 1, inner_style);
    let removal = style.removal(diff.sign);
    if !body.contains('\n') {
        return format!("jsonencode({body}){note}{replacement}{removal}");
    }
    // What comes or goes as a whole has its sign before the attribute already.
    let sign = if diff.sign == Sign::Update { inner.sign } else { Sign::Same };
    let (start, end) = (style.start(level + 1, sign), style.start(level, Sign::Same));
    format!("jsonencode({note}\n{start}{body}{replacement}\n{end}){removal}")
}
