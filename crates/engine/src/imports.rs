//! `import` blocks, and the import of one object.

use infra_address::{InstanceKey, ModuleInstance, ModulePath, Resource, ResourceInstance};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::{Config, Import};
use infra_lang::eval::{Reference, Scope, evaluate, references};
use infra_lang::syntax::ast::{Expr, ExprKind, Traversal, TraversalStep};
use infra_provider::{Configured, Imported, Problem};
use infra_value::{Marks, Type, convert};

use crate::expand::expand;
use crate::world::World;

/// The instances that an `import` block names, each with its id, or without where that cannot be told; and what is wrong.
pub(crate) fn wanted(world: &World<'_>, import: &Import) -> (Vec<(ResourceInstance, Option<String>)>, Diagnostics) {
    let root = ModuleInstance::root();
    let mut problems = Diagnostics::new();
    let mut found = Vec::new();
    let repetitions = match expand(None, import.for_each.as_ref(), &world.scope(&root, None)) {
        Ok((_, repetitions)) => repetitions,
        Err(more) => return (found, more),
    };
    for repetition in repetitions.into_values() {
        let scope = world.scope(&root, Some(repetition));
        match target(&import.to, &scope) {
            Ok(to) => match id(import, &scope) {
                Ok(id) => found.push((to, Some(id))),
                Err(more) => {
                    problems.extend(more);
                    found.push((to, None));
                }
            },
            Err(more) => problems.extend(more),
        }
    }
    (found, problems)
}

/// What is wrong with `import` blocks whatever the plan: an id that is none, a block that no configuration is generated for.
pub(crate) fn check(world: &World<'_>) {
    let root = ModuleInstance::root();
    for import in world.config.root.imports.iter().filter(|import| import.for_each.is_none()) {
        let constant = references(&import.id).0.is_empty();
        if let (true, Err(problems)) = (constant, id(import, &world.scope(&root, None))) {
            world.report(problems);
        }
    }
    let inside = |import: &Import| import.to_resource.as_ref().is_some_and(|(module, _)| !module.is_root());
    for (import, module, resource) in without_block(world.config).into_iter().filter(|(import, ..)| inside(import)) {
        world.report(missing_block(import, module, resource, false));
    }
}

/// The error about an instance that there is not. Where its block is repeated and no key is given, "to" is to blame;
/// else no place is named, as the block may be as much.
pub(crate) fn no_instance(import: &Import, to: &ResourceInstance, repeated: bool) -> Diagnostic {
    if repeated && to.key == InstanceKey::None {
        let detail = format!("The block of {to} has count or for_each: say by its key which instance is meant.");
        return Diagnostic::error("Invalid import 'to' expression", detail).at(import.to.range.clone());
    }
    let detail = format!(
        "{to} is to be imported, and the block of {} has no such instance. Correct \"to\", or the block's count or \
         for_each.",
        to.config_address()
    );
    Diagnostic::error("Configuration for import target does not exist", detail)
}

/// The `import` blocks for instances of a resource.
pub(crate) fn of_resource<'c>(
    config: &'c Config,
    module: &ModulePath,
    resource: &Resource,
) -> impl Iterator<Item = &'c Import> {
    let names = move |import: &&Import| import.to_resource.as_ref().is_some_and(|(m, r)| m == module && r == resource);
    config.root.imports.iter().filter(names)
}

/// `import` blocks for which there is no block to import into.
pub(crate) fn without_block(config: &Config) -> Vec<(&Import, &ModulePath, &Resource)> {
    let imports = config.root.imports.iter();
    imports
        .filter_map(|import| {
            let (module, resource) = import.to_resource.as_ref()?;
            let there = config.module(module).is_some_and(|m| m.resource(resource).is_some());
            (!there).then_some((import, module, resource))
        })
        .collect()
}

/// The errors about them.
pub(crate) fn missing_blocks(config: &Config, generating: bool) -> Vec<Diagnostic> {
    let about = |(import, module, resource)| missing_block(import, module, resource, generating);
    without_block(config).into_iter().filter_map(about).collect()
}

fn missing_block(import: &Import, module: &ModulePath, resource: &Resource, generating: bool) -> Option<Diagnostic> {
    let (summary, detail) = match (import.for_each.is_some() || is_keyed(import), module.is_root(), generating) {
        (true, ..) => (
            "Invalid import 'to' expression",
            format!("The address names an instance by its key, and there is no block for {resource}. Write one."),
        ),
        (_, true, true) => return None,
        (_, false, true) => (
            "Cannot generate configuration for resource inside sub-module",
            format!(
                "{module}.{resource} has no block, and configuration is generated only for resources of the root \
                     module. Write the block in the module."
            ),
        ),
        (_, is_root, false) => {
            let prefix = if is_root { String::new() } else { format!("{module}.") };
            let generated = match is_root {
                true => ", or have it generated: infra plan -generate-config-out=generated.tf",
                false => "",
            };
            (
                "Configuration for import target does not exist",
                format!(
                    "{prefix}{resource} is to be imported, and there is no block for it. Write one: resource \"{}\" \
                         \"{}\" {{}}{generated}",
                    resource.ty, resource.name
                ),
            )
        }
    };
    Some(Diagnostic::error(summary, detail).at(import.to.range.clone()))
}

/// Whether `to` names one instance of several.
fn is_keyed(import: &Import) -> bool {
    match &import.to.kind {
        ExprKind::Traversal(t) => matches!(t.steps.last(), Some(TraversalStep::Index(..))),
        ExprKind::RelativeTraversal { steps, .. } => matches!(steps.last(), Some(TraversalStep::Index(..))),
        ExprKind::Index { .. } => true,
        _ => false,
    }
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
    if id.is_empty() {
        // Some calls list everything for it.
        let detail = format!("The ID of what is to be imported to {address} is empty.");
        return Err(vec![Problem::error("Invalid import id argument", detail)]);
    }
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
