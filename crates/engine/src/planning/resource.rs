//! Modules and blocks: which instances there are, and each of them in turn.

use infra_address::{ModuleInstance, ModulePath, ProviderConfig, Resource, ResourceInstance, ResourceMode};
use infra_diag::Diagnostic;
use infra_lang::config::Resource as Block;

use super::Planner;
use crate::expand::{Repetition, expand};

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
        let modules = self.world.modules.borrow().instances.get(path).cloned().unwrap_or_default();
        let mut good = true;
        for module in modules {
            let scope = self.world.scope(&module, None);
            let expanded = expand(block.count.as_ref(), block.for_each.as_ref(), &scope);
            let Some((shape, repetitions)) = self.world.told(expanded) else {
                good = false;
                self.claim_all(&module, resource);
                continue;
            };
            self.world.expand(&module, resource, shape, repetitions.clone());
            for (key, repetition) in repetitions {
                let address = ResourceInstance { module: module.clone(), resource: resource.clone(), key };
                good &= self.instance(&site, address, repetition).await;
            }
        }
        good
    }

    /// Plans or reads one instance.
    async fn instance(&self, site: &Site<'a>, address: ResourceInstance, repetition: Repetition) -> bool {
        self.spoken_for.borrow_mut().insert(address.clone());
        if !self.is_targeted(site.node, &address) {
            self.leave_out(site, &address);
            return true;
        }
        let Some(provider) = self.supported(site) else { return false };
        match address.resource.mode {
            ResourceMode::Managed => self.managed(site, provider, &address, repetition).await,
            ResourceMode::Data => self.data(site, provider, &address, repetition).await,
            ResourceMode::Ephemeral => {
                self.world.report([Diagnostic::error(
                    "Ephemeral resources are not supported",
                    format!("infra cannot open {address}: it has no provider with ephemeral resources yet."),
                )
                .at(site.block.decl_range.clone())]);
                false
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

/// Tells the instances of a module in every instance of the module that calls it.
pub(crate) fn expand_module(world: &crate::world::World<'_>, path: &ModulePath) -> bool {
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
    let data = block.address.mode == ResourceMode::Data;
    let what = if data { "data source" } else { "resource type" };
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
    let schema = if data { known.data_schema(ty) } else { known.resource_schema(ty) };
    if schema.is_some() {
        return None;
    }
    if known.knows(ty, data) {
        return at(Diagnostic::error(
            format!("Unsupported {what} {ty:?}"),
            format!(
                "The provider {} has the {what} {ty:?}, and infra does not support it yet. Leave it out (count = 0), or \
                 manage it with Terraform in a folder of its own.",
                provider.source
            ),
        ));
    }
    let names = known.types(data);
    let hint = infra_lang::syntax::suggest::did_you_mean(ty, names.iter().copied());
    at(Diagnostic::error(
        format!("Invalid {what}"),
        format!("The provider {} does not support the {what} {ty:?}.{hint}", provider.source),
    ))
}
