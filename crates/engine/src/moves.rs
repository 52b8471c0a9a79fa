//! `moved` blocks, and the moves that a change of `count` implies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use infra_address::{
    InstanceKey, ModuleInstance, ModulePath, ProviderConfig, Resource, ResourceInstance, ResourceMode, Target,
};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::{Config, Moved as Block};
use infra_provider::{MovedFrom, Private};
use infra_state::{Instance, InstanceSlot, State};

use crate::move_statements::{Statement, contradictions, in_order};
use crate::registry::Registry;

/// A state with its objects at their new addresses.
pub(crate) struct Moved {
    pub state: State,
    /// Where each moved instance came from, by its address now.
    pub previous: BTreeMap<ResourceInstance, ResourceInstance>,
    /// Moves that could not be made because the new address is taken: from, to.
    blocked: Vec<(String, String)>,
    pub problems: Diagnostics,
}

impl Moved {
    /// The warning about moves that could not be made.
    pub fn blocked_warning(&self) -> Option<Diagnostic> {
        if self.blocked.is_empty() {
            return None;
        }
        let lines: Vec<String> =
            self.blocked.iter().map(|(from, to)| format!("  - {from} could not move to {to}")).collect();
        Some(Diagnostic::warning(
            "Unresolved resource instance address changes",
            format!(
                "Objects could not be moved to their new addresses, because there are other objects already:\n{}\n\nThe plan \
                 destroys the objects that could not be moved. If that is not meant, take the object at the new address out \
                 of the state first (infra state rm).",
                lines.join("\n")
            ),
        ))
    }
}

/// The `moved` blocks of all modules.
pub(crate) fn statements(config: &Config) -> Vec<Statement> {
    config.modules().into_iter().flat_map(|m| m.moved.iter().map(|block| statement(&m.path, block))).collect()
}

/// Makes every move that the configuration asks for.
pub(crate) fn apply(config: &Config, registry: &Registry, state: State) -> Moved {
    let statements = statements(config);
    let problems = contradictions(config, &statements);
    let mut moved = Moved { state, previous: BTreeMap::new(), blocked: Vec::new(), problems };
    let Ok(order) = in_order(&statements) else { return moved };
    let managed = moved.state.instances().map(|(a, _, _)| a).filter(|a| a.resource.mode == ResourceMode::Managed);
    for from in managed.collect::<Vec<_>>() {
        let to = implied(config, &from);
        if to != from && moved.state.slot(&to).is_none() && !statements.iter().any(|s| s.touches(&from)) {
            moved.make(&from, to);
        }
    }
    for i in order {
        moved.follow(&statements[i]);
    }
    let changed: Vec<_> = moved.previous.iter().filter(|(to, from)| to.resource.ty != from.resource.ty).collect();
    let changed: Vec<_> = changed.into_iter().map(|(to, from)| (to.clone(), from.resource.ty.clone())).collect();
    for (to, ty) in changed {
        let Some((provider, slot)) = moved.state.remove(&to) else { continue };
        match retyped(config, registry, &ty, &to, provider, slot) {
            Ok((provider, slot)) => *moved.state.slot_mut(&to, &provider) = slot,
            Err(problem) => moved.problems.push(problem),
        }
    }
    moved
}

impl Moved {
    /// Makes the moves of a statement. What is at an address already stays there.
    fn follow(&mut self, statement: &Statement) {
        let modules: BTreeSet<ModuleInstance> = self.state.resources.keys().map(|(module, _)| module.clone()).collect();
        for module in modules {
            if let Some(to) = statement.moved_module(&module) {
                let taken = self.state.resources.keys().any(|(m, _)| *m == to);
                let inside = self.managed(|m, _| *m == module);
                self.make_all(inside, taken, (&module, &to), |from| ResourceInstance {
                    module: to.clone(),
                    ..from.clone()
                });
            }
        }
        if !matches!(statement.from, Target::Resource(_)) {
            return;
        }
        for (module, resource) in self.state.resources.keys().cloned().collect::<Vec<_>>() {
            let instances = self.managed(|m, r| *m == module && *r == resource);
            let instances: Vec<_> =
                instances.into_iter().filter_map(|from| Some((statement.moved_instance(&from)?, from))).collect();
            let Some((to, _)) = instances.first() else { continue };
            let there = (to.module.clone(), to.resource.clone());
            if statement.is_whole() {
                let taken = self.state.resources.contains_key(&there);
                let ends = (InModule(&module, &resource), InModule(&there.0, &there.1));
                let froms = instances.into_iter().map(|(_, from)| from).collect();
                self.make_all(froms, taken, (&ends.0, &ends.1), |from| ResourceInstance {
                    module: there.0.clone(),
                    resource: there.1.clone(),
                    key: from.key.clone(),
                });
                continue;
            }
            for (to, from) in instances {
                let taken = self.state.slot(&to).is_some();
                self.make_all(vec![from.clone()], taken, (&from, &to), |_| to.clone());
            }
        }
    }

    fn managed(&self, wanted: impl Fn(&ModuleInstance, &Resource) -> bool) -> Vec<ResourceInstance> {
        let instances = self.state.instances().map(|(address, _, _)| address);
        instances.filter(|a| a.resource.mode == ResourceMode::Managed && wanted(&a.module, &a.resource)).collect()
    }

    /// Moves instances that are moved as one, or tells that what is where they would end keeps them from it.
    fn make_all(
        &mut self,
        instances: Vec<ResourceInstance>,
        taken: bool,
        names: (&dyn Display, &dyn Display),
        to: impl Fn(&ResourceInstance) -> ResourceInstance,
    ) {
        if taken {
            self.blocked.push((names.0.to_string(), names.1.to_string()));
            return;
        }
        for from in instances {
            self.make(&from, to(&from));
        }
    }

    fn make(&mut self, from: &ResourceInstance, to: ResourceInstance) {
        let Some((provider, slot)) = self.state.remove(from) else { return };
        *self.state.slot_mut(&to, &provider) = slot;
        let origin = self.previous.remove(from).unwrap_or_else(|| from.clone());
        self.previous.insert(to, origin);
    }
}

/// A resource in an instance of a module, as it is named.
struct InModule<'a>(&'a ModuleInstance, &'a Resource);

impl Display for InModule<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.0.0.is_empty() {
            write!(f, "{}.", self.0)?;
        }
        self.1.fmt(f)
    }
}

/// The objects of an instance as those of the type that it has moved to.
fn retyped(
    config: &Config,
    registry: &Registry,
    from: &str,
    to: &ResourceInstance,
    provider: ProviderConfig,
    slot: InstanceSlot,
) -> Result<(ProviderConfig, InstanceSlot), Diagnostic> {
    let ty = &*to.resource.ty;
    let path = to.module.path();
    let block = config.module(&path).and_then(|m| m.resource(&to.resource));
    let (Some(block), true) = (block, from != ty) else { return Ok((provider, slot)) };
    let wanted = crate::graph::provider_of(config, &path, block);
    let known = registry.get(&wanted.source).zip(registry.schema(&wanted.source, ResourceMode::Managed, ty));
    let Some((known, schema)) = known else { return Ok((provider, slot)) };
    let change = |object: Instance| {
        let attributes = serde_json::Value::Object(object.attributes.clone());
        let old =
            MovedFrom { provider: &provider.source, ty: from, version: object.schema_version, attributes: &attributes };
        let value = known.move_state(old, ty).ok_or_else(|| {
            let detail = format!("An object of the type {from:?} cannot become one of the type {ty:?}.");
            Diagnostic::error("Move Resource State Not Supported", detail).at(block.decl_range.clone()).about(to)
        })?;
        let value = value.map_err(|problem| problem.into_diagnostic().at(block.decl_range.clone()).about(to))?;
        let fresh = crate::codec::encode(schema, &value, &Private::default(), object.dependencies.clone());
        Ok::<_, Diagnostic>(Instance { tainted: object.tainted, ..fresh })
    };
    let current = slot.current.map(change).transpose()?;
    let deposed = slot.deposed.into_iter().map(|(key, object)| Ok((key, change(object)?)));
    Ok((wanted, InstanceSlot { current, deposed: deposed.collect::<Result<_, Diagnostic>>()? }))
}

fn statement(module: &ModulePath, block: &Block) -> Statement {
    let (from, to) = (block.from.target.clone(), block.to.target.clone());
    Statement { module: module.clone(), from, to, range: block.decl_range.clone() }
}

/// `a.b` becomes `a.b[0]` when the block gets `count`, and the other way round.
fn implied(config: &Config, from: &ResourceInstance) -> ResourceInstance {
    let block = config.module(&from.module.path()).and_then(|m| m.resource(&from.resource));
    let counted = block.is_some_and(|b| b.count.is_some());
    let single = block.is_some_and(|b| b.count.is_none() && b.for_each.is_none());
    let key = match &from.key {
        InstanceKey::None if counted => InstanceKey::Int(0),
        InstanceKey::Int(0) if single => InstanceKey::None,
        key => key.clone(),
    };
    ResourceInstance { key, ..from.clone() }
}
