//! Input variables take the values that Terraform gives them, and refuse what it refuses.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use infra_diag::Diagnostics;
use infra_lang::config::{LoadOptions, Variable, load, parse_variable_arg, variables_file};
use infra_value::{Type, Value, value_to_json};
use serde_json::Value as Json;

/// Errors that only show when a validation is evaluated.
const NEEDS_EVALUATION: &[&str] = &[
    "Invalid value for variable",
    "Invalid variable validation result",
    "Invalid function argument",
    "Error in function call",
    "Call to unknown function",
];

#[test]
fn variables_take_the_values_that_terraform_gives_them() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/variables.jsonl"))
        .expect("the recorded answers are readable");
    let (mut total, mut same) = (0, 0);
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("a recorded answer is JSON");
        let error = case["error"].as_str();
        if error.is_some_and(|e| NEEDS_EVALUATION.contains(&e)) || case["unknown"] == true {
            continue;
        }
        total += 1;
        let difference = match (given(&case), error) {
            (Ok(value), None) => compare(&value, &case),
            (Err(found), Some(error)) => match found.iter().any(|summary| summary == error) {
                true => None,
                false => Some(format!("error {error}, and here {found:?}")),
            },
            (Ok(value), Some(error)) => Some(format!("error {error}, and here {value:?}")),
            (Err(found), None) => Some(format!("a value, and here {found:?}")),
        };
        match difference {
            None => same += 1,
            Some(difference) => eprintln!(
                "== {}\n{}given {:?} by {}: {difference}\n",
                case["id"],
                case["config"].as_str().unwrap_or_default(),
                case["given"],
                case["via"]
            ),
        }
    }
    eprintln!("{same} of {total} variables are judged alike");
    assert_eq!(same, total);
}

fn summaries(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.iter().filter(|d| d.is_error()).map(|d| d.summary.clone()).collect()
}

/// The value of the variable in a recorded case.
fn given(case: &Json) -> Result<Value, Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(folder.path().join("main.tf"), case["config"].as_str().unwrap_or_default())
        .expect("files can be written");
    let (config, _, diagnostics) = load(folder.path(), &LoadOptions::default());
    if diagnostics.has_errors() {
        return Err(summaries(&diagnostics));
    }
    let variable = &config.root.variables["v"];
    let value = match (case["given"].as_str(), case["via"].as_str()) {
        (Some(text), Some("tfvars")) => {
            let file: Arc<str> = "given.tfvars".into();
            let (mut values, problems) = variables_file(&file, &format!("v = {text}\n"));
            if problems.has_errors() {
                return Err(summaries(&problems));
            }
            values.remove("v").map(|given| given.value)
        }
        (Some(text), _) => Some(parse_variable_arg(text, variable).map_err(|d| summaries(&d))?),
        (None, _) => None,
    };
    prepared(variable, value)
}

fn prepared(variable: &Variable, value: Option<Value>) -> Result<Value, Vec<String>> {
    let value = value.or_else(|| variable.default.clone()).unwrap_or_else(Value::dynamic);
    variable.prepare(value).map_err(|d| vec![d.summary])
}

fn compare(value: &Value, case: &Json) -> Option<String> {
    if case["ephemeral"] == true {
        return None;
    }
    let expected = &case["json"];
    let found = match value_to_json(value, &value.ty()) {
        Ok(json) => json,
        Err(error) => return Some(format!("{expected}, and here {error}")),
    };
    let equal = same_json(&found, expected);
    (!equal || value.ty() == Type::Dynamic && !value.is_null()).then(|| format!("{expected}, and here {found}"))
}

/// Whether both are the same, numbers by their value.
fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            infra_value::Number::parse(&a.to_string()) == infra_value::Number::parse(&b.to_string())
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same_json(a, b)))
        }
        (a, b) => a == b,
    }
}
