//! Names: what is a valid one.

use infra_diag::{Diagnostic, Diagnostics};

use crate::syntax::ast::Label;
pub(crate) use crate::syntax::is_identifier;

/// Reports a label that is no valid name.
pub(crate) fn check_label(label: &Label, summary: &str, diagnostics: &mut Diagnostics) -> bool {
    let valid = is_identifier(&label.text);
    if !valid {
        diagnostics.push(
            Diagnostic::error(
                summary,
                "A name starts with a letter or an underscore and holds only letters, digits, underscores and dashes.",
            )
            .at(label.range.clone()),
        );
    }
    valid
}
