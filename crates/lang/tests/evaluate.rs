//! What becomes of unknown and sensitive values in expressions, and what errors say.

use std::path::PathBuf;
use std::time::SystemTime;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};
use infra_lang::eval::console::render_console;
use infra_lang::eval::{Scope, Subject, evaluate, references};
use infra_lang::functions::{FunctionContext, FunctionError, Phase};
use infra_lang::syntax::parse_expression;
use infra_value::{Marks, Members, Type, Value};

/// Input variables: some known, some not, some sensitive.
struct Variables<'a>(&'a FunctionContext<'a>);

impl Scope for Variables<'_> {
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        let Subject::Variable(name) = subject else {
            return Err(Diagnostic::error("Undeclared", format!("{subject:?}")).at(range.clone()).into());
        };
        Ok(match &**name {
            "n" => Value::number(3),
            "list" => Value::strings(["a", "b"]),
            "text" => Value::unknown(Type::String),
            "flag" => Value::unknown(Type::Bool),
            "texts" => Value::unknown(Type::list(Type::String)),
            "any" => Value::dynamic(),
            "secret" => Value::string("s").with_marks(Marks::SENSITIVE),
            "secrets" => Value::strings(["s"]).with_marks(Marks::SENSITIVE),
            _ => return Err(Diagnostic::error("Undeclared", name.to_string()).at(range.clone()).into()),
        })
    }
    fn functions(&self) -> &FunctionContext<'_> {
        self.0
    }
}

fn eval(text: &str) -> Result<Value, Diagnostics> {
    let now = || SystemTime::UNIX_EPOCH;
    let render = |_: &str, _: &str, _: &Members| Err(FunctionError::call("no templates here"));
    let functions = FunctionContext {
        base_dir: PathBuf::from("."),
        home_dir: None,
        phase: Phase::Plan,
        plan_timestamp: None,
        now: &now,
        render_template: &render,
        inside_template: false,
    };
    let expr = parse_expression(&"main.tf".into(), text, Pos::default())?;
    evaluate(&expr, &Variables(&functions))
}

fn shown(text: &str) -> String {
    let value = eval(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    let ty = value.ty().friendly_name();
    let marks = if value.is_sensitive() { ", sensitive" } else { "" };
    let facts = match value.facts().prefix.filter(|_| !value.is_known()) {
        Some(prefix) => format!(", from {prefix:?}"),
        None => String::new(),
    };
    let value = render_console(&value.unmark().0).split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{value} ({ty}{marks}{facts})")
}

fn errors(text: &str) -> Vec<String> {
    let problems = eval(text).expect_err(text);
    let lines = problems.iter().map(|p| {
        let at = p.subject.as_ref().map(SourceRange::to_string).unwrap_or_default();
        let values: Vec<String> = p.values.iter().map(|(name, is)| format!(" [{name} {is}]")).collect();
        format!("{at} {}{}", p.summary, values.concat())
    });
    lines.collect()
}

#[test]
fn unknown_and_sensitive_values_flow_through() {
    let table = [
        ("\"x-${var.text}\"", "(known after apply) (string, from \"x-\")"),
        ("\"${var.text}-x\"", "(known after apply) (string)"),
        ("\"x-${var.secret}\"", "\"x-s\" (string, sensitive)"),
        ("\"a/%{ if var.flag }b%{ endif }\"", "(known after apply) (string, from \"a/\")"),
        ("\"%{ for x in var.texts }${x}%{ endfor }\"", "(known after apply) (string)"),
        ("var.flag ? 1 : 2", "(known after apply) (number)"),
        ("var.flag ? \"a\" : 2", "(known after apply) (string)"),
        ("var.flag ? null : null", "null (dynamic)"),
        ("var.text == null", "(known after apply) (bool)"),
        ("\"x${var.text}\" == null", "false (bool)"),
        ("[for x in var.texts : x]", "(known after apply) (dynamic)"),
        ("var.texts[*]", "(known after apply) (list of string)"),
        ("var.texts[0]", "(known after apply) (string)"),
        ("var.text[*]", "(known after apply) (dynamic)"),
        ("\"x${var.text}\"[*]", "[ (known after apply), ] (tuple)"),
        ("var.any.a[0].b", "(known after apply) (dynamic)"),
        ("{ (var.text) = 1 }", "(known after apply) (dynamic)"),
        ("[var.text, 1]", "[ (known after apply), 1, ] (tuple)"),
        ("[for x in var.secrets : x]", "[ \"s\", ] (tuple, sensitive)"),
        ("{ for x in [var.secret] : x => 1 }", "{ \"s\" = 1 } (object, sensitive)"),
        ("{ (var.secret) = 1 }", "{ \"s\" = 1 } (object, sensitive)"),
        ("var.secret == \"s\" ? 1 : 2", "1 (number, sensitive)"),
        ("var.n + 1 > 3 && var.secret != \"\"", "true (bool, sensitive)"),
        ("try(var.any.x, 1)", "(known after apply) (dynamic)"),
        ("try(var.list.x, var.secret)", "\"s\" (string, sensitive)"),
        ("can(var.text)", "(known after apply) (bool)"),
        ("can(var.list[5])", "false (bool)"),
    ];
    for (text, expected) in table {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn errors_are_at_their_place_with_the_values_involved() {
    let table: &[(&str, &[&str])] = &[
        ("var.list.name", &["main.tf:1,9-14 Unsupported attribute [var.list is list of string with 2 elements]"]),
        (
            "var.list[var.n]",
            &["main.tf:1,9-16 Invalid index [var.list is list of string with 2 elements] [var.n is 3]"],
        ),
        ("var.n + var.list", &["main.tf:1,9-17 Invalid operand [var.list is list of string with 2 elements]"]),
        (
            "\"${var.list}x\"",
            &["main.tf:1,4-12 Invalid template interpolation value [var.list is list of string with 2 elements]"],
        ),
        ("[for x in var.n : x]", &["main.tf:1,11-16 Iteration over non-iterable value [var.n is 3]"]),
        (
            "[for x in var.list : x.y]",
            &["main.tf:1,23-25 Unsupported attribute", "main.tf:1,23-25 Unsupported attribute"],
        ),
        ("var.secret.x", &["main.tf:1,11-13 Unsupported attribute"]),
        ("[1 + [], {}.a, var.n]", &["main.tf:1,6-8 Invalid operand", "main.tf:1,12-14 Unsupported attribute"]),
        ("true ? 1 : [][0] + var.nope", &["main.tf:1,20-28 Undeclared"]),
        ("try(var.nope, 1)", &["main.tf:1,5-13 Undeclared"]),
        ("var.flag ? 1 : []", &["main.tf:1,12-18 Inconsistent conditional result types"]),
        ("var.n ? 1 : 2", &["main.tf:1,1-6 Incorrect condition type [var.n is 3]"]),
    ];
    for (text, expected) in table {
        assert_eq!(errors(text), *expected, "{text}");
    }
    assert_eq!(eval("true ? 1 : [][0]"), Ok(Value::number(1)));
}

#[test]
fn as_much_nesting_as_the_parser_takes_can_be_evaluated() {
    for (open, close) in [
        ("1 + (", ")"),
        ("true ? 1 : [", "][0]"),
        ("[for x in [1] : ", "]"),
        ("{ for x in [1] : x => ", "}"),
        ("\"${[", "]}\""),
        ("try(", ")"),
        ("!", ""),
        ("[{ a = ", "}][*].a"),
    ] {
        for depth in 1..1000 {
            let text = format!("{}true{}", open.repeat(depth), close.repeat(depth));
            let Err(problems) = eval(&text) else { continue };
            let told = |summary: &str| problems.iter().any(|p| p.summary == summary);
            assert!(!told("Expression nested too deeply"), "{open}: {depth}");
            if told("Excessive nesting") {
                break;
            }
        }
    }
    assert_eq!(eval(&format!("1{}", " + 1".repeat(300))), Ok(Value::number(301)));
}

#[test]
fn references_are_told_from_bound_names() {
    let text =
        "[for k, v in aws_subnet.s[0].tags : \"${k}${v}${data.aws_region.r.name}\" if module.m[\"x\"].out != each.key]";
    let expr = parse_expression(&"main.tf".into(), text, Pos::default()).unwrap();
    let (found, problems) = references(&expr);
    assert!(problems.is_empty());
    let found: Vec<String> = found.iter().map(|r| format!("{} {}", r.range, r.remaining.len())).collect();
    assert_eq!(found, ["main.tf:1,14-29 1", "main.tf:1,48-65 1", "main.tf:1,76-93 0", "main.tf:1,97-105 0"]);
}
