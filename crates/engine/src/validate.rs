//! Checking a configuration with nothing known but itself.

use std::collections::BTreeMap;

use infra_address::{InstanceKey, ModuleInstance, ResourceInstance, ResourceMode};
use infra_diag::Diagnostics;
use infra_lang::config::{Config, Module, Resource as Block};
use infra_lang::eval::{Scope, decode_body, evaluate};
use infra_lang::functions::FunctionContext;
use infra_value::Type;

use crate::graph::{Graph, provider_of};
use crate::planning::{instance_diagnostics, unsupported};
use crate::registry::Registry;
use crate::world::World;

/// Checks every block against its schema and every expression against the types that it works on. Variables and
/// resources are unknown; nothing is called.
pub fn validate(config: &Config, registry: &Registry, functions: &FunctionContext<'_>) -> Diagnostics {
    let (_, problems) = Graph::build(config, registry, &Default::default());
    // Types of resources are looked up in the root module's terms; a name means the same provider nearly everywhere.
    let ty_of = |resource: &infra_address::Resource| {
        let source = infra_address::ProviderSource::parse(resource.implied_provider());
        registry.schema(&source, resource.mode, &resource.ty).map_or(Type::Dynamic, |s| s.block.ty())
    };
    let mut world = World::new(config, functions, "default", BTreeMap::new(), Box::new(ty_of));
    world.validating = true;
    world.report(problems);
    for module in config.modules() {
        let instance = ModuleInstance(module.path.0.iter().map(|n| (n.clone(), InstanceKey::None)).collect());
        check_module(&world, registry, module, &instance);
    }
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
            let (value, _) = value.unmark_deep();
            let at = |p: infra_provider::Problem| {
                let range = infra_lang::eval::range_of(&block.body, &provider.config_schema().block, &p.path);
                p.into_diagnostic().at(range)
            };
            world.report(provider.validate_config(&value).into_iter().map(at));
        }
    }
    for block in module.resources.values() {
        check_resource(world, registry, module, instance, block, &scope);
    }
    for name in module.locals.keys() {
        let _ = world.local(instance, name);
    }
    for output in module.outputs.values() {
        if let Some(expr) = &output.value {
            let _ = world.told(evaluate(expr, &scope));
        }
        for rule in &output.preconditions {
            let _ = world.told(evaluate(&rule.condition, &scope));
        }
    }
    for (name, call) in &module.module_calls {
        for expr in call.count.iter().chain(&call.for_each) {
            let _ = world.told(evaluate(expr, &scope));
        }
        let child = module.children.get(name);
        for (input, given) in &call.inputs {
            let Some(value) = world.told(evaluate(&given.expr, &scope)) else { continue };
            if let Some(variable) = child.and_then(|c| c.variables.get(input)) {
                let prepared = variable.prepare(value).map_err(|d| d.at(given.expr.range.clone()).into());
                let _ = world.told(prepared);
            }
        }
    }
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
    for expr in block.count.iter().chain(&block.for_each) {
        let _ = world.told(evaluate(expr, scope));
    }
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
    let context = match mode {
        ResourceMode::Data => format!("data \"{}\" \"{}\"", block.address.ty, block.address.name),
        _ => format!("resource \"{}\" \"{}\"", block.address.ty, block.address.name),
    };
    world.report(problems.into_iter().map(|p| p.within(context.clone())));
    if !failed {
        let (value, _) = value.unmark_deep();
        let problems = match mode {
            ResourceMode::Data => known.validate_data(&block.address.ty, &value),
            _ => known.validate_resource(&block.address.ty, &value),
        };
        let address = ResourceInstance {
            module: instance.clone(),
            resource: block.address.clone(),
            key: InstanceKey::None,
        };
        world.report(instance_diagnostics(problems, &address, Some(block), &schema.block));
    }
    let rules = block.lifecycle.preconditions.iter().chain(&block.lifecycle.postconditions);
    for rule in rules {
        let _ = world.told(evaluate(&rule.condition, scope));
    }
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
