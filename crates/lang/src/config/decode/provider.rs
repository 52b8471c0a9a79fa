//! `provider` blocks.

use infra_diag::{Diagnostic, Diagnostics};

use super::{name_of, reserved_blocks, version};
use crate::config::ProviderBlock;
use crate::config::content::{Spec, partial_content};
use crate::config::names::is_identifier;
use crate::config::static_expr::constant_text;
use crate::syntax::ast::Block;

const PROVIDER: Spec = Spec {
    attributes: &[
        ("version", false),
        ("alias", false),
        ("count", false),
        ("depends_on", false),
        ("for_each", false),
        ("source", false),
    ],
    blocks: &[("_", &[]), ("lifecycle", &[]), ("locals", &[])],
};

/// A `provider` block.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> Option<ProviderBlock> {
    let (content, rest) = partial_content(&block.body, &PROVIDER, diagnostics);
    let local_name = name_of(block, "Invalid provider name", diagnostics);
    let alias = content.get("alias").and_then(|a| constant_text(a, diagnostics));
    if let Some(alias) = &alias
        && !is_identifier(alias)
    {
        diagnostics.push(Diagnostic::error(
            "Invalid provider configuration alias",
            format!(
                "The alias \"{alias}\" of a configuration of provider \"{local_name}\" is no valid name. A name starts \
                 with a letter or an underscore and holds only letters, digits, underscores and dashes."
            ),
        ));
    }
    for name in ["count", "depends_on", "for_each", "source"] {
        if let Some(attribute) = content.get(name) {
            diagnostics.push(
                Diagnostic::error(
                    "Reserved argument name in provider block",
                    format!("The argument \"{name}\" is reserved and has no meaning in a provider block. Remove it."),
                )
                .at(attribute.name_range.clone()),
            );
        }
    }
    reserved_blocks(&content, &["lifecycle", "locals"], "provider", diagnostics);
    let version = content.get("version").and_then(|attribute| {
        diagnostics.push(
            Diagnostic::warning(
                "Version constraints inside provider configuration blocks are deprecated",
                format!("Write the constraint as version of \"{local_name}\" in terraform {{ required_providers }}."),
            )
            .at(attribute.expr.range.clone()),
        );
        version(attribute, diagnostics)
    });
    let body = super::escaped(&content, rest, diagnostics);
    Some(ProviderBlock { local_name, alias, version, body, decl_range: block.header_range.clone() })
}
