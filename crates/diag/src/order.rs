//! In which order diagnostics are shown, and which warnings are told together.

use std::cmp::Ordering;

use crate::{Diagnostic, Diagnostics, Severity};

impl Diagnostics {
    /// In the order in which they are shown: warnings first; then those without a place; then by file, files of outer
    /// folders first; then by place.
    #[must_use]
    pub fn in_order(mut self) -> Diagnostics {
        self.0.sort_by(order);
        self
    }

    /// With warnings of the same summary told once: the first one says how many more there are.
    #[must_use]
    pub fn with_similar_warnings_merged(self) -> Diagnostics {
        let mut kept: Vec<(Diagnostic, usize)> = Vec::new();
        for diagnostic in self.0 {
            let similar = |(other, _): &&mut (Diagnostic, usize)| {
                other.severity == Severity::Warning && other.subject.is_some() && other.summary == diagnostic.summary
            };
            let mergeable = diagnostic.severity == Severity::Warning && diagnostic.subject.is_some();
            match kept.iter_mut().find(|other| mergeable && similar(other)) {
                Some((_, more)) => *more += 1,
                None => kept.push((diagnostic, 0)),
            }
        }
        let told = kept.into_iter().map(|(mut diagnostic, more)| {
            match more {
                0 => {}
                1 => diagnostic.detail.push_str("\n\n(and one more similar warning elsewhere)"),
                n => diagnostic.detail.push_str(&format!("\n\n(and {n} more similar warnings elsewhere)")),
            }
            diagnostic
        });
        told.collect()
    }

    /// A line for each kind of warning, where there is nothing worse to tell.
    pub fn compact_warnings(&self) -> String {
        let mut kinds: Vec<(&Diagnostic, usize)> = Vec::new();
        for diagnostic in self.iter().filter(|d| !d.is_error()) {
            match kinds.iter_mut().find(|(first, _)| first.summary == diagnostic.summary) {
                Some((_, more)) => *more += 1,
                None => kinds.push((diagnostic, 0)),
            }
        }
        if kinds.is_empty() {
            return String::new();
        }
        let mut out = String::from("\nWarnings:\n\n");
        for (first, more) in kinds {
            out.push_str(&format!("- {}\n", first.summary));
            if let Some(range) = &first.subject {
                out.push_str(&format!("  on {} line {}", range.file, range.start.line));
                out.push_str(&if more > 0 { format!(" (and {more} more)\n") } else { "\n".to_string() });
            }
        }
        out + "\nTo see the full warning notes, run Terraform without -compact-warnings.\n"
    }
}

fn order(a: &Diagnostic, b: &Diagnostic) -> Ordering {
    let rank = |d: &Diagnostic| d.severity == Severity::Error;
    rank(a).cmp(&rank(b)).then_with(|| match (&a.subject, &b.subject) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(x), Some(y)) => {
            let depth = |file: &str| file.matches('/').count();
            let file = depth(&x.file).cmp(&depth(&y.file)).then_with(|| x.file.cmp(&y.file));
            file.then_with(|| (x.start.byte, x.end.byte).cmp(&(y.start.byte, y.end.byte)))
        }
    })
}
