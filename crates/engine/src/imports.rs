//! `import` blocks, and the import of one object.

use infra_address::{InstanceKey, ModuleInstance, ResourceInstance};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::Import;
use infra_lang::eval::{Reference, Scope, evaluate};
use infra_lang::syntax::ast::{Expr, ExprKind, Traversal, TraversalStep};
use infra_provider::{Configured, Imported, Problem};
use infra_value::{Marks, Type, convert};

use crate::expand::expand;
use crate::world::World;

/// Every object that an `import` block asks for, with its id.
pub(crate) fn wanted(world: &World<'_>) -> Vec<(ResourceInstance, String)> {
    let root = ModuleInstance::root();
    let mut found = Vec::new();
    for import in &world.config.root.imports {
        let scope = world.scope(&root, None);
        let expanded = expand(None, import.for_each.as_ref(), &scope);
        let Some((_, repetitions)) = world.told(expanded) else { continue };
        for repetition in repetitions.into_values() {
            let scope = world.scope(&root, Some(repetition));
            let known = target(&import.to, &scope).and_then(|to| has_block(world, import, to));
            match known.and_then(|to| Ok((to, id(import, &scope)?))) {
                Ok(one) => found.push(one),
                Err(problems) if problems.is_empty() => world.report([unknown_id(import)]),
                Err(problems) => world.report(problems),
            }
        }
    }
    found
}

/// The address, if a block for it is in the configuration.
fn has_block(world: &World<'_>, import: &Import, to: ResourceInstance) -> Result<ResourceInstance, Diagnostics> {
    let module = world.config.module(&to.module.path());
    match module.is_some_and(|m| m.resource(&to.resource).is_some()) {
        true => Ok(to),
        false => Err(Diagnostic::error(
            "Configuration for import target does not exist",
            format!(
                "{to} is to be imported, and there is no block for it. Write one: resource \"{}\" \"{}\" {{}}",
                to.resource.ty, to.resource.name
            ),
        )
        .at(import.to.range.clone())
        .into()),
    }
}

fn unknown_id(import: &Import) -> Diagnostic {
    Diagnostic::error(
        "Invalid import id argument",
        "The import block's id depends on something that is not known before resources and data sources are read. Use a \
         text, a variable or a local value.",
    )
    .at(import.id.range.clone())
}

fn id(import: &Import, scope: &dyn Scope) -> Result<String, Diagnostics> {
    let fail = |detail: &str| {
        Err(Diagnostics::from(Diagnostic::error("Invalid import id argument", detail).at(import.id.range.clone())))
    };
    let (value, marks) = evaluate(&import.id, scope)?.unmark_deep();
    if marks.contains(Marks::SENSITIVE) {
        return fail("The import ID is sensitive, and it would be shown in the plan.");
    }
    if marks.contains(Marks::EPHEMERAL) {
        return fail("The import ID is ephemeral, so it could be another one during apply.");
    }
    if value.is_null() {
        return fail("The import ID is null.");
    }
    let text = match convert(&value, &Type::String) {
        Ok(text) => text,
        Err(error) => return fail(&format!("The import ID is unsuitable: {error}.")),
    };
    match text.as_str() {
        Some("") => fail("The import ID is empty."),
        Some(text) => Ok(text.to_string()),
        None => fail("The import ID is not known before the apply, and it has to be known when the plan is made."),
    }
}

/// The address that `to` names; keys may be expressions.
fn target(to: &Expr, scope: &dyn Scope) -> Result<ResourceInstance, Diagnostics> {
    let invalid = || {
        Diagnostics::from(
            Diagnostic::error("Invalid import address", "\"to\" has to be the address of a resource instance.")
                .at(to.range.clone()),
        )
    };
    let mut steps = Vec::new();
    let root = flatten(to, scope, &mut steps)?.ok_or_else(invalid)?;
    let mut module = ModuleInstance::root();
    let mut traversal = Traversal { root: root.root, root_range: root.root_range, steps };
    while &*traversal.root == "module" {
        let mut rest = traversal.steps.into_iter().peekable();
        let Some(TraversalStep::Attribute(name, _)) = rest.next() else { return Err(invalid()) };
        let key = match rest.next_if(|s| matches!(s, TraversalStep::Index(..))) {
            Some(TraversalStep::Index(key, _)) => instance_key(&key).ok_or_else(invalid)?,
            _ => InstanceKey::None,
        };
        module = module.child(name, key);
        let Some(TraversalStep::Attribute(root, root_range)) = rest.next() else { return Err(invalid()) };
        traversal = Traversal { root, root_range, steps: rest.collect() };
    }
    let reference = Reference::parse(&traversal)?;
    match reference.subject {
        infra_lang::eval::Subject::Resource { resource, key } if reference.remaining.is_empty() => {
            Ok(ResourceInstance { module, resource, key: key.unwrap_or_default() })
        }
        _ => Err(invalid()),
    }
}

fn instance_key(key: &infra_value::Value) -> Option<InstanceKey> {
    match (key.as_str(), key.as_i64()) {
        (Some(text), _) => Some(InstanceKey::Str(text.into())),
        (_, Some(n)) => Some(InstanceKey::Int(n)),
        _ => None,
    }
}

/// The steps of an address with every key evaluated, and the traversal that it begins with.
fn flatten(expr: &Expr, scope: &dyn Scope, steps: &mut Vec<TraversalStep>) -> Result<Option<Traversal>, Diagnostics> {
    match &expr.kind {
        ExprKind::Traversal(traversal) => {
            steps.extend(traversal.steps.iter().cloned());
            Ok(Some(traversal.clone()))
        }
        ExprKind::RelativeTraversal { source, steps: more } => {
            let root = flatten(source, scope, steps)?;
            steps.extend(more.iter().cloned());
            Ok(root)
        }
        ExprKind::Index { collection, key } => {
            let root = flatten(collection, scope, steps)?;
            let value = evaluate(key, scope)?.unmark_deep().0;
            steps.push(TraversalStep::Index(value, key.range.clone()));
            Ok(root)
        }
        _ => Ok(None),
    }
}

/// Reads the object with an id.
pub(crate) async fn import_one(
    configured: &dyn Configured,
    address: &ResourceInstance,
    id: &str,
) -> Result<Imported, Vec<Problem>> {
    let ty = &address.resource.ty;
    let found = configured.import(ty, id).await?;
    found.into_iter().find(|object| object.ty == **ty && !object.value.is_null()).ok_or_else(|| {
        vec![Problem::error(
            "Cannot import non-existent remote object",
            format!(
                "There is no object with the id {id:?} that {address} could be. Check the id, the region and the account \
                 of its provider configuration."
            ),
        )]
    })
}
