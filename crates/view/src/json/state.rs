//! `show -json` of a state, and the values part that a plan's JSON has too.

use std::collections::BTreeMap;

use infra_address::{InstanceKey, ModuleInstance, Resource, ResourceMode};
use infra_engine::Registry;
use infra_engine::plan::CheckResult;
use infra_state::{Instance, State, TERRAFORM_VERSION};
use infra_value::{Marks, Path, PathStep, Type, Value};
use serde_json::{Map, Value as Json, json};

use super::STATE_FORMAT_VERSION;
use super::value::{known_json, sensitive_json};

/// The published JSON of a state.
pub fn state_json(state: &State, registry: &Registry) -> Json {
    let mut top = Map::new();
    top.insert("format_version".into(), json!(STATE_FORMAT_VERSION));
    if state.is_empty() {
        return Json::Object(top);
    }
    top.insert("terraform_version".into(), json!(state.terraform_version));
    top.insert("values".into(), values(state, registry));
    if let Some(checks) = checks_of_state(state) {
        top.insert("checks".into(), checks);
    }
    Json::Object(top)
}

/// A state as it stands inside of a plan's JSON.
pub(super) fn inside_plan(state: &State, registry: &Registry) -> Option<Json> {
    if state.is_empty() {
        return None;
    }
    let values = values(state, registry);
    Some(json!({"format_version": STATE_FORMAT_VERSION, "terraform_version": TERRAFORM_VERSION, "values": values}))
}

fn values(state: &State, registry: &Registry) -> Json {
    let mut values = Map::new();
    if !state.outputs.is_empty() {
        let output = |o: &infra_state::OutputValue| {
            let value = known_json(&o.value).unwrap_or(Json::Null);
            json!({"sensitive": o.sensitive, "value": value, "type": infra_value::type_to_json(&o.ty)})
        };
        let outputs: Map<String, Json> = state.outputs.iter().map(|(n, o)| (n.to_string(), output(o))).collect();
        values.insert("outputs".into(), Json::Object(outputs));
    }
    let mut modules: BTreeMap<ModuleInstance, Vec<Json>> = BTreeMap::new();
    modules.insert(ModuleInstance::root(), Vec::new());
    let mut order: Vec<_> = state.resources.iter().collect();
    let rank = |r: &Resource| (r.mode == ResourceMode::Managed, r.ty.clone(), r.name.clone());
    order.sort_by_key(|entry| rank(&entry.0.1));
    for ((module, resource), instances) in order {
        let mut path = module.clone();
        loop {
            modules.entry(path.clone()).or_default();
            let Some(parent) = path.parent() else { break };
            path = parent;
        }
        for (key, slot) in &instances.instances {
            for (deposed, object) in slot.objects() {
                let source = &instances.provider.source;
                let json = resource_json(module, resource, key, deposed, object, source, registry);
                modules.entry(module.clone()).or_default().push(json);
            }
        }
    }
    values.insert("root_module".into(), module_tree(&ModuleInstance::root(), &mut modules));
    Json::Object(values)
}

/// A module's resources and the modules below it, as nested objects.
pub(super) fn module_tree(module: &ModuleInstance, modules: &mut BTreeMap<ModuleInstance, Vec<Json>>) -> Json {
    let mut json = Map::new();
    let resources = modules.remove(module).unwrap_or_default();
    if !resources.is_empty() {
        json.insert("resources".into(), Json::Array(resources));
    }
    if !module.is_root() {
        json.insert("address".into(), json!(module.to_string()));
    }
    let mut children: Vec<ModuleInstance> =
        modules.keys().filter(|m| m.parent().as_ref() == Some(module)).cloned().collect();
    children.sort_by_key(ToString::to_string);
    if !children.is_empty() {
        let children = children.iter().map(|child| module_tree(child, modules)).collect();
        json.insert("child_modules".into(), Json::Array(children));
    }
    Json::Object(json)
}

fn resource_json(
    module: &ModuleInstance,
    resource: &Resource,
    key: &InstanceKey,
    deposed: Option<&str>,
    object: &Instance,
    source: &infra_address::ProviderSource,
    registry: &Registry,
) -> Json {
    let address =
        infra_address::ResourceInstance { module: module.clone(), resource: resource.clone(), key: key.clone() };
    let mut json = identity(&address, source);
    json.insert("schema_version".into(), json!(object.schema_version));
    let schema = registry.schema(source, resource.mode, &resource.ty);
    let attributes = Json::Object(object.attributes.clone());
    let ty = schema.map_or(Type::Dynamic, |s| s.block.ty());
    let value = match schema {
        Some(_) => infra_value::value_from_json(&attributes, &ty),
        None => infra_value::value_from_json_implied(&attributes),
    };
    let value = value.unwrap_or_else(|_| Value::null(ty));
    json.insert("values".into(), known_json(&value).unwrap_or(Json::Null));
    let marked = object.sensitive.iter().fold(value, |value, path| mark(&value, path));
    json.insert("sensitive_values".into(), sensitive_json(&marked));
    if !object.dependencies.is_empty() {
        json.insert("depends_on".into(), json!(object.dependencies));
    }
    if object.tainted {
        json.insert("tainted".into(), Json::Bool(true));
    }
    if let Some(deposed) = deposed {
        json.insert("deposed_key".into(), json!(deposed));
    }
    Json::Object(json)
}

/// What every resource of a plan or a state begins with.
pub(super) fn identity(
    address: &infra_address::ResourceInstance,
    source: &infra_address::ProviderSource,
) -> Map<String, Json> {
    let mut json = Map::new();
    json.insert("address".into(), json!(address.to_string()));
    json.insert("mode".into(), json!(mode_name(address.resource.mode)));
    json.insert("type".into(), json!(*address.resource.ty));
    json.insert("name".into(), json!(*address.resource.name));
    match &address.key {
        InstanceKey::None => {}
        InstanceKey::Int(n) => drop(json.insert("index".into(), json!(n))),
        InstanceKey::Str(s) => drop(json.insert("index".into(), json!(**s))),
    }
    json.insert("provider_name".into(), json!(source.to_string()));
    json
}

pub(super) fn mode_name(mode: ResourceMode) -> &'static str {
    match mode {
        ResourceMode::Managed => "managed",
        ResourceMode::Data => "data",
        ResourceMode::Ephemeral => "ephemeral",
    }
}

/// The value with the part at a path marked sensitive.
fn mark(value: &Value, path: &Path) -> Value {
    let Some((step, rest)) = path.0.split_first() else { return value.clone().with_marks(Marks::SENSITIVE) };
    let rest = Path(rest.to_vec());
    let mut wanted = match step {
        PathStep::Attribute(name) => Some(name.to_string()),
        PathStep::Index(key) => key.as_str().map(str::to_string),
    };
    if let Some(members) = value.members() {
        let Some(name) = wanted.take() else { return value.clone() };
        let marked = members.iter().map(|(k, v)| (k.clone(), if **k == *name { mark(v, &rest) } else { v.clone() }));
        return match value.kind() {
            infra_value::Kind::Map(t, _) => Value::map(t.clone(), marked),
            _ => Value::object(marked),
        }
        .with_marks(value.marks());
    }
    let index = match step {
        PathStep::Index(key) => key.as_i64(),
        PathStep::Attribute(_) => None,
    };
    let mut at = -1_i64;
    value.map_elements(&mut |e| {
        at += 1;
        if Some(at) == index { mark(e, &rest) } else { e.clone() }
    })
}

/// Results of conditions in their published form.
pub(super) fn checks_json(checks: &[CheckResult]) -> Option<Json> {
    use infra_engine::plan::CheckKind;
    if checks.is_empty() {
        return None;
    }
    let kind = |kind| match kind {
        CheckKind::Resource => "resource",
        CheckKind::Output => "output_value",
        CheckKind::Check => "check",
        CheckKind::Variable => "var",
    };
    let mut items: Vec<(String, Json)> = checks
        .iter()
        .map(|check| {
            let instances: Vec<Json> = check
                .objects
                .iter()
                .flatten()
                .map(|(address, object)| {
                    let problems: Vec<Json> = object.failure_messages.iter().map(|m| json!({"message": m})).collect();
                    let mut json = Map::new();
                    json.insert("address".into(), Json::Object(instance_address(&check.config_address, address)));
                    json.insert("status".into(), json!(object.status.name()));
                    if !problems.is_empty() {
                        json.insert("problems".into(), Json::Array(problems));
                    }
                    Json::Object(json)
                })
                .collect();
            let mut json = Map::new();
            json.insert("address".into(), Json::Object(static_address(kind(check.kind), &check.config_address)));
            json.insert("status".into(), json!(check.status().name()));
            if !instances.is_empty() {
                json.insert("instances".into(), Json::Array(instances));
            }
            (check.config_address.clone(), Json::Object(json))
        })
        .collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    Some(Json::Array(items.into_iter().map(|(_, json)| json).collect()))
}

/// The parts of a block's address: kind, mode, type, name, module.
fn static_address(kind: &str, address: &str) -> Map<String, Json> {
    let (module, own) = split_module(address);
    let mut json = Map::new();
    json.insert("kind".into(), json!(kind));
    json.insert("to_display".into(), json!(address));
    let words: Vec<&str> = own.split('.').collect();
    match (kind, &words[..]) {
        ("resource", ["data", ty, name]) => {
            json.insert("mode".into(), json!("data"));
            json.insert("type".into(), json!(ty));
            json.insert("name".into(), json!(name));
        }
        ("resource", [ty, name]) => {
            json.insert("mode".into(), json!("managed"));
            json.insert("type".into(), json!(ty));
            json.insert("name".into(), json!(name));
        }
        (_, [_, name]) => {
            json.insert("name".into(), json!(name));
        }
        _ => {}
    }
    if !module.is_empty() {
        json.insert("module".into(), json!(module));
    }
    json
}

fn instance_address(config: &str, address: &str) -> Map<String, Json> {
    let mut json = Map::new();
    json.insert("to_display".into(), json!(address));
    if let Ok(infra_address::Target::Resource(r)) = infra_address::parse_target(address) {
        match &r.key {
            InstanceKey::None => {}
            InstanceKey::Int(n) => drop(json.insert("instance_key".into(), json!(n))),
            InstanceKey::Str(s) => drop(json.insert("instance_key".into(), json!(**s))),
        }
        if !r.module.is_root() && config.starts_with("module.") {
            json.insert("module".into(), json!(r.module.to_string()));
        }
    }
    json
}

/// The module part of a block's address, and the rest.
fn split_module(address: &str) -> (String, &str) {
    let mut rest = address;
    let mut end = 0;
    while let Some(after) = rest.strip_prefix("module.") {
        let Some(dot) = after.find('.') else { break };
        end += "module.".len() + dot + 1;
        rest = &after[dot + 1..];
    }
    (address[..end].trim_end_matches('.').to_string(), rest)
}

/// The results that a state holds, in their published form.
fn checks_of_state(state: &State) -> Option<Json> {
    let results = state.check_results.as_array()?;
    let items = results.iter().map(|result| {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_string();
        let kind = match &*text("object_kind") {
            "output" => "output_value".to_string(),
            other => other.to_string(),
        };
        let address = text("config_addr");
        let instances: Vec<Json> = result["objects"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|object| {
                let own = object["object_addr"].as_str().unwrap_or_default();
                let mut json = Map::new();
                json.insert("address".into(), Json::Object(instance_address(&address, own)));
                json.insert("status".into(), object["status"].clone());
                if let Some(messages) = object["failure_messages"].as_array() {
                    let problems = messages.iter().map(|m| json!({"message": m})).collect();
                    json.insert("problems".into(), Json::Array(problems));
                }
                Json::Object(json)
            })
            .collect();
        let mut json = Map::new();
        json.insert("address".into(), Json::Object(static_address(&kind, &address)));
        json.insert("status".into(), result["status"].clone());
        if !instances.is_empty() {
            json.insert("instances".into(), Json::Array(instances));
        }
        (address, Json::Object(json))
    });
    let mut items: Vec<_> = items.collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    Some(Json::Array(items.into_iter().map(|(_, json)| json).collect()))
}
