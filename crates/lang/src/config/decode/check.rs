//! Conditions: `check` blocks, and the rules in `precondition`, `postcondition`, `assert` and `validation` blocks.

use infra_diag::{Diagnostic, Diagnostics};

use super::name_of;
use crate::config::content::{Spec, attributes_of, content};
use crate::config::{Check, CheckRule, Resource};
use crate::eval::references;
use crate::syntax::ast::Block;

const RULE: Spec = Spec { attributes: &[("condition", true), ("error_message", true)], blocks: &[] };

const CHECK: Spec = Spec { attributes: &[], blocks: &[("data", &["type", "name"]), ("assert", &[])] };

/// The rules of blocks that are all of one type. A rule that is not valid is left out.
pub(super) fn rules<'b>(blocks: impl Iterator<Item = &'b Block>, diagnostics: &mut Diagnostics) -> Vec<CheckRule> {
    blocks.filter_map(|block| rule(block, diagnostics)).collect()
}

/// One rule; `None` after an error.
pub(super) fn rule(block: &Block, diagnostics: &mut Diagnostics) -> Option<CheckRule> {
    let before = diagnostics.iter().filter(|d| d.is_error()).count();
    let content = content(&block.body, &RULE, diagnostics);
    let condition = content.get("condition").map(|a| a.expr.clone());
    if let Some(condition) = &condition {
        let mut refers = false;
        crate::eval::free_traversals(condition, &mut |_| refers = true);
        if !refers {
            diagnostics.push(
                Diagnostic::error(
                    format!("Invalid {} expression", block.ty),
                    "The condition refers to nothing in the configuration, so its result would always be the same. Let \
                     it refer to what it is to check.",
                )
                .at(condition.range.clone()),
            );
        }
    }
    let error_message = content.get("error_message").map(|a| a.expr.clone());
    let failed = diagnostics.iter().filter(|d| d.is_error()).count() > before;
    match (condition, error_message) {
        (Some(condition), Some(error_message)) if !failed => {
            Some(CheckRule { condition, error_message, decl_range: block.header_range.clone() })
        }
        _ => None,
    }
}

/// A `check` block, and the data sources that it declares.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> (Check, Option<Resource>) {
    let content = content(&block.body, &CHECK, diagnostics);
    let name = name_of(block, "Invalid check block name", diagnostics);
    let mut data: Option<Resource> = None;
    for data_block in content.blocks_of("data") {
        match &data {
            Some(first) => diagnostics.push(
                Diagnostic::error(
                    "Multiple data resource blocks",
                    format!(
                        "A check block has at most one data source; this one has one at {} already.",
                        first.decl_range
                    ),
                )
                .at(data_block.header_range.clone()),
            ),
            None => {
                data = super::resource::read(data_block, Some(name.clone()), diagnostics);
                for repeated in ["count", "for_each"] {
                    let attributes = attributes_of(&data_block.body);
                    if let Some(attribute) = attributes.iter().find(|a| *a.name == *repeated) {
                        diagnostics.push(
                            Diagnostic::error(
                                format!("Invalid \"{repeated}\" attribute"),
                                "The data source of a check block is read once: it has neither count nor for_each.",
                            )
                            .at(attribute.name_range.clone()),
                        );
                    }
                }
            }
        }
    }
    let asserts = rules(content.blocks_of("assert"), diagnostics);
    if asserts.is_empty() {
        diagnostics.push(
            Diagnostic::error("Zero assert blocks", "A check block needs at least one valid assert block.")
                .at(block.header_range.clone()),
        );
    }
    let check =
        Check { name, data: data.as_ref().map(|d| d.address.clone()), asserts, decl_range: block.header_range.clone() };
    (check, data)
}

/// Reports rules of a resource that refer to the resource itself rather than to `self`.
pub(super) fn forbid_self(rules: &[CheckRule], kind: &str, resource: &Resource, diagnostics: &mut Diagnostics) {
    for rule in rules {
        for expr in [&rule.condition, &rule.error_message] {
            let (references, _) = references(expr);
            let refers = references.iter().any(|r| match &r.subject {
                crate::eval::Subject::Resource { resource: other, .. } => *other == resource.address,
                _ => false,
            });
            if refers {
                diagnostics.push(
                    Diagnostic::error(
                        format!("Invalid reference in {kind}"),
                        format!("{} cannot refer to itself by its address here. Use self.", resource.address),
                    )
                    .at(expr.range.clone()),
                );
            }
        }
    }
}
