//! Modules and blocks: which instances there are, and each of them in turn.

use std::collections::BTreeMap;

use infra_address::{
    InstanceKey, ModuleInstance, ModulePath, ProviderConfig, Resource, ResourceInstance, ResourceMode,
};
use infra_diag::{Diagnostic, Severity};
use infra_lang::config::Resource as Block;
use infra_lang::eval::decode_body;
use infra_schema::Block as Schema;
use infra_state::{Instance, State};
use infra_value::Value;

use super::Planner;
use crate::conditions::resource_rules;
use crate::expand::{Repetition, Shape, expand};
use crate::plan::PlanMode;
use crate::world::{ModuleScope, World};
use crate::{ephemeral, imports};

/// A block of a resource, where it is and who provides it.
pub(crate) struct Site<'a> {
    pub node: usize,
    pub block: &'a Block,
    pub provider: ProviderConfig,
}

impl<'a> Planner<'a> {
    /// Tells the instances of a module. False if that could not be done.
    pub(super) fn visit_module(&self, path: &ModulePath) -> bool {
        expand_module(&self.world, path)
    }

    pub(super) async fn visit_resource(&self, node: usize, path: &ModulePath, resource: &Resource) -> bool {
        let config = self.world.config;
        let Some(block) = config.module(path).and_then(|m| m.resource(resource)) else { return true };
        let provider = crate::graph::provider_of(config, path, block);
        let site = Site { node, block, provider };
        let Expansion { instances, failed } = expand_block(&self.world, path, block);
        let mut good = failed.is_empty();
        failed.iter().for_each(|module| self.claim_all(module, resource));
        good &= self.read_imports(path, resource, &instances);
        if self.options.mode == PlanMode::RefreshOnly {
            let prior = self.prior.borrow();
            expand_as_stored(&self.world, path, block, &prior, |address, object| {
                let provider = self.registry.get(&site.provider.source)?;
                let schema = provider.resource_schema(&address.resource.ty)?;
                self.prior_value(address, Some(object), &**provider, schema)
            });
        }
        for (address, repetition) in instances {
            good &= self.instance(&site, address, repetition).await;
        }
        good
    }

    /// Evaluates the `import` blocks of a resource. False after their errors have been told; then the instances that they
    /// name are not planned.
    fn read_imports(
        &self,
        path: &ModulePath,
        resource: &Resource,
        instances: &[(ResourceInstance, Repetition)],
    ) -> bool {
        if self.options.mode != PlanMode::Normal || resource.mode != ResourceMode::Managed {
            return true;
        }
        let mut good = true;
        for import in imports::of_resource(self.world.config, path, resource) {
            let (wanted, problems) = imports::wanted(&self.world, import);
            good &= problems.is_empty();
            self.world.report(problems);
            for (to, id) in wanted {
                match (id, instances.iter().any(|(address, _)| *address == to)) {
                    (_, false) => {
                        let block = self.world.config.module(path).and_then(|m| m.resource(resource));
                        let repeated = block.is_some_and(|b| b.count.is_some() || b.for_each.is_some());
                        self.world.report([imports::no_instance(import, &to, repeated)]);
                        good = false;
                    }
                    (Some(id), _) => drop(self.imports.borrow_mut().insert(to, id)),
                    (None, _) => drop(self.not_importable.borrow_mut().insert(to)),
                }
            }
        }
        good
    }

    /// Plans or reads one instance.
    async fn instance(&self, site: &Site<'a>, address: ResourceInstance, repetition: Repetition) -> bool {
        self.spoken_for.borrow_mut().insert(address.clone());
        if self.not_importable.borrow().contains(&address) {
            return false;
        }
        if !self.is_targeted(site.node, &address) {
            self.leave_out(site, &address);
            return true;
        }
        let Some(provider) = self.supported(site) else { return false };
        match address.resource.mode {
            ResourceMode::Managed => self.managed(site, provider, &address, repetition).await,
            ResourceMode::Data => self.data(site, provider, &address, repetition).await,
            ResourceMode::Ephemeral => {
                let configured = self.providers.borrow().get(&site.provider).cloned();
                let Some(configured) = configured else { return false };
                let site = ephemeral::Site { node: site.node, block: site.block, provider, configured };
                let _permit = self.limit.acquire().await;
                self.ephemerals.open(&self.world, self.ui, &site, &address, repetition).await
            }
        }
    }

    /// An instance that is not targeted has the value that the state has; without one it is not there.
    fn leave_out(&self, site: &Site<'_>, address: &ResourceInstance) {
        let known = self.registry.get(&site.provider.source);
        let object = self.prior.borrow().current(address).cloned();
        let schema = known.and_then(|p| p.resource_schema(&address.resource.ty));
        let value = match (known, schema) {
            (Some(known), Some(schema)) => self.prior_value(address, object.as_ref(), &**known, schema),
            _ => None,
        };
        match value {
            Some(value) => self.world.set_value(&address.module, &address.resource, &address.key, value),
            None => self.world.leave_out(&address.module, &address.resource, &address.key),
        }
    }

    /// The provider of a block, if it has the block's type. Otherwise the error is told, once for the block.
    fn supported(&self, site: &Site<'_>) -> Option<&'a dyn infra_provider::Provider> {
        let problem = unsupported(self.registry, site.block, &site.provider);
        match problem {
            None => self.registry.get(&site.provider.source).map(|p| &**p),
            Some(problem) => {
                self.world.report([problem]);
                None
            }
        }
    }

    /// Keeps what the state has of a block from being taken for orphans.
    fn claim_all(&self, module: &ModuleInstance, resource: &Resource) {
        let mut spoken_for = self.spoken_for.borrow_mut();
        let of_block = self.stored.instances().filter(|(a, _, _)| a.module == *module && a.resource == *resource);
        spoken_for.extend(of_block.map(|(address, _, _)| address));
    }
}

/// Checks the preconditions of an instance and evaluates its block. `None` after errors have been told.
pub(crate) fn configuration(
    world: &World<'_>,
    block: &Block,
    address: &ResourceInstance,
    schema: &Schema,
    scope: &ModuleScope<'_, '_>,
    severity: Severity,
) -> Option<Value> {
    let preconditions = &block.lifecycle.preconditions;
    if !resource_rules(address, preconditions, "Resource precondition failed", severity).check(world, scope) {
        return None;
    }
    let (config, problems) = decode_body(&block.body, schema, scope, &[]);
    let failed = problems.has_errors();
    world.report(problems.into_iter().map(|p| p.within(heading(block))));
    (!failed).then_some(config)
}

/// The header of a block, as a snippet names it.
pub(crate) fn heading(block: &Block) -> String {
    let word = match block.address.mode {
        ResourceMode::Managed => "resource",
        ResourceMode::Data => "data",
        ResourceMode::Ephemeral => "ephemeral",
    };
    format!("{word} \"{}\" \"{}\"", block.address.ty, block.address.name)
}

/// The instances of a block in every instance of its module, and the module instances in which that could not be told.
#[derive(Default)]
pub(crate) struct Expansion {
    pub instances: Vec<(ResourceInstance, Repetition)>,
    pub failed: Vec<ModuleInstance>,
}

/// Tells the instances of a block. Errors are told.
pub(crate) fn expand_block(world: &World<'_>, path: &ModulePath, block: &Block) -> Expansion {
    let mut expansion = Expansion::default();
    let modules = world.modules.borrow().instances.get(path).cloned().unwrap_or_default();
    for module in modules {
        let scope = world.scope(&module, None);
        let expanded = expand(block.count.as_ref(), block.for_each.as_ref(), &scope);
        let Some((shape, repetitions)) = world.told(expanded) else {
            expansion.failed.push(module);
            continue;
        };
        world.expand(&module, &block.address, shape, repetitions.clone());
        expansion.instances.extend(repetitions.into_iter().map(|(key, repetition)| {
            (ResourceInstance { module: module.clone(), resource: block.address.clone(), key }, repetition)
        }));
    }
    expansion
}

/// A refresh makes nothing and takes nothing away: a managed block with `count` or `for_each` has the instances that the
/// state has, whatever these say now.
pub(crate) fn expand_as_stored(
    world: &World<'_>,
    path: &ModulePath,
    block: &Block,
    state: &State,
    value: impl Fn(&ResourceInstance, &Instance) -> Option<Value>,
) {
    let shape = match (&block.count, &block.for_each) {
        _ if block.address.mode != ResourceMode::Managed => return,
        (Some(_), _) => Shape::Count,
        (_, Some(_)) => Shape::ForEach,
        _ => return,
    };
    let modules = world.modules.borrow().instances.get(path).cloned().unwrap_or_default();
    for module in modules {
        let stored = state.resources.get(&(module.clone(), block.address.clone()));
        let objects = stored.into_iter().flat_map(|stored| &stored.instances);
        let values: BTreeMap<InstanceKey, Value> = objects
            .filter(|(key, _)| {
                matches!((key, shape), (InstanceKey::Int(_), Shape::Count) | (InstanceKey::Str(_), Shape::ForEach))
            })
            .filter_map(|(key, slot)| {
                let address =
                    ResourceInstance { module: module.clone(), resource: block.address.clone(), key: key.clone() };
                Some((key.clone(), value(&address, slot.current.as_ref()?)?))
            })
            .collect();
        let repetition = |key: &InstanceKey| (key.clone(), Repetition { key: key.clone(), each_value: None });
        world.expand(&module, &block.address, shape, values.keys().map(repetition).collect());
        for (key, value) in values {
            world.set_value(&module, &block.address, &key, value);
        }
    }
}

/// Tells the instances of a module in every instance of the module that calls it.
pub(crate) fn expand_module(world: &World<'_>, path: &ModulePath) -> bool {
    let (Some(parent), Some(name)) = (path.parent(), path.0.last()) else { return true };
    let parents = world.modules.borrow().instances.get(&parent).cloned().unwrap_or_default();
    let mut all = Vec::new();
    let mut good = true;
    for parent in parents {
        let Some(call) = world.module(&parent).and_then(|m| m.module_calls.get(name)) else { continue };
        let scope = world.scope(&parent, None);
        let expanded = expand(call.count.as_ref(), call.for_each.as_ref(), &scope);
        let Some((shape, repetitions)) = world.told(expanded) else {
            good = false;
            continue;
        };
        let mut modules = world.modules.borrow_mut();
        let keys = repetitions.keys().cloned().collect();
        modules.calls.insert((parent.clone(), name.clone()), (shape, keys));
        for (key, repetition) in repetitions {
            let child = parent.child(name.clone(), key);
            modules.repetition.insert(child.clone(), repetition);
            all.push(child);
        }
    }
    world.modules.borrow_mut().instances.insert(path.clone(), all);
    good
}

/// The error about a block whose provider or type is not supported.
pub(crate) fn unsupported(
    registry: &crate::registry::Registry,
    block: &Block,
    provider: &ProviderConfig,
) -> Option<Diagnostic> {
    let mode = block.address.mode;
    let what = match mode {
        ResourceMode::Managed => "resource type",
        ResourceMode::Data => "data source",
        ResourceMode::Ephemeral => "ephemeral resource",
    };
    let ty = &block.address.ty;
    let at = |d: Diagnostic| Some(d.at(block.ty_range.clone()));
    let Some(known) = registry.get(&provider.source) else {
        return at(Diagnostic::error(
            format!("Unsupported provider {}", provider.source),
            format!(
                "{} is of a provider that infra does not have. Leave it out (count = 0), or manage it with Terraform in a \
                 folder of its own.",
                block.address
            ),
        ));
    };
    if registry.schema(&provider.source, mode, ty).is_some() {
        return None;
    }
    let (names, exists) = match mode {
        ResourceMode::Ephemeral => {
            let (supported, others) = known.ephemeral_types();
            (supported, others.contains(&&**ty))
        }
        _ => (known.types(mode == ResourceMode::Data), known.knows(ty, mode == ResourceMode::Data)),
    };
    if exists {
        return at(Diagnostic::error(
            format!("Unsupported {what} {ty:?}"),
            format!(
                "The provider {} has the {what} {ty:?}, and infra does not support it yet. Leave it out (count = 0), or \
                 manage it with Terraform in a folder of its own.",
                provider.source
            ),
        ));
    }
    let hint = infra_lang::syntax::suggest::did_you_mean(ty, names.iter().copied());
    at(Diagnostic::error(
        format!("Invalid {what}"),
        format!("The provider {} does not support the {what} {ty:?}.{hint}", provider.source),
    ))
}
