//! Recorded answers of Terraform 1.11.4 to expressions: `data/language.jsonl`, one in a line.
//!
//! What is compared is the value (its type, its JSON, whether it is sensitive) or the summary of the first error. The
//! details of errors are our own words.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};
use infra_lang::eval::reference::{undeclared_local, undeclared_variable};
use infra_lang::eval::{Scope, Subject, TemplateSurroundings, console, evaluate, render_template};
use infra_lang::functions::{self, FunctionContext, Phase};
use infra_lang::syntax::{Body, Expr, parse_expression, parse_file};
use infra_value::{Kind, Marks, Members, Value};
use serde_json::Value as Json;

/// How many of a hundred answers must be the same.
const BAR: f64 = 99.5;

/// The console in a folder with nothing but local values.
struct Console<'a> {
    locals: &'a BTreeMap<Arc<str>, Expr>,
    known: RefCell<BTreeMap<Arc<str>, Value>>,
    functions: &'a FunctionContext<'a>,
}

impl Scope for Console<'_> {
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        let error = |summary: &str| Err(Diagnostic::error(summary, "").at(range.clone()).into());
        match subject {
            Subject::Variable(name) => Err(undeclared_variable(name, &[]).at(range.clone()).into()),
            Subject::Local(name) => {
                if let Some(value) = self.known.borrow().get(name) {
                    return Ok(value.clone());
                }
                let Some(expr) = self.locals.get(name) else {
                    return Err(undeclared_local(name, &[]).at(range.clone()).into());
                };
                let value = evaluate(expr, self)?;
                self.known.borrow_mut().insert(name.clone(), value.clone());
                Ok(value)
            }
            Subject::Resource { .. } => error("Reference to undeclared resource"),
            Subject::Module { .. } => error("Reference to undeclared module"),
            Subject::CountIndex => error("Reference to \"count\" in non-counted context"),
            Subject::EachKey => error("Reference to \"each\" in context without for_each"),
            Subject::EachValue => error("each.value cannot be used in this context"),
            Subject::SelfRef => error("Invalid \"self\" reference"),
            Subject::Path(_) => Ok(Value::string(".")),
            Subject::Terraform(name) if &**name == "workspace" => Ok(Value::string("default")),
            Subject::Terraform(_) => Ok(Value::bool(false)),
        }
    }

    fn functions(&self) -> &FunctionContext<'_> {
        self.functions
    }
}

/// Calls `f` with what functions see in the console.
fn with_functions<T>(f: impl FnOnce(&FunctionContext<'_>) -> T) -> T {
    let base_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let now = || SystemTime::UNIX_EPOCH;
    let render = |text: &str, name: &str, variables: &Members| {
        let around = TemplateSurroundings {
            base_dir: &base_dir,
            home_dir: None,
            phase: Phase::Apply,
            plan_timestamp: None,
            now: &now,
        };
        render_template(text, name, variables, around)
    };
    f(&FunctionContext {
        base_dir: base_dir.clone(),
        home_dir: None,
        phase: Phase::Apply,
        plan_timestamp: None,
        now: &now,
        render_template: &render,
        inside_template: false,
    })
}

fn locals(text: &str) -> Result<BTreeMap<Arc<str>, Expr>, Diagnostics> {
    let (body, problems) = parse_file(&"main.tf".into(), text);
    if problems.has_errors() {
        return Err(problems);
    }
    let Body::Native(body) = body else { return Ok(BTreeMap::new()) };
    let blocks = body.blocks.into_iter().filter(|b| &*b.ty == "locals");
    let bodies = blocks.filter_map(|b| match b.body {
        Body::Native(body) => Some(body),
        Body::Json(_) | Body::Overridden(_) => None,
    });
    Ok(bodies.flat_map(|body| body.attributes).map(|a| (a.name, a.expr)).collect())
}

fn answer(row: &Json, functions: &FunctionContext<'_>) -> Result<Value, Diagnostics> {
    let text = row["expr"].as_str().unwrap_or_default();
    if row["via"] == "file" {
        let locals = locals(&format!("locals {{\n  v = {text}\n}}\n"))?;
        let scope = Console { locals: &locals, known: RefCell::default(), functions };
        return evaluate(&locals["v"], &scope);
    }
    let locals = locals(&format!("locals {{{}}}\n", row["locals"].as_str().unwrap_or_default()))?;
    let scope = Console { locals: &locals, known: RefCell::default(), functions };
    let expr = parse_expression(&"<console-input>".into(), text.trim(), Pos::default())?;
    evaluate(&expr, &scope)
}

/// The error that Terraform would show first.
fn first(problems: Diagnostics) -> Diagnostic {
    let mut problems: Vec<Diagnostic> = problems.into_iter().filter(Diagnostic::is_error).collect();
    problems.sort_by_key(|p| p.subject.as_ref().map(|at| (at.file.clone(), at.start.byte, at.end.byte)));
    problems.remove(0)
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
            let number = |n: &serde_json::Number| infra_value::Number::parse(&n.to_string()).ok();
            number(a) == number(b)
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|other| same(v, other)))
        }
        _ => a == b,
    }
}

/// What is different from the recorded answer, and whether the detail of an error is worded differently.
fn difference(row: &Json, functions: &FunctionContext<'_>) -> (Option<String>, bool) {
    match answer(row, functions) {
        Err(problems) => {
            let got = first(problems);
            if row["ok"] == true {
                return (Some(format!("got the error {}: {}", got.summary, got.detail)), false);
            }
            let alternatives = row["any_of"].as_array().cloned().unwrap_or_default();
            let field = |name: &str| {
                let others = alternatives.iter().filter_map(|a| a.get(name));
                others.chain([&row[name]]).filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
            };
            let summaries = field("error");
            if !summaries.contains(&got.summary) {
                return (Some(format!("got {} ({}) for {summaries:?}", got.summary, got.detail)), false);
            }
            (None, !field("detail").contains(&squeezed(&got.detail)))
        }
        Ok(value) if row["ok"] == false => {
            (Some(format!("got {} for the error {}", console::render_console(&value), row["error"])), false)
        }
        Ok(value) => {
            let mut differences = Vec::new();
            let ty = squeezed(&console::render_type(&value.ty()));
            if ty != row["type"].as_str().unwrap_or_default() {
                differences.push(format!("type {ty} for {}", row["type"]));
            }
            if value.is_sensitive() != (row["sensitive"] == true) {
                differences.push(format!("sensitive: {}", value.is_sensitive()));
            }
            let within = !value.is_sensitive() && value.marks_deep().contains(Marks::SENSITIVE);
            if within != (row["sensitive_within"] == true) {
                differences.push(format!("sensitive within: {within}"));
            }
            if row["unknown"] == true || row["ephemeral"] == true {
                let as_said = if row["unknown"] == true { !value.is_known() } else { !value.marks().is_empty() };
                if !as_said {
                    differences.push(format!("got {}", console::render_console(&value)));
                }
            } else if let Some(infinite) = row["infinite"].as_str() {
                match value.kind() {
                    Kind::Number(n) if n.is_infinite() && n.is_negative() == infinite.starts_with('-') => {}
                    _ => differences.push(format!("got {} for {infinite}", console::render_console(&value))),
                }
            } else if json(&value, functions).is_none_or(|json| !same(&json, &row["json"])) {
                let got = json(&value, functions).map_or_else(|| "no JSON".to_owned(), |json| json.to_string());
                differences.push(format!("got {got} for {}", row["json"]));
            }
            let all = differences.join("; ");
            ((!all.is_empty()).then_some(all), false)
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the differences are what one runs this for")]
fn expressions_mean_what_they_mean_to_terraform() {
    let rows = include_str!("data/language.jsonl").lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let rows: Vec<Json> = rows.collect();
    let (mut right, mut reworded) = (0, 0);
    with_functions(|functions| {
        for row in &rows {
            let (difference, other_words) = difference(row, functions);
            reworded += u32::from(other_words);
            match difference {
                None => right += 1,
                Some(what) => eprintln!("{} {}: {what}", row["id"].as_str().unwrap_or_default(), row["expr"]),
            }
        }
    });
    let score = 100.0 * f64::from(right) / rows.len() as f64;
    eprintln!("{right} of {} answers are the same: {score:.2} %; {reworded} errors in other words", rows.len());
    assert!(score >= BAR, "{score:.2} % is below {BAR} %");
}
