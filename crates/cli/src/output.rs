//! Everything that goes to the terminal: text to standard output, errors to standard error; or, where machine-readable
//! lines are wanted, all of it as such lines to standard output.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use infra_diag::{Diagnostic, Diagnostics, RenderOptions, Sources, render};

use crate::machine;

/// Whether standard output gets machine-readable lines, and nothing else.
static MACHINE: AtomicBool = AtomicBool::new(false);

/// Says once, at the start, whether everything is told in machine-readable lines.
pub(crate) fn set_machine(on: bool) {
    MACHINE.store(on, Ordering::Relaxed);
}

/// Whether nothing gets colours, wherever it goes.
static PLAIN: AtomicBool = AtomicBool::new(false);

/// Says once, at the start, that nothing gets colours.
pub(crate) fn set_plain(on: bool) {
    PLAIN.store(on, Ordering::Relaxed);
}

/// Whether everything is told in machine-readable lines.
pub(crate) fn is_machine() -> bool {
    MACHINE.load(Ordering::Relaxed)
}

/// Whether something could not be written to standard output, for another reason than that nobody reads it.
static UNWRITTEN: AtomicBool = AtomicBool::new(false);

/// Whether standard output is not whole: whoever keeps it in a file has to know.
pub(crate) fn is_torn() -> bool {
    UNWRITTEN.load(Ordering::Relaxed)
}

/// Prints a line (or lines) to standard output. A closed pipe is no error.
pub(crate) fn line(text: &str) {
    match is_machine() {
        true => machine::log(text),
        false => written(&format!("{text}\n")),
    }
}

/// Prints to standard output as it is.
pub(crate) fn raw(text: &str) {
    match is_machine() {
        true => machine::log(text),
        false => written(text),
    }
}

/// Writes to standard output, whoever reads it.
pub(crate) fn written(text: &str) {
    let mut out = std::io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else { return };
    let unread = error.kind() == std::io::ErrorKind::BrokenPipe;
    if !unread && !UNWRITTEN.swap(true, Ordering::Relaxed) {
        let problem = Diagnostic::error(
            "Standard output cannot be written",
            format!("{error}. What is there is not all of it. Whatever was to be done is done all the same."),
        );
        let text = render(&problem, &Sources::default(), RenderOptions::default());
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// A line that somebody answers on standard input, without the spaces around it.
///
/// # Errors
/// When there is nobody: it has ended, or cannot be read.
pub(crate) fn answer() -> Result<String, Diagnostic> {
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(read) if read > 0 => Ok(answer.trim().to_string()),
        _ => Err(unanswered()),
    }
}

/// The error about a question that nobody answers.
pub(crate) fn unanswered() -> Diagnostic {
    Diagnostic::error(
        "No answer",
        "Standard input has ended, so nobody can say yes. Nothing was done. Run it where somebody can answer, or with \
         -auto-approve.",
    )
}

/// Tells a person what goes on, where it disturbs no result: on standard error. Whoever reads machine-readable lines is
/// not told.
pub(crate) fn aside(text: &str) {
    if !is_machine() {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// A warning that is about no place in the configuration, where it disturbs no result: on standard error.
pub(crate) fn warning(summary: &str, detail: &str) {
    let problem = Diagnostic::warning(summary, detail);
    match is_machine() {
        true => machine::diagnostics(&problem.into(), &Sources::default()),
        false => {
            let options = RenderOptions { colour: use_colour(false), columns: columns() };
            let _ = std::io::stderr().lock().write_all(render(&problem, &Sources::default(), options).as_bytes());
        }
    }
}

/// An error that is about no place in the configuration.
pub(crate) fn error(summary: &str, detail: &str) {
    diagnostics(&Diagnostic::error(summary, detail).into(), &Sources::default(), use_colour(false));
}

/// Whether to use colours: on a terminal, unless told otherwise.
pub(crate) fn use_colour(no_color: bool) -> bool {
    let forbidden =
        no_color || PLAIN.load(Ordering::Relaxed) || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|t| t == "dumb");
    !forbidden && !dumb && std::io::stdout().is_terminal()
}

/// Warnings to standard output, then errors to standard error.
pub(crate) fn diagnostics(problems: &Diagnostics, sources: &Sources, colour: bool) {
    if is_machine() {
        return machine::diagnostics(problems, sources);
    }
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
