//! `import` blocks.

use std::sync::Arc;

use infra_address::{ModulePath, Resource, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics};

use super::provider_ref;
use crate::config::Import;
use crate::config::content::{Spec, content};
use crate::config::endpoint::{address_problem, is_reserved_root};
use crate::config::static_expr::{as_written, not_a_reference};
use crate::syntax::ast::{Block, Expr, ExprKind, TraversalStep};

const IMPORT: Spec =
    Spec { attributes: &[("provider", false), ("for_each", false), ("to", true), ("id", true)], blocks: &[] };

/// An `import` block; `None` after an error.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> Option<Import> {
    let content = content(&block.body, &IMPORT, diagnostics);
    let id = content.get("id").map(|a| a.expr.clone());
    let to = content.get("to");
    let mut to_resource = None;
    if let Some(attribute) = to {
        match target(&attribute.expr) {
            Ok((module, resource)) if resource.mode == ResourceMode::Managed => to_resource = Some((module, resource)),
            other => {
                diagnostics.extend(other.err().unwrap_or_default());
                diagnostics.push(
                    Diagnostic::error("Invalid import address", "Only managed resources can be imported.")
                        .at(attribute.range.clone()),
                );
            }
        }
    }
    let provider = content.get("provider").and_then(|a| provider_ref(&a.expr, diagnostics));
    Some(Import {
        to: as_written(&to?.expr).into_owned(),
        to_resource,
        id: id?,
        for_each: content.get("for_each").map(|a| a.expr.clone()),
        provider,
        decl_range: block.header_range.clone(),
    })
}

/// The resource that an address names; its instance keys may be any expression.
fn target(expr: &Expr) -> Result<(ModulePath, Resource), Diagnostics> {
    let written = as_written(expr);
    let mut names = Vec::new();
    names_of(&written, &mut names)?;
    let mut rest = names.as_slice();
    let mut module = ModulePath::root();
    while let [first, name, more @ ..] = rest
        && **first == *"module"
    {
        module = module.child(name.clone());
        rest = more;
    }
    let (mode, rest) = match rest {
        [first, more @ ..] if **first == *"data" => (ResourceMode::Data, more),
        [first, more @ ..] if **first == *"resource" => (ResourceMode::Managed, more),
        [first, ..] if is_reserved_root(first) => {
            return Err(address_problem(
                format!("\"{first}\" is no resource. A resource type of that name is written resource.{first}."),
                &expr.range,
            ));
        }
        other => (ResourceMode::Managed, other),
    };
    match rest {
        [ty, name] => Ok((module, Resource { mode, ty: ty.clone(), name: name.clone() })),
        _ => Err(address_problem("A resource is named by its type and its name.".to_string(), &expr.range)),
    }
}

/// The names in an address, without its keys.
fn names_of(expr: &Expr, names: &mut Vec<Arc<str>>) -> Result<(), Diagnostics> {
    let steps = match &expr.kind {
        ExprKind::Traversal(t) => {
            names.push(t.root.clone());
            t.steps.as_slice()
        }
        ExprKind::Index { collection, .. } => return names_of(collection, names),
        ExprKind::RelativeTraversal { source, steps } => {
            names_of(source, names)?;
            steps.as_slice()
        }
        _ => return Err(not_a_reference(&expr.range)),
    };
    names.extend(steps.iter().filter_map(|step| match step {
        TraversalStep::Attribute(name, _) => Some(name.clone()),
        TraversalStep::Index(..) => None,
    }));
    Ok(())
}
