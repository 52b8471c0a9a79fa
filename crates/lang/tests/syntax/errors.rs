//! What is told about faulty files, and where.

use std::fmt::Write;
use std::sync::Arc;

use infra_diag::{Diagnostics, RenderOptions, Sources, render};
use infra_lang::syntax::{parse_file, parse_json_file};

fn places(diagnostics: &Diagnostics) -> Vec<(String, u64, u64)> {
    let place = |d: &infra_diag::Diagnostic| {
        let start = d.subject.as_ref().map(|s| s.start).unwrap_or_default();
        (d.summary.clone(), u64::from(start.line), u64::from(start.column))
    };
    let mut places: Vec<_> = diagnostics.iter().map(place).collect();
    places.sort();
    places
}

#[test]
fn errors_are_those_of_terraform_at_the_same_places() {
    for line in include_str!("data/errors.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = row["text"].as_str().unwrap();
        let mut expected: Vec<(String, u64, u64)> = serde_json::from_value(row["errors"].clone()).unwrap();
        expected.sort();
        assert_eq!(places(&parse_file(&Arc::from("main.tf"), text).1), expected, "{text}");
    }
}

#[test]
fn what_stands_before_an_error_is_kept() {
    let (body, errors) = parse_file(&Arc::from("main.tf"), "a {\n  b = 1\n  c = [1 2]\n  d = 3\n}\ne = 4\n");
    assert_eq!(places(&errors), [("Missing item separator".to_owned(), 3, 10)]);
    let infra_lang::syntax::Body::Native(body) = body else { panic!("not native") };
    let infra_lang::syntax::Body::Native(block) = &body.blocks[0].body else { panic!("not native") };
    assert_eq!(block.attributes.iter().map(|a| &*a.name).collect::<Vec<_>>(), ["b", "c", "d"]);
    assert_eq!(&*body.attributes[0].name, "e");
}

#[test]
fn errors_read_well() {
    let native = [
        "a = 1 & 2",
        "a = 'x'",
        "a = \"x\ny\"",
        "a \"b {\n}",
        "a {\n  b = 1",
        "a { b = 1, c = 2 }",
        "a { b {} }",
        "a = 1\na = 2",
        "\"a\" = 1",
        "a = f(1",
        "a = [1",
        "a = { b",
        "a = \"${1\"",
        "a = \"%{if b}\"",
        "a = \"\\q\"",
        "a = <<E\nx",
        "a = x.",
        "a = b ? 1",
        "a: 1",
    ];
    let json = ["", "[1]", "{\"a\": 1", "{\"a\": 1,}", "[{} {}]", "{\"a\" 1}", "{\"a\": nope}", "{\"a\": 01}", "{} x"];
    let mut out = String::new();
    let mut tell = |file: &str, text: &str| {
        let file: Arc<str> = file.into();
        let (_, errors) = if file.ends_with(".json") { parse_json_file(&file, text) } else { parse_file(&file, text) };
        let mut sources = Sources::default();
        sources.insert(file.clone(), text.into());
        for error in errors {
            let start = error.subject.as_ref().map(|s| s.start).unwrap_or_default();
            let _ = writeln!(out, "{}:{}", start.line, start.column);
            out += &render(&error, &sources, RenderOptions::default());
        }
    };
    native.iter().for_each(|text| tell("main.tf", text));
    json.iter().for_each(|text| tell("main.tf.json", text));
    insta::assert_snapshot!(out);
}
