//! Bodies as a schema describes them, in both syntaxes.

use std::sync::Arc;

use infra_diag::Diagnostics;
use infra_lang::syntax::{AttributeSchema, BlockSchema, Body, BodySchema, parse_file, parse_json_file};

use super::dump::dump;

const SCHEMA: BodySchema<'static> = BodySchema {
    attributes: &[AttributeSchema { name: "name", required: true }, AttributeSchema { name: "size", required: false }],
    blocks: &[
        BlockSchema { ty: "locals", labels: &[] },
        BlockSchema { ty: "output", labels: &["name"] },
        BlockSchema { ty: "resource", labels: &["type", "name"] },
    ],
};

fn native(text: &str) -> Body {
    let (body, errors) = parse_file(&Arc::from("main.tf"), text);
    assert_eq!(errors, Diagnostics::new());
    body
}

fn json(text: &str) -> Body {
    let (body, errors) = parse_json_file(&Arc::from("main.tf.json"), text);
    assert_eq!(errors, Diagnostics::new());
    body
}

/// The content in one line, then the errors with their places.
fn told(body: &Body) -> Vec<String> {
    let (content, errors) = body.content(&SCHEMA);
    let attributes = content.attributes.iter().map(|a| format!("{}={}", a.name, dump(&a.expr)));
    let blocks = content.blocks.iter().map(|b| {
        let labels: Vec<&str> = b.labels.iter().map(|l| &*l.text).collect();
        format!("{}({})", b.ty, labels.join(" "))
    });
    let line = attributes.chain(blocks).collect::<Vec<_>>().join(" ");
    let error = |e: infra_diag::Diagnostic| {
        let start = e.subject.as_ref().map(|s| s.start).unwrap_or_default();
        format!("{}:{} {}: {}", start.line, start.column, e.summary, e.detail)
    };
    std::iter::once(line).chain(errors.into_iter().map(error)).collect()
}

#[test]
fn a_schema_picks_arguments_and_blocks() {
    let body = native("name = a\nresource \"t\" \"n\" {}\noutput o {\n}\nresource \"t\" \"m\" {}\n");
    assert_eq!(told(&body), ["name=a resource(t n) output(o) resource(t m)"]);
}

#[test]
fn what_the_schema_does_not_have_is_an_error() {
    let body =
        native("nme = 1\nlocals = 1\nresorce \"t\" \"n\" {}\nsize {}\nresource \"t\" {}\noutput \"a\" \"b\" {}\n");
    insta::assert_snapshot!(told(&body).join("\n"));
    let body = json(r#"{"name": 1, "nme": 1, "resource": {"t": 1}, "output": [1], "locals": true}"#);
    insta::assert_snapshot!(told(&body).join("\n"));
}

#[test]
fn json_objects_and_arrays_are_blocks() {
    let body = json(
        r#"[{"//": "note", "name": "a ${b}"}, {"resource": {"t": {"n": {}, "m": [{}, {}]}}, "output": [{"o": {}}, {"p": null}]}]"#,
    );
    assert_eq!(told(&body), [r#"name=(template "a " b) resource(t n) resource(t m) resource(t m) output(o)"#]);
}

#[test]
fn json_texts_are_templates() {
    let body = json(r#"{"name": {"${a}": [1, true, null, "x", "${b.c}"]}, "size": "a\"\u00e9$${x}"}"#);
    assert_eq!(told(&body), [r#"name={(wrap a): [1 true null "x" (wrap b.c)]} size="a\"é${x}""#]);
}

#[test]
fn the_rest_of_a_partial_content_is_a_body() {
    let only_name = BodySchema { attributes: &SCHEMA.attributes[..1], blocks: &[] };
    for body in [native("name = 1\nsize = 2\nother = 3\n"), json(r#"{"name": 1, "size": 2, "other": 3, "//": 4}"#)] {
        let (content, rest, errors) = body.partial_content(&only_name);
        assert_eq!((content.attributes.len(), errors), (1, Diagnostics::new()));
        let (attributes, errors) = rest.just_attributes();
        assert_eq!(errors, Diagnostics::new());
        assert_eq!(attributes.iter().map(|a| &*a.name).collect::<Vec<_>>(), ["size", "other"]);
    }
}

#[test]
fn a_missing_argument_is_reported_at_its_body() {
    let place = |body: &Body| {
        let range = body.missing_item_range();
        (range.start.line, range.start.column)
    };
    let (content, _) = native("output \"o\" {\n}\n").content(&SCHEMA);
    assert_eq!(place(&content.blocks[0].body), (1, 12));
    let (content, _) = json(r#"{"output": {"o": {}}}"#).content(&SCHEMA);
    assert_eq!(place(&content.blocks[0].body), (1, 19));
}
