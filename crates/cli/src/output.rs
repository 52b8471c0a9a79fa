//! Everything that goes to the terminal: text to standard output, errors to standard error.

use std::io::{IsTerminal, Write};

use infra_diag::{Diagnostic, Diagnostics, RenderOptions, Sources, render};

/// Prints a line (or lines) to standard output. A closed pipe is no error.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
}

/// Prints to standard output as it is.
pub(crate) fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// An error that is about no place in the configuration.
pub(crate) fn error(summary: &str, detail: &str) {
    diagnostics(&Diagnostic::error(summary, detail).into(), &Sources::default(), use_colour(false));
}

/// Whether to use colours: on a terminal, unless told otherwise.
pub(crate) fn use_colour(no_color: bool) -> bool {
    let forbidden = no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|t| t == "dumb");
    !forbidden && !dumb && std::io::stdout().is_terminal()
}

/// Warnings to standard output, then errors to standard error.
pub(crate) fn diagnostics(problems: &Diagnostics, sources: &Sources, colour: bool) {
    let options = RenderOptions { colour, columns: columns() };
    let problems = problems.clone().in_order().with_similar_warnings_merged();
    for problem in problems.iter().filter(|p| !p.is_error()) {
        raw(&render(problem, sources, options));
    }
    for problem in problems.iter().filter(|p| p.is_error()) {
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(render(problem, sources, options).as_bytes());
    }
}

/// How wide the terminal is; 78 where there is none.
pub(crate) fn columns() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| *c > 0);
    let seen = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    told.or_else(seen).unwrap_or(78)
}
