//! One [`Diagnostic`] and how it is shown with the source snippet.

mod order;
mod render;
mod snippet;
mod source;
mod wrap;

use std::fmt;

pub use render::{RenderOptions, render};
pub use snippet::{Snippet, snippet};
pub use source::{Pos, SourceRange, Sources};
pub use wrap::wrap;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The run cannot succeed.
    Error,
    /// Somebody should know.
    Warning,
}

/// Something to tell the user: what happened, to what, where, and what to do.
///
/// Neither summary nor detail ever holds a sensitive value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// One line: what happened. No full stop.
    pub summary: String,
    /// Why, and what to do. Sentences; may have several lines.
    pub detail: String,
    /// The place in the source that this is about.
    pub subject: Option<SourceRange>,
    /// The block around it, named in the heading of the snippet: `resource "aws_vpc" "main"`.
    pub context: Option<String>,
    /// The address of the resource instance that this is about.
    pub address: Option<String>,
    /// Values that the expression used, already rendered: `("var.x", "is 3")`.
    pub values: Vec<(String, String)>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            subject: None,
            context: None,
            address: None,
            values: Vec::new(),
        }
    }
    /// A warning without a place.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(summary, detail) }
    }
    /// The same at a place in the source.
    #[must_use]
    pub fn at(mut self, range: impl Into<Option<SourceRange>>) -> Diagnostic {
        self.subject = range.into();
        self
    }
    /// The same with the block named that it happened in.
    #[must_use]
    pub fn within(mut self, context: impl Into<String>) -> Diagnostic {
        self.context = Some(context.into());
        self
    }
    /// The same about a resource instance.
    #[must_use]
    pub fn about(mut self, address: impl fmt::Display) -> Diagnostic {
        self.address = Some(address.to_string());
        self
    }
    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// Diagnostics gathered along the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// None yet.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }
    /// Adds all.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(others);
    }
    /// Leaves out what was told before: what is wrong in a module is found at each of its calls.
    pub fn leave_out_repeats(&mut self) {
        let mut told = std::collections::HashSet::new();
        self.0.retain(|diagnostic| told.insert(diagnostic.clone()));
    }
    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics(vec![diagnostic])
    }
}
impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Diagnostics {
        Diagnostics(iter.into_iter().collect())
    }
}
impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
