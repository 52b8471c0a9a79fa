//! Checking a configuration with nothing known but itself.

use std::collections::BTreeMap;

use infra_address::{InstanceKey, ModuleInstance, ProviderConfig, ResourceInstance, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::{Config, IgnoreChanges, Module, Resource as Block};
use infra_lang::eval::{Scope, decode_body, evaluate};
use infra_lang::functions::FunctionContext;
use infra_schema::{Block as Schema, Nesting};
use infra_value::{Path, PathStep, Type};

use crate::graph::{Graph, SELF_REFERENCE, provider_of};
use crate::planning::{heading, instance_diagnostics, unsupported};
use crate::registry::Registry;
use crate::releases;
use crate::world::World;
use crate::{expand, imports, marks, provisioner, secrets};

/// Checks every block against its schema and every expression against the types that it works on. Root variables,
/// resources and the outputs of modules are unknown; nothing is called.
pub fn validate(config: &Config, registry: &Registry, functions: &FunctionContext<'_>) -> Diagnostics {
    let (_, problems) = Graph::build(config, registry, &Default::default());
    let mut world = World::new(config, functions, "default", BTreeMap::new(), registry);
    world.validating = true;
    world.report(problems.into_iter().filter(|p| p.summary != SELF_REFERENCE));
    for module in config.modules() {
        let instance = ModuleInstance(module.path.0.iter().map(|n| (n.clone(), InstanceKey::None)).collect());
        check_module(&world, registry, module, &instance);
    }
    imports::check(&world);
    world.take_problems()
}

fn check_module(world: &World<'_>, registry: &Registry, module: &Module, instance: &ModuleInstance) {
    let scope = world.scope(instance, None);
    for block in &module.providers {
        let source = module.provider_source(&block.local_name);
        let Some(provider) = registry.get(&source) else { continue };
        let (value, problems) = decode_body(&block.body, &provider.config_schema().block, &scope, &[]);
        let failed = problems.has_errors();
        world.report(problems);
        if !failed {
            let address =
                ProviderConfig { module: module.path.clone(), source: source.clone(), alias: block.alias.clone() };
            let (value, _) = value.unmark_deep();
            let at = |p: infra_provider::Problem| {
                let range = infra_lang::eval::range_of(&block.body, &provider.config_schema().block, &p.path);
                p.into_diagnostic().at(range).about(&address)
            };
            world.report(provider.validate_config(&value).into_iter().map(at));
        }
    }
    for meta in &module.provider_meta {
        // None of the providers has a schema for it, so nothing can be said to them.
        if registry.get(&module.provider_source(&meta.provider)).is_some() {
            let (_, problems) = decode_body(&meta.body, &Schema::default(), &scope, &[]);
            world.report(problems);
        }
    }
    for block in module.resources.values() {
        check_resource(world, registry, module, instance, block, &scope);
    }
    for name in module.locals.keys() {
        let _ = world.local(instance, name);
    }
    for name in module.variables.keys() {
        let _ = world.variable(instance, name);
    }
    for name in module.outputs.keys() {
        let _ = world.output(instance, name);
    }
    for call in module.module_calls.values() {
        let _ = world.told(expand::check(call.count.as_ref(), call.for_each.as_ref(), &scope));
    }
    releases::checking::check(world, registry, module, instance);
    for check in module.checks.values() {
        for rule in &check.asserts {
            let _ = world.told(evaluate(&rule.condition, &scope));
        }
    }
}

fn check_resource(
    world: &World<'_>,
    registry: &Registry,
    module: &Module,
    instance: &ModuleInstance,
    block: &Block,
    scope: &dyn Scope,
) {
    let _ = world.told(expand::check(block.count.as_ref(), block.for_each.as_ref(), scope));
    let provider = provider_of(world.config, &module.path, block);
    if let Some(problem) = unsupported(registry, block, &provider) {
        // Where there may be no instance, it is a problem only if the plan finds one.
        if block.count.is_none() && block.for_each.is_none() && module_is_certain(world, module) {
            world.report([problem]);
        }
        return;
    }
    let mode = block.address.mode;
    let (Some(known), Some(schema)) =
        (registry.get(&provider.source), registry.schema(&provider.source, mode, &block.address.ty))
    else {
        return;
    };
    let (value, problems) = decode_body(&block.body, &schema.block, scope, &[]);
    let failed = problems.has_errors();
    let context = heading(block);
    world.report(problems.into_iter().map(|p| p.within(context.clone())));
    if let IgnoreChanges::Paths(paths) = &block.lifecycle.ignore_changes {
        let unknown = |(path, range)| Some(no_such_part(&schema.block, path)?.at(range));
        let wrong: Vec<_> = paths.iter().cloned().filter_map(unknown).collect();
        let decided =
            paths.iter().filter(|_| wrong.is_empty()).filter_map(|(path, _)| computed_only(&schema.block, path));
        let decided = decided.map(|p| p.at(block.ty_range.clone())).collect::<Vec<_>>();
        world.report(wrong.into_iter().chain(decided).map(|p| p.within(context.clone())));
    }
    if !failed {
        let (value, found) = marks::take(&value);
        let address =
            ResourceInstance { module: instance.clone(), resource: block.address.clone(), key: InstanceKey::None };
        if mode != ResourceMode::Ephemeral {
            let ephemeral = marks::ephemeral_arguments(&block.body, &schema.block, &found);
            world.report(ephemeral.into_iter().map(|p| p.about(&address)));
        }
        let problems = match mode {
            ResourceMode::Data => known.validate_data(&block.address.ty, &value),
            ResourceMode::Ephemeral => known.validate_ephemeral(&block.address.ty, &value),
            _ => known.validate_resource(&block.address.ty, &value),
        };
        let problems = secrets::hide(problems, world, &schema.block, &[&marks::put(&value, &found)]);
        world.report(instance_diagnostics(problems, &address, Some(block), &schema.block));
    }
    for given in &block.provisioners {
        if let Some(schema) = provisioner::schema(&given.ty) {
            let (_, problems) = decode_body(&given.body, schema, scope, &[]);
            world.report(problems.into_iter().map(|p| p.within(context.clone())));
        }
    }
    let rules = block.lifecycle.preconditions.iter().chain(&block.lifecycle.postconditions);
    for rule in rules {
        let _ = world.told(evaluate(&rule.condition, scope));
    }
}

/// The error about a path of `ignore_changes` that leads to nothing in a schema.
fn no_such_part(schema: &Schema, path: Path) -> Option<Diagnostic> {
    let mut block = schema;
    let mut steps = path.0.iter();
    while let Some(step) = steps.next() {
        let PathStep::Attribute(name) = step else {
            return Some(Diagnostic::error("Invalid index operation", "There is nothing here that has an index."));
        };
        if let Some(attribute) = block.attributes.get(name) {
            return no_such_value(&attribute.ty, steps);
        }
        let Some(nested) = block.blocks.get(name) else { return Some(no_such_name(name)) };
        block = &nested.block;
        match nested.nesting {
            Nesting::Single | Nesting::Group => {}
            Nesting::Set if !steps.as_slice().is_empty() => {
                return Some(Diagnostic::error(
                    "Cannot index a set value",
                    format!("The blocks {name:?} are a set, and a set has no index. Name the whole of it."),
                ));
            }
            Nesting::List => match steps.next() {
                Some(PathStep::Attribute(_)) => {
                    let detail = format!("The blocks {name:?} are a list: say which of them by an index.");
                    return Some(Diagnostic::error("Invalid operation", detail));
                }
                Some(PathStep::Index(_)) | None => {}
            },
            Nesting::Map | Nesting::Set => {
                steps.next();
            }
        }
    }
    None
}

/// The error about steps into a value of a type.
fn no_such_value<'p>(ty: &Type, steps: impl Iterator<Item = &'p PathStep>) -> Option<Diagnostic> {
    let mut ty = ty;
    for step in steps {
        ty = match (step, ty) {
            (_, Type::Dynamic) => return None,
            (PathStep::Attribute(name), Type::Object(members)) => match members.attributes.get(name) {
                Some(member) => member,
                None => return Some(no_such_name(name)),
            },
            (_, Type::Map(element)) | (PathStep::Index(_), Type::List(element)) => element,
            (PathStep::Index(_), Type::Set(_)) => {
                return Some(Diagnostic::error("Invalid index", "A set has no index. Name the whole of it."));
            }
            (PathStep::Index(_), _) => {
                return Some(Diagnostic::error("Invalid index", "This value has no parts that an index could name."));
            }
            (PathStep::Attribute(_), _) => {
                return Some(Diagnostic::error("Unsupported attribute", "This value has no attributes."));
            }
        };
    }
    None
}

fn no_such_name(name: &str) -> Diagnostic {
    let detail = format!("There is no argument, block or attribute {name:?} here, so no changes of it to ignore.");
    Diagnostic::error("Unsupported attribute", detail)
}

/// The warning about a path of `ignore_changes` that only the provider decides about.
fn computed_only(schema: &Schema, path: &Path) -> Option<Diagnostic> {
    let mut block = schema;
    for step in &path.0 {
        let PathStep::Attribute(name) = step else { continue };
        if let Some(nested) = block.blocks.get(name) {
            block = &nested.block;
            continue;
        }
        let detail = format!(
            "The provider alone decides about {path}, so there is no configured value whose changes could be ignored. \
             Take it out of ignore_changes."
        );
        let decided = block.attributes.get(name)?.is_computed_only();
        return decided.then(|| Diagnostic::warning("Redundant ignore_changes element", detail));
    }
    None
}

/// Whether no call on the way to a module is repeated, so that there is an instance of it.
fn module_is_certain(world: &World<'_>, module: &Module) -> bool {
    let mut path = module.path.clone();
    while let Some(parent) = path.parent() {
        let call = world.config.module(&parent).zip(path.0.last()).and_then(|(m, n)| m.module_calls.get(n));
        if call.is_none_or(|c| c.count.is_some() || c.for_each.is_some()) {
            return false;
        }
        path = parent;
    }
    true
}

#[cfg(test)]
mod tests {
    use infra_schema::parse_schema;

    use super::*;

    #[test]
    fn a_path_of_ignore_changes_leads_through_what_has_names_and_indices() {
        let schema = parse_schema(
            r#"{"version": 0, "block": {
                "attributes": {"name": {"type": "string", "optional": true},
                               "tags": {"type": ["map", "string"], "optional": true},
                               "zones": {"type": ["set", "string"], "optional": true}},
                "block_types": {
                    "rule": {"nesting_mode": "set", "block": {"attributes": {"port": {"type": "number", "optional": true}}}},
                    "disk": {"nesting_mode": "list", "block": {"attributes": {"size": {"type": "number", "optional": true}}}}
                }}}"#,
        )
        .expect("a schema");
        let at = Path::attribute;
        for (path, wanted) in [
            (at("name"), None),
            (at("tags").index("A"), None),
            (at("tags").attr("A"), None),
            (at("rule"), None),
            (at("disk").index(0_i64).attr("size"), None),
            (at("nope"), Some("Unsupported attribute")),
            (at("tags").index("A").attr("x"), Some("Unsupported attribute")),
            (at("name").index(0_i64), Some("Invalid index")),
            (at("zones").index(0_i64), Some("Invalid index")),
            (at("rule").index(0_i64).attr("port"), Some("Cannot index a set value")),
            (at("disk").attr("size"), Some("Invalid operation")),
        ] {
            let found = no_such_part(&schema.block, path.clone()).map(|problem| problem.summary);
            assert_eq!(found.as_deref(), wanted, "{path}");
        }
    }
}
