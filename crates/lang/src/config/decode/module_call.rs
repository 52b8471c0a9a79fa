//! `module` blocks.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics};

use super::{depends_on, name_of, provider_ref, provider_ref_in_key, repetition, reserved_blocks, version};
use crate::config::content::{Spec, attributes_of, partial_content};
use crate::config::source::ModuleSource;
use crate::config::static_expr::{constant_text, map_items};
use crate::config::{ModuleCall, PassedProvider};
use crate::syntax::{Attribute, Block, Body};

const MODULE: Spec = Spec {
    attributes: &[
        ("source", true),
        ("version", false),
        ("count", false),
        ("for_each", false),
        ("depends_on", false),
        ("providers", false),
    ],
    blocks: &[("_", &[]), ("lifecycle", &[]), ("locals", &[]), ("provider", &["type"])],
};

/// A `module` block.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> ModuleCall {
    let (content, rest) = partial_content(&block.body, &MODULE, diagnostics);
    let name = name_of(block, "Invalid module instance name", diagnostics);
    reserved_blocks(&content, &["lifecycle", "locals", "provider"], "module", diagnostics);
    let source_attribute = content.get("source");
    let source = source_attribute.and_then(|a| source_text(a, diagnostics)).unwrap_or_else(|| Arc::from(""));
    let (count, for_each) = repetition(&content, diagnostics);
    let rest = super::escaped(&content, rest, diagnostics);
    if let Body::Native(rest) = &rest {
        for nested in &rest.blocks {
            diagnostics.push(
                Diagnostic::error(
                    "Unsupported block type",
                    format!("A module has no blocks of type \"{}\": its inputs are arguments.", nested.ty),
                )
                .at(nested.ty_range.clone()),
            );
        }
    }
    let inputs = attributes_of(&rest);
    ModuleCall {
        name,
        source,
        source_range: source_attribute.map(|a| a.expr.range.clone()),
        version: content.get("version").and_then(|a| version(a, diagnostics)),
        count,
        for_each,
        providers: content.get("providers").map(|a| passed_providers(a, diagnostics)).unwrap_or_default(),
        depends_on: depends_on(&content, diagnostics),
        inputs: inputs.into_iter().map(|a| (a.name.clone(), a)).collect(),
        decl_range: block.header_range.clone(),
        missing_item_range: block.body.missing_item_range(),
    }
}

/// The source, if it is one.
fn source_text(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    let text = constant_text(attribute, diagnostics)?;
    if let Err(reason) = ModuleSource::parse(&text) {
        diagnostics.push(Diagnostic::error("Invalid module source address", reason).at(attribute.expr.range.clone()));
        return None;
    }
    Some(text)
}

/// The entries of `providers`.
fn passed_providers(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Vec<PassedProvider> {
    let mut passed: Vec<PassedProvider> = Vec::new();
    for (key, value) in map_items(&attribute.expr, diagnostics) {
        let in_child = provider_ref_in_key(&key, diagnostics);
        let in_parent = provider_ref(&value, diagnostics);
        let (Some(in_child), Some(in_parent)) = (in_child, in_parent) else { continue };
        if passed.iter().any(|p| p.in_child.to_string() == in_child.to_string()) {
            diagnostics.push(
                Diagnostic::error(
                    "Duplicate provider address",
                    format!("A provider configuration is passed as {in_child} already."),
                )
                .at(in_child.range.clone()),
            );
            continue;
        }
        passed.push(PassedProvider { in_child, in_parent });
    }
    passed
}
