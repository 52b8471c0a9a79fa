//! `container_definitions`: which texts mean the same, and the form in which one is planned and stored.
//!
//! A text is read as the ECS API would read it (keys in any case, unknown keys and nulls dropped), so that what is
//! compared is what AWS gets and not how it is written.

use serde_json::{Map, Value as Json, json};

use crate::json_text::kind_of;
use crate::validate::json_documents;

use super::shape::{CONTAINER, Record, Shape};

/// The lists of objects in which an empty object says nothing.
const COMPACT: [&str; 11] = [
    "dependsOn",
    "environment",
    "environmentFiles",
    "extraHosts",
    "mountPoints",
    "portMappings",
    "resourceRequirements",
    "secrets",
    "systemControls",
    "ulimits",
    "volumesFrom",
];

/// The lists that mean the same empty as not given.
const EMPTY_IS_ABSENT: [&str; 18] = [
    "command",
    "credentialSpecs",
    "dependsOn",
    "dnsSearchDomains",
    "dnsServers",
    "dockerSecurityOptions",
    "entryPoint",
    "environment",
    "environmentFiles",
    "extraHosts",
    "links",
    "mountPoints",
    "portMappings",
    "resourceRequirements",
    "secrets",
    "systemControls",
    "ulimits",
    "volumesFrom",
];

/// Container definitions as the API knows them, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Containers(Vec<Map<String, Json>>);

impl Containers {
    /// Reads a text. Of several documents the last one counts, and none means that there are no containers.
    ///
    /// # Errors
    /// When it is no JSON, or a value does not fit its field.
    pub fn parse(text: &str) -> Result<Containers, String> {
        let mut containers = Containers(Vec::new());
        for document in json_documents(text).map_err(|error| error.message)? {
            let json: Json = serde_json::from_str(document).map_err(|e| e.to_string())?;
            containers = Containers::from_json(&json)?;
        }
        Ok(containers)
    }

    /// From JSON in the API's form.
    ///
    /// # Errors
    /// When a value does not fit its field.
    pub fn from_json(json: &Json) -> Result<Containers, String> {
        let elements: &[Json] = match json {
            Json::Array(elements) => elements,
            Json::Null => &[],
            other => {
                return Err(format!(
                    "json: cannot unmarshal {} into Go value of type []types.ContainerDefinition",
                    kind_of(other)
                ));
            }
        };
        elements.iter().map(|e| record(e, &CONTAINER, "", "")).collect::<Result<_, _>>().map(Containers)
    }

    /// What is wrong with them beyond their types.
    pub fn check(&self) -> Result<(), String> {
        for (i, container) in self.0.iter().enumerate() {
            if container.is_empty() {
                return Err(format!("invalid container definition supplied at index ({i})"));
            }
            match container.get("versionConsistency").and_then(Json::as_str) {
                None | Some("enabled" | "disabled") => {}
                Some(other) => {
                    return Err(format!(
                        "invalid version consistency value ({other}) for container definition supplied at index ({i})"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The same in the order in which they are stored: containers, environment and secrets by name, empty objects gone.
    #[must_use]
    pub fn ordered(mut self) -> Containers {
        self.0.sort_by(by_name);
        for container in &mut self.0 {
            for name in ["environment", "secrets"] {
                if let Some(Json::Array(elements)) = container.get_mut(name) {
                    elements.sort_by(|a, b| name_of(a).cmp(name_of(b)));
                }
            }
        }
        self.compact()
    }

    /// The same without empty objects in lists.
    #[must_use]
    pub fn compact(mut self) -> Containers {
        for container in &mut self.0 {
            for name in COMPACT {
                if let Some(Json::Array(elements)) = container.get_mut(name) {
                    elements.retain(|e| !is_zero(e));
                }
            }
        }
        self
    }

    /// The same with everything gone that says no more than its absence.
    fn reduced(self, awsvpc: bool) -> Vec<Map<String, Json>> {
        let mut containers = self.ordered().0;
        for container in &mut containers {
            container.entry("essential").or_insert(json!(true));
            if let Some(Json::Object(check)) = container.get_mut("healthCheck") {
                for (name, default) in [("interval", 30), ("retries", 3), ("timeout", 5)] {
                    check.entry(name).or_insert(json!(default));
                }
            }
            if let Some(Json::Array(mappings)) = container.get_mut("portMappings") {
                mappings.iter_mut().filter_map(Json::as_object_mut).for_each(|m| reduce_mapping(m, awsvpc));
            }
            container.retain(|name, value| {
                !(EMPTY_IS_ABSENT.contains(&name.as_str()) && value.as_array().is_some_and(Vec::is_empty))
            });
        }
        containers
    }

    /// The containers as JSON in the API's form, fields in alphabetical order.
    pub fn to_json(&self) -> Json {
        Json::Array(self.0.iter().map(|c| sorted(&Json::Object(c.clone()))).collect())
    }
}

/// The form in which a configured text is planned; `None` if it cannot be read.
pub fn planned_form(text: &str) -> Option<String> {
    let json = Containers::parse(text).ok()?.ordered().to_json().to_string();
    Some(json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"))
}

/// Whether two texts describe the same containers. `awsvpc`: the task definition's network mode is that.
pub fn equivalent(old: &str, new: &str, awsvpc: bool) -> bool {
    if old == new {
        return true;
    }
    match (Containers::parse(old), Containers::parse(new)) {
        (Ok(old), Ok(new)) => old.reduced(awsvpc) == new.reduced(awsvpc),
        _ => false,
    }
}

fn reduce_mapping(mapping: &mut Map<String, Json>, awsvpc: bool) {
    if mapping.get("protocol").and_then(Json::as_str) == Some("tcp") {
        mapping.remove("protocol");
    }
    if mapping.get("hostPort").and_then(Json::as_i64) == Some(0) {
        mapping.remove("hostPort");
    }
    if awsvpc
        && !mapping.contains_key("hostPort")
        && let Some(port) = mapping.get("containerPort").cloned()
    {
        mapping.insert("hostPort".to_string(), port);
    }
}

fn name_of(json: &Json) -> &str {
    json.get("name").and_then(Json::as_str).unwrap_or("")
}

fn by_name(a: &Map<String, Json>, b: &Map<String, Json>) -> std::cmp::Ordering {
    let name = |m: &Map<String, Json>| m.get("name").and_then(Json::as_str).unwrap_or("").to_string();
    name(a).cmp(&name(b))
}

/// Whether an object holds nothing, numbers that are always there aside.
fn is_zero(json: &Json) -> bool {
    let Some(object) = json.as_object() else { return false };
    object.iter().all(|(name, v)| matches!(name.as_str(), "hardLimit" | "softLimit") && v.as_i64() == Some(0))
}

/// Objects with their members in alphabetical order, at every depth.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            Json::Object(names.into_iter().map(|n| (n.clone(), sorted(&members[n]))).collect())
        }
        Json::Array(elements) => Json::Array(elements.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Reads an object. `at` is the way to it, as messages name it.
fn record(json: &Json, record: &Record, owner: &str, at: &str) -> Result<Map<String, Json>, String> {
    let mut out = Map::new();
    let given = match json {
        Json::Object(given) => given.clone(),
        Json::Null => Map::new(),
        other => return Err(mismatch(other, owner, at, &format!("types.{}", record.name))),
    };
    for (key, value) in &given {
        let Some((name, shape)) = record.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) else {
            continue;
        };
        let mut letters = name.chars();
        let capital = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>();
        let way = if at.is_empty() { capital } else { format!("{at}.{capital}") };
        match field(value, shape, record.name, &way)? {
            Some(value) => {
                out.insert((*name).to_string(), value);
            }
            None => {
                out.remove(*name);
            }
        }
    }
    for (name, shape) in record.fields {
        if matches!(shape, Shape::NumberAlways) {
            out.entry(*name).or_insert(json!(0));
        }
    }
    Ok(out)
}

/// Reads the value of a field; `None` where it counts as not given.
fn field(json: &Json, shape: &Shape, owner: &str, at: &str) -> Result<Option<Json>, String> {
    if json.is_null() {
        return Ok(None);
    }
    let wrong = || mismatch(json, owner, at, &shape.type_name());
    let list = || json.as_array().ok_or_else(wrong);
    Ok(match shape {
        Shape::Text => Some(text(json, owner, at, shape)?),
        Shape::Choice(_) => Some(text(json, owner, at, shape)?).filter(|v| v.as_str() != Some("")),
        Shape::Number | Shape::NumberAlways => Some(number(json, owner, at)?),
        Shape::NumberUnlessZero => Some(number(json, owner, at)?).filter(|n| n.as_i64() != Some(0)),
        Shape::Truth => Some(Json::Bool(json.as_bool().ok_or_else(wrong)?)),
        Shape::Texts | Shape::Choices(_) => {
            let texts = list()?.iter().map(|e| match e {
                Json::Null => Ok(json!("")),
                e => text(e, owner, at, &Shape::Text),
            });
            Some(Json::Array(texts.collect::<Result<_, _>>()?))
        }
        Shape::Numbers => {
            let numbers = list()?.iter().map(|e| match e {
                Json::Null => Ok(json!(0)),
                e => number(e, owner, at),
            });
            Some(Json::Array(numbers.collect::<Result<_, _>>()?))
        }
        Shape::Map => {
            let members = json.as_object().ok_or_else(wrong)?.iter().map(|(k, v)| match v {
                Json::Null => Ok((k.clone(), json!(""))),
                v => Ok((k.clone(), text(v, owner, at, &Shape::Text)?)),
            });
            Some(Json::Object(members.collect::<Result<_, String>>()?))
        }
        Shape::One(inner) => Some(Json::Object(record(json, inner, owner, at)?)),
        Shape::Many(inner) => {
            let objects = list()?.iter().map(|e| record(e, inner, owner, at).map(Json::Object));
            Some(Json::Array(objects.collect::<Result<_, _>>()?))
        }
    })
}

fn text(json: &Json, owner: &str, at: &str, shape: &Shape) -> Result<Json, String> {
    match json {
        Json::String(_) => Ok(json.clone()),
        other => Err(mismatch(other, owner, at, &shape.type_name())),
    }
}

fn number(json: &Json, owner: &str, at: &str) -> Result<Json, String> {
    let Json::Number(n) = json else { return Err(mismatch(json, owner, at, "int32")) };
    match n.as_i64().and_then(|n| i32::try_from(n).ok()) {
        Some(n) => Ok(json!(n)),
        None => Err(format!("json: cannot unmarshal number {n} into Go struct field {owner}.{at} of type int32")),
    }
}

fn mismatch(json: &Json, owner: &str, at: &str, wanted: &str) -> String {
    match at {
        "" => format!("json: cannot unmarshal {} into Go value of type {wanted}", kind_of(json)),
        _ => format!("json: cannot unmarshal {} into Go struct field {owner}.{at} of type {wanted}", kind_of(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(fields: &str) -> String {
        match fields {
            "" => r#"[{"name":"a","image":"i"}]"#.to_string(),
            _ => format!(r#"[{{"name":"a","image":"i",{fields}}}]"#),
        }
    }

    #[test]
    fn what_makes_no_difference() {
        let cases = [
            ("", r#""unknown":1,"hostname":null"#),
            (r#""command":["x"]"#, r#""Command":["x"]"#),
            ("", r#""command":[],"environment":[],"mountPoints":[],"ulimits":[],"volumesFrom":[],"links":[]"#),
            ("", r#""environment":[{}],"portMappings":[null],"ulimits":[{}]"#),
            ("", r#""essential":true,"cpu":0"#),
            (
                r#""environment":[{"name":"A","value":"1"},{"name":"B","value":"2"}]"#,
                r#""environment":[{"name":"B","value":"2"},{"value":"1","name":"A"}]"#,
            ),
            (
                r#""portMappings":[{"containerPort":80}]"#,
                r#""portMappings":[{"containerPort":80,"protocol":"tcp","hostPort":0}]"#,
            ),
            (
                r#""healthCheck":{"command":["x"]}"#,
                r#""healthCheck":{"command":["x"],"interval":30,"retries":3,"timeout":5}"#,
            ),
            (r#""dockerLabels":{"a":"1","b":"2"}"#, r#""dockerLabels":{"b":"2","a":"1"}"#),
        ];
        for (a, b) in cases {
            assert!(equivalent(&one(a), &one(b), false), "{a} and {b}");
        }
        assert!(equivalent(r#"[{"name":"a"},{"name":"b"}]"#, r#"[{"name":"b"},{"name":"a"}]"#, false));
    }

    #[test]
    fn what_makes_a_difference() {
        let cases = [
            (r#""command":["x","y"]"#, r#""command":["y","x"]"#),
            (
                r#""portMappings":[{"containerPort":1},{"containerPort":2}]"#,
                r#""portMappings":[{"containerPort":2},{"containerPort":1}]"#,
            ),
            (r#""portMappings":[{"containerPort":80}]"#, r#""portMappings":[{"containerPort":80,"protocol":"TCP"}]"#),
            (r#""portMappings":[{"containerPort":80}]"#, r#""portMappings":[{"containerPort":80,"hostPort":80}]"#),
            ("", r#""memory":0"#),
            ("", r#""privileged":false"#),
            ("", r#""user":"""#),
            ("", r#""dockerLabels":{}"#),
            ("", r#""versionConsistency":"enabled""#),
            (r#""healthCheck":{"command":["x"]}"#, r#""healthCheck":{"command":["x"],"startPeriod":0}"#),
            (r#""environment":[{"name":"A"}]"#, r#""environment":[{"name":"A","value":""}]"#),
            (r#""logConfiguration":{"logDriver":"x"}"#, r#""logConfiguration":{"logDriver":"x","secretOptions":[]}"#),
        ];
        for (a, b) in cases {
            assert!(!equivalent(&one(a), &one(b), false), "{a} and {b}");
        }
    }

    #[test]
    fn with_awsvpc_the_host_port_is_that_of_the_container() {
        let (a, b) = (
            one(r#""portMappings":[{"containerPort":80}]"#),
            one(r#""portMappings":[{"containerPort":80,"hostPort":80}]"#),
        );
        assert!(equivalent(&a, &b, true));
    }

    #[test]
    fn a_plan_has_sorted_fields_containers_and_variables() {
        let text = r#"[{"Name":"b","image":"x<y","extra":1,"environment":[]},
                       {"name":"a","cpu":0,"environment":[{"name":"Z","value":"1"},{},{"name":"A","value":"2"}]}]"#;
        let wanted = r#"[{"environment":[{"name":"A","value":"2"},{"name":"Z","value":"1"}],"name":"a"},{"environment":[],"image":"x\u003cy","name":"b"}]"#;
        assert_eq!(planned_form(text).as_deref(), Some(wanted));
        for (text, wanted) in [("", "[]"), (" null", "[]"), (r#"[{"name":"a"}] [{"name":"b"}]"#, r#"[{"name":"b"}]"#)] {
            assert_eq!(planned_form(text).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_in_the_words_of_the_provider() {
        let error = |text: &str| Containers::parse(text).and_then(|c| c.check()).err().unwrap_or_default();
        for (text, wanted) in [
            ("{not json", "invalid character 'n' looking for beginning of object key string"),
            (
                r#"[{"memory":"128"}]"#,
                "json: cannot unmarshal string into Go struct field ContainerDefinition.Memory of type int32",
            ),
            ("{}", "json: cannot unmarshal object into Go value of type []types.ContainerDefinition"),
            (r#"[{"name":"a"},{}]"#, "invalid container definition supplied at index (1)"),
            ("[null]", "invalid container definition supplied at index (0)"),
            (
                r#"[{"versionConsistency":"x"}]"#,
                "invalid version consistency value (x) for container definition supplied at index (0)",
            ),
        ] {
            assert_eq!(error(text), wanted);
        }
    }
}
