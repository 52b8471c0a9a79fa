//! The operators and conversions, applied as in some 1,600 recorded expressions (`data/expressions.jsonl`: the
//! expression as text and as a tree, and Terraform's answer).

use infra_value::{Marks, Number, OpError, Type, Value, convert, type_from_json, value_to_json};
use serde_json::Value as Json;

/// The summary of an error.
type Failure = String;

fn failed(e: OpError) -> Failure {
    e.summary().to_owned()
}

fn evaluate(tree: &Json) -> Result<Value, Failure> {
    let parts = tree.as_array().expect("a tree is an array");
    let (head, rest) = parts.split_first().expect("a tree has a head");
    let head = head.as_str().expect("a head is a text");
    let text = |i: usize| rest[i].as_str().expect("a text");
    let arg = |i: usize| evaluate(&rest[i]);
    let binary =
        |operation: fn(&Value, &Value) -> Result<Value, OpError>| operation(&arg(0)?, &arg(1)?).map_err(failed);
    let to = |ty: Type| convert(&arg(0)?, &ty).map_err(|_| "Invalid function argument".to_owned());
    match head {
        "number" => Ok(Value::number(Number::parse(text(0)).expect("a number"))),
        "string" => Ok(Value::string(text(0))),
        "bool" => Ok(Value::bool(rest[0].as_bool().expect("a bool"))),
        "null" => Ok(Value::null(Type::Dynamic)),
        "tuple" => rest.iter().map(evaluate).collect::<Result<Vec<_>, _>>().map(Value::tuple),
        "object" => rest
            .iter()
            .map(|pair| Ok((pair[0].as_str().expect("a name"), evaluate(&pair[1])?)))
            .collect::<Result<Vec<_>, Failure>>()
            .map(Value::object),
        "tolist" => to(Type::list(Type::Dynamic)),
        "toset" => to(Type::set(Type::Dynamic)),
        "tomap" => to(Type::map(Type::Dynamic)),
        "tonumber" => to(Type::Number),
        "tostring" => to(Type::String),
        "tobool" => to(Type::Bool),
        "sensitive" => Ok(arg(0)?.with_marks(Marks::SENSITIVE)),
        "neg" => arg(0)?.negate().map_err(failed),
        "!" => arg(0)?.not().map_err(failed),
        "==" => Ok(arg(0)?.equals(&arg(1)?)),
        "!=" => Ok(arg(0)?.not_equals(&arg(1)?)),
        "+" => binary(Value::add),
        "-" => binary(Value::sub),
        "*" => binary(Value::mul),
        "/" => binary(Value::div),
        "%" => binary(Value::rem),
        "<" => binary(Value::less_than),
        ">" => binary(Value::greater_than),
        "<=" => binary(Value::less_or_equal),
        ">=" => binary(Value::greater_or_equal),
        "&&" => binary(Value::and),
        "||" => binary(Value::or),
        "index" => binary(Value::index),
        "attr" => arg(0)?.get_attr(text(1)).map_err(failed),
        "?:" => {
            let (condition, when_true, when_false) = (arg(0)?, arg(1), arg(2));
            let chosen = if condition.as_bool() == Some(false) { &when_false } else { &when_true };
            if let Err(e) = chosen {
                return Err(e.clone());
            }
            let open = |result: Result<Value, Failure>| result.unwrap_or_else(|_| Value::dynamic());
            Value::conditional(&condition, &open(when_true), &open(when_false)).map_err(failed)
        }
        other => panic!("no such expression: {other}"),
    }
}

fn compare(row: &Json) -> Result<(), String> {
    let got = evaluate(&row["tree"]);
    if let Some(error) = row["error"].as_str() {
        return match got {
            Err(summary) if summary == error => Ok(()),
            other => Err(format!("wanted the error {error}, got {other:?}")),
        };
    }
    let value = got.map_err(|summary| format!("failed: {summary}"))?;
    if Some(value.is_sensitive()) != row["sensitive"].as_bool() {
        return Err(format!("sensitive: {}", value.is_sensitive()));
    }
    let (value, _) = value.unmark_deep();
    let ty = type_from_json(&row["type"]).map_err(|e| e.to_string())?;
    if value.ty() != ty {
        return Err(format!("wanted {ty:?}, got {:?}", value.ty()));
    }
    if let Some(text) = row["text"].as_str() {
        let shown = value.as_number().map(Number::to_string);
        return if shown.as_deref() == Some(text) { Ok(()) } else { Err(format!("got {shown:?}")) };
    }
    let json = value_to_json(&value, &ty).map_err(|e| e.to_string())?;
    let wanted = undecorated(&row["json"]);
    if undecorated(&json) == wanted { Ok(()) } else { Err(format!("wanted {wanted}, got {json}")) }
}

/// The same JSON with each number as Terraform's text of it, so that only the value counts.
fn undecorated(json: &Json) -> Json {
    match json {
        Json::Number(n) => Json::String(format!("#{}", Number::parse(n.as_str()).expect("a number"))),
        Json::Array(elements) => elements.iter().map(undecorated).collect(),
        Json::Object(members) => members.iter().map(|(k, v)| (k.clone(), undecorated(v))).collect(),
        other => other.clone(),
    }
}

#[test]
fn expressions_answer_as_recorded() {
    let mut wrong = Vec::new();
    for line in include_str!("data/expressions.jsonl").lines() {
        let row: Json = serde_json::from_str(line).expect("a row of JSON");
        if let Err(difference) = compare(&row) {
            wrong.push(format!("{}: {difference}", row["expr"].as_str().unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn conversions_answer_as_recorded() {
    let mut wrong = Vec::new();
    for line in include_str!("data/conversions.jsonl").lines() {
        let row: Json = serde_json::from_str(line).expect("a row of JSON");
        let given = evaluate(&row["given"]).expect("a literal");
        let to = type_from_json(&row["to"]).expect("a type");
        let got = convert(&given, &to);
        let fits = match (&got, row["error"].as_str()) {
            (Err(e), Some(message)) => e.message == message,
            (Ok(value), None) => {
                Some(value.ty()) == type_from_json(&row["type"]).ok()
                    && value_to_json(value, &value.ty()).is_ok_and(|j| undecorated(&j) == undecorated(&row["json"]))
            }
            _ => false,
        };
        if !fits {
            wrong.push(format!("{line}\n    got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
