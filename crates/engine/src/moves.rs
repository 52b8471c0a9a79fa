//! `moved` blocks, and the moves that a change of `count` implies.

use std::collections::BTreeMap;

use infra_address::{InstanceKey, ModuleInstance, ModulePath, ProviderConfig, ResourceInstance, ResourceMode, Target};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_lang::config::{Config, Moved as Block};
use infra_provider::{MovedFrom, Private};
use infra_state::{Instance, InstanceSlot, State};

use crate::registry::Registry;

/// A state with its objects at their new addresses.
pub(crate) struct Moved {
    pub state: State,
    /// Where each moved instance came from, by its address now.
    pub previous: BTreeMap<ResourceInstance, ResourceInstance>,
    /// Moves that could not be made because the new address is taken: from, to.
    blocked: Vec<(ResourceInstance, ResourceInstance)>,
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

/// One move, for objects in any instance of the module that declares it.
struct Statement {
    module: ModulePath,
    from: Target,
    to: Target,
}

/// Makes every move that the configuration asks for.
pub(crate) fn apply(config: &Config, registry: &Registry, state: State) -> Moved {
    let statements: Vec<Statement> = config
        .modules()
        .into_iter()
        .flat_map(|module| module.moved.iter().map(|block| statement(&module.path, block)))
        .collect();
    let addresses: Vec<ResourceInstance> =
        state.instances().map(|(address, _, _)| address).filter(|a| a.resource.mode == ResourceMode::Managed).collect();
    let mut moved = Moved { state, previous: BTreeMap::new(), blocked: Vec::new(), problems: contradictions(config) };
    // An object that is nearer to its new address comes first where two end at the same one.
    let mut ends: Vec<(usize, ResourceInstance, ResourceInstance)> = addresses
        .into_iter()
        .map(|from| {
            let (hops, to) = follow(&statements, &from);
            (hops, from, to)
        })
        .collect();
    ends.sort();
    for (_, from, explicit) in &ends {
        let to = match explicit == from {
            true if touches(&statements, from) => continue,
            true => implied(config, from),
            false => explicit.clone(),
        };
        if to == *from {
            continue;
        }
        // A taken address is free if what is there moves away itself.
        let taken =
            moved.previous.contains_key(&to) || moved.state.slot(&to).is_some() && follow(&statements, &to).1 == to;
        if taken {
            if touches(&statements, from) {
                moved.blocked.push((from.clone(), to));
            }
            continue;
        }
        moved.previous.insert(to, from.clone());
    }
    let mut taken = Vec::new();
    for (to, from) in &moved.previous {
        if let Some((provider, slot)) = moved.state.remove(from) {
            taken.push((to.clone(), provider, slot));
        }
    }
    for (to, provider, slot) in taken {
        let from = moved.previous.get(&to).map(|from| from.resource.ty.clone()).unwrap_or_default();
        match retyped(config, registry, &from, &to, provider, slot) {
            Ok((provider, slot)) => *moved.state.slot_mut(&to, &provider) = slot,
            Err(problem) => moved.problems.push(problem),
        }
    }
    moved
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

/// Moves of what has not moved: to the same address, or from one that is still declared.
fn contradictions(config: &Config) -> Diagnostics {
    let mut problems = Diagnostics::new();
    for module in config.modules() {
        for block in &module.moved {
            let (from, to) = (&block.from.target, &block.to.target);
            let problem = if from == to {
                let detail = format!("The move is from {from} to the same address. Take the block out.");
                Some(Diagnostic::error("Redundant move statement", detail))
            } else {
                declared_at(config, &module.path, from, to).map(|place| {
                    let detail = format!(
                        "The move is from {from}, which is still declared at {}:{}. Declare it as {to} instead, or take \
                         the block out.",
                        place.file, place.start.line
                    );
                    Diagnostic::error("Moved object still exists", detail)
                })
            };
            problems.extend(problem.map(|p| p.at(block.decl_range.clone())));
        }
    }
    problems
}

/// Where the block that was moved is declared, if it is and the move is one of a whole block.
fn declared_at(config: &Config, module: &ModulePath, from: &Target, to: &Target) -> Option<SourceRange> {
    let within = |path: &ModulePath| ModulePath(module.0.iter().chain(&path.0).cloned().collect());
    let whole = |m: &ModuleInstance| m.0.iter().all(|(_, key)| *key == InstanceKey::None);
    match (from, to) {
        (Target::Resource(from), Target::Resource(to)) => {
            let whole = whole(&from.module) && from.key == InstanceKey::None && to.key == InstanceKey::None;
            let block = config.module(&within(&from.module.path()))?.resource(&from.resource)?;
            whole.then(|| block.decl_range.clone())
        }
        (Target::Module(from), Target::Module(to)) => {
            let whole = whole(from) && to.0.last().is_some_and(|(_, key)| *key == InstanceKey::None);
            let path = within(&from.path());
            let call = config.module(&path.parent()?)?.module_calls.get(path.0.last()?)?;
            whole.then(|| call.decl_range.clone())
        }
        _ => None,
    }
}

fn statement(module: &ModulePath, block: &Block) -> Statement {
    Statement { module: module.clone(), from: block.from.target.clone(), to: block.to.target.clone() }
}

/// Where an address ends when every statement has been followed, each at most once, and how many were.
fn follow(statements: &[Statement], from: &ResourceInstance) -> (usize, ResourceInstance) {
    let mut address = from.clone();
    let mut used = vec![false; statements.len()];
    loop {
        let next = statements
            .iter()
            .enumerate()
            .filter(|(i, _)| !used[*i])
            .find_map(|(i, statement)| Some((i, statement.apply(&address)?)));
        let Some((i, moved)) = next else { return (used.iter().filter(|u| **u).count(), address) };
        used[i] = true;
        address = moved;
    }
}

/// Whether a statement speaks of this resource.
fn touches(statements: &[Statement], address: &ResourceInstance) -> bool {
    statements.iter().any(|s| {
        [&s.from, &s.to].into_iter().any(|end| match end {
            Target::Resource(r) => {
                r.resource == address.resource
                    && address.module.path().0 == [&s.module.0[..], &r.module.path().0[..]].concat()
            }
            Target::Module(_) => false,
        })
    })
}

impl Statement {
    fn apply(&self, address: &ResourceInstance) -> Option<ResourceInstance> {
        let depth = self.module.0.len();
        let inside = address.module.path().0.starts_with(&self.module.0);
        if !inside {
            return None;
        }
        let (outer, inner) = address.module.0.split_at(depth);
        let join = |module: &[(std::sync::Arc<str>, InstanceKey)]| {
            ModuleInstance(outer.iter().chain(module).cloned().collect())
        };
        match (&self.from, &self.to) {
            (Target::Resource(from), Target::Resource(to)) => {
                if from.module.0 != inner || from.resource != address.resource {
                    return None;
                }
                let whole = from.key == InstanceKey::None && to.key == InstanceKey::None;
                if !whole && from.key != address.key {
                    return None;
                }
                let key = if whole { address.key.clone() } else { to.key.clone() };
                Some(ResourceInstance { module: join(&to.module.0), resource: to.resource.clone(), key })
            }
            (Target::Module(from), Target::Module(to)) => {
                let steps = from.0.len();
                if inner.len() < steps {
                    return None;
                }
                let (called, rest) = inner.split_at(steps);
                let (Some((last_from, before)), Some((last_to, to_before))) = (from.0.split_last(), to.0.split_last())
                else {
                    return None;
                };
                let (last, called_before) = called.split_last()?;
                if called_before != before || last.0 != last_from.0 {
                    return None;
                }
                let whole = last_from.1 == InstanceKey::None && last_to.1 == InstanceKey::None;
                if !whole && last.1 != last_from.1 {
                    return None;
                }
                let key = if whole { last.1.clone() } else { last_to.1.clone() };
                let mut module = to_before.to_vec();
                module.push((last_to.0.clone(), key));
                module.extend_from_slice(rest);
                Some(ResourceInstance {
                    module: join(&module),
                    resource: address.resource.clone(),
                    key: address.key.clone(),
                })
            }
            _ => None,
        }
    }
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
