//! A diagnostic as text for a terminal or a log.

use std::fmt::Write;

use crate::snippet::snippet;
use crate::wrap::wrap;
use crate::{Diagnostic, Severity, Sources};

/// How to show a diagnostic.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// With ANSI colours, and a rule at the left side.
    pub colour: bool,
    /// The width of the terminal.
    pub columns: usize,
}

impl Default for RenderOptions {
    fn default() -> RenderOptions {
        RenderOptions { colour: false, columns: 78 }
    }
}

const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const UNDERLINE: &str = "\x1b[4m";
const GREY: &str = "\x1b[90m";

/// The diagnostic with its source snippet, ending with a newline. Without colours an empty line comes first.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, options: RenderOptions) -> String {
    let (colour, word) = match diagnostic.severity {
        Severity::Error => ("\x1b[31m", "Error"),
        Severity::Warning => ("\x1b[33m", "Warning"),
    };
    let paint = |on: &str, text: &str| if options.colour { format!("{on}{text}{RESET}") } else { text.to_string() };
    let (word, summary) = (paint(&format!("{BOLD}{colour}"), &format!("{word}: ")), paint(BOLD, &diagnostic.summary));
    let mut body = format!("{word}{summary}\n\n");
    body.push_str(&place(diagnostic, sources, &paint));
    let margin = if options.colour { 3 } else { 1 };
    match diagnostic.detail.is_empty() && options.colour {
        true => {}
        false => {
            body.push_str(&wrap(&diagnostic.detail, options.columns.saturating_sub(margin).max(1)));
            body.push('\n');
        }
    }
    if !options.colour {
        return format!("\n{body}");
    }
    let (top, bar, bottom) = (paint(colour, "╷"), paint(colour, "│"), paint(colour, "╵"));
    let mut out = format!("{top}\n");
    for line in body.lines() {
        let _ = writeln!(out, "{bar} {line}");
    }
    let _ = writeln!(out, "{bottom}");
    out
}

/// What it is about: the object, the file, the lines, and values that played a part. Ends with an empty line.
fn place(diagnostic: &Diagnostic, sources: &Sources, paint: &dyn Fn(&str, &str) -> String) -> String {
    let mut out = String::new();
    if let Some(address) = &diagnostic.address {
        let more = if diagnostic.subject.is_some() { "," } else { "" };
        let _ = writeln!(out, "  with {}{more}", paint(BOLD, address));
    }
    if let Some(range) = &diagnostic.subject {
        let (file, line) = (&range.file, range.start.line);
        match snippet(diagnostic, sources) {
            None => {
                let missing = paint(GREY, "(source code not available)");
                let _ = writeln!(out, "  on {file} line {line}:\n  {missing}");
            }
            Some(snippet) => {
                let within = snippet.context.map(|c| format!(", in {c}")).unwrap_or_default();
                let _ = writeln!(out, "  on {file} line {line}{within}:");
                for (number, line) in (snippet.start_line..).zip(snippet.code.split('\n').scan(0, |start, line| {
                    let from = *start;
                    *start += line.len() + 1;
                    Some(underlined(line, from, (snippet.highlight_start, snippet.highlight_end), paint))
                })) {
                    let _ = writeln!(out, "{number:4}: {line}");
                }
                out.push_str(&values(diagnostic, paint));
            }
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// A line that begins at byte `from` of the snippet, with what lies in `highlight` underlined.
fn underlined(line: &str, from: usize, highlight: (usize, usize), paint: &dyn Fn(&str, &str) -> String) -> String {
    let clamp = |byte: usize| byte.saturating_sub(from).min(line.len());
    let (start, end) = (clamp(highlight.0), clamp(highlight.1));
    match (line.get(..start), line.get(start..end), line.get(end..)) {
        (Some(before), Some(inside), Some(after)) if !inside.is_empty() => {
            let inside = paint(UNDERLINE, &shown(inside, LONGEST, Side::Right));
            format!("{}{inside}{}", shown(before, LONGEST, Side::Left), shown(after, LONGEST, Side::Right))
        }
        _ => shown(line, LONGEST, Side::Right),
    }
}

/// How many characters of a line are shown before, in and after what matters in it: files that programs write may have
/// all their text in one line.
const LONGEST: usize = 400;

/// Where a text is cut off that is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Source text as it may go to a terminal: not longer than so many characters, and without what would steer it.
fn shown(text: &str, longest: usize, cut: Side) -> String {
    let plain = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    if text.len() <= longest {
        return text.chars().map(plain).collect();
    }
    let kept: String = match cut {
        Side::Right => text.chars().take(longest).map(plain).collect(),
        Side::Left => {
            let mut kept: Vec<char> = text.chars().rev().take(longest).map(plain).collect();
            kept.reverse();
            kept.into_iter().collect()
        }
    };
    match (kept.chars().count() < text.chars().count(), cut) {
        (false, _) => kept,
        (true, Side::Right) => format!("{kept}…"),
        (true, Side::Left) => format!("…{kept}"),
    }
}

fn values(diagnostic: &Diagnostic, paint: &dyn Fn(&str, &str) -> String) -> String {
    if diagnostic.values.is_empty() {
        return String::new();
    }
    let mut values: Vec<&(String, String)> = diagnostic.values.iter().collect();
    values.sort();
    let mut out = format!("    {}\n", paint(GREY, "├────────────────"));
    for (name, is) in values {
        let _ = writeln!(out, "    {} {} {is}", paint(GREY, "│"), paint(BOLD, name));
    }
    out
}
