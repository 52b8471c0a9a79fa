//! A plan as a file: what a later apply needs, and what it must still fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use infra_address::{ProviderConfig, parse_resource_instance, parse_target};
use infra_lang::config::{Manifest, Snapshot};
use infra_provider::Private;
use infra_state::{State, path_from_json, path_to_json};
use infra_value::{Kind, Marks, Number, Path, Value, type_from_json, type_to_json};
use serde_json::{Map, Value as Json, json};

use crate::attention::Finding;
use crate::origin::{Origin, configuration_digest, sha256};
use crate::plan::{
    Action, CheckKind, CheckObject, CheckResult, CheckStatus, GivenVariable, OutputChange, Plan, PlanMode, Reason,
    ResourceChange,
};
use crate::releases;

/// The version of the file's format.
const FORMAT: u64 = 3;

/// A saved plan.
#[derive(Clone, Debug)]
pub struct SavedPlan {
    /// The plan.
    pub plan: Plan,
    /// The configuration that it was made from.
    pub configuration: Snapshot,
    /// Root variables, converted.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// The workspace that it is for.
    pub workspace: String,
    /// Whether it is for what runs on the machine it was made on instead of AWS.
    pub local: bool,
    /// Serial of the state that it was made from; 0 if there was none.
    pub serial: u64,
    /// Lineage of that state; empty if there was none.
    pub lineage: String,
    /// Creations of interrupted runs that the prior state tells the end of: nothing more is to be found out about them once
    /// it is written.
    pub settled: Vec<String>,
    /// Those that could not be found out about: the plan was made all the same.
    pub unsettled: Vec<String>,
    /// A file of the configuration that was generated with the plan, and that the folder need not hold.
    pub generated: Option<String>,
    /// Who made it and from what, once it is to be saved.
    pub origin: Origin,
    /// The digest of its file; `None` as long as it is in none.
    pub digest: Option<String>,
}

/// A saved plan as a file: its digest is the name of everything that the file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The text.
    pub text: String,
    /// The digest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// What a file begins with, before its digest.
const BEGIN: &str = "{\"infra_plan\":3,\"digest\":\"";
/// What stands between the digest and the plan itself.
const MIDDLE: &str = "\",\"content\":";
/// What a file ends with.
const END: &str = "}\n";

/// Why a file is no saved plan that can be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SavedPlanError {
    /// Something else.
    #[error("it is not a plan that infra has saved")]
    NotAPlan,
    /// From another version of infra.
    #[error("it was saved by another version of infra (plan format {0}); plan again with this one")]
    OtherVersion(u64),
    /// It is not what was saved any more.
    #[error(
        "it was changed after it was saved, or is not whole: it was saved with the digest {saved}, and what it holds now has \
         {is}. Do not apply it: take the file as it was, or plan again"
    )]
    Changed {
        /// The digest that it says it has.
        saved: String,
        /// The digest that it has.
        is: String,
    },
    /// It is not what was saved any more, around the plan itself.
    #[error(
        "it was changed after it was saved, or is not whole: it does not begin and end as a saved plan does. Do not apply it: \
         take the file as it was, or plan again"
    )]
    Broken,
    /// It says what no plan says.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl SavedPlan {
    /// The file. It holds values in clear, sensitive ones too: only its owner may read it.
    pub fn seal(&self) -> Sealed {
        let content = self.content().to_string();
        let digest = content_digest(&content);
        Sealed { text: format!("{BEGIN}{digest}{MIDDLE}{content}{END}"), digest }
    }

    /// The digest of the configuration that it was made from.
    pub fn configuration_digest(&self) -> String {
        configuration_digest(&self.configuration)
    }

    /// The digest of its variables. The same values have another one in another plan.
    pub fn variables_digest(&self) -> String {
        self.origin.variables.digest_of(&self.variables)
    }

    fn content(&self) -> Json {
        let plan = &self.plan;
        let changes = |list: &[ResourceChange]| Json::Array(list.iter().map(change_json).collect());
        let outputs: Map<String, Json> = plan.outputs.iter().map(|(n, o)| (n.to_string(), output_json(o))).collect();
        let given: Map<String, Json> = plan
            .variables
            .iter()
            .map(|(n, v)| (n.to_string(), json!({"value": value_json(&v.value), "given": v.given})))
            .collect();
        let variables: Map<String, Json> = self.variables.iter().map(|(n, v)| (n.to_string(), value_json(v))).collect();
        let relevant = |(resource, path): &(String, Path)| json!([resource, path_to_json(path)]);
        json!({
            "origin": self.origin,
            "configuration_digest": self.configuration_digest(),
            "variables_digest": self.variables_digest(),
            "generated": self.generated,
            "configuration": self.configuration.files,
            "modules": self.configuration.installed.to_json(),
            "workspace": self.workspace,
            "local": self.local,
            "serial": self.serial,
            "lineage": self.lineage,
            "settled": self.settled,
            "unsettled": self.unsettled,
            "variables": variables,
            "given": given,
            "mode": mode_name(plan.mode),
            "changes": changes(&plan.changes),
            "drift": changes(&plan.drift),
            "outputs": outputs,
            "prior_state": plan.prior_state.to_json(),
            "releases": plan.releases.iter().map(releases::saved::to_json).collect::<Vec<_>>(),
            "attention": plan.attention.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "checks": plan.checks.iter().map(check_json).collect::<Vec<_>>(),
            "relevant": plan.relevant_attributes.iter().map(relevant).collect::<Vec<_>>(),
            "targets": plan.targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "timestamp": plan.timestamp,
            "applyable": plan.applyable,
            "complete": plan.complete,
            "errored": plan.errored,
        })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is something else, or any byte of it is not as it was saved.
    pub fn parse(text: &str) -> Result<SavedPlan, SavedPlanError> {
        let Some((saved, content)) = parts(text) else { return Err(no_plan(text)) };
        let is = content_digest(content);
        if saved != is {
            return Err(SavedPlanError::Changed { saved: saved.to_string(), is });
        }
        let damaged = || SavedPlanError::Damaged("a part is missing or has another form".into());
        let json: Json = serde_json::from_str(content).map_err(|_| damaged())?;
        let plan = read(&json).ok_or_else(damaged)?;
        Ok(SavedPlan { digest: Some(is), ..plan })
    }

    /// Whether a file is a saved plan, whole or not, as far as its beginning tells.
    pub fn is_likely(text: &str) -> bool {
        let begin: String = text.chars().take(BEGIN.len() + MIDDLE.len() + 80).collect();
        ["\"infra_plan\"", "\"digest\":\"sha256:", MIDDLE].iter().any(|sign| begin.contains(sign))
    }
}

/// The digest that a file says it has, and the plan itself.
fn parts(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(BEGIN)?.strip_suffix(END)?.split_once(MIDDLE)
}

fn content_digest(content: &str) -> String {
    sha256(&[BEGIN, content])
}

/// Why a text that does not have the form of a saved plan is none.
fn no_plan(text: &str) -> SavedPlanError {
    let version = |json: Json| json["infra_plan"].as_u64().filter(|_| json["content"].is_null());
    match serde_json::from_str(text).ok().and_then(version) {
        Some(other) if other != FORMAT => SavedPlanError::OtherVersion(other),
        _ if SavedPlan::is_likely(text) => SavedPlanError::Broken,
        _ => SavedPlanError::NotAPlan,
    }
}

fn read(json: &Json) -> Option<SavedPlan> {
    let list = |key: &str| json[key].as_array();
    let text = |key: &str| json[key].as_str().map(str::to_string);
    let prior_state = State::parse(&json["prior_state"].to_string()).ok()??;
    let mut given = BTreeMap::new();
    for (name, v) in json["given"].as_object()? {
        let variable = GivenVariable { value: read_value(&v["value"])?, given: v["given"].as_bool()? };
        given.insert(name.as_str().into(), variable);
    }
    let mut variables = BTreeMap::new();
    for (name, v) in json["variables"].as_object()? {
        variables.insert(name.as_str().into(), read_value(v)?);
    }
    let mut outputs = BTreeMap::new();
    for (name, o) in json["outputs"].as_object()? {
        outputs.insert(name.as_str().into(), read_output(o)?);
    }
    let tokens = |key: &str| -> Vec<String> {
        list(key).into_iter().flatten().filter_map(|t| t.as_str().map(str::to_string)).collect()
    };
    let file = |(name, text): (&String, &Json)| Some((name.clone(), text.as_str()?.to_string()));
    let files = json["configuration"].as_object()?.iter().map(file);
    let relevant = |r: &Json| Some((r[0].as_str()?.to_string(), path_from_json(&r[1])?));
    let plan = Plan {
        mode: [PlanMode::Normal, PlanMode::Destroy, PlanMode::RefreshOnly]
            .into_iter()
            .find(|m| Some(mode_name(*m)) == json["mode"].as_str())?,
        variables: given,
        changes: list("changes")?.iter().map(read_change).collect::<Option<_>>()?,
        drift: list("drift")?.iter().map(read_change).collect::<Option<_>>()?,
        outputs,
        prior_state,
        releases: list("releases")?.iter().map(releases::saved::from_json).collect::<Option<_>>()?,
        attention: list("attention")?.iter().map(Finding::from_json).collect::<Option<_>>()?,
        checks: list("checks")?.iter().map(read_check).collect::<Option<_>>()?,
        relevant_attributes: list("relevant")?.iter().map(relevant).collect::<Option<_>>()?,
        targets: list("targets")?.iter().map(|t| parse_target(t.as_str()?).ok()).collect::<Option<_>>()?,
        timestamp: text("timestamp")?,
        applyable: json["applyable"].as_bool()?,
        complete: json["complete"].as_bool()?,
        errored: json["errored"].as_bool()?,
    };
    Some(SavedPlan {
        plan,
        configuration: Snapshot {
            files: files.collect::<Option<_>>()?,
            installed: Manifest::parse(&text("modules")?)?,
        },
        variables,
        workspace: text("workspace")?,
        // Plans from before there was this mark are for AWS.
        local: json["local"].as_bool().unwrap_or(false),
        serial: json["serial"].as_u64()?,
        lineage: text("lineage")?,
        settled: tokens("settled"),
        unsettled: tokens("unsettled"),
        generated: text("generated"),
        origin: serde_json::from_value(json["origin"].clone()).ok()?,
        digest: None,
    })
}

fn mode_name(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Normal => "normal",
        PlanMode::Destroy => "destroy",
        PlanMode::RefreshOnly => "refresh-only",
    }
}

fn change_json(change: &ResourceChange) -> Json {
    json!({
        "address": change.address.to_string(),
        "deposed": change.deposed,
        "previous": change.previous_address.as_ref().map(ToString::to_string),
        "provider": change.provider.to_string(),
        "action": change.action.names(),
        "reason": change.reason.map(Reason::name),
        "before": value_json(&change.before),
        "after": value_json(&change.after),
        "replace": change.replace_paths.iter().map(path_to_json).collect::<Vec<_>>(),
        "importing": change.importing,
        "generated": change.generated_config,
        "private": change.private.0.as_ref().map(|p| BASE64.encode(p)),
        "cbd": change.create_before_destroy,
        "dependencies": change.dependencies,
    })
}

const REASONS: [Reason; 13] = [
    Reason::ReplaceBecauseCannotUpdate,
    Reason::ReplaceBecauseTainted,
    Reason::ReplaceByRequest,
    Reason::ReplaceByTriggers,
    Reason::DeleteBecauseNoMoveTarget,
    Reason::DeleteBecauseNoResourceConfig,
    Reason::DeleteBecauseNoModule,
    Reason::DeleteBecauseWrongRepetition,
    Reason::DeleteBecauseCountIndex,
    Reason::DeleteBecauseEachKey,
    Reason::ReadBecauseConfigUnknown,
    Reason::ReadBecauseDependencyPending,
    Reason::ReadBecauseCheckNested,
];

fn read_action(json: &Json) -> Option<Action> {
    let names = json.as_array()?.iter().map(Json::as_str).collect::<Option<Vec<_>>>()?;
    Action::named(&names)
}

fn read_change(json: &Json) -> Option<ResourceChange> {
    let optional = |key: &str| json[key].as_str().map(str::to_string);
    let previous_address = match json["previous"].as_str() {
        Some(text) => Some(parse_resource_instance(text).ok()?),
        None => None,
    };
    let private = match json["private"].as_str() {
        Some(text) => Some(BASE64.decode(text).ok()?.into()),
        None => None,
    };
    let dependencies = json["dependencies"].as_array()?.iter();
    Some(ResourceChange {
        address: parse_resource_instance(json["address"].as_str()?).ok()?,
        deposed: optional("deposed"),
        previous_address,
        provider: ProviderConfig::parse(json["provider"].as_str()?)?,
        action: read_action(&json["action"])?,
        reason: REASONS.into_iter().find(|r| Some(r.name()) == json["reason"].as_str()),
        before: read_value(&json["before"])?,
        after: read_value(&json["after"])?,
        replace_paths: json["replace"].as_array()?.iter().map(path_from_json).collect::<Option<_>>()?,
        importing: optional("importing"),
        generated_config: optional("generated"),
        private: Private(private),
        create_before_destroy: json["cbd"].as_bool()?,
        dependencies: dependencies.map(|d| d.as_str().map(str::to_string)).collect::<Option<_>>()?,
    })
}

fn output_json(output: &OutputChange) -> Json {
    json!({
        "action": output.action.names(),
        "before": value_json(&output.before),
        "after": value_json(&output.after),
        "sensitive": output.sensitive,
        "sensitive_after": output.sensitive_after,
    })
}

fn read_output(json: &Json) -> Option<OutputChange> {
    Some(OutputChange {
        action: read_action(&json["action"])?,
        before: read_value(&json["before"])?,
        after: read_value(&json["after"])?,
        sensitive: json["sensitive"].as_bool()?,
        sensitive_after: json["sensitive_after"].as_bool()?,
    })
}

const KINDS: [(CheckKind, &str); 4] = [
    (CheckKind::Resource, "resource"),
    (CheckKind::Output, "output"),
    (CheckKind::Check, "check"),
    (CheckKind::Variable, "var"),
];

const STATUSES: [CheckStatus; 4] = [CheckStatus::Pass, CheckStatus::Fail, CheckStatus::Error, CheckStatus::Unknown];

fn check_json(check: &CheckResult) -> Json {
    let kind = KINDS.iter().find(|(k, _)| *k == check.kind).map(|(_, name)| *name);
    let object = |o: &CheckObject| json!([o.status.name(), o.failure_messages]);
    let objects = check
        .objects
        .as_ref()
        .map(|objects| objects.iter().map(|(address, o)| (address.clone(), object(o))).collect::<Map<String, Json>>());
    json!([kind, check.config_address, objects])
}

fn read_check(json: &Json) -> Option<CheckResult> {
    let kind = KINDS.iter().find(|(_, name)| Some(*name) == json[0].as_str())?.0;
    let objects = match &json[2] {
        Json::Object(members) => {
            let mut objects = BTreeMap::new();
            for (address, o) in members {
                let status = STATUSES.into_iter().find(|s| Some(s.name()) == o[0].as_str())?;
                let messages = o[1].as_array()?.iter().map(|m| m.as_str().map(str::to_string));
                let object = CheckObject { status, failure_messages: messages.collect::<Option<_>>()? };
                objects.insert(address.clone(), object);
            }
            Some(objects)
        }
        _ => None,
    };
    Some(CheckResult { kind, config_address: json[1].as_str()?.to_string(), objects })
}

/// A value with its marks and unknown parts. Texts, truth values and tuples are themselves; the rest is an object of one
/// member that says what it is.
pub(crate) fn value_json(value: &Value) -> Json {
    let (bare, marks) = value.clone().unmark();
    let members = |ms: &infra_value::Members| {
        Json::Object(ms.iter().map(|(name, v)| (name.to_string(), value_json(v))).collect())
    };
    let elements = |es: &[Value]| Json::Array(es.iter().map(value_json).collect());
    let json = match bare.kind() {
        Kind::Null(ty) => json!({"null": type_to_json(ty)}),
        Kind::Unknown(u) => json!({"unknown": type_to_json(u.ty())}),
        Kind::Bool(b) => json!(b),
        Kind::Number(n) => json!({"number": n.to_string()}),
        Kind::String(s) => json!(**s),
        Kind::List(ty, es) => json!({"list": [type_to_json(ty), elements(es)]}),
        Kind::Set(ty, es) => json!({"set": [type_to_json(ty), elements(es)]}),
        Kind::Map(ty, ms) => json!({"map": [type_to_json(ty), members(ms)]}),
        Kind::Tuple(es) => elements(es),
        Kind::Object(ms) => json!({"object": members(ms)}),
    };
    let names: Vec<&str> = [(Marks::SENSITIVE, "sensitive"), (Marks::EPHEMERAL, "ephemeral")]
        .into_iter()
        .filter(|(mark, _)| marks.contains(*mark))
        .map(|(_, name)| name)
        .collect();
    if names.is_empty() { json } else { json!({"marked": [names, json]}) }
}

fn read_value(json: &Json) -> Option<Value> {
    let elements = |json: &Json| json.as_array()?.iter().map(read_value).collect::<Option<Vec<_>>>();
    let members = |json: &Json| {
        let members = json.as_object()?.iter();
        members.map(|(name, v)| Some((Arc::<str>::from(name.as_str()), read_value(v)?))).collect::<Option<Vec<_>>>()
    };
    match json {
        Json::Bool(b) => Some(Value::bool(*b)),
        Json::String(s) => Some(Value::string(s)),
        Json::Array(_) => Some(Value::tuple(elements(json)?)),
        Json::Object(object) => {
            let (what, inner) = object.iter().next()?;
            match what.as_str() {
                "null" => Some(Value::null(type_from_json(inner).ok()?)),
                "unknown" => Some(Value::unknown(type_from_json(inner).ok()?)),
                "number" => Some(Value::number(Number::parse(inner.as_str()?).ok()?)),
                "list" => Some(Value::list(type_from_json(&inner[0]).ok()?, elements(&inner[1])?)),
                "set" => Some(Value::set(type_from_json(&inner[0]).ok()?, elements(&inner[1])?)),
                "map" => Some(Value::map(type_from_json(&inner[0]).ok()?, members(&inner[1])?)),
                "object" => Some(Value::object(members(inner)?)),
                "marked" => {
                    let mut marks = Marks::NONE;
                    for name in inner[0].as_array()? {
                        marks |= match name.as_str()? {
                            "sensitive" => Marks::SENSITIVE,
                            "ephemeral" => Marks::EPHEMERAL,
                            _ => return None,
                        };
                    }
                    Some(read_value(&inner[1])?.with_marks(marks))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_value::Type;

    #[test]
    fn a_value_is_read_as_it_was_saved() {
        let value = Value::object([
            ("s", Value::string("x").with_marks(Marks::SENSITIVE)),
            ("n", Value::from(3_i64)),
            ("u", Value::unknown(Type::list(Type::String))),
            ("nul", Value::null(Type::Bool)),
            ("l", Value::strings(["a", "b"])),
            ("set", Value::set(Type::Number, [Value::from(1_i64), Value::from(2_i64)])),
            ("m", Value::map(Type::String, [("k", Value::string("v"))]).with_marks(Marks::EPHEMERAL)),
            ("t", Value::tuple([Value::bool(true), Value::object([("number", Value::string("1"))])])),
        ]);
        assert_eq!(read_value(&value_json(&value)).as_ref(), Some(&value));
    }

    #[test]
    fn what_is_no_saved_plan_is_refused() {
        assert_eq!(SavedPlan::parse("PK\u{3}\u{4}").err(), Some(SavedPlanError::NotAPlan));
        assert_eq!(SavedPlan::parse("{\"version\": 4}").err(), Some(SavedPlanError::NotAPlan));
        assert_eq!(SavedPlan::parse("{\"infra_plan\": 99}").err(), Some(SavedPlanError::OtherVersion(99)));
        assert_eq!(SavedPlan::parse("{\"infra_plan\": 2}").err(), Some(SavedPlanError::OtherVersion(2)));
    }

    #[test]
    fn a_changed_byte_of_a_file_is_found_wherever_it_is() {
        let content = r#"{"origin":{},"workspace":"default"}"#;
        let digest = content_digest(content);
        let text = format!("{BEGIN}{digest}{MIDDLE}{content}{END}");
        assert!(BEGIN.contains(&format!("\"infra_plan\":{FORMAT},")));
        // As it is, it is whole, although no plan.
        assert!(matches!(SavedPlan::parse(&text), Err(SavedPlanError::Damaged(_))));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << (at % 7);
            let changed = String::from_utf8(bytes).expect("text");
            let found = SavedPlan::parse(&changed).err();
            let told = matches!(found, Some(SavedPlanError::Changed { .. } | SavedPlanError::Broken));
            assert!(told && SavedPlan::is_likely(&changed), "byte {at}: {found:?}");
        }
    }
}
