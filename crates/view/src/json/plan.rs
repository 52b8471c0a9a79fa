//! `show -json` of a plan.

use std::collections::BTreeMap;

use infra_address::ModuleInstance;
use infra_engine::Registry;
use infra_engine::attention::Finding;
use infra_engine::plan::{Action, OutputChange, Plan, ResourceChange};
use infra_state::TERRAFORM_VERSION;
use infra_value::{Value, type_to_json};
use serde_json::{Map, Value as Json, json};

use super::PLAN_FORMAT_VERSION;
use super::state::{checks_json, identity, inside_plan, mode_name, module_tree};
use super::value::{known_json, path_json, sensitive_json, unknown_json};

/// The published JSON of a plan. `configuration` is that part's JSON, which is made from the configuration alone.
pub fn plan_json(plan: &Plan, registry: &Registry, configuration: Option<Json>) -> Json {
    let mut top = Map::new();
    top.insert("format_version".into(), json!(PLAN_FORMAT_VERSION));
    top.insert("terraform_version".into(), json!(TERRAFORM_VERSION));
    if !plan.variables.is_empty() {
        let variables: Map<String, Json> = plan
            .variables
            .iter()
            .map(|(name, v)| (name.to_string(), json!({"value": known_json(&v.value).unwrap_or(Json::Null)})))
            .collect();
        top.insert("variables".into(), Json::Object(variables));
    }
    top.insert("planned_values".into(), planned_values(plan, registry));
    changes(plan, |_| true, &mut top);
    if let Some(prior) = inside_plan(&plan.prior_state, registry) {
        top.insert("prior_state".into(), prior);
    }
    if let Some(configuration) = configuration {
        top.insert("configuration".into(), configuration);
    }
    relevant_attributes(plan, &mut top);
    if let Some(checks) = checks_json(&plan.checks) {
        top.insert("checks".into(), checks);
    }
    own(plan, &mut top);
    top.insert("timestamp".into(), json!(plan.timestamp));
    top.insert("applyable".into(), json!(plan.applyable));
    top.insert("complete".into(), json!(plan.complete));
    top.insert("errored".into(), json!(plan.errored));
    Json::Object(top)
}

/// As much of [`plan_json`] as the text of a plan tells of. In a plan of many objects that stay as they are, the rest is
/// nearly all of it.
pub fn told_json(plan: &Plan) -> Json {
    let is_told = |change: &ResourceChange| {
        change.action != Action::NoOp || change.previous_address.is_some() || change.importing.is_some()
    };
    let mut top = Map::new();
    changes(plan, is_told, &mut top);
    for list in ["resource_drift", "resource_changes"] {
        for told in top.get_mut(list).and_then(Json::as_array_mut).into_iter().flatten() {
            hide_repeated(&mut told["change"]["before_sensitive"]);
            hide_repeated(&mut told["change"]["after_sensitive"]);
        }
    }
    relevant_attributes(plan, &mut top);
    own(plan, &mut top);
    top.insert("errored".into(), json!(plan.errored));
    Json::Object(top)
}

/// Attributes that repeat another one, by the names of both: what is sensitive of that is so there, too, though the
/// providers that plans are compatible with do not say so.
const REPEATED: &[(&str, &str)] = &[("tags", "tags_all"), ("input", "output")];

/// Marks as sensitive what repeats something sensitive.
pub(crate) fn hide_repeated(sensitive: &mut Json) {
    for (own, repeated) in REPEATED {
        if let Some(own) = sensitive.get(*own).cloned() {
            unite(&mut sensitive[*repeated], own);
        }
    }
}

/// Adds to what is sensitive.
fn unite(all: &mut Json, more: Json) {
    match (all, more) {
        (_, Json::Bool(false) | Json::Null) => {}
        (Json::Bool(true), _) => {}
        (all, Json::Bool(true)) => *all = json!(true),
        (Json::Object(all), Json::Object(more)) => {
            more.into_iter().for_each(|(name, more)| unite(all.entry(name).or_insert(Json::Bool(false)), more));
        }
        (Json::Array(all), Json::Array(more)) => all.iter_mut().zip(more).for_each(|(all, more)| unite(all, more)),
        (_, Json::Object(more)) if more.is_empty() => {}
        (_, Json::Array(more)) if more.is_empty() => {}
        (all, more) => *all = more,
    }
}

/// What changes: objects, those that `listed` picks, and outputs.
fn changes(plan: &Plan, listed: impl Fn(&ResourceChange) -> bool, top: &mut Map<String, Json>) {
    if !plan.drift.is_empty() {
        top.insert("resource_drift".into(), plan.drift.iter().map(change_json).collect());
    }
    if !plan.changes.is_empty() {
        let changes = plan.changes.iter().filter(|change| listed(change));
        top.insert("resource_changes".into(), changes.map(change_json).collect());
    }
    if !plan.outputs.is_empty() {
        let outputs: Map<String, Json> = plan.outputs.iter().map(|(n, o)| (n.to_string(), output_json(o))).collect();
        top.insert("output_changes".into(), Json::Object(outputs));
    }
}

fn relevant_attributes(plan: &Plan, top: &mut Map<String, Json>) {
    if !plan.relevant_attributes.is_empty() {
        let relevant = |(resource, path): &(String, infra_value::Path)| json!({"resource": resource, "attribute": path_json(path)});
        top.insert("relevant_attributes".into(), plan.relevant_attributes.iter().map(relevant).collect());
    }
}

/// What Terraform's plans do not have stands under a key of its own, if there is any of it.
fn own(plan: &Plan, top: &mut Map<String, Json>) {
    let mut own = Map::new();
    if !plan.attention.is_empty() {
        own.insert("attention".into(), plan.attention.iter().map(Finding::to_json).collect());
    }
    if !plan.releases.is_empty() {
        own.insert("releases".into(), super::releases::releases_json(&plan.releases));
    }
    if !own.is_empty() {
        top.insert("infra".into(), Json::Object(own));
    }
}

fn change_json(change: &ResourceChange) -> Json {
    let address = &change.address;
    let mut json = Map::new();
    json.insert("address".into(), json!(address.to_string()));
    if let Some(previous) = &change.previous_address {
        json.insert("previous_address".into(), json!(previous.to_string()));
    }
    if !address.module.is_root() {
        json.insert("module_address".into(), json!(address.module.to_string()));
    }
    json.insert("mode".into(), json!(mode_name(address.resource.mode)));
    json.insert("type".into(), json!(*address.resource.ty));
    json.insert("name".into(), json!(*address.resource.name));
    if let Some(index) = identity(address, &change.provider.source).remove("index") {
        json.insert("index".into(), index);
    }
    json.insert("provider_name".into(), json!(change.provider.source.to_string()));
    if let Some(deposed) = &change.deposed {
        json.insert("deposed".into(), json!(deposed));
    }
    let mut inner = Map::new();
    inner.insert("actions".into(), json!(change.action.names()));
    inner.insert("before".into(), known_json(&change.before).unwrap_or(Json::Null));
    if let Some(after) = known_json(&change.after) {
        inner.insert("after".into(), after);
    }
    inner.insert("after_unknown".into(), after_unknown(&change.after));
    inner.insert("before_sensitive".into(), sensitive_json(&change.before));
    inner.insert("after_sensitive".into(), sensitive_json(&change.after));
    if !change.replace_paths.is_empty() {
        inner.insert("replace_paths".into(), change.replace_paths.iter().map(path_json).collect());
    }
    if let Some(id) = &change.importing {
        inner.insert("importing".into(), json!({"id": id}));
    }
    if let Some(generated) = &change.generated_config {
        inner.insert("generated_config".into(), json!(generated));
    }
    json.insert("change".into(), Json::Object(inner));
    if let Some(reason) = change.reason {
        json.insert("action_reason".into(), json!(reason.name()));
    }
    Json::Object(json)
}

fn after_unknown(after: &Value) -> Json {
    if after.is_wholly_known() { json!({}) } else { unknown_json(after) }
}

fn output_json(change: &OutputChange) -> Json {
    let mut json = Map::new();
    json.insert("actions".into(), json!(change.action.names()));
    json.insert("before".into(), known_json(&change.before).unwrap_or(Json::Null));
    if let Some(after) = known_json(&change.after) {
        json.insert("after".into(), after);
    }
    let unknown = if change.after.is_wholly_known() { Json::Bool(false) } else { unknown_json(&change.after) };
    json.insert("after_unknown".into(), unknown);
    json.insert("before_sensitive".into(), json!(change.sensitive));
    json.insert("after_sensitive".into(), json!(change.sensitive));
    Json::Object(json)
}

fn planned_values(plan: &Plan, registry: &Registry) -> Json {
    let mut values = Map::new();
    let outputs: Map<String, Json> = plan
        .outputs
        .iter()
        .filter(|(_, o)| o.action != Action::Delete)
        .map(|(name, o)| {
            let mut json = Map::new();
            json.insert("sensitive".into(), json!(o.sensitive));
            if o.after.is_wholly_known() {
                json.insert("type".into(), type_to_json(&o.after.ty()));
                json.insert("value".into(), known_json(&o.after).unwrap_or(Json::Null));
            }
            (name.to_string(), Json::Object(json))
        })
        .collect();
    if !outputs.is_empty() {
        values.insert("outputs".into(), Json::Object(outputs));
    }
    let mut modules: BTreeMap<ModuleInstance, Vec<Json>> = BTreeMap::new();
    modules.insert(ModuleInstance::root(), Vec::new());
    let mut staying: Vec<&ResourceChange> =
        plan.changes.iter().filter(|c| c.action != Action::Delete && c.deposed.is_none()).collect();
    staying.sort_by_key(|c| c.address.to_string());
    for change in staying {
        let mut path = change.address.module.clone();
        while let Some(parent) = path.parent() {
            modules.entry(path).or_default();
            path = parent;
        }
        let mut json = identity(&change.address, &change.provider.source);
        let schema =
            registry.schema(&change.provider.source, change.address.resource.mode, &change.address.resource.ty);
        json.insert("schema_version".into(), json!(schema.map_or(0, |s| s.version)));
        if change.action != Action::Forget {
            json.insert("values".into(), known_json(&change.after).unwrap_or(Json::Null));
        }
        json.insert("sensitive_values".into(), sensitive_json(&change.after));
        modules.entry(change.address.module.clone()).or_default().push(Json::Object(json));
    }
    values.insert("root_module".into(), module_tree(&ModuleInstance::root(), &mut modules));
    Json::Object(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_something_sensitive_is_sensitive() {
        for (given, wanted) in [
            (json!({"tags": true}), json!({"tags": true, "tags_all": true})),
            (
                json!({"tags": {"a": true}, "tags_all": {"b": true}}),
                json!({"tags": {"a": true}, "tags_all": {"b": true, "a": true}}),
            ),
            (json!({"tags": {}, "tags_all": {}}), json!({"tags": {}, "tags_all": {}})),
            (
                json!({"input": [false, true], "output": [false, false]}),
                json!({"input": [false, true], "output": [false, true]}),
            ),
            (json!({"input": {"a": {"b": true}}}), json!({"input": {"a": {"b": true}}, "output": {"a": {"b": true}}})),
            (json!({"name": true}), json!({"name": true})),
            (json!(true), json!(true)),
        ] {
            let mut sensitive = given.clone();
            hide_repeated(&mut sensitive);
            assert_eq!(sensitive, wanted, "{given}");
        }
    }
}
