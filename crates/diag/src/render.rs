//! A diagnostic as text for a terminal or a log.

use std::fmt::Write;

use crate::{Diagnostic, Severity, Sources};

/// How to show a diagnostic.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenderOptions {
    /// With ANSI colours.
    pub colour: bool,
}

/// The diagnostic with its source snippet, ending with a newline.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, options: RenderOptions) -> String {
    let (colour, word) = match diagnostic.severity {
        Severity::Error => ("\x1b[31m", "Error"),
        Severity::Warning => ("\x1b[33m", "Warning"),
    };
    let paint = |on: &'static str| if options.colour { on } else { "" };
    let (bold, reset) = (paint("\x1b[1m"), paint("\x1b[0m"));
    let colour = paint(colour);
    let mut body = format!("{bold}{colour}{word}: {reset}{bold}{}{reset}\n", diagnostic.summary);
    if let Some(range) = &diagnostic.subject {
        let within = diagnostic.context.as_ref().map(|c| format!(", in {c}")).unwrap_or_default();
        let _ = writeln!(body, "\n  on {} line {}{within}:", range.file, range.start.line);
        if let Some(text) = sources.get(&range.file) {
            for (number, line) in snippet(text, range.start.line, range.end.line) {
                let _ = writeln!(body, "{number:4}: {line}");
            }
        }
    } else if let Some(address) = &diagnostic.address {
        let _ = writeln!(body, "\n  with {address}");
    }
    if !diagnostic.values.is_empty() {
        body.push_str("    with\n");
        for (name, is) in &diagnostic.values {
            let _ = writeln!(body, "      {name} {is}");
        }
    }
    if !diagnostic.detail.is_empty() {
        let _ = writeln!(body, "\n{}", diagnostic.detail);
    }
    let mut out = format!("{colour}╷{reset}\n");
    for line in body.lines() {
        let bar = if line.is_empty() { "│" } else { "│ " };
        let _ = writeln!(out, "{colour}{bar}{reset}{line}");
    }
    let _ = writeln!(out, "{colour}╵{reset}");
    out
}

/// The lines from `first` to `last` (from 1), at most eight of them.
fn snippet(text: &str, first: u32, last: u32) -> impl Iterator<Item = (u32, &str)> {
    let count = (last.max(first) - first + 1).min(8) as usize;
    let numbers = first..;
    numbers.zip(text.lines().skip(first.saturating_sub(1) as usize).take(count))
}
