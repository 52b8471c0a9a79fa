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

use crate::plan::{
    Action, CheckKind, CheckObject, CheckResult, CheckStatus, GivenVariable, OutputChange, Plan, PlanMode, Reason,
    ResourceChange,
};
use crate::releases;

/// The version of the file's format.
const FORMAT: u64 = 2;

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
}

/// Why a file is no saved plan that can be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SavedPlanError {
    /// Something else.
    #[error("it is not a plan that infra has saved")]
    NotAPlan,
    /// From another version of infra.
    #[error("it was saved by another version of infra (plan format {0}); plan again with this one")]
    OtherVersion(u64),
    /// Damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl SavedPlan {
    /// The text of the file. It holds values in clear, sensitive ones too: only its owner may read it.
    pub fn to_text(&self) -> String {
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
        let json = json!({
            "infra_plan": FORMAT,
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
            "checks": plan.checks.iter().map(check_json).collect::<Vec<_>>(),
            "relevant": plan.relevant_attributes.iter().map(relevant).collect::<Vec<_>>(),
            "targets": plan.targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "timestamp": plan.timestamp,
            "applyable": plan.applyable,
            "complete": plan.complete,
            "errored": plan.errored,
        });
        json.to_string()
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is something else, or damaged.
    pub fn parse(text: &str) -> Result<SavedPlan, SavedPlanError> {
        let json: Json = serde_json::from_str(text).map_err(|_| SavedPlanError::NotAPlan)?;
        match json["infra_plan"].as_u64() {
            Some(FORMAT) => {}
            Some(other) => return Err(SavedPlanError::OtherVersion(other)),
            None => return Err(SavedPlanError::NotAPlan),
        }
        read(&json).ok_or_else(|| SavedPlanError::Damaged("a part is missing or has another form".into()))
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

const ACTIONS: [Action; 8] = [
    Action::NoOp,
    Action::Create,
    Action::Read,
    Action::Update,
    Action::DeleteThenCreate,
    Action::CreateThenDelete,
    Action::Delete,
    Action::Forget,
];

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
    ACTIONS.into_iter().find(|a| json!(a.names()) == *json)
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
fn value_json(value: &Value) -> Json {
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
        assert!(matches!(SavedPlan::parse("{\"infra_plan\": 2}"), Err(SavedPlanError::Damaged(_))));
    }
}
