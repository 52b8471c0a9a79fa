//! The sensitive values that a run has to do with.

use infra_address::{ProviderConfig, ResourceInstance};
use infra_engine::plan::Plan;
use infra_engine::saved::SavedPlan;
use infra_engine::{Registry, stored_object};
use infra_history::Secrets;
use infra_lang::config::Module;
use infra_state::{Instance, State};
use infra_value::Value;

/// Those of a saved plan: of its variables, objects, outputs and state.
pub(super) fn of_plan(saved: &SavedPlan, root: &Module, registry: &Registry) -> Secrets {
    let mut secrets = Secrets::default();
    for (name, value) in &saved.variables {
        match root.variables.get(name) {
            Some(variable) if !variable.sensitive && !variable.ephemeral => secrets.add_marked(value),
            _ => secrets.add(value),
        }
    }
    let Plan { changes, drift, outputs, prior_state, .. } = &saved.plan;
    for change in changes.iter().chain(drift) {
        secrets.add_marked(&change.before);
        secrets.add_marked(&change.after);
    }
    for output in outputs.values().filter(|output| output.sensitive) {
        secrets.add(&output.before);
        secrets.add(&output.after);
    }
    of_state(&mut secrets, prior_state, registry);
    secrets
}

/// Adds those of a state.
pub(super) fn of_state(secrets: &mut Secrets, state: &State, registry: &Registry) {
    state.outputs.values().filter(|output| output.sensitive).for_each(|output| secrets.add(&output.value));
    for (address, provider, slot) in state.instances() {
        let schema = registry.schema(&provider.source, address.resource.mode, &address.resource.ty);
        let by_schema = schema.is_none_or(|schema| schema.block.has_sensitive());
        for (_, instance) in slot.objects() {
            if by_schema || !instance.sensitive.is_empty() {
                secrets.add_marked(&object(registry, &address, provider, instance));
            }
        }
    }
}

/// An object of the state with its marks; null if nothing here knows its type.
pub(super) fn object(
    registry: &Registry,
    address: &ResourceInstance,
    provider: &ProviderConfig,
    instance: &Instance,
) -> Value {
    let schema = registry.schema(&provider.source, address.resource.mode, &address.resource.ty);
    let known = registry.get(&provider.source).zip(schema);
    let object = known.and_then(|(provider, schema)| stored_object(&**provider, schema, &address.resource, instance));
    object.unwrap_or_else(|| Value::null(infra_value::Type::Dynamic))
}
