//! The machine-readable lines of a run (`-json`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infra_address::{ModuleInstance, ResourceInstance};
use infra_diag::{Diagnostic, Diagnostics, Pos, Sources, snippet};
use infra_engine::plan::{Action, Counts, OutputChange, Reason, ResourceChange};
use infra_engine::ui::EphemeralOperation;
use infra_state::{OutputValue, TERRAFORM_VERSION};
use infra_value::type_to_json;
use serde_json::{Map, Value as Json, json};

use super::value::known_json;

/// The version of the form of the lines.
pub const UI_VERSION: &str = "1.2";

/// One line: what a person would read, and the same as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    level: &'static str,
    message: String,
    ty: &'static str,
    data: Option<(&'static str, Json)>,
}

impl Line {
    pub(super) fn info(ty: &'static str, message: String, name: &'static str, data: Json) -> Line {
        Line { level: "info", message, ty, data: Some((name, data)) }
    }

    /// The line as it is printed. `timestamp` is RFC 3339 with microseconds.
    pub fn to_json(&self, timestamp: &str) -> Json {
        let mut json = Map::new();
        json.insert("@level".into(), json!(self.level));
        json.insert("@message".into(), json!(self.message));
        json.insert("@module".into(), json!("terraform.ui"));
        json.insert("@timestamp".into(), json!(timestamp));
        if let Some((name, data)) = &self.data {
            json.insert((*name).into(), data.clone());
        }
        json.insert("type".into(), json!(self.ty));
        if self.ty == "version" {
            json.insert("ui".into(), json!(UI_VERSION));
        }
        Json::Object(json)
    }
}

/// The first line of a run.
pub fn version() -> Line {
    let message = format!("Terraform {TERRAFORM_VERSION}");
    Line::info("version", message, "terraform", json!(TERRAFORM_VERSION))
}

/// A line that only a person would read.
pub fn log(message: impl Into<String>) -> Line {
    Line { level: "info", message: message.into(), ty: "log", data: None }
}

/// A diagnostic.
pub fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> Line {
    let (level, word) = if diagnostic.is_error() { ("error", "Error") } else { ("warn", "Warning") };
    let message = format!("{word}: {}", diagnostic.summary);
    Line { level, message, ty: "diagnostic", data: Some(("diagnostic", diagnostic_json(diagnostic, sources))) }
}

/// A diagnostic in its published form.
pub fn diagnostic_json(diagnostic: &Diagnostic, sources: &Sources) -> Json {
    let mut json = Map::new();
    json.insert("severity".into(), json!(if diagnostic.is_error() { "error" } else { "warning" }));
    json.insert("summary".into(), json!(diagnostic.summary));
    json.insert("detail".into(), json!(diagnostic.detail));
    if let Some(address) = &diagnostic.address {
        json.insert("address".into(), json!(address));
    }
    if let Some(range) = &diagnostic.subject {
        let position = |pos: Pos| json!({"line": pos.line, "column": pos.column, "byte": pos.byte});
        // A range of no width is shown as one of a single character.
        let mut end = range.end;
        if range.start == end {
            end.column += 1;
            end.byte += 1;
        }
        let range = json!({"filename": *range.file, "start": position(range.start), "end": position(end)});
        json.insert("range".into(), range);
    }
    if let Some(snippet) = snippet(diagnostic, sources) {
        let mut values: Vec<&(String, String)> = diagnostic.values.iter().collect();
        values.sort();
        let value = |(name, is): &(String, String)| json!({"traversal": name, "statement": is});
        let snippet = json!({
            "context": snippet.context,
            "code": snippet.code,
            "start_line": snippet.start_line,
            "highlight_start_offset": snippet.highlight_start,
            "highlight_end_offset": snippet.highlight_end,
            "values": values.into_iter().map(value).collect::<Vec<_>>(),
        });
        json.insert("snippet".into(), snippet);
    }
    Json::Object(json)
}

/// What `validate -json` prints.
pub fn validate_json(diagnostics: &Diagnostics, sources: &Sources) -> Json {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    json!({
        "format_version": "1.0",
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": diagnostics.iter().count() - errors,
        "diagnostics": diagnostics.iter().map(|d| diagnostic_json(d, sources)).collect::<Vec<_>>(),
    })
}

fn resource_json(address: &ResourceInstance) -> Json {
    let own = ResourceInstance { module: ModuleInstance::root(), ..address.clone() };
    json!({
        "addr": address.to_string(),
        "module": address.module.to_string(),
        "resource": own.to_string(),
        "implied_provider": address.resource.implied_provider(),
        "resource_type": *address.resource.ty,
        "resource_name": *address.resource.name,
        "resource_key": address.key.to_value().and_then(|key| known_json(&key)),
    })
}

/// What a line calls an action.
pub fn action_name(action: Action) -> &'static str {
    match action {
        Action::NoOp => "noop",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "delete",
        Action::Forget => "remove",
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::ReplaceBecauseCannotUpdate => "cannot_update",
        Reason::ReplaceBecauseTainted => "tainted",
        Reason::ReplaceByRequest => "requested",
        Reason::ReplaceByTriggers => "replace_triggered_by",
        other => other.name(),
    }
}

fn change_line(change: &ResourceChange, ty: &'static str, message: impl Fn(&str) -> String) -> Line {
    let action = match change.action {
        Action::NoOp if change.importing.is_some() => "import",
        Action::NoOp if change.previous_address.is_some() => "move",
        action => action_name(action),
    };
    let mut json = Map::new();
    json.insert("resource".into(), resource_json(&change.address));
    if let Some(previous) = &change.previous_address {
        json.insert("previous_resource".into(), resource_json(previous));
    }
    json.insert("action".into(), json!(action));
    if let Some(reason) = change.reason {
        json.insert("reason".into(), json!(reason_name(reason)));
    }
    if let Some(id) = &change.importing {
        json.insert("importing".into(), json!({"id": id}));
    }
    if let Some(generated) = &change.generated_config {
        json.insert("generated_config".into(), json!(generated));
    }
    Line::info(ty, message(action), "change", Json::Object(json))
}

/// What is planned for an object.
pub fn planned_change(change: &ResourceChange) -> Line {
    change_line(change, "planned_change", |action| format!("{}: Plan to {action}", change.address))
}

/// How an object changed outside of the configuration.
pub fn resource_drift(change: &ResourceChange) -> Line {
    change_line(change, "resource_drift", |action| format!("{}: Drift detected ({action})", change.address))
}

/// Which operation a count is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What would be done.
    Plan,
    /// What was done.
    Apply,
    /// What was destroyed.
    Destroy,
}

/// How many objects are, or were, added, changed, imported and removed.
pub fn change_summary(counts: Counts, operation: Operation) -> Line {
    let Counts { add, change, destroy, import } = counts;
    let imported = |word: &str| if import > 0 { format!("{import} {word}, ") } else { String::new() };
    let (name, message) = match operation {
        Operation::Plan => {
            let imported = imported("to import");
            ("plan", format!("Plan: {imported}{add} to add, {change} to change, {destroy} to destroy."))
        }
        Operation::Apply => {
            let imported = imported("imported");
            let counted = format!("{imported}{add} added, {change} changed, {destroy} destroyed");
            ("apply", format!("Apply complete! Resources: {counted}."))
        }
        Operation::Destroy => ("destroy", format!("Destroy complete! Resources: {destroy} destroyed.")),
    };
    let changes = json!({"add": add, "change": change, "import": import, "remove": destroy, "operation": name});
    Line::info("change_summary", message, "changes", changes)
}

/// The outputs of a plan; `None` if there are none.
pub fn planned_outputs(outputs: &BTreeMap<Arc<str>, OutputChange>) -> Option<Line> {
    let one = |o: &OutputChange| json!({"sensitive": o.sensitive, "action": action_name(o.action)});
    outputs_line(outputs.iter().map(|(name, o)| (name.to_string(), one(o))).collect())
}

/// The outputs after an apply; `None` if there are none.
pub fn applied_outputs(outputs: &BTreeMap<Arc<str>, OutputValue>) -> Option<Line> {
    let one = |o: &OutputValue| {
        let mut json = Map::new();
        json.insert("sensitive".into(), json!(o.sensitive));
        json.insert("type".into(), type_to_json(&o.ty));
        if !o.sensitive {
            json.insert("value".into(), known_json(&o.value).unwrap_or(Json::Null));
        }
        Json::Object(json)
    };
    outputs_line(outputs.iter().map(|(name, o)| (name.to_string(), one(o))).collect())
}

fn outputs_line(outputs: Map<String, Json>) -> Option<Line> {
    let message = format!("Outputs: {}", outputs.len());
    (!outputs.is_empty()).then(|| Line::info("outputs", message, "outputs", Json::Object(outputs)))
}

/// An attribute that tells which object it is: its name and its value.
pub type Id<'i> = Option<(&'i str, &'i str)>;

pub(super) fn id_text(id: Id<'_>) -> String {
    id.map(|(name, value)| format!(" [{name}={value}]")).unwrap_or_default()
}

pub(super) fn hook(address: &ResourceInstance, action: Option<Action>, id: Id<'_>, elapsed: Option<Duration>) -> Json {
    let mut json = Map::new();
    json.insert("resource".into(), resource_json(address));
    if let Some(action) = action {
        json.insert("action".into(), json!(action_name(action)));
    }
    if let Some((name, value)) = id {
        json.insert("id_key".into(), json!(name));
        json.insert("id_value".into(), json!(value));
    }
    if let Some(elapsed) = elapsed {
        json.insert("elapsed_seconds".into(), json!(seconds(elapsed)));
    }
    Json::Object(json)
}

/// Whole seconds, rounded.
fn seconds(elapsed: Duration) -> u64 {
    elapsed.as_secs() + u64::from(elapsed.subsec_millis() >= 500)
}

/// `1m10s`
fn spell(elapsed: Duration) -> String {
    let all = seconds(elapsed);
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// An object is read again.
pub fn refresh_start(address: &ResourceInstance, id: Id<'_>) -> Line {
    let message = format!("{address}: Refreshing state...{}", id_text(id));
    Line::info("refresh_start", message, "hook", hook(address, None, id, None))
}

/// An object has been read again.
pub fn refresh_complete(address: &ResourceInstance, id: Id<'_>) -> Line {
    let message = format!("{address}: Refresh complete{}", id_text(id));
    Line::info("refresh_complete", message, "hook", hook(address, None, id, None))
}

/// What an operation is called while it goes on, when it is done, and what it does in the middle of a sentence.
fn verbs(action: Action) -> [&'static str; 3] {
    match action {
        Action::Update => ["Modifying", "Modifications", "modifying"],
        Action::Delete => ["Destroying", "Destruction", "destroying"],
        Action::Read => ["Refreshing", "Refresh", "reading"],
        Action::Forget => ["Removing", "Removal", "removing"],
        _ => ["Creating", "Creation", "creating"],
    }
}

/// An operation starts.
pub fn apply_start(address: &ResourceInstance, action: Action, id: Id<'_>) -> Line {
    let message = format!("{address}: {}...{}", verbs(action)[0], id_text(id));
    Line::info("apply_start", message, "hook", hook(address, Some(action), id, None))
}

/// An operation goes on.
pub fn apply_progress(address: &ResourceInstance, action: Action, elapsed: Duration) -> Line {
    let message = format!("{address}: Still {}... [{} elapsed]", verbs(action)[2], spell(elapsed));
    Line::info("apply_progress", message, "hook", hook(address, Some(action), None, Some(elapsed)))
}

/// An operation has succeeded.
pub fn apply_complete(address: &ResourceInstance, action: Action, id: Id<'_>, elapsed: Duration) -> Line {
    let message = format!("{address}: {} complete after {}{}", verbs(action)[1], spell(elapsed), id_text(id));
    Line::info("apply_complete", message, "hook", hook(address, Some(action), id, Some(elapsed)))
}

/// An operation has failed.
pub fn apply_errored(address: &ResourceInstance, action: Action, elapsed: Duration) -> Line {
    let message = format!("{address}: {} errored after {}", verbs(action)[1], spell(elapsed));
    Line::info("apply_errored", message, "hook", hook(address, Some(action), None, Some(elapsed)))
}

/// The name of an operation, and what it is called while it goes on.
fn ephemeral_words(operation: EphemeralOperation) -> (&'static str, &'static str) {
    match operation {
        EphemeralOperation::Open => ("open", "Opening"),
        EphemeralOperation::Renew => ("renew", "Renewing"),
        EphemeralOperation::Close => ("close", "Closing"),
    }
}

/// An ephemeral resource is opened, renewed or closed.
pub fn ephemeral_start(address: &ResourceInstance, operation: EphemeralOperation) -> Line {
    let (name, verb) = ephemeral_words(operation);
    let hook = json!({"resource": resource_json(address), "action": name});
    Line::info("ephemeral_op_start", format!("{address}: {verb}..."), "hook", hook)
}

/// That has succeeded.
pub fn ephemeral_complete(address: &ResourceInstance, operation: EphemeralOperation, elapsed: Duration) -> Line {
    let (name, verb) = ephemeral_words(operation);
    let seconds = seconds(elapsed);
    let hook = json!({"resource": resource_json(address), "action": name, "elapsed_seconds": seconds});
    Line::info("ephemeral_op_complete", format!("{address}: {verb} complete after {}", spell(elapsed)), "hook", hook)
}

fn provisioner(address: &ResourceInstance, ty: &'static str, name: &str, message: String) -> Line {
    let hook = json!({"resource": resource_json(address), "provisioner": name});
    Line::info(ty, format!("{address}: {message}"), "hook", hook)
}

/// A provisioner starts.
pub fn provision_start(address: &ResourceInstance, name: &str) -> Line {
    provisioner(address, "provision_start", name, format!("Provisioning with '{name}'..."))
}

/// A provisioner printed a line.
pub fn provision_progress(address: &ResourceInstance, name: &str, output: &str) -> Line {
    let hook = json!({"resource": resource_json(address), "provisioner": name, "output": output});
    Line::info("provision_progress", format!("{address}: ({name}): {output}"), "hook", hook)
}

/// A provisioner has succeeded.
pub fn provision_complete(address: &ResourceInstance, name: &str) -> Line {
    provisioner(address, "provision_complete", name, format!("({name}) Provisioning complete"))
}

/// A provisioner has failed.
pub fn provision_errored(address: &ResourceInstance, name: &str) -> Line {
    provisioner(address, "provision_errored", name, format!("({name}) Provisioning errored"))
}
