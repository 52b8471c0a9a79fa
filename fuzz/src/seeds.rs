//! Inputs to begin with: the recorded ones that the tests of the crates hold.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::configuration::FILE;

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// The lines of a file of the repository; none where it is not there.
fn rows(path: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(crates().join(path)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn field(row: &Json, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

/// Files in native syntax and in JSON.
pub fn texts() -> Vec<String> {
    let mut texts: Vec<String> = rows("lang/tests/syntax/data/formatting.jsonl")
        .iter()
        .filter_map(|row| row[0].as_str().map(str::to_owned))
        .chain(rows("lang/tests/syntax/data/errors.jsonl").iter().map(|row| field(row, "text")))
        .collect();
    for row in rows("lang/tests/data/configurations.jsonl") {
        texts.extend(row["files"].as_object().into_iter().flatten().filter_map(|(_, t)| t.as_str().map(str::to_owned)));
    }
    texts.extend(rows("lang/tests/data/language.jsonl").iter().map(|row| format!("v = {}\n", field(row, "expr"))));
    texts
}

/// Expressions, with the names of the console's scope.
pub fn expressions() -> Vec<String> {
    let files = ["lang/tests/data/language.jsonl", "lang/tests/data/functions.jsonl"];
    let mut all: Vec<String> = files.iter().flat_map(|file| rows(file)).map(|row| field(&row, "expr")).collect();
    // Many places for the names that stand for something secret, unknown or odd.
    for name in ["secret", "secrets", "hidden", "nothing", "open", "any", "list", "map", "text", "n", "q1", "q2", "q3"]
    {
        all.push(format!("local.{name}"));
        all.push(format!("[for k, v in local.{name} : \"${{k}}-${{v}}\" if v != local.open]"));
        all.push(format!("local.{name} == local.secret ? local.{name} : local.list[local.{name}]"));
    }
    all
}

/// Texts of formats that functions read.
pub fn encoded() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for row in rows("lang/tests/data/functions.jsonl") {
        let expr = field(&row, "expr");
        // The quoted texts of the recorded calls, without their quotes.
        let texts: Vec<String> = expr.split('"').skip(1).step_by(2).map(|t| t.replace("\\n", "\n")).collect();
        all.push(texts.join("\u{1}"));
        all.extend(texts);
    }
    all.push("a: &x [1, *x]\n<<: {b: c}\n".into());
    all.push("? [a, b]\n: !!set {x, y}\n--- |\n  text\n...\n".into());
    all.push("%YAML 1.1\n%TAG ! tag:x,2000:\n---\n- !int \"3\"\n- 'a'' b'\n- >-\n  folded\n\n  more\n".into());
    all
}

/// State files.
pub fn states() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for folder in ["state/tests/data", "view/tests/data", "engine/tests/data", "cli/tests/program/data"] {
        for entry in std::fs::read_dir(crates().join(folder)).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            if text.contains("\"lineage\"") && text.len() < 100_000 {
                all.push(text);
            }
        }
    }
    let instance = r#"{"index_key":"a","schema_version":0,"attributes":{"id":"x","input":{"value":[1,{"a":null}],"type":["tuple",["number",["object",{"a":"string"}]]]},"output":null,"triggers_replace":null},"sensitive_attributes":[[{"type":"get_attr","value":"input"}]],"private":"bnVsbA==","dependencies":["terraform_data.b"],"create_before_destroy":true,"deposed":"0a1b2c3d"}"#;
    all.push(format!(
        r#"{{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"l","outputs":{{"o":{{"value":{{"a":1e400}},"type":["object",{{"a":"number"}}],"sensitive":true}}}},"resources":[{{"module":"module.m[0]","mode":"managed","type":"terraform_data","name":"a","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[{instance}]}}],"check_results":[{{"object_kind":"var","config_addr":"var.a","status":"fail","objects":[{{"object_addr":"var.a","status":"fail","failure_messages":["x"]}}]}}],"infra":{{"x":1}}}}"#
    ));
    all
}

/// Saved plans, of configurations that have one.
pub fn plans() -> Vec<String> {
    let all = configurations().into_iter().step_by(7);
    let saved = all.filter_map(|text| Some(crate::configuration::planned(&text)?.to_text()));
    saved.filter(|text| text.len() < 50_000).collect()
}

/// Folders of files, as the target `configuration` reads them.
pub fn configurations() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for row in rows("lang/tests/data/configurations.jsonl") {
        let files = row["files"].as_object().into_iter().flatten();
        all.push(files.map(|(path, text)| format!("{FILE}{path}\n{}\n", text.as_str().unwrap_or_default())).collect());
    }
    for row in rows("lang/tests/data/variables.jsonl") {
        all.push(format!("{}\noutput \"v\" {{\n  value = var.v\n}}\n", field(&row, "config")));
    }
    all
}
