//! Recorded answers of Terraform 1.11.4 to calls of every function: `data/functions.jsonl`, one in a line.
//!
//! What is compared is the value (its type, its JSON, whether it is sensitive) or the summary of the first error. How
//! many details of errors are worded differently is counted.

use std::path::PathBuf;
use std::time::SystemTime;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};
use infra_lang::eval::{Scope, Subject, TemplateSurroundings, console, evaluate, render_template};
use infra_lang::functions::{self, FunctionContext, Phase};
use infra_lang::syntax::parse_expression;
use infra_value::{Kind, Marks, Members, Number, Value};
use serde_json::Value as Json;

/// How many of a hundred answers must be the same.
const BAR: f64 = 99.5;

/// The console in a folder without any configuration.
struct Console<'a> {
    functions: &'a FunctionContext<'a>,
}

impl Scope for Console<'_> {
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        match subject {
            Subject::Path(_) => Ok(Value::string(".")),
            Subject::Terraform(name) if &**name == "workspace" => Ok(Value::string("default")),
            Subject::Terraform(_) => Ok(Value::bool(false).with_marks(Marks::EPHEMERAL)),
            Subject::Local(name) => {
                let detail = format!("A local value with the name \"{name}\" has not been declared.");
                Err(Diagnostic::error("Reference to undeclared local value", detail).at(range.clone()).into())
            }
            _ => Err(Diagnostic::error("Invalid reference", "").at(range.clone()).into()),
        }
    }

    fn functions(&self) -> &FunctionContext<'_> {
        self.functions
    }
}

fn with_functions<T>(f: impl FnOnce(&FunctionContext<'_>) -> T) -> T {
    let base_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let home_dir = PathBuf::from("/home/someone");
    let now = || SystemTime::UNIX_EPOCH;
    let around = TemplateSurroundings {
        base_dir: &base_dir,
        home_dir: Some(&home_dir),
        phase: Phase::Apply,
        plan_timestamp: None,
        now: &now,
    };
    let render = |text: &str, name: &str, vars: &Members| render_template(text, name, vars, around);
    f(&FunctionContext {
        base_dir: base_dir.clone(),
        home_dir: Some(home_dir.clone()),
        phase: Phase::Apply,
        plan_timestamp: None,
        now: &now,
        render_template: &render,
        inside_template: false,
    })
}

fn answer(row: &Json, functions: &FunctionContext<'_>) -> Result<Value, Diagnostics> {
    let text = row["expr"].as_str().unwrap_or_default();
    let expr = parse_expression(&"<console-input>".into(), text.trim(), Pos::default())?;
    evaluate(&expr, &Console { functions })
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn json(value: &Value, functions: &FunctionContext<'_>) -> Option<Json> {
    let encode = functions::lookup("jsonencode")?;
    let text = functions::call(encode, &[value.unmark_deep().0], functions).ok()?;
    serde_json::from_str(text.as_str()?).ok()
}

/// The same JSON, whatever way its numbers are written.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            let number = |n: &serde_json::Number| Number::parse(&n.to_string()).ok();
            number(a) == number(b)
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|other| same(v, other)))
        }
        _ => a == b,
    }
}

fn value_difference(row: &Json, value: &Value, functions: &FunctionContext<'_>) -> String {
    let mut differences = Vec::new();
    let shown = console::render_console(value);
    let ty = squeezed(&console::render_type(&value.ty()));
    if ty != row["type"].as_str().unwrap_or_default() {
        differences.push(format!("type {ty} for {}", row["type"]));
    }
    let within = !value.is_sensitive() && value.marks_deep().contains(Marks::SENSITIVE);
    if value.is_sensitive() != (row["sensitive"] == true) || within != (row["sensitive_within"] == true) {
        differences.push(format!("sensitive: {}, within: {within}", value.is_sensitive()));
    }
    if row["unknown"] == true {
        if value.is_known() {
            differences.push(format!("got {shown} for an unknown value"));
        }
    } else if let Some(infinite) = row["infinite"].as_str() {
        let negative = infinite.starts_with('-');
        if !matches!(value.kind(), Kind::Number(n) if n.is_infinite() && n.is_negative() == negative) {
            differences.push(format!("got {shown} for {infinite}"));
        }
    } else if json(value, functions).is_none_or(|json| !same(&json, &row["json"])) {
        let got = json(value, functions).map_or_else(|| "no JSON".to_owned(), |json| json.to_string());
        differences.push(format!("got {got} for {}", row["json"]));
    }
    differences.join("; ")
}

/// What is different from the recorded answer (nothing: an empty text), and whether an error is worded differently.
fn difference(row: &Json, functions: &FunctionContext<'_>) -> (String, Option<String>) {
    match answer(row, functions) {
        Ok(value) if row["ok"] == true => (value_difference(row, &value, functions), None),
        Ok(value) => (format!("got {} for the error {}", console::render_console(&value), row["error"]), None),
        Err(problems) => {
            let first = problems.iter().find(|p| p.is_error()).cloned();
            let (summary, detail) = first.map(|p| (p.summary, squeezed(&p.detail))).unwrap_or_default();
            if row["ok"] == true || row["error"] != summary.as_str() {
                return (format!("got {summary} ({detail}) for {} ({})", row["error"], row["detail"]), None);
            }
            let other_words = row["detail"] != detail.as_str();
            (String::new(), other_words.then(|| format!("{detail} | {}", row["detail"])))
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the differences are what one runs this for")]
fn functions_give_what_they_give_in_terraform() {
    let lines = include_str!("data/functions.jsonl").lines();
    let rows: Vec<Json> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut right, mut reworded) = (0, 0);
    with_functions(|functions| {
        for row in &rows {
            let (difference, other_words) = difference(row, functions);
            if difference.is_empty() {
                right += 1;
            } else {
                eprintln!("{} {}: {difference}", row["id"], row["expr"]);
            }
            if let Some(words) = other_words {
                reworded += 1;
                eprintln!("  words of {} {}: {words}", row["id"], row["expr"]);
            }
        }
    });
    let score = 100.0 * f64::from(right) / rows.len() as f64;
    eprintln!("{right} of {} answers are the same: {score:.2} %; {reworded} errors in other words", rows.len());
    assert!(score >= BAR, "{score:.2} % is below {BAR} %");
}
