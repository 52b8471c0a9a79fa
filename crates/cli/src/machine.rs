//! Machine-readable lines (`-json`).

use infra_diag::{Diagnostic, Diagnostics, SourceRange, Sources};
use infra_engine::plan::{Action, Counts, Plan, Reason, ResourceChange};
use infra_engine::ui::{Event, Ui};
use infra_state::TERRAFORM_VERSION;
use serde_json::{Map, Value as Json, json};

use crate::output;

fn position(pos: infra_diag::Pos) -> Json {
    json!({"line": pos.line, "column": pos.column, "byte": pos.byte})
}

fn range(range: &SourceRange) -> Json {
    json!({"filename": *range.file, "start": position(range.start), "end": position(range.end)})
}

/// A diagnostic in its published form.
pub(crate) fn diagnostic_json(problem: &Diagnostic, sources: &Sources) -> Json {
    let mut json = Map::new();
    json.insert("severity".into(), json!(if problem.is_error() { "error" } else { "warning" }));
    json.insert("summary".into(), json!(problem.summary));
    json.insert("detail".into(), json!(problem.detail));
    if let Some(address) = &problem.address {
        json.insert("address".into(), json!(address));
    }
    if let Some(place) = &problem.subject {
        json.insert("range".into(), range(place));
        if let Some(text) = sources.get(&place.file) {
            let line = text.lines().nth(place.start.line.saturating_sub(1) as usize).unwrap_or_default();
            let start = place.start.column.saturating_sub(1) as usize;
            let end = if place.end.line == place.start.line { place.end.column.saturating_sub(1) as usize } else { line.len() };
            let values: Vec<Json> =
                problem.values.iter().map(|(name, is)| json!({"traversal": name, "statement": is})).collect();
            json.insert(
                "snippet".into(),
                json!({
                    "context": problem.context, "code": line, "start_line": place.start.line,
                    "highlight_start_offset": start, "highlight_end_offset": end.max(start), "values": values,
                }),
            );
        }
    }
    Json::Object(json)
}

/// What `validate -json` prints.
pub(crate) fn validate_json(problems: &Diagnostics, sources: &Sources) -> Json {
    let errors = problems.iter().filter(|p| p.is_error()).count();
    json!({
        "format_version": "1.0",
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": problems.iter().count() - errors,
        "diagnostics": problems.iter().map(|p| diagnostic_json(p, sources)).collect::<Vec<_>>(),
    })
}

/// One line: level, message, type, and the rest.
fn message(level: &str, text: &str, ty: &str, rest: Map<String, Json>) -> Json {
    let mut line = Map::new();
    line.insert("@level".into(), json!(level));
    line.insert("@message".into(), json!(text));
    line.insert("@module".into(), json!("terraform.ui"));
    let now = jiff::Zoned::now();
    line.insert("@timestamp".into(), json!(now.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()));
    let mut sorted: Vec<(String, Json)> = rest.into_iter().collect();
    sorted.push(("type".into(), json!(ty)));
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    line.extend(sorted);
    Json::Object(line)
}

fn print(line: &Json) {
    output::line(&infra_state::to_go_json(line, infra_state::GoJson::Compact));
}

fn members<const N: usize>(pairs: [(&str, Json); N]) -> Map<String, Json> {
    pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
}

/// The line of a diagnostic.
pub(crate) fn diagnostic_line(problem: &Diagnostic, sources: &Sources) -> Json {
    let (level, word) = if problem.is_error() { ("error", "Error") } else { ("warn", "Warning") };
    let text = format!("{word}: {}", problem.summary);
    message(level, &text, "diagnostic", members([("diagnostic", diagnostic_json(problem, sources))]))
}

/// Every diagnostic as a line.
pub(crate) fn diagnostics(problems: &Diagnostics, sources: &Sources) {
    problems.iter().for_each(|p| print(&diagnostic_line(p, sources)));
}

/// The first line of a run.
pub(crate) fn version() {
    let rest = members([("terraform", json!(TERRAFORM_VERSION)), ("ui", json!("1.2"))]);
    print(&message("info", &format!("infra {}", env!("CARGO_PKG_VERSION")), "version", rest));
}

fn resource(address: &infra_address::ResourceInstance) -> Json {
    let key = address.key.to_value().and_then(|k| infra_view::json::known_json(&k));
    let own = infra_address::ResourceInstance { module: infra_address::ModuleInstance::root(), ..address.clone() };
    json!({
        "addr": address.to_string(),
        "module": address.module.to_string(),
        "resource": own.to_string(),
        "implied_provider": address.resource.implied_provider(),
        "resource_type": *address.resource.ty,
        "resource_name": *address.resource.name,
        "resource_key": key,
    })
}

fn action_name(action: Action) -> &'static str {
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

fn change_line(change: &ResourceChange, ty: &str) -> Json {
    let action = match (change.action, &change.previous_address, &change.importing) {
        (Action::NoOp, _, Some(_)) => "import",
        (Action::NoOp, Some(_), _) => "move",
        (action, _, _) => action_name(action),
    };
    let mut json = members([("resource", resource(&change.address)), ("action", json!(action))]);
    if let Some(previous) = &change.previous_address {
        json.insert("previous_resource".into(), resource(previous));
    }
    if let Some(reason) = change.reason {
        json.insert("reason".into(), json!(reason_name(reason)));
    }
    if let Some(id) = &change.importing {
        json.insert("importing".into(), json!({"id": id}));
    }
    let what = if ty == "resource_drift" { "Drift detected" } else { "Plan to" };
    let text = match ty {
        "resource_drift" => format!("{}: {what} ({action})", change.address),
        _ => format!("{}: {what} {action}", change.address),
    };
    message("info", &text, ty, members([("change", Json::Object(json))]))
}

/// The lines of a plan.
pub(crate) fn plan(plan: &Plan) {
    plan.drift.iter().for_each(|c| print(&change_line(c, "resource_drift")));
    plan.changes.iter().filter(|c| c.is_visible()).for_each(|c| print(&change_line(c, "planned_change")));
    if plan.errored {
        return;
    }
    summary(plan.counts(), "plan");
    let outputs: Map<String, Json> = plan
        .outputs
        .iter()
        .map(|(name, o)| (name.to_string(), json!({"sensitive": o.sensitive, "action": action_name(o.action)})))
        .collect();
    if !outputs.is_empty() {
        let text = format!("Outputs: {}", outputs.len());
        print(&message("info", &text, "outputs", members([("outputs", Json::Object(outputs))])));
    }
}

/// The closing count.
pub(crate) fn summary(counts: Counts, operation: &str) {
    let Counts { add, change, destroy, import } = counts;
    let text = match operation {
        "plan" => format!("Plan: {add} to add, {change} to change, {destroy} to destroy."),
        "destroy" => format!("Destroy complete! Resources: {destroy} destroyed."),
        _ => format!("Apply complete! Resources: {add} added, {change} changed, {destroy} destroyed."),
    };
    let changes =
        json!({"add": add, "change": change, "import": import, "remove": destroy, "operation": operation});
    print(&message("info", &text, "change_summary", members([("changes", changes)])));
}

/// The outputs after an apply.
pub(crate) fn outputs(state: &infra_state::State) {
    let output = |o: &infra_state::OutputValue| {
        let mut json = members([
            ("sensitive", json!(o.sensitive)),
            ("type", infra_value::type_to_json(&o.ty)),
        ]);
        if !o.sensitive {
            json.insert("value".into(), infra_view::json::known_json(&o.value).unwrap_or(Json::Null));
        }
        Json::Object(json)
    };
    let outputs: Map<String, Json> = state.outputs.iter().map(|(n, o)| (n.to_string(), output(o))).collect();
    let text = format!("Outputs: {}", outputs.len());
    print(&message("info", &text, "outputs", members([("outputs", Json::Object(outputs))])));
}

/// Events as lines.
pub(crate) struct JsonLines;

impl Ui for JsonLines {
    fn event(&self, event: Event<'_>) {
        let hook = |address: &infra_address::ResourceInstance, rest: &[(&str, Json)]| {
            let mut hook = members([("resource", resource(address))]);
            hook.extend(rest.iter().map(|(k, v)| ((*k).to_string(), v.clone())));
            members([("hook", Json::Object(hook))])
        };
        let id = |id: &str| match id.is_empty() {
            true => Vec::new(),
            false => vec![("id_key", json!("id")), ("id_value", json!(id))],
        };
        let line = match event {
            Event::RefreshStart { .. } | Event::ImportStart { .. } => return,
            Event::Refreshed { address, id: value } => {
                let text = format!("{address}: Refreshing state...");
                print(&message("info", &text, "refresh_start", hook(address, &id(value))));
                message("info", &format!("{address}: Refresh complete"), "refresh_complete", hook(address, &id(value)))
            }
            Event::ReadStart { address } => {
                let rest = hook(address, &[("action", json!("read"))]);
                message("info", &format!("{address}: Refreshing..."), "apply_start", rest)
            }
            Event::ReadDone { address, id: value, elapsed } => {
                let mut rest = id(value);
                rest.extend([("action", json!("read")), ("elapsed_seconds", json!(elapsed.as_secs()))]);
                message("info", &format!("{address}: Refresh complete"), "apply_complete", hook(address, &rest))
            }
            Event::ApplyStart { address, action, id: value, .. } => {
                let mut rest = id(value);
                rest.push(("action", json!(action_name(action))));
                message("info", &format!("{address}: {}...", verb(action)), "apply_start", hook(address, &rest))
            }
            Event::ApplyDone { address, action, id: value, elapsed, .. } => {
                let mut rest = id(value);
                rest.extend([("action", json!(action_name(action))), ("elapsed_seconds", json!(elapsed.as_secs()))]);
                message("info", &format!("{address}: {} complete", verb(action)), "apply_complete", hook(address, &rest))
            }
            Event::ApplyFailed { address, action, elapsed, .. } => {
                let rest = [("action", json!(action_name(action))), ("elapsed_seconds", json!(elapsed.as_secs()))];
                message("info", &format!("{address}: {} errored", verb(action)), "apply_errored", hook(address, &rest))
            }
            Event::ProvisionerOutput { address, provisioner, line } => {
                let rest = [("provisioner", json!(provisioner)), ("output", json!(line))];
                message("info", &format!("{address}: ({provisioner}): {line}"), "provision_progress", hook(address, &rest))
            }
        };
        print(&line);
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "Creating",
        Action::Delete => "Destroying",
        _ => "Modifying",
    }
}
