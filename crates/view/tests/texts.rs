//! Texts of recorded plans and states.

use std::collections::HashMap;

use infra_address::{InstanceKey, ResourceMode, parse_resource_instance};
use infra_engine::plan::PlanMode;
use infra_schema::{Attribute, Block, Schema, parse_schema};
use infra_value::Type;
use infra_view::text::{TextOptions, plan_text, state_text};
use serde_json::{Value as Json, json};

/// The schemas that the recorded plans need, by mode and type.
fn schemas() -> HashMap<(String, String), Schema> {
    let json: Json = serde_json::from_str(include_str!("data/schemas.json")).unwrap();
    let mut all = HashMap::new();
    for (mode, types) in json.as_object().unwrap() {
        for (ty, schema) in types.as_object().unwrap() {
            all.insert((mode.clone(), ty.clone()), parse_schema(&schema.to_string()).unwrap());
        }
    }
    let attribute = |ty: Type| Attribute {
        ty,
        required: false,
        optional: true,
        computed: true,
        sensitive: false,
        write_only: false,
        deprecated: false,
        default: None,
        force_new: false,
    };
    let attributes = [
        ("id".into(), attribute(Type::String)),
        ("input".into(), attribute(Type::Dynamic)),
        ("output".into(), attribute(Type::Dynamic)),
        ("triggers_replace".into(), attribute(Type::Dynamic)),
    ];
    let block = Block { attributes: attributes.into(), ..Block::default() };
    all.insert(("managed".into(), "terraform_data".into()), Schema { version: 0, block });
    all
}

/// The entries with what their addresses say, in the order in which a plan has them.
fn completed(entries: &Json) -> Json {
    let mut entries: Vec<Json> = entries.as_array().cloned().unwrap_or_default();
    entries.sort_by_cached_key(|entry| {
        let a = parse_resource_instance(entry["address"].as_str().unwrap()).unwrap();
        let data = a.resource.mode != ResourceMode::Data;
        (a.module.0.len(), a.module, data, a.resource.ty, a.resource.name, a.key, entry["deposed"].to_string())
    });
    for entry in &mut entries {
        let a = parse_resource_instance(entry["address"].as_str().unwrap()).unwrap();
        let mode = if a.resource.mode == ResourceMode::Data { "data" } else { "managed" };
        entry["mode"] = json!(mode);
        entry["type"] = json!(*a.resource.ty);
        entry["name"] = json!(*a.resource.name);
        entry["provider_name"] = json!("any");
        if !a.module.is_root() {
            entry["module_address"] = json!(a.module.to_string());
        }
        match a.key {
            InstanceKey::None => {}
            InstanceKey::Int(n) => entry["index"] = json!(n),
            InstanceKey::Str(text) => entry["index"] = json!(*text),
        }
    }
    Json::Array(entries)
}

#[test]
fn recorded_plans_read_as_they_were_printed() {
    let schemas = schemas();
    let find = |_: &str, mode: &str, ty: &str| schemas.get(&(mode.to_string(), ty.to_string()));
    let mut wrong = Vec::new();
    for line in include_str!("data/plans.jsonl").lines() {
        let recorded: Json = serde_json::from_str(line).unwrap();
        let mut plan = recorded["plan"].clone();
        for part in ["resource_changes", "resource_drift"] {
            plan[part] = completed(&plan[part]);
        }
        let mode = match recorded["mode"].as_str() {
            Some("destroy") => PlanMode::Destroy,
            Some("refresh-only") => PlanMode::RefreshOnly,
            _ => PlanMode::Normal,
        };
        let text = plan_text(&plan, &find, &TextOptions { mode, ..TextOptions::default() });
        let expected = recorded["text"].as_str().unwrap();
        if text.trim_start_matches('\n') != expected {
            let difference = similar::TextDiff::from_lines(expected, text.trim_start_matches('\n'));
            wrong.push(format!("{}\n{}", recorded["step"], difference.unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "{} plans differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn recorded_states_read_as_they_were_printed() {
    let schemas = schemas();
    let find = |_: &str, mode: &str, ty: &str| schemas.get(&(mode.to_string(), ty.to_string()));
    for line in include_str!("data/states.jsonl").lines() {
        let recorded: Json = serde_json::from_str(line).unwrap();
        let text = state_text(&recorded["state"], &find, &TextOptions::default());
        let expected = recorded["text"].as_str().unwrap();
        let same = text.lines().count() == expected.lines().count()
            && text.lines().zip(expected.lines()).all(|(ours, theirs)| ours == theirs || hides(ours, theirs));
        assert!(same, "{}", similar::TextDiff::from_lines(expected, &text).unified_diff());
    }
}

/// Whether a line hides what was printed. `output` of terraform_data repeats `input`: what is sensitive there is printed in
/// clear by Terraform, and not here.
fn hides(ours: &str, theirs: &str) -> bool {
    let name = |line: &str| line.split_once(" = ").map(|(name, _)| name.to_string());
    ours.ends_with(" = (sensitive value)") && name(ours).is_some() && name(ours) == name(theirs)
}

#[test]
fn a_plan_that_failed_says_so() {
    let nothing = |_: &str, _: &str, _: &str| None;
    let text = |plan: &Json| plan_text(plan, &nothing, &TextOptions::default());
    let failed = "\nPlanning failed. Terraform encountered an error while generating this plan.\n\n";
    assert_eq!(text(&json!({"errored": true})), failed);
    let change = json!({"actions": ["create"], "before": null, "after": {"a": 1}});
    let changes = json!([{"address": "t.n", "mode": "managed", "type": "t", "name": "n", "change": change}]);
    let halfway = text(&json!({"errored": true, "resource_changes": changes}));
    assert!(halfway.contains("\nTerraform planned the following actions, but then encountered a problem:\n"));
    assert!(halfway.ends_with(
        "\n  + resource \"t\" \"n\" {\n      + a = 1\n    }\n\nPlan: 1 to add, 0 to change, 0 to destroy.\n"
    ));
}

#[test]
fn colours_change_nothing_else() {
    let change =
        json!({"actions": ["update"], "before": {"a": 1, "b": "x", "c": 2}, "after": {"a": 2, "b": null, "c": 2}});
    let changes = json!([{"address": "t.n", "mode": "managed", "type": "t", "name": "n", "change": change}]);
    let plan = json!({"resource_changes": changes, "output_changes": {"o": {"actions": ["create"], "after": true}}});
    let nothing = |_: &str, _: &str, _: &str| None;
    let plain = plan_text(&plan, &nothing, &TextOptions::default());
    let mut coloured = plan_text(&plan, &nothing, &TextOptions { colour: true, ..TextOptions::default() });
    assert!(coloured.contains("      \u{1b}[33m~\u{1b}[0m a = 1 \u{1b}[33m->\u{1b}[0m 2\n"), "{coloured}");
    for code in [0, 1, 31, 32, 33, 36, 90] {
        coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(coloured, plain);
}
