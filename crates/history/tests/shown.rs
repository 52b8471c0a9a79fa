//! What a record shows of values, and what it does not.

use infra_history::{AttributeChange, Secrets, Shown, attribute_changes};
use infra_value::{Marks, Path, Type, Value};

fn told(changes: &[AttributeChange]) -> String {
    let side = |shown: &Option<Shown>| shown.as_ref().map_or("null".to_string(), ToString::to_string);
    changes.iter().map(|c| format!("{}: {} -> {}\n", c.path, side(&c.before), side(&c.after))).collect()
}

fn secret(text: &str) -> Value {
    Value::string(text).with_marks(Marks::SENSITIVE)
}

#[test]
fn attributes_are_told_by_their_paths_and_secrets_not_at_all() {
    let before = Value::object([
        ("id", Value::string("db-1")),
        ("password", secret("hunter22")),
        ("was_secret", secret("a")),
        ("same", Value::string("s")),
        ("tags", Value::map(Type::String, [("a", Value::string("1")), ("gone", Value::string("2"))])),
        ("ports", Value::set(Type::Number, [Value::number(80), Value::number(443)])),
        ("computed", Value::null(Type::String)),
        ("empty", Value::list(Type::String, [])),
    ]);
    let after = Value::object([
        ("id", Value::string("db-1")),
        ("password", secret("hunter23")),
        ("was_secret", Value::string("b")),
        ("same", Value::string("s")),
        ("tags", Value::map(Type::String, [("a", Value::string("3")), ("new", secret("x"))])),
        ("ports", Value::set(Type::Number, [Value::number(80)])),
        ("computed", Value::unknown(Type::String)),
        ("empty", Value::list(Type::String, [Value::bool(true)])),
    ]);
    insta::assert_snapshot!(told(&attribute_changes(&before, &after, &[], &Secrets::default())), @r#"
    computed: null -> (not known)
    empty: [] -> null
    empty[0]: null -> true
    password: (sensitive value) -> (sensitive value)
    ports: [80,443] -> [80]
    tags["a"]: "1" -> "3"
    tags["gone"]: "2" -> null
    tags["new"]: null -> (sensitive value)
    was_secret: (sensitive value) -> (sensitive value)
    "#);
}

#[test]
fn a_hidden_path_hides_what_it_leads_to_and_the_set_that_it_leads_into() {
    let value = Value::object([
        ("a", Value::object([("b", Value::string("1")), ("c", Value::string("2"))])),
        ("s", Value::set(Type::String, [Value::string("3")])),
    ]);
    let hidden = [Path::attribute("a").attr("b"), Path::attribute("s").index(Value::string("3"))];
    let null = Value::null(value.ty());
    insta::assert_snapshot!(told(&attribute_changes(&null, &value, &hidden, &Secrets::default())), @r#"
    a.b: null -> (sensitive value)
    a.c: null -> "2"
    s: null -> (sensitive value)
    "#);
}

#[test]
fn a_secret_is_found_where_it_was_copied_to() {
    let mut secrets = Secrets::default();
    secrets.add_marked(&Value::object([("p", secret("correct horse")), ("q", Value::string("shown"))]));
    secrets.add(&Value::number(123_456));
    assert!(secrets.hides("correct horse") && secrets.hides("url://u:correct horse@h") && secrets.hides("123456"));
    assert!(!secrets.hides("shown") && !secrets.hides("1234567"));
    assert_eq!(secrets.scrub("no \"correct horse\", 123456"), "no \"(sensitive value)\", (sensitive value)");
    let copied = Value::object([("out", Value::string("<correct horse>")), ("n", Value::number(123_456))]);
    let shown = told(&attribute_changes(&Value::null(copied.ty()), &copied, &[], &secrets));
    assert_eq!(shown, "n: null -> (sensitive value)\nout: null -> (sensitive value)\n");
    assert_eq!(format!("{secrets:?}"), "2 secrets");
}

#[test]
fn a_long_value_is_cut_and_named_by_its_length_and_digest() {
    let shown = Shown::of(&Value::string("é".repeat(5000)), &Secrets::default());
    assert_eq!((shown.value.is_none(), shown.length, shown.start.len()), (true, 10_000, 256));
    let text = shown.to_string();
    assert!(text.contains("… (10000 bytes, sha256:"), "{text}");
}
