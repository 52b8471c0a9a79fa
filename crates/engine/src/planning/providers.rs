//! Making providers ready, and reading again everything that they manage: many objects a call, in no order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use infra_address::{ModuleInstance, ProviderConfig, ResourceInstance, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::eval::{decode_body, range_of};
use infra_provider::{Configured, Private, Problem, Provider, ReadRequest};
use infra_schema::Block as Schema;
use infra_state::Instance;
use tracing::Instrument;

use super::unused::Uses;
use super::{Known, ObjectId, Planner};
use crate::plan::PlanMode;
use crate::registry::Registry;
use crate::ui::Event;
use crate::world::World;
use crate::{codec, marks, observed, secrets};

impl Planner<'_> {
    /// Makes a provider ready and reads what it manages. True also for a provider that is not supported: the blocks that
    /// need it say so.
    pub(super) async fn visit_provider(&self, provider: &ProviderConfig) -> bool {
        let Some(configured) = configure(&self.world, self.registry, provider, self.unknown_settings).await else {
            return self.registry.get(&provider.source).is_none();
        };
        self.providers.borrow_mut().insert(provider.clone(), configured.clone());
        let Some(known) = self.registry.get(&provider.source) else { return true };
        self.refresh(provider, &**known, &*configured).await
    }

    /// The configuration that manages an object: what its block says, or what the state says if there is no block.
    pub(super) fn provider_of(&self, address: &ResourceInstance, stored: &ProviderConfig) -> ProviderConfig {
        let path = address.module.path();
        let config = self.world.config;
        match config.module(&path).and_then(|m| m.resource(&address.resource)) {
            Some(block) => crate::graph::provider_of(config, &path, block),
            None => stored.clone(),
        }
    }

    async fn refresh(&self, provider: &ProviderConfig, known: &dyn Provider, configured: &dyn Configured) -> bool {
        let mut by_type: BTreeMap<Arc<str>, Vec<(ObjectId, &Instance, infra_value::Value)>> = BTreeMap::new();
        let mut good = true;
        for (address, stored_provider, slot) in self.stored.instances() {
            if address.resource.mode != ResourceMode::Managed
                || self.provider_of(&address, stored_provider) != *provider
                || !self.is_refreshed(&address)
                || self.is_forgotten(&address)
            {
                continue;
            }
            for (deposed, object) in slot.objects() {
                if known.resource_schema(&address.resource.ty).is_none() {
                    good &= self.unsupported_object(&address, provider);
                    continue;
                }
                match codec::decode(known, &address.resource.ty, object) {
                    Ok(value) => {
                        let id = (address.clone(), deposed.map(str::to_string));
                        by_type.entry(address.resource.ty.clone()).or_default().push((id, object, value));
                    }
                    Err(problem) => {
                        self.world.report([problem.into_diagnostic().about(&address)]);
                        good = false;
                    }
                }
            }
        }
        let read = self.options.refresh;
        if read {
            let objects = by_type.values().map(Vec::len).sum();
            self.ui.event(Event::RefreshStart { objects });
        }
        let reads = by_type.into_iter().map(|(ty, objects)| async move {
            let answers = match read {
                // All types at once: what several of them need is then asked for once.
                true => {
                    let requests = objects.iter().map(|((address, deposed), object, value)| ReadRequest {
                        prior: value.clone(),
                        private: Private(object.private.clone()),
                        // Of what is half made nothing may have been read yet.
                        unused: match deposed {
                            None if !object.tainted => self.unused(address, known),
                            _ => None,
                        },
                    });
                    let requests: Vec<ReadRequest> = requests.collect();
                    let span = observed::refresh(&ty, requests.len());
                    configured.read(&ty, requests).instrument(span).await
                }
                false => objects.iter().map(|(_, _, value)| Ok(Some(value.clone()))).collect(),
            };
            (ty, objects, answers)
        });
        for (ty, objects, answers) in join_all(reads).await {
            let Some(schema) = known.resource_schema(&ty) else { continue };
            for ((id, object, value), answer) in objects.into_iter().zip(answers) {
                good &= self.refreshed(schema, id, object, value, answer);
            }
        }
        good
    }

    /// The attributes of an object that the plan cannot depend on; `None` where the plan is to find all that has changed.
    fn unused(&self, address: &ResourceInstance, known: &dyn Provider) -> Option<BTreeSet<Arc<str>>> {
        if self.options.mode == PlanMode::RefreshOnly {
            return None;
        }
        let path = address.module.path();
        let block = self.world.config.module(&path).and_then(|m| m.resource(&address.resource));
        match (block, known.resource_schema(&address.resource.ty)) {
            (Some(block), Some(schema)) => {
                let uses = self.uses.get_or_init(|| Uses::in_config(self.world.config));
                Some(uses.unused(&path, block, &schema.block))
            }
            _ => Some(BTreeSet::new()),
        }
    }

    /// Notes what a read found. False if it failed.
    fn refreshed(
        &self,
        schema: &infra_schema::Schema,
        id: ObjectId,
        object: &Instance,
        stored: infra_value::Value,
        answer: Result<Option<infra_value::Value>, Problem>,
    ) -> bool {
        let (address, deposed) = &id;
        let now = match answer {
            Ok(now) => now,
            Err(problem) => {
                let marked = marks::put(&stored, &codec::marks_of(schema, object, &stored));
                let told = secrets::hide(vec![problem], &self.world, &schema.block, &[&marked]);
                let place = self.world.module(&address.module).and_then(|m| m.resource(&address.resource));
                let place = place.map(|b| b.decl_range.clone());
                self.world
                    .report(told.into_iter().map(|problem| problem.into_diagnostic().about(address).at(place.clone())));
                return false;
            }
        };
        let stored_marks = codec::marks_of(schema, object, &stored);
        let now_marks = now.as_ref().map(|now| codec::marks_of(schema, object, now));
        let known = Known {
            stored: marks::put(&stored, &stored_marks),
            now: now.as_ref().zip(now_marks).map(|(now, found)| marks::put(now, &found)),
        };
        if self.options.refresh {
            let found = known.now.as_ref().and_then(|n| n.get("id")).and_then(infra_value::Value::as_str);
            self.ui.event(Event::Refreshed { address, id: found.unwrap_or_default() });
        }
        let mut prior = self.prior.borrow_mut();
        let provider = self.stored.resources.get(&(address.module.clone(), address.resource.clone()));
        if let Some(provider) = provider.map(|r| r.provider.clone()) {
            let encoded = known.now.as_ref().map(|now| Instance {
                tainted: object.tainted,
                create_before_destroy: object.create_before_destroy,
                extra: object.extra.clone(),
                ..codec::encode(schema, now, &Private(object.private.clone()), object.dependencies.clone())
            });
            match deposed {
                None => prior.set_current(address, &provider, encoded),
                Some(key) => prior.set_deposed(address, &provider, key, encoded),
            }
        }
        drop(prior);
        self.known.borrow_mut().insert(id, known);
        true
    }

    fn unsupported_object(&self, address: &ResourceInstance, provider: &ProviderConfig) -> bool {
        // An instance that is configured gets the error at its block.
        let configured = self.world.module(&address.module).and_then(|m| m.resource(&address.resource)).is_some();
        if !configured {
            self.world.report([Diagnostic::error(
                format!("Unsupported resource type {:?}", address.resource.ty),
                format!(
                    "The state holds {address}, which infra does not support (provider {}). Manage it with Terraform, \
                     or take it out of this state: infra state rm '{address}'",
                    provider.source
                ),
            )
            .about(address)]);
        }
        configured
    }

    /// Whether the object would only be forgotten: then it is not read.
    fn is_forgotten(&self, address: &ResourceInstance) -> bool {
        self.options.mode == PlanMode::Normal && self.removal_of(address).is_some_and(|removed| !removed.destroy)
    }
}

/// What becomes of settings of a provider that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownSettings {
    /// A plan goes on without them, for what they wait for may be made by the apply.
    CountAsUnset,
    /// What is about to change something must not reach another region or account.
    AreRefused,
}

/// Evaluates a provider configuration and makes the provider ready. `None` after the errors have been told, and for a
/// provider that there is not.
pub(crate) async fn configure(
    world: &World<'_>,
    registry: &Registry,
    provider: &ProviderConfig,
    unknown: UnknownSettings,
) -> Option<Arc<dyn Configured>> {
    let known = registry.get(&provider.source)?;
    let schema = &known.config_schema().block;
    let block = world.config.provider_block(provider);
    let config = match block {
        Some(block) => {
            let module = ModuleInstance(
                provider.module.0.iter().map(|n| (n.clone(), infra_address::InstanceKey::None)).collect(),
            );
            let (value, problems) = decode_body(&block.body, schema, &world.scope(&module, None), &[]);
            let failed = problems.has_errors();
            world.report(problems);
            if failed {
                return None;
            }
            value
        }
        None => schema.empty(),
    };
    if unknown == UnknownSettings::AreRefused && !config.is_wholly_known() {
        return None;
    }
    let marked_config = config;
    let (config, _) = marked_config.clone().unmark_deep();
    let mut problems: Vec<Problem> = known.validate_config(&config);
    let result = match problems.iter().any(Problem::is_error) {
        true => Err(Vec::new()),
        false => known.configure(&config).instrument(observed::configure(provider)).await,
    };
    let configured = match result {
        Ok(configured) => Some(configured),
        Err(more) => {
            problems.extend(more);
            None
        }
    };
    let problems = secrets::hide(problems, world, schema, &[&marked_config]);
    world.report(problems.into_iter().map(|p| provider_diagnostic(p, provider, block, schema)));
    configured
}

fn provider_diagnostic(
    problem: Problem,
    provider: &ProviderConfig,
    block: Option<&infra_lang::config::ProviderBlock>,
    schema: &Schema,
) -> Diagnostic {
    let range = block.map(|b| match problem.path.0.is_empty() {
        true => b.decl_range.clone(),
        false => range_of(&b.body, schema, &problem.path),
    });
    problem.into_diagnostic().at(range).about(provider)
}

/// Diagnostics of a resource instance from what its provider says: at the attribute where one is named, otherwise at the
/// block.
pub(crate) fn instance_diagnostics(
    problems: impl IntoIterator<Item = Problem>,
    address: &ResourceInstance,
    block: Option<&infra_lang::config::Resource>,
    schema: &Schema,
) -> Diagnostics {
    let place = |problem: &Problem| {
        let block = block?;
        Some(match problem.path.0.is_empty() {
            true => block.decl_range.clone(),
            false => range_of(&block.body, schema, &problem.path),
        })
    };
    let context = block.map(super::heading);
    problems
        .into_iter()
        .map(|problem| {
            let at = place(&problem);
            let mut diagnostic = problem.into_diagnostic().at(at).about(address);
            diagnostic.context.clone_from(&context);
            diagnostic
        })
        .collect()
}
