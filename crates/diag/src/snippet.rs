//! The lines of source that a diagnostic is about.

use crate::{Diagnostic, Sources};

/// Lines of source with the part that matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The block around it.
    pub context: Option<String>,
    /// Whole lines, without a newline at the end.
    pub code: String,
    /// The number of the first line.
    pub start_line: u32,
    /// Where in `code` the part that matters begins, in bytes.
    pub highlight_start: usize,
    /// Where it ends.
    pub highlight_end: usize,
}

/// The lines that a diagnostic points to; `None` if it has no place, or the source is not at hand.
pub fn snippet(diagnostic: &Diagnostic, sources: &Sources) -> Option<Snippet> {
    let range = diagnostic.subject.as_ref()?;
    let text = sources.get(&range.file)?;
    let start = (range.start.byte as usize).min(text.len());
    let end = (range.end.byte as usize).clamp(start, text.len());
    let first = text.get(..start)?.rfind('\n').map_or(0, |newline| newline + 1);
    // A range that ends with a newline does not reach into the line after it.
    let inside = text.get(..end)?;
    let last = if end > start && inside.ends_with('\n') { end - 1 } else { end };
    let last = text.get(last..)?.find('\n').map_or(text.len(), |newline| last + newline);
    let code = text.get(first..last)?;
    let highlight_start = start - first;
    let highlight_end = (end.max(start + usize::from(start == end)) - first).min(code.len()).max(highlight_start);
    Some(Snippet {
        context: diagnostic.context.clone(),
        code: code.trim_end_matches('\r').to_string(),
        start_line: range.start.line,
        highlight_start,
        highlight_end,
    })
}
