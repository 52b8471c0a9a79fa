//! Blocks of a file as what they declare.

mod check;
mod import;
mod module_call;
mod moved;
mod output;
mod provider;
pub(crate) mod release;
mod resource;
mod terraform;
mod variable;

pub(crate) use terraform::TERRAFORM;

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics};

use super::content::Spec;
use crate::syntax::Content;

use super::names::check_label;
use super::static_expr::{as_written, traversal};
use super::{
    Backend, Check, Import, Local, ModuleCall, Moved, Output, ProviderBlock, ProviderMeta, ProviderRef, Removed,
    RequiredProvider, Resource, Variable, VersionRequirement,
};
use crate::syntax::ast::{Attribute, Block, Body, Expr, ExprKind, Traversal, TraversalStep};

/// What may stand at the top of a file.
pub(crate) const FILE: Spec = Spec {
    attributes: &[],
    blocks: &[
        ("terraform", &[]),
        ("provider", &["name"]),
        ("variable", &["name"]),
        ("locals", &[]),
        ("output", &["name"]),
        ("module", &["name"]),
        ("resource", &["type", "name"]),
        ("data", &["type", "name"]),
        ("moved", &[]),
        ("import", &[]),
        ("check", &["name"]),
        ("removed", &[]),
        ("ephemeral", &["type", "name"]),
    ],
};

/// Everything that blocks declare, in source order; names may repeat.
#[derive(Default)]
pub(crate) struct Declarations {
    pub(crate) variables: Vec<Variable>,
    pub(crate) locals: Vec<Local>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) module_calls: Vec<ModuleCall>,
    pub(crate) providers: Vec<ProviderBlock>,
    pub(crate) required_providers: Vec<RequiredProvidersBlock>,
    pub(crate) required_version: Vec<VersionRequirement>,
    pub(crate) backends: Vec<Backend>,
    pub(crate) provider_meta: Vec<ProviderMeta>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) removed: Vec<Removed>,
    pub(crate) imports: Vec<Import>,
    pub(crate) checks: Vec<Check>,
}

/// A `required_providers` block.
pub(crate) struct RequiredProvidersBlock {
    pub(crate) entries: Vec<RequiredProvider>,
    pub(crate) decl_range: infra_diag::SourceRange,
}

impl Declarations {
    /// Reads the blocks of a file's top.
    pub(crate) fn read(blocks: &[Block], diagnostics: &mut Diagnostics) -> Declarations {
        let mut out = Declarations::default();
        for block in blocks {
            match &*block.ty {
                "terraform" => terraform::read(block, &mut out, diagnostics),
                "provider" => out.providers.extend(provider::read(block, diagnostics)),
                "variable" => out.variables.push(variable::read(block, diagnostics)),
                "locals" => out.locals.extend(output::read_locals(block, diagnostics)),
                "output" => out.outputs.push(output::read(block, diagnostics)),
                "module" => out.module_calls.push(module_call::read(block, diagnostics)),
                "resource" | "data" | "ephemeral" => out.resources.extend(resource::read(block, None, diagnostics)),
                "moved" => out.moved.extend(moved::read(block, diagnostics)),
                "removed" => out.removed.extend(moved::read_removed(block, diagnostics)),
                "import" => out.imports.extend(import::read(block, diagnostics)),
                "check" => {
                    let (check, data) = check::read(block, diagnostics);
                    out.checks.push(check);
                    out.resources.extend(data);
                }
                _ => {}
            }
        }
        out
    }
}

/// `count` and `for_each`, of which only one may be given.
fn repetition(content: &Content, diagnostics: &mut Diagnostics) -> (Option<Expr>, Option<Expr>) {
    let count = content.get("count");
    let for_each = content.get("for_each");
    if let (Some(_), Some(for_each)) = (count, for_each) {
        diagnostics.push(
            Diagnostic::error(
                "Invalid combination of \"count\" and \"for_each\"",
                "Only one of count and for_each can say how many instances there are. Remove one of them.",
            )
            .at(for_each.name_range.clone()),
        );
    }
    (count.map(|a| a.expr.clone()), for_each.map(|a| a.expr.clone()))
}

/// A reference that older configurations put in quotes, which still works with a warning.
fn reference(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<Traversal> {
    let in_json = expr.range.file.ends_with(".json");
    if !in_json
        && let ExprKind::Literal(value) = &expr.kind
        && let Some(text) = value.as_str()
    {
        let unquoted = super::static_expr::inner_expression(text, &expr.range);
        if let Some(Expr { kind: ExprKind::Traversal(t), .. }) = unquoted {
            diagnostics.push(
                Diagnostic::warning(
                    "Quoted references are deprecated",
                    "A reference is written without quotes here. The quotes are accepted for the sake of old \
                     configurations; remove them.",
                )
                .at(expr.range.clone()),
            );
            return Some(t);
        }
    }
    traversal(expr, diagnostics)
}

/// The references of `depends_on`.
fn depends_on(content: &Content, diagnostics: &mut Diagnostics) -> Vec<Traversal> {
    let Some(attribute) = content.get("depends_on") else { return Vec::new() };
    let items = super::static_expr::static_list(&attribute.expr, diagnostics);
    items.iter().filter_map(|item| reference(item, diagnostics)).collect()
}

/// `aws` or `aws.west`.
fn provider_ref(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<ProviderRef> {
    let refuse = |range: &infra_diag::SourceRange| {
        Diagnostic::error(
            "Invalid provider configuration reference",
            "A provider configuration is named by the provider's local name, and a dot and its alias if it has one: \
             aws, aws.west.",
        )
        .at(range.clone())
    };
    let mut problems = Diagnostics::new();
    let Some(traversal) = reference(expr, &mut problems) else {
        diagnostics.push(refuse(&expr.range));
        return None;
    };
    diagnostics.extend(problems);
    let alias = match traversal.steps.as_slice() {
        [] => None,
        [TraversalStep::Attribute(alias, _)] => Some(alias.clone()),
        _ => {
            diagnostics.push(refuse(&expr.range));
            return None;
        }
    };
    Some(ProviderRef { local_name: traversal.root.clone(), alias, range: expr.range.clone() })
}

/// The reference of a provider that is one of an object's keys, where a bare name is a text.
fn provider_ref_in_key(key: &Expr, diagnostics: &mut Diagnostics) -> Option<ProviderRef> {
    match &as_written(key).kind {
        ExprKind::Literal(value) => match value.as_str() {
            Some(name) if super::names::is_identifier(name) => {
                Some(ProviderRef { local_name: Arc::from(name), alias: None, range: key.range.clone() })
            }
            Some(name) => {
                let (local_name, alias) = name.split_once('.')?;
                let valid = super::names::is_identifier(local_name) && super::names::is_identifier(alias);
                valid.then(|| ProviderRef {
                    local_name: local_name.into(),
                    alias: Some(alias.into()),
                    range: key.range.clone(),
                })
            }
            None => None,
        },
        ExprKind::Parens(inner) => provider_ref(inner, diagnostics),
        _ => provider_ref(key, diagnostics),
    }
}

/// The label of a block whose only label is its name.
fn name_of(block: &Block, summary: &str, diagnostics: &mut Diagnostics) -> Arc<str> {
    match block.labels.first() {
        Some(label) => {
            check_label(label, summary, diagnostics);
            label.text.clone()
        }
        None => Arc::from(""),
    }
}

/// A version constraint.
fn version(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<VersionRequirement> {
    let value = super::static_expr::constant(&attribute.expr, diagnostics)?;
    version_of(&value, &attribute.expr, diagnostics)
}

/// The version constraint that a value is.
fn version_of(value: &infra_value::Value, expr: &Expr, diagnostics: &mut Diagnostics) -> Option<VersionRequirement> {
    let refuse = |detail: &str| Diagnostic::error("Invalid version constraint", detail).at(expr.range.clone());
    let Some(text) = value.as_str() else {
        diagnostics.push(refuse("A version constraint is a text, such as \"~> 5.100\"."));
        return None;
    };
    let Some(constraint) = super::version::Constraint::parse(text) else {
        diagnostics.push(refuse(
            "The text is not a version constraint. It holds conditions separated by commas, such as \">= 1.3, < 2.0\" \
             or \"~> 5.100\".",
        ));
        return None;
    };
    Some(VersionRequirement { text: text.into(), constraint, range: expr.range.clone() })
}

/// The body of a block named `_`, whose arguments are the type's own even where a meta-argument has their name.
fn escaped(content: &Content, rest: Body, diagnostics: &mut Diagnostics) -> Body {
    let mut escapes = content.blocks_of("_");
    let Some(first) = escapes.next() else { return rest };
    if let Some(second) = escapes.next() {
        diagnostics.push(
            Diagnostic::error("Duplicate escaping block", "A block \"_\" may stand only once.")
                .at(second.header_range.clone()),
        );
    }
    match (rest, &first.body) {
        (Body::Native(mut rest), Body::Native(more)) => {
            rest.attributes.extend(more.attributes.iter().cloned());
            rest.blocks.extend(more.blocks.iter().cloned());
            Body::Native(rest)
        }
        (rest, _) => rest,
    }
}

/// Reports the blocks whose type is kept for later versions of the language.
fn reserved_blocks(content: &Content, types: &[&str], what: &str, diagnostics: &mut Diagnostics) {
    for block in content.blocks.iter().filter(|b| types.contains(&&*b.ty)) {
        diagnostics.push(
            Diagnostic::error(
                format!("Reserved block type name in {what} block"),
                format!("The block type \"{}\" is reserved and has no meaning here yet. Remove it.", block.ty),
            )
            .at(block.ty_range.clone()),
        );
    }
}
