//! A state as the JSON of its file.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use infra_address::{InstanceKey, ModuleInstance, ProviderConfig, Resource, ResourceMode, Target, parse_target};
use infra_value::{Path, PathStep, Type, Value, type_from_json, type_to_json, value_from_json, value_to_json};
use serde_json::{Map, Value as Json, json};

use crate::{GoJson, Instance, InstanceSlot, OutputValue, ResourceState, State, to_go_json};

/// A text that is no state that can be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StateError {
    /// Not JSON: cut off, or something else.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error("{0}")]
    NotAState(String),
    /// Written by a newer tool in a format that is not known here.
    #[error("it has format version {0}, and this version of infra knows version 4")]
    Newer(u64),
    /// Written by Terraform before 0.12.
    #[error("it has format version {0}, from before Terraform 0.12: let Terraform 0.13 or later write it once")]
    Older(u64),
}

fn bad(what: impl Into<String>) -> StateError {
    StateError::NotAState(what.into())
}

/// What a member has to be, and how it is taken from JSON.
type Form<T> = (&'static str, fn(Json) -> Option<T>);

const TEXT: Form<String> = ("a text", |json| if let Json::String(text) = json { Some(text) } else { None });
const NUMBER: Form<u64> = ("a whole number", |json| json.as_u64());
const OBJECT: Form<Map<String, Json>> =
    ("an object", |json| if let Json::Object(map) = json { Some(map) } else { None });
const LIST: Form<Vec<Json>> = ("a list", |json| if let Json::Array(items) = json { Some(items) } else { None });

/// A member in its form; what is absent or null is empty. That it is something else must not pass for nothing: what it
/// holds would be forgotten.
fn take<T: Default>(from: &mut Map<String, Json>, key: &str, (form, of): Form<T>) -> Result<T, StateError> {
    match from.shift_remove(key) {
        None | Some(Json::Null) => Ok(T::default()),
        Some(json) => of(json).ok_or_else(|| bad(format!("{key:?} is not {form}"))),
    }
}

/// Whether it begins as a version does: `1.11.4`.
fn is_version(text: &str) -> bool {
    let numbers: Vec<&str> =
        text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default().split('.').collect();
    numbers.len() <= 3 && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

impl State {
    /// Reads the text of a state file. An empty text is no state.
    ///
    /// # Errors
    /// When it is not a version-4 state.
    pub fn parse(text: &str) -> Result<Option<State>, StateError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let json: Json = serde_json::from_str(text).map_err(|e| StateError::NotJson(e.to_string()))?;
        let Json::Object(mut top) = json else { return Err(bad("it is not a JSON object")) };
        match top.shift_remove("version").and_then(|v| v.as_u64()) {
            Some(4) => {}
            Some(version @ 0..4) => return Err(StateError::Older(version)),
            Some(version) => return Err(StateError::Newer(version)),
            None if top.contains_key("format_version") => {
                return Err(bad("it is the JSON of `show -json`, not a state file"));
            }
            None => return Err(bad("it has no \"version\", so it is not a state file")),
        }
        let terraform_version = take(&mut top, "terraform_version", TEXT)?;
        if !terraform_version.is_empty() && !is_version(&terraform_version) {
            return Err(bad(format!("\"terraform_version\" is {terraform_version:?}, which is no version")));
        }
        let lineage = take(&mut top, "lineage", TEXT)?;
        let serial = take(&mut top, "serial", NUMBER)?;
        let mut outputs = BTreeMap::new();
        for (name, output) in take(&mut top, "outputs", OBJECT)? {
            let output = parse_output(&output).map_err(|e| bad(format!("output {name}: {e}")))?;
            outputs.insert(name.as_str().into(), output);
        }
        let mut resources = BTreeMap::new();
        for item in take(&mut top, "resources", LIST)? {
            parse_resource(item, &mut resources)?;
        }
        let check_results = top.shift_remove("check_results").unwrap_or(Json::Null);
        if !matches!(check_results, Json::Null | Json::Array(_)) {
            return Err(bad("\"check_results\" is not a list"));
        }
        Ok(Some(State { terraform_version, serial, lineage, outputs, resources, check_results, extra: top }))
    }

    /// The text of the state file, as Terraform lays it out.
    pub fn to_text(&self) -> String {
        let mut text = to_go_json(&self.to_json(), GoJson::Indented);
        text.push('\n');
        text
    }

    /// The JSON of the state file.
    pub fn to_json(&self) -> Json {
        let outputs: Map<String, Json> = self.outputs.iter().map(|(n, o)| (n.to_string(), output_json(o))).collect();
        let mut resources: Vec<(ResourceOrder, Json)> =
            self.resources.iter().map(|((m, r), s)| (resource_order(m, r), resource_json(m, r, s))).collect();
        resources.sort_by(|a, b| a.0.cmp(&b.0));
        let mut top = Map::new();
        top.insert("version".into(), json!(4));
        top.insert("terraform_version".into(), json!(self.terraform_version));
        top.insert("serial".into(), json!(self.serial));
        top.insert("lineage".into(), json!(self.lineage));
        top.insert("outputs".into(), Json::Object(outputs));
        top.insert("resources".into(), Json::Array(resources.into_iter().map(|(_, json)| json).collect()));
        top.insert("check_results".into(), self.check_results.clone());
        for (key, value) in &self.extra {
            top.insert(key.clone(), value.clone());
        }
        Json::Object(top)
    }

    /// Whether both hold the same, serial, version and writer aside.
    pub fn same_content(&self, other: &State) -> bool {
        self.outputs == other.outputs
            && self.resources == other.resources
            && self.check_results == other.check_results
            && self.extra == other.extra
            && self.lineage == other.lineage
    }
}

type ResourceOrder = (String, &'static str, String, String);

fn mode_text(mode: ResourceMode) -> &'static str {
    match mode {
        ResourceMode::Managed => "managed",
        ResourceMode::Data => "data",
        ResourceMode::Ephemeral => "ephemeral",
    }
}

fn resource_order(module: &ModuleInstance, resource: &Resource) -> ResourceOrder {
    (module.to_string(), mode_text(resource.mode), resource.ty.to_string(), resource.name.to_string())
}

fn parse_output(json: &Json) -> Result<OutputValue, String> {
    if !json.is_object() {
        return Err("it is not an object".into());
    }
    let ty = match json.get("type") {
        Some(ty) => type_from_json(ty).map_err(|e| e.to_string())?,
        None => Type::Dynamic,
    };
    let value = value_from_json(json.get("value").unwrap_or(&Json::Null), &ty).map_err(|e| e.to_string())?;
    Ok(OutputValue { value, ty, sensitive: json.get("sensitive") == Some(&Json::Bool(true)) })
}

fn output_json(output: &OutputValue) -> Json {
    let mut json = Map::new();
    let value = value_to_json(&output.value, &output.ty).unwrap_or(Json::Null);
    json.insert("value".into(), value);
    json.insert("type".into(), type_to_json(&output.ty));
    if output.sensitive {
        json.insert("sensitive".into(), Json::Bool(true));
    }
    Json::Object(json)
}

fn parse_module(text: &str) -> Result<ModuleInstance, StateError> {
    match parse_target(text) {
        Ok(Target::Module(module)) => Ok(module),
        _ => Err(bad(format!("{text:?} is not the address of a module"))),
    }
}

fn parse_resource(
    item: Json,
    resources: &mut BTreeMap<(ModuleInstance, Resource), ResourceState>,
) -> Result<(), StateError> {
    let text = |key: &str| item.get(key).and_then(Json::as_str);
    let (Some(mode), Some(ty), Some(name)) = (text("mode"), text("type"), text("name")) else {
        return Err(bad("a resource has no mode, type or name"));
    };
    let mode = match mode {
        "managed" => ResourceMode::Managed,
        "data" => ResourceMode::Data,
        other => return Err(bad(format!("the resource {ty}.{name} has the unknown mode {other:?}"))),
    };
    let resource = Resource { mode, ty: ty.into(), name: name.into() };
    let module = text("module").map_or(Ok(ModuleInstance::root()), parse_module)?;
    let provider = text("provider").unwrap_or_default();
    let provider = ProviderConfig::parse(provider)
        .ok_or_else(|| bad(format!("the provider {provider:?} of {resource} is not a provider's address")))?;
    let state = resources
        .entry((module, resource.clone()))
        .or_insert_with(|| ResourceState { provider, instances: BTreeMap::new() });
    let instances = match item.get("instances") {
        Some(Json::Array(instances)) => &instances[..],
        None | Some(Json::Null) => &[],
        Some(_) => return Err(bad(format!("{resource}: \"instances\" is not a list"))),
    };
    for instance in instances {
        let Json::Object(instance) = instance.clone() else {
            return Err(bad(format!("an instance of {resource} is not an object")));
        };
        let (key, deposed, object) = parse_instance(instance).map_err(|e| bad(format!("{resource}: {e}")))?;
        let slot = state.instances.entry(key.clone()).or_default();
        let twice = match deposed {
            Some(deposed) => slot.deposed.insert(deposed, object).is_some(),
            None => slot.current.replace(object).is_some(),
        };
        if twice {
            let which = if key == InstanceKey::None { String::new() } else { format!(" with the key {key}") };
            return Err(bad(format!("{resource} has two instances{which}")));
        }
    }
    Ok(())
}

/// The same of an instance, whose resource is named by who asks.
fn member<T: Default>(from: &mut Map<String, Json>, key: &str, form: Form<T>) -> Result<T, String> {
    take(from, key, form).map_err(|error| match error {
        StateError::NotAState(what) => what,
        other => other.to_string(),
    })
}

pub(crate) fn parse_instance(mut json: Map<String, Json>) -> Result<(InstanceKey, Option<String>, Instance), String> {
    let key = match json.shift_remove("index_key") {
        None | Some(Json::Null) => InstanceKey::None,
        Some(Json::String(text)) => InstanceKey::Str(text.into()),
        Some(Json::Number(n)) => InstanceKey::Int(n.as_i64().ok_or("an instance key is no whole number")?),
        Some(_) => return Err("an instance key is neither text nor number".into()),
    };
    let deposed = member(&mut json, "deposed", TEXT).map(Some)?.filter(|key| !key.is_empty());
    let attributes = member(&mut json, "attributes", OBJECT)?;
    if attributes.is_empty()
        && json.get("attributes_flat").and_then(Json::as_object).is_some_and(|flat| !flat.is_empty())
    {
        return Err("its attributes are in a form from before Terraform 0.12: let Terraform apply it once".into());
    }
    let mut sensitive = Vec::new();
    for path in &member(&mut json, "sensitive_attributes", LIST)? {
        sensitive.push(path_from_json(path).ok_or("\"sensitive_attributes\" holds something that is no path")?);
    }
    let private = member(&mut json, "private", TEXT).map(Some)?.filter(|text| !text.is_empty());
    let private = private.map(|text| BASE64.decode(&text).map_err(|_| "\"private\" is not base64")).transpose()?;
    let mut dependencies = Vec::new();
    for dependency in member(&mut json, "dependencies", LIST)? {
        let address = dependency.as_str().filter(|text| parse_target(text).is_ok());
        dependencies.push(address.ok_or("\"dependencies\" holds something that is no address")?.to_string());
    }
    let tainted = match &*member(&mut json, "status", TEXT)? {
        "" => false,
        "tainted" => true,
        other => return Err(format!("its status {other:?} is not known")),
    };
    let object = Instance {
        tainted,
        schema_version: member(&mut json, "schema_version", NUMBER)?,
        attributes,
        sensitive,
        private: private.map(Into::into),
        dependencies,
        create_before_destroy: json.shift_remove("create_before_destroy") == Some(Json::Bool(true)),
        extra: json,
    };
    Ok((key, deposed, object))
}

fn resource_json(module: &ModuleInstance, resource: &Resource, state: &ResourceState) -> Json {
    let mut json = Map::new();
    if !module.is_root() {
        json.insert("module".into(), json!(module.to_string()));
    }
    json.insert("mode".into(), json!(mode_text(resource.mode)));
    json.insert("type".into(), json!(*resource.ty));
    json.insert("name".into(), json!(*resource.name));
    json.insert("provider".into(), json!(state.provider.to_string()));
    let mut instances = Vec::new();
    for (key, slot) in &state.instances {
        instances.extend(slot.current.iter().map(|object| instance_json(key, None, object)));
        instances.extend(slot.deposed.iter().map(|(deposed, object)| instance_json(key, Some(deposed), object)));
    }
    json.insert("instances".into(), Json::Array(instances));
    Json::Object(json)
}

pub(crate) fn instance_json(key: &InstanceKey, deposed: Option<&str>, object: &Instance) -> Json {
    let mut json = Map::new();
    match key {
        InstanceKey::None => {}
        InstanceKey::Int(n) => drop(json.insert("index_key".into(), json!(n))),
        InstanceKey::Str(s) => drop(json.insert("index_key".into(), json!(**s))),
    }
    if object.tainted {
        json.insert("status".into(), json!("tainted"));
    }
    if let Some(deposed) = deposed {
        json.insert("deposed".into(), json!(deposed));
    }
    json.insert("schema_version".into(), json!(object.schema_version));
    let sorted: BTreeMap<_, _> = object.attributes.iter().collect();
    let attributes = sorted.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    json.insert("attributes".into(), Json::Object(attributes));
    json.insert("sensitive_attributes".into(), Json::Array(object.sensitive.iter().map(path_to_json).collect()));
    if let Some(private) = &object.private {
        json.insert("private".into(), json!(BASE64.encode(private)));
    }
    if !object.dependencies.is_empty() {
        json.insert("dependencies".into(), json!(object.dependencies));
    }
    if object.create_before_destroy {
        json.insert("create_before_destroy".into(), Json::Bool(true));
    }
    for (name, value) in &object.extra {
        json.insert(name.clone(), value.clone());
    }
    Json::Object(json)
}

/// A path as `sensitive_attributes` holds it.
pub fn path_to_json(path: &Path) -> Json {
    let step = |step: &PathStep| match step {
        PathStep::Attribute(name) => json!({"type": "get_attr", "value": **name}),
        PathStep::Index(key) => {
            let value = value_to_json(key, &key.ty()).unwrap_or(Json::Null);
            json!({"type": "index", "value": {"value": value, "type": type_to_json(&key.ty())}})
        }
    };
    Json::Array(path.0.iter().map(step).collect())
}

/// A path from the form in `sensitive_attributes`.
pub fn path_from_json(json: &Json) -> Option<Path> {
    let step = |step: &Json| match step.get("type")?.as_str()? {
        "get_attr" => Some(PathStep::Attribute(Arc::from(step.get("value")?.as_str()?))),
        "index" => {
            let key = step.get("value")?;
            let ty = type_from_json(key.get("type")?).ok()?;
            let value: Value = value_from_json(key.get("value")?, &ty).ok()?;
            Some(PathStep::Index(value))
        }
        _ => None,
    };
    json.as_array()?.iter().map(step).collect::<Option<Vec<_>>>().map(Path)
}

impl InstanceSlot {
    /// Every object in it: the present one, then deposed ones with their keys.
    pub fn objects(&self) -> impl Iterator<Item = (Option<&str>, &Instance)> {
        let current = self.current.iter().map(|object| (None, object));
        current.chain(self.deposed.iter().map(|(key, object)| (Some(key.as_str()), object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "version": 4,
  "terraform_version": "1.11.4",
  "serial": 7,
  "lineage": "9bdb14f2-2442-230d-4161-10d26119083f",
  "outputs": {
    "a": {
      "value": "\u003cx\u003e",
      "type": "string",
      "sensitive": true
    }
  },
  "resources": [
    {
      "mode": "data",
      "type": "aws_region",
      "name": "r",
      "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
      "instances": [
        {
          "schema_version": 0,
          "attributes": {
            "id": "eu-west-1"
          },
          "sensitive_attributes": []
        }
      ]
    },
    {
      "mode": "managed",
      "type": "aws_vpc",
      "name": "v",
      "provider": "provider[\"registry.terraform.io/hashicorp/aws\"].west",
      "instances": [
        {
          "index_key": 2,
          "schema_version": 1,
          "attributes": {
            "id": "vpc-2",
            "n": 1000000000000000000000
          },
          "sensitive_attributes": [],
          "private": "bnVsbA=="
        },
        {
          "index_key": 10,
          "status": "tainted",
          "schema_version": 1,
          "attributes": {
            "id": "vpc-10"
          },
          "sensitive_attributes": [
            [
              {
                "type": "get_attr",
                "value": "tags"
              },
              {
                "type": "index",
                "value": {
                  "value": "k",
                  "type": "string"
                }
              }
            ]
          ],
          "dependencies": [
            "data.aws_region.r"
          ],
          "create_before_destroy": true,
          "from_the_future": 1
        },
        {
          "index_key": 10,
          "deposed": "00000001",
          "schema_version": 1,
          "attributes": {},
          "sensitive_attributes": []
        }
      ]
    },
    {
      "module": "module.a[\"x\"]",
      "mode": "managed",
      "type": "aws_vpc",
      "name": "v",
      "provider": "module.a.provider[\"registry.terraform.io/hashicorp/aws\"]",
      "instances": []
    }
  ],
  "check_results": null,
  "infra": {
    "release": 1
  }
}
"#;

    #[test]
    fn a_state_is_written_as_it_was_read() {
        let state = State::parse(TEXT).map(|s| s.map(|s| s.to_text()));
        assert_eq!(state, Ok(Some(TEXT.to_string())));
    }

    #[test]
    fn what_is_no_state_is_named() {
        assert_eq!(State::parse(" \n"), Ok(None));
        assert!(matches!(State::parse("{\"version\": 4, "), Err(StateError::NotJson(_))));
        assert_eq!(State::parse("{\"version\": 5}"), Err(StateError::Newer(5)));
        assert_eq!(State::parse("{\"version\": 3}"), Err(StateError::Older(3)));
        assert!(matches!(State::parse("{\"format_version\": \"1.2\"}"), Err(StateError::NotAState(_))));
        assert!(matches!(State::parse("[]"), Err(StateError::NotAState(_))));
    }

    #[test]
    fn what_has_another_form_does_not_pass_for_nothing() {
        let resource = |more: Json| {
            let mut resource = json!({"mode": "managed", "type": "terraform_data", "name": "a",
                "provider": "provider[\"terraform.io/builtin/terraform\"]", "instances": []});
            resource
                .as_object_mut()
                .into_iter()
                .for_each(|map| map.extend(more.as_object().cloned().unwrap_or_default()));
            json!({"resources": [resource]})
        };
        let instance = |instance: Json| resource(json!({"instances": [instance]}));
        for (top, wrong) in [
            (json!({"serial": -1}), "\"serial\" is not a whole number"),
            (json!({"serial": "1"}), "\"serial\" is not a whole number"),
            (json!({"terraform_version": "abc"}), "\"terraform_version\" is \"abc\", which is no version"),
            (json!({"resources": {}}), "\"resources\" is not a list"),
            (json!({"outputs": 5}), "\"outputs\" is not an object"),
            (json!({"outputs": {"o": 5}}), "output o: it is not an object"),
            (json!({"check_results": 1}), "\"check_results\" is not a list"),
            (resource(json!({"instances": {}})), "terraform_data.a: \"instances\" is not a list"),
            (
                resource(json!({"instances": [{"index_key": 0}, {"index_key": 0}]})),
                "terraform_data.a has two instances with the key [0]",
            ),
            (instance(json!({"schema_version": -1})), "terraform_data.a: \"schema_version\" is not a whole number"),
            (instance(json!({"dependencies": "x"})), "terraform_data.a: \"dependencies\" is not a list"),
            (
                instance(json!({"dependencies": ["x y"]})),
                "terraform_data.a: \"dependencies\" holds something that is no address",
            ),
            (instance(json!({"status": "odd"})), "terraform_data.a: its status \"odd\" is not known"),
            (
                instance(json!({"attributes_flat": {"id": "1"}})),
                "terraform_data.a: its attributes are in a form from before Terraform 0.12: let Terraform apply it once",
            ),
        ] {
            let mut json = json!({"version": 4});
            json.as_object_mut().into_iter().for_each(|map| map.extend(top.as_object().cloned().unwrap_or_default()));
            assert_eq!(State::parse(&json.to_string()), Err(StateError::NotAState(wrong.into())), "{json}");
        }
        let nulls = json!({"version": 4, "terraform_version": "1.12.0-beta1", "serial": null, "resources": null, "outputs": null});
        assert!(matches!(State::parse(&nulls.to_string()), Ok(Some(_))));
    }
}
