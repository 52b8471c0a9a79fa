//! What a release is driven with, once everything else has been applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use infra_address::{ProviderConfig, ResourceInstance};
use infra_diag::Diagnostic;
use infra_provider::fleet::{Fleet, FleetSpec, Member, Version};
use infra_provider::{Configured, Private, ReadRequest};
use infra_state::State;

use super::planning::wanted_definition;
use super::{Members, ReleaseChange};
use crate::applying::Applier;
use crate::codec;
use crate::planning::PlanInputs;
use crate::registry::Registry;

/// A release that can be driven.
#[derive(Clone)]
pub struct Ready {
    /// As it was planned.
    pub change: ReleaseChange,
    /// What is wanted, now that everything is known.
    pub new: Version,
    /// The provider that does it.
    pub provider: Arc<dyn Configured>,
}

/// The providers of these configurations, ready for calls, without reading anything of what the state holds.
///
/// # Errors
/// One of them cannot be made ready.
pub async fn ready_providers(
    inputs: &PlanInputs<'_>,
    wanted: &BTreeSet<ProviderConfig>,
) -> Result<HashMap<ProviderConfig, Arc<dyn Configured>>, Vec<Diagnostic>> {
    let ready = crate::planning::ready_providers(inputs, wanted).await;
    let lacking = wanted.iter().filter(|provider| !ready.contains_key(*provider));
    let lacking: Vec<Diagnostic> = lacking
        .map(|provider| {
            Diagnostic::error(
                "The provider cannot be configured",
                format!("{provider}: infra plan says what is wrong with its configuration or credentials."),
            )
        })
        .collect();
    if lacking.is_empty() { Ok(ready) } else { Err(lacking) }
}

impl Applier<'_> {
    /// The releases of the plan with what is known now. Those whose version still is not are told about.
    pub(crate) fn ready_releases(&self) -> Vec<Ready> {
        let mut ready = Vec::new();
        for change in self.plan.releases.iter().filter(|r| r.is_active()) {
            let address = &change.release.address;
            let Some(provider) = self.providers.borrow().get(&change.provider).cloned() else { continue };
            let service = change.members.services.get(&change.idle);
            let rules = self.registry.get(&change.provider.source).and_then(|p| p.release_rules());
            let config = self.world.module(&change.module);
            let wanted = match (service, rules, config) {
                (Some(service), Some(rules), Some(config)) => rules
                    .version_attributes(&service.resource.ty)
                    .and_then(|(definition, _)| wanted_definition(&self.world, config, service, definition)),
                _ => None,
            };
            match wanted.and_then(|(definition, _)| definition) {
                Some(definition) => {
                    let new = Version { definition, images: change.new.images.clone() };
                    ready.push(Ready { change: change.clone(), new, provider });
                }
                None => self.world.report([Diagnostic::error(
                    "The release cannot begin",
                    format!("{address}: which version it is about is not known even now. Nothing was released."),
                )]),
            }
        }
        ready
    }
}

/// The fleet of a release, from the objects that the state holds.
///
/// # Errors
/// An object is not in the state; the provider refuses it.
pub async fn fleet_of(
    members: &Members,
    alarms: &[String],
    state: &State,
    registry: &Registry,
    provider: &dyn Configured,
) -> Result<Arc<dyn Fleet>, Vec<Diagnostic>> {
    let member = |address: &ResourceInstance| {
        member(address, state, registry).ok_or_else(|| {
            vec![Diagnostic::error(
                "The release has lost an object",
                format!("{address} is not in the state. Apply first, so that it is made or found again."),
            )]
        })
    };
    let all = |of: &BTreeMap<String, ResourceInstance>| {
        of.iter().map(|(colour, address)| Ok((colour.clone(), member(address)?))).collect::<Result<_, Vec<_>>>()
    };
    let spec = FleetSpec {
        services: all(&members.services)?,
        target_groups: all(&members.target_groups)?,
        listener: members.listener.as_ref().map(&member).transpose()?,
        test_listener: members.test_listener.as_ref().map(&member).transpose()?,
        alarms: alarms.to_vec(),
    };
    let problems = |problems: Vec<infra_provider::Problem>| problems.into_iter().map(|p| p.into_diagnostic()).collect();
    provider.fleet(spec).await.map_err(problems)
}

fn member(address: &ResourceInstance, state: &State, registry: &Registry) -> Option<Member> {
    let object = state.current(address)?;
    let provider = &state.resources.get(&(address.module.clone(), address.resource.clone()))?.provider;
    let known = registry.get(&provider.source)?;
    let schema = known.resource_schema(&address.resource.ty)?;
    let value = codec::marked(&**known, schema, &address.resource, object)?;
    Some(Member { ty: address.resource.ty.to_string(), object: crate::marks::take(&value).0 })
}

/// Reads the objects of a release again and puts them into the state: what the release has changed is no drift.
pub async fn read_again(
    members: &Members,
    state: &mut State,
    registry: &Registry,
    providers: &HashMap<ProviderConfig, Arc<dyn Configured>>,
) {
    for address in members.all() {
        let key = (address.module.clone(), address.resource.clone());
        let Some(provider) = state.resources.get(&key).map(|r| r.provider.clone()) else { continue };
        let (Some(configured), Some(known)) = (providers.get(&provider), registry.get(&provider.source)) else {
            continue;
        };
        let Some(schema) = known.resource_schema(&address.resource.ty) else { continue };
        let (Some(object), Some(found)) = (state.current(address).cloned(), member(address, state, registry)) else {
            continue;
        };
        let request = ReadRequest::whole(found.object, Private(object.private.clone()));
        let answer = configured.read(&address.resource.ty, vec![request]).await.pop();
        if let Some(Ok(Some(value))) = answer {
            let mut fresh = codec::encode(schema, &value, &Private(object.private.clone()), Vec::new());
            fresh.sensitive.clone_from(&object.sensitive);
            fresh.dependencies.clone_from(&object.dependencies);
            fresh.create_before_destroy = object.create_before_destroy;
            state.set_current(address, &provider, Some(fresh));
        }
    }
}
