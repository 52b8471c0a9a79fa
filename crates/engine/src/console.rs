//! Evaluating expressions against a configuration and a state, without a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{InstanceKey, ModuleInstance, Resource};
use infra_diag::Diagnostics;
use infra_lang::config::Config;
use infra_lang::eval::Scope;
use infra_lang::functions::FunctionContext;
use infra_state::State;
use infra_value::Value;

use crate::codec;
use crate::expand::{Repetition, Shape};
use crate::graph::Graph;
use crate::plan::Plan;
use crate::registry::Registry;
use crate::world::World;

/// What expressions are evaluated against.
pub struct ConsoleInputs<'a> {
    /// The configuration, without errors.
    pub config: &'a Config,
    /// The providers.
    pub registry: &'a Registry,
    /// What functions know about their surroundings.
    pub functions: &'a FunctionContext<'a>,
    /// The name of the workspace.
    pub workspace: &'a str,
    /// Root variables, converted; missing ones are unknown.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// The values of resources.
    pub state: &'a State,
}

/// Calls `ask` with the names of the root module, and with what gives the problems of values that were needed for an
/// answer, which its own errors leave out.
pub async fn console<T>(inputs: ConsoleInputs<'_>, ask: impl FnOnce(&dyn Scope, &dyn Fn() -> Diagnostics) -> T) -> T {
    let ConsoleInputs { config, registry, functions, workspace, mut variables, state } = inputs;
    for (name, variable) in &config.root.variables {
        let unknown = || Value::unknown(variable.ty.without_optional());
        variables.entry(name.clone()).or_insert_with(unknown);
    }
    let world = World::new(config, functions, workspace, variables, registry);
    for module in config.modules() {
        crate::planning::expand_module(&world, &module.path);
        let instances = world.modules.borrow().instances.get(&module.path).cloned().unwrap_or_default();
        for instance in instances {
            for (resource, block) in &module.resources {
                let shape = match (&block.count, &block.for_each) {
                    (Some(_), _) => Shape::Count,
                    (_, Some(_)) => Shape::ForEach,
                    _ => Shape::Single,
                };
                put_resource(&world, registry, state, &instance, resource, shape);
            }
        }
    }
    ask(&world.scope(&ModuleInstance::root(), None), &|| world.take_failures())
}

fn put_resource(
    world: &World<'_>,
    registry: &Registry,
    state: &State,
    module: &ModuleInstance,
    resource: &Resource,
    shape: Shape,
) {
    let found = state.resources.get(&(module.clone(), resource.clone()));
    let mut values: BTreeMap<InstanceKey, Value> = BTreeMap::new();
    for (key, slot) in found.into_iter().flat_map(|r| &r.instances) {
        let (Some(object), Some(found)) = (&slot.current, found) else { continue };
        let Some(schema) = registry.schema(&found.provider.source, resource.mode, &resource.ty) else { continue };
        let provider = registry.get(&found.provider.source);
        if let Some(value) = provider.and_then(|p| codec::marked(&**p, schema, resource, object)) {
            values.insert(key.clone(), value);
        }
    }
    if shape == Shape::Single && !values.contains_key(&InstanceKey::None) {
        values.insert(InstanceKey::None, Value::dynamic());
    }
    let repetition = |key: &InstanceKey| Repetition { key: key.clone(), each_value: None };
    let repetitions = values.keys().map(|k| (k.clone(), repetition(k))).collect();
    world.expand(module, resource, shape, repetitions);
    for (key, value) in values {
        world.set_value(module, resource, &key, value);
    }
}

/// Which resources depend directly on which, by address.
///
/// # Errors
/// When the configuration has cycles.
pub fn resource_dependencies(
    config: &Config,
    registry: &Registry,
) -> Result<BTreeMap<String, Vec<String>>, Diagnostics> {
    let (graph, problems) = Graph::build(config, registry, &Default::default());
    if problems.has_errors() {
        return Err(problems);
    }
    let mut edges = BTreeMap::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        let Some(address) = node.config_address() else { continue };
        let needs = graph.dependencies[i].iter().filter_map(|d| graph.nodes[*d].config_address());
        edges.insert(address, needs.collect());
    }
    Ok(edges)
}

/// Which of a plan's operations wait for which, by what they do to what.
///
/// # Errors
/// When the configuration has cycles.
pub fn plan_dependencies(
    config: &Config,
    registry: &Registry,
    plan: &Plan,
) -> Result<BTreeMap<String, Vec<String>>, infra_diag::Diagnostics> {
    let providers = plan.changes.iter().map(|change| change.provider.clone()).collect();
    let (graph, problems) = Graph::build(config, registry, &providers);
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(crate::applying::operations(plan, &graph))
}
