//! `output` and `locals` blocks.

use infra_diag::{Diagnostic, Diagnostics};

use super::check::rules;
use super::{depends_on, name_of};
use crate::config::content::{Spec, attributes_only, content};
use crate::config::names::is_identifier;
use crate::config::static_expr::{constant_bool, constant_text};
use crate::config::{Local, Output};
use crate::syntax::ast::Block;

const OUTPUT: Spec = Spec {
    attributes: &[
        ("description", false),
        ("value", true),
        ("depends_on", false),
        ("sensitive", false),
        ("ephemeral", false),
    ],
    blocks: &[("precondition", &[]), ("postcondition", &[])],
};

/// An `output` block.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> Output {
    let content = content(&block.body, &OUTPUT, diagnostics);
    let name = name_of(block, "Invalid output name", diagnostics);
    for postcondition in content.blocks_of("postcondition") {
        diagnostics.push(
            Diagnostic::error(
                "Postconditions are not allowed",
                "An output can only have preconditions: there is nothing after it that could be checked.",
            )
            .at(postcondition.ty_range.clone()),
        );
    }
    let mut flag = |name: &str| content.get(name).and_then(|a| constant_bool(a, diagnostics)).unwrap_or(false);
    Output {
        sensitive: flag("sensitive"),
        ephemeral: flag("ephemeral"),
        description: content.get("description").and_then(|a| constant_text(a, diagnostics)),
        value: content.get("value").map(|a| a.expr.clone()),
        depends_on: depends_on(&content, diagnostics),
        preconditions: rules(content.blocks_of("precondition"), diagnostics),
        name,
        decl_range: block.header_range.clone(),
    }
}

/// The entries of a `locals` block.
pub(super) fn read_locals(block: &Block, diagnostics: &mut Diagnostics) -> Vec<Local> {
    let mut locals = Vec::new();
    for attribute in attributes_only(&block.body, diagnostics) {
        if !is_identifier(&attribute.name) {
            diagnostics.push(
                Diagnostic::error(
                    "Invalid local value name",
                    "A name starts with a letter or an underscore and holds only letters, digits, underscores and dashes.",
                )
                .at(attribute.name_range.clone()),
            );
        }
        locals.push(Local { name: attribute.name, expr: attribute.expr, decl_range: attribute.range });
    }
    locals
}
