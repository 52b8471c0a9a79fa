//! Machine-readable lines, as they were recorded.

use std::sync::Arc;
use std::time::Duration;

use infra_address::{ProviderConfig, ResourceInstance, parse_resource_instance};
use infra_diag::{Diagnostic, Pos, SourceRange, Sources};
use infra_engine::plan::{Action, Counts, Reason, ResourceChange};
use infra_value::{Type, Value};
use infra_view::json::events::{self, Line, Operation};
use serde_json::{Value as Json, json};

fn at(address: &str) -> ResourceInstance {
    parse_resource_instance(address).unwrap()
}

/// The line without its time, and with addresses instead of all that they say.
fn short(line: &Line) -> Json {
    let mut json = line.to_json("then");
    for part in ["hook", "change"] {
        for which in ["resource", "previous_resource"] {
            if let Some(address) = json.pointer(&format!("/{part}/{which}/addr")).cloned() {
                json[part][which] = address;
            }
        }
    }
    let object = json.as_object_mut().unwrap();
    for same in ["@timestamp", "@module", "@level"] {
        object.shift_remove(same);
    }
    json
}

#[test]
fn a_line_says_who_says_what_and_when() {
    let line = events::apply_start(&at("module.m[\"x\"].terraform_data.in[0]"), Action::Create, None);
    let expected = r#"{"@level":"info","@message":"module.m[\"x\"].terraform_data.in[0]: Creating...","@module":"terraform.ui","@timestamp":"2026-11-21T12:04:52.554463Z","hook":{"resource":{"addr":"module.m[\"x\"].terraform_data.in[0]","module":"module.m[\"x\"]","resource":"terraform_data.in[0]","implied_provider":"terraform","resource_type":"terraform_data","resource_name":"in","resource_key":0},"action":"create"},"type":"apply_start"}"#;
    assert_eq!(line.to_json("2026-11-21T12:04:52.554463Z").to_string(), expected);
    let version = r#"{"@level":"info","@message":"Terraform 1.11.4","@module":"terraform.ui","@timestamp":"t","terraform":"1.11.4","type":"version","ui":"1.2"}"#;
    assert_eq!(events::version().to_json("t").to_string(), version);
}

#[test]
fn operations_are_told_as_they_go() {
    let (a, id) = (at("terraform_data.up2"), Some(("id", "6c")));
    let recorded = [
        (
            events::refresh_start(&a, id),
            json!({"@message": "terraform_data.up2: Refreshing state... [id=6c]", "hook": {"resource": "terraform_data.up2", "id_key": "id", "id_value": "6c"}, "type": "refresh_start"}),
        ),
        (
            events::refresh_complete(&a, id),
            json!({"@message": "terraform_data.up2: Refresh complete [id=6c]", "hook": {"resource": "terraform_data.up2", "id_key": "id", "id_value": "6c"}, "type": "refresh_complete"}),
        ),
        (
            events::apply_start(&a, Action::Update, id),
            json!({"@message": "terraform_data.up2: Modifying... [id=6c]", "hook": {"resource": "terraform_data.up2", "action": "update", "id_key": "id", "id_value": "6c"}, "type": "apply_start"}),
        ),
        (
            events::apply_progress(&a, Action::Create, Duration::from_secs(10)),
            json!({"@message": "terraform_data.up2: Still creating... [10s elapsed]", "hook": {"resource": "terraform_data.up2", "action": "create", "elapsed_seconds": 10}, "type": "apply_progress"}),
        ),
        (
            events::apply_complete(&a, Action::Update, id, Duration::from_millis(70_600)),
            json!({"@message": "terraform_data.up2: Modifications complete after 1m11s [id=6c]", "hook": {"resource": "terraform_data.up2", "action": "update", "id_key": "id", "id_value": "6c", "elapsed_seconds": 71}, "type": "apply_complete"}),
        ),
        (
            events::apply_errored(&a, Action::Create, Duration::ZERO),
            json!({"@message": "terraform_data.up2: Creation errored after 0s", "hook": {"resource": "terraform_data.up2", "action": "create", "elapsed_seconds": 0}, "type": "apply_errored"}),
        ),
        (
            events::provision_progress(&a, "local-exec", "hi"),
            json!({"@message": "terraform_data.up2: (local-exec): hi", "hook": {"resource": "terraform_data.up2", "provisioner": "local-exec", "output": "hi"}, "type": "provision_progress"}),
        ),
        (
            events::provision_errored(&a, "local-exec"),
            json!({"@message": "terraform_data.up2: (local-exec) Provisioning errored", "hook": {"resource": "terraform_data.up2", "provisioner": "local-exec"}, "type": "provision_errored"}),
        ),
        (
            events::change_summary(Counts { add: 2, change: 1, destroy: 1, import: 1 }, Operation::Plan),
            json!({"@message": "Plan: 1 to import, 2 to add, 1 to change, 1 to destroy.", "changes": {"add": 2, "change": 1, "import": 1, "remove": 1, "operation": "plan"}, "type": "change_summary"}),
        ),
    ];
    for (line, expected) in recorded {
        assert_eq!(short(&line), expected);
    }
}

#[test]
fn changes_are_told_with_their_reasons() {
    let change = |action, reason| ResourceChange {
        address: at("terraform_data.up2"),
        deposed: None,
        previous_address: None,
        provider: ProviderConfig::parse("provider[\"terraform.io/builtin/terraform\"]").unwrap(),
        action,
        reason,
        before: Value::null(Type::Dynamic),
        after: Value::null(Type::Dynamic),
        replace_paths: Vec::new(),
        importing: None,
        generated_config: None,
        private: Default::default(),
        create_before_destroy: false,
        dependencies: Vec::new(),
    };
    let replaced = change(Action::DeleteThenCreate, Some(Reason::ReplaceBecauseCannotUpdate));
    let moved = ResourceChange { previous_address: Some(at("terraform_data.up")), ..change(Action::NoOp, None) };
    let imported = ResourceChange { importing: Some("abc".into()), ..change(Action::NoOp, None) };
    for (change, expected) in [
        (replaced, r#"{"resource":"terraform_data.up2","action":"replace","reason":"cannot_update"}"#),
        (moved, r#"{"resource":"terraform_data.up2","previous_resource":"terraform_data.up","action":"move"}"#),
        (imported, r#"{"resource":"terraform_data.up2","action":"import","importing":{"id":"abc"}}"#),
    ] {
        assert_eq!(short(&events::planned_change(&change))["change"].to_string(), expected);
    }
}

#[test]
fn a_diagnostic_has_its_lines_with_it() {
    let text = "check \"c\" {\n assert {\n  condition = var.v != \"2\"\n }\n}\n";
    let mut sources = Sources::default();
    let file: Arc<str> = "main.tf".into();
    sources.insert(file.clone(), text.into());
    let start = Pos { line: 3, column: 15, byte: 36 };
    let range = SourceRange { file, start, end: Pos { line: 3, column: 27, byte: 48 } };
    let mut warning = Diagnostic::warning("Check block assertion failed", "v is 2").at(range).within("check \"c\"");
    warning.values.push(("var.v".into(), "is \"2\"".into()));
    let expected = r#"{"severity":"warning","summary":"Check block assertion failed","detail":"v is 2","range":{"filename":"main.tf","start":{"line":3,"column":15,"byte":36},"end":{"line":3,"column":27,"byte":48}},"snippet":{"context":"check \"c\"","code":"  condition = var.v != \"2\"","start_line":3,"highlight_start_offset":14,"highlight_end_offset":26,"values":[{"traversal":"var.v","statement":"is \"2\""}]}}"#;
    assert_eq!(infra_view::json::diagnostic_json(&warning, &sources).to_string(), expected);
    let report = infra_view::json::validate_json(&warning.into(), &sources);
    assert_eq!((&report["valid"], &report["warning_count"]), (&json!(true), &json!(1)));
}
