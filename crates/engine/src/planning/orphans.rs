//! Objects that the state has and the configuration does not: what is destroyed, and why, and what is only forgotten.

use std::collections::BTreeSet;

use infra_address::{InstanceKey, ResourceInstance, ResourceMode, Target};
use infra_diag::Diagnostic;
use infra_lang::config::{Config, Removed};
use infra_provider::Private;
use infra_state::Instance;
use infra_value::{Type, Value};

use super::Planner;
use super::managed::prevented;
use super::resource::Site;
use crate::graph::Node;
use crate::plan::{Action, PlanMode, Reason, ResourceChange};

impl<'a> Planner<'a> {
    /// Whether an instance is among the targets, or in a block that only something else needs. A block that is named by
    /// its instances' keys is planned for these, whatever needs it.
    pub(super) fn is_targeted(&self, node: usize, address: &ResourceInstance) -> bool {
        let targets = &self.options.targets;
        let Node::Resource(module, resource) = &self.graph.nodes[node] else { return true };
        let mut naming = targets.iter().filter(|t| crate::targets::names_block(t, module, resource)).peekable();
        naming.peek().is_none() || naming.any(|t| t.contains(address))
    }

    /// Whether an object in the state is refreshed: what only goes along with a target is not.
    pub(super) fn is_refreshed(&self, address: &ResourceInstance) -> bool {
        if self.options.targets.is_empty() {
            return true;
        }
        match self.graph.resource(&address.module.path(), &address.resource) {
            Some(node) => {
                let wanted = || crate::targets::wanted(&self.graph, &self.options.targets, &self.stored, false);
                self.refreshed.get_or_init(wanted).contains(&node)
            }
            None => self.options.targets.iter().any(|t| t.contains(address)),
        }
    }

    /// The nodes that the targets need.
    pub(super) fn targeted(&self) -> &BTreeSet<usize> {
        self.targeted.get_or_init(|| {
            let destroy = self.options.mode == PlanMode::Destroy;
            crate::targets::wanted(&self.graph, &self.options.targets, &self.stored, destroy)
        })
    }

    /// The `removed` block that speaks of an object.
    pub(super) fn removal_of(&self, address: &ResourceInstance) -> Option<&'a Removed> {
        removed_block(self.world.config, address)
    }

    /// Plans the end of everything in the state that is no longer configured, and of deposed objects.
    pub(super) async fn plan_orphans(&self) {
        let destroy = self.options.mode == PlanMode::Destroy;
        if destroy {
            self.recording.set(true);
        }
        if self.options.mode == PlanMode::RefreshOnly {
            return;
        }
        let prior = self.prior.borrow();
        let mut forgotten = Vec::new();
        for (address, stored_provider, slot) in prior.instances() {
            if address.resource.mode != ResourceMode::Managed {
                continue;
            }
            for (deposed, object) in slot.objects() {
                if !self.is_end_targeted(&address) {
                    continue;
                }
                let configured = !destroy && deposed.is_none() && self.spoken_for.borrow().contains(&address);
                if configured || (!destroy && self.is_uncertain(&address)) {
                    continue;
                }
                let provider = self.provider_of(&address, stored_provider);
                let removal = if destroy { None } else { self.removal_of(&address) };
                let forget = removal.is_some_and(|r| !r.destroy);
                if !forget && !self.providers.borrow().contains_key(&provider) {
                    self.provider_missing(&address, &provider);
                    continue;
                }
                if forget {
                    forgotten.push(address.to_string());
                }
                self.plan_end(&address, deposed, object, &provider, forget);
            }
        }
        if !forgotten.is_empty() {
            forgotten.dedup();
            let lines: Vec<String> = forgotten.iter().map(|a| format!(" - {a}")).collect();
            self.world.report([Diagnostic::warning(
                "Some objects will no longer be managed by Terraform",
                format!(
                    "The apply takes the following objects out of the state and leaves them as they are:\n{}\n\nTo manage \
                     them again later, import them.",
                    lines.join("\n")
                ),
            )]);
        }
    }

    fn is_end_targeted(&self, address: &ResourceInstance) -> bool {
        let targets = &self.options.targets;
        match self.options.mode {
            _ if targets.is_empty() => true,
            PlanMode::Destroy => {
                self.destroyed.get_or_init(|| crate::targets::destroyed(targets, &self.stored)).contains(address)
            }
            _ => targets.iter().any(|t| t.contains(address)),
        }
    }

    /// Whether an error keeps us from knowing if the object is still configured.
    fn is_uncertain(&self, address: &ResourceInstance) -> bool {
        let failed = self.failed.borrow();
        let path = address.module.path();
        let node = self.graph.resource(&path, &address.resource);
        let mut module = Some(path);
        let mut unexpanded = false;
        while let Some(path) = module {
            unexpanded |= self.graph.find(&Node::Module(path.clone())).is_some_and(|n| failed.contains(&n));
            module = path.parent();
        }
        unexpanded || node.is_some_and(|n| failed.contains(&n) && !self.is_expanded(address))
    }

    fn is_expanded(&self, address: &ResourceInstance) -> bool {
        self.world.resources.borrow().contains_key(&(address.module.clone(), address.resource.clone()))
    }

    fn provider_missing(&self, address: &ResourceInstance, provider: &infra_address::ProviderConfig) {
        let known = self.graph.find(&Node::Provider(provider.clone())).is_some();
        let told = self.world.has_errors();
        if known && told {
            return;
        }
        self.world.report([Diagnostic::error(
            "Provider configuration not present",
            format!(
                "To work with {address} its original provider configuration at {provider} is needed, and it is no longer in \
                 the configuration. Put the provider block back until the object is destroyed, or take it out of the \
                 state: infra state rm '{address}'"
            ),
        )]);
    }

    fn plan_end(
        &self,
        address: &ResourceInstance,
        deposed: Option<&str>,
        object: &Instance,
        provider: &infra_address::ProviderConfig,
        forget: bool,
    ) {
        let id = (address.clone(), deposed.map(str::to_string));
        let destroy = self.options.mode == PlanMode::Destroy;
        let before = match self.known.borrow().get(&id) {
            // What goes is told as it was stored: Terraform does not plan the end of an object from its refreshed form.
            Some(known) if !destroy => known.now.as_ref().map(|_| known.stored.clone()),
            Some(known) => known.now.clone(),
            None => self.stored_value(address, object, provider),
        };
        let Some(before) = before else { return };
        let module = self.world.config.module(&address.module.path());
        let block = module.and_then(|m| m.resource(&address.resource));
        if let Some(block) = block.filter(|b| b.lifecycle.prevent_destroy && deposed.is_none()) {
            let site = Site { node: 0, block, provider: provider.clone() };
            self.world.report([prevented(&site, address)]);
        }
        let reason = match (deposed, destroy) {
            (None, false) => Some(self.reason_for_end(address)),
            _ => None,
        };
        if let Some(node) = self.graph.resource(&address.module.path(), &address.resource) {
            self.changing.borrow_mut().insert(node);
        }
        self.record(ResourceChange {
            address: address.clone(),
            deposed: deposed.map(str::to_string),
            previous_address: self.moves.previous.get(address).filter(|_| deposed.is_none()).cloned(),
            provider: provider.clone(),
            action: if forget { Action::Forget } else { Action::Delete },
            reason,
            after: Value::null(before.ty()),
            before,
            replace_paths: Vec::new(),
            importing: None,
            generated_config: None,
            private: Private(object.private.clone()),
            create_before_destroy: object.create_before_destroy,
            dependencies: object.dependencies.clone(),
        });
    }

    /// An object that was not read again, because its type is not supported or it is to be forgotten.
    fn stored_value(
        &self,
        address: &ResourceInstance,
        object: &Instance,
        provider: &infra_address::ProviderConfig,
    ) -> Option<Value> {
        let known = self.registry.get(&provider.source);
        let schema = known.and_then(|p| p.resource_schema(&address.resource.ty));
        match (known, schema) {
            (Some(known), Some(schema)) => self.prior_value(address, Some(object), &**known, schema),
            _ => {
                let json = serde_json::Value::Object(object.attributes.clone());
                Some(infra_value::value_from_json_implied(&json).unwrap_or_else(|_| Value::null(Type::Dynamic)))
            }
        }
    }

    fn reason_for_end(&self, address: &ResourceInstance) -> Reason {
        let path = address.module.path();
        let block = self.world.config.module(&path).and_then(|m| m.resource(&address.resource));
        let Some(block) = block else {
            return match self.moves.previous.contains_key(address) {
                true => Reason::DeleteBecauseNoMoveTarget,
                false => Reason::DeleteBecauseNoResourceConfig,
            };
        };
        if !self.world.modules.borrow().repetition.contains_key(&address.module) {
            return Reason::DeleteBecauseNoModule;
        }
        match &address.key {
            InstanceKey::None if block.count.is_some() || block.for_each.is_some() => {
                Reason::DeleteBecauseWrongRepetition
            }
            InstanceKey::Int(_) if block.count.is_none() => Reason::DeleteBecauseWrongRepetition,
            InstanceKey::Str(_) if block.for_each.is_none() => Reason::DeleteBecauseWrongRepetition,
            InstanceKey::Int(_) => Reason::DeleteBecauseCountIndex,
            InstanceKey::Str(_) | InstanceKey::None => Reason::DeleteBecauseEachKey,
        }
    }
}

/// The `removed` block that speaks of an object.
pub(crate) fn removed_block<'c>(config: &'c Config, address: &ResourceInstance) -> Option<&'c Removed> {
    let path = address.module.path();
    config.modules().into_iter().find_map(|module| {
        let inner = path.0.strip_prefix(&module.path.0[..])?;
        module.removed.iter().find(|removed| match &removed.from.target {
            Target::Module(m) => inner.starts_with(&m.path().0),
            Target::Resource(r) => *inner == r.module.path().0[..] && r.resource == address.resource,
        })
    })
}

/// What a `removed` block speaks of must not be declared any more.
pub(super) fn still_declared(config: &Config) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for module in config.modules() {
        for removed in &module.removed {
            let place = |path: &infra_address::ModulePath| {
                infra_address::ModulePath(module.path.0.iter().chain(&path.0).cloned().collect())
            };
            let (kind, declared) = match &removed.from.target {
                Target::Resource(r) => {
                    let there = config.module(&place(&r.module.path())).and_then(|m| m.resource(&r.resource));
                    ("resource", there.map(|block| block.decl_range.clone()))
                }
                Target::Module(m) => {
                    let path = place(&m.path());
                    let parent = path.parent().and_then(|p| config.module(&p));
                    let call = parent.zip(path.0.last()).and_then(|(p, name)| p.module_calls.get(name));
                    ("module", call.map(|call| call.decl_range.clone()))
                }
            };
            if let Some(range) = declared {
                problems.push(
                    Diagnostic::error(
                        format!("Removed {kind} still exists"),
                        format!(
                            "A removed block says that {} was taken out of the configuration, and it is still there. Take \
                             out one of the two.",
                            removed.from.target
                        ),
                    )
                    .at(range),
                );
            }
        }
    }
    problems
}
