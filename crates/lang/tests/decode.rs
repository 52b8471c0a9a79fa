//! Bodies to values by a schema.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use infra_address::Resource;
use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_lang::config::{LoadOptions, load};
use infra_lang::eval::console::render_console;
use infra_lang::eval::{Scope, Subject, body_references, decode_body, range_of};
use infra_lang::functions::{FunctionContext, FunctionError, Phase};
use infra_lang::syntax::{Body, parse_file, parse_json_file};
use infra_schema::{Schema, parse_schema};
use infra_value::{Marks, Members, Path, Type, Value};

/// A scope of local values: `local.unknown`, `local.secret` (a sensitive list) and `local.names`.
struct Locals<'a>(&'a FunctionContext<'a>);

impl Scope for Locals<'_> {
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        match subject {
            Subject::Local(name) if &**name == "unknown" => Ok(Value::unknown(Type::list(Type::String))),
            Subject::Local(name) if &**name == "secret" => Ok(Value::strings(["s"]).with_marks(Marks::SENSITIVE)),
            Subject::Local(name) if &**name == "names" => Ok(Value::strings(["a", "b"])),
            _ => Err(Diagnostic::error("Undeclared", "").at(range.clone()).into()),
        }
    }
    fn functions(&self) -> &FunctionContext<'_> {
        self.0
    }
}

fn with_scope<T>(f: impl FnOnce(&dyn Scope) -> T) -> T {
    let now = || SystemTime::UNIX_EPOCH;
    let render = |_: &str, _: &str, _: &Members| Err(FunctionError::call("no templates here"));
    f(&Locals(&FunctionContext {
        base_dir: PathBuf::from("."),
        home_dir: None,
        phase: Phase::Plan,
        plan_timestamp: None,
        now: &now,
        render_template: &render,
        inside_template: false,
    }))
}

fn schema() -> Schema {
    let text = r#"{"version": 0, "block": {
        "attributes": {
            "name": {"type": "string", "required": true},
            "size": {"type": "number", "optional": true},
            "rules": {"type": ["set", ["object", {"port": "number", "cidr": "string"}]], "optional": true, "computed": true}
        },
        "block_types": {
            "disk": {"nesting_mode": "list", "max_items": 2, "block": {
                "attributes": {"label": {"type": "string", "optional": true}},
                "block_types": {"tag": {"nesting_mode": "set", "block": {
                    "attributes": {"key": {"type": "string", "required": true}}}}}}},
            "timeouts": {"nesting_mode": "single", "block": {
                "attributes": {"create": {"type": "string", "optional": true}}}}
        }}}"#;
    parse_schema(text).unwrap()
}

fn native(text: &str) -> Body {
    let (body, problems) = parse_file(&"main.tf".into(), text);
    assert!(problems.is_empty(), "{problems:?}");
    body
}

fn decode(body: &Body) -> (Value, Vec<String>) {
    let (value, problems) = with_scope(|scope| decode_body(body, &schema().block, scope, &["count"]));
    let lines = problems.iter().map(|p| {
        let at = p.subject.as_ref().map(SourceRange::to_string).unwrap_or_default();
        format!("{at} {}: {}", p.summary, p.detail)
    });
    (value, lines.collect())
}

/// The value of a body without problems.
fn value(text: &str) -> Value {
    let (value, problems) = decode(&native(text));
    assert_eq!(problems, Vec::<String>::new());
    value
}

fn problems(text: &str) -> Vec<String> {
    decode(&native(text)).1
}

fn attr(value: &Value, name: &str) -> String {
    render_console(value.get(name).unwrap()).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn arguments_become_of_the_types_of_the_schema_and_what_is_not_given_is_null() {
    let v = value("name = 5\nsize = \"7\"\ncount = 3\n");
    assert_eq!(attr(&v, "name"), "\"5\"");
    assert_eq!(attr(&v, "size"), "7");
    assert_eq!(attr(&v, "rules"), "toset(null) /* of object */");
    assert_eq!(attr(&v, "disk"), "tolist([])");
    assert_eq!(attr(&v, "timeouts"), "null /* object */");
    assert_eq!(v.ty(), schema().block.ty());
}

#[test]
fn what_the_schema_does_not_know_or_misses_is_told_with_a_suggestion() {
    let found = problems("sise = 1\ndisc {\n}\ntimeouts = {}\nsize {\n}\n");
    assert_eq!(
        found,
        [
            "main.tf:1,1-5 Unsupported argument: An argument named \"sise\" is not expected here. Did you mean \"size\"?",
            "main.tf:4,1-9 Unsupported argument: An argument named \"timeouts\" is not expected here. Did you mean to \
             define a block of type \"timeouts\"?",
            "main.tf:2,1-5 Unsupported block type: Blocks of type \"disc\" are not expected here. Did you mean \"disk\"?",
            "main.tf:5,1-5 Unsupported block type: Blocks of type \"size\" are not expected here. Did you mean to define \
             argument \"size\"? If so, use the equals sign to assign it a value.",
            "main.tf:1,1-1 Missing required argument: The argument \"name\" is required, but no definition was found.",
        ]
    );
}

#[test]
fn a_value_that_does_not_convert_is_told_at_its_expression() {
    let found = problems("name = \"n\"\nsize = \"big\"\n");
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .starts_with("main.tf:2,8-13 Incorrect attribute value type: Inappropriate value for attribute \"size\""),
        "{found:?}"
    );
}

#[test]
fn too_many_blocks_are_told() {
    let found = problems("name = \"n\"\ndisk {\n}\ndisk {\n}\ndisk {\n}\ntimeouts {\n}\ntimeouts {\n}\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("main.tf:6,1-5 Too many disk blocks"), "{found:?}");
    assert!(found[1].starts_with("main.tf:10,1-9 Duplicate timeouts block"), "{found:?}");
    let found = problems("name = \"n\"\ndynamic \"disk\" {\n  for_each = [1, 2, 3]\n  content {\n  }\n}\n");
    assert!(found[0].starts_with("main.tf:4,3-10 Too many disk blocks"), "{found:?}");
}

const NESTED: &str = r#"
name = "n"
dynamic "disk" {
  for_each = local.names
  iterator = each_disk
  content {
    label = "${each_disk.key}-${each_disk.value}"
    dynamic "tag" {
      for_each = toset(["x", each_disk.value])
      content {
        key = tag.key
      }
    }
  }
}
"#;

#[test]
fn a_dynamic_block_makes_a_block_for_each_element_also_inside_of_another() {
    let v = value(NESTED);
    assert_eq!(
        attr(&v, "disk"),
        "tolist([ { \"label\" = \"0-a\" \"tag\" = toset([ { \"key\" = \"a\" }, { \"key\" = \"x\" }, ]) }, \
         { \"label\" = \"1-b\" \"tag\" = toset([ { \"key\" = \"b\" }, { \"key\" = \"x\" }, ]) }, ])"
    );
}

#[test]
fn a_dynamic_block_over_an_unknown_collection_makes_all_blocks_of_its_type_unknown() {
    let v = value(
        "name = \"n\"\ndisk {\n}\ndynamic \"disk\" {\n  for_each = local.unknown\n  content {\n    label = disk.value\n  }\n}\n",
    );
    assert_eq!(attr(&v, "disk"), "(known after apply)");
    assert_eq!(v.ty(), schema().block.ty());
}

#[test]
fn what_a_dynamic_block_makes_of_a_sensitive_collection_is_sensitive() {
    let v =
        value("name = \"n\"\ndynamic \"disk\" {\n  for_each = local.secret\n  content {\n    label = \"x\"\n  }\n}\n");
    assert!(v.get("disk").unwrap().marks_deep().contains(Marks::SENSITIVE));
    assert!(!v.get("name").unwrap().marks_deep().contains(Marks::SENSITIVE));
}

#[test]
fn a_dynamic_block_must_iterate_a_collection_and_have_a_content() {
    let found = problems("name = \"n\"\ndynamic \"disk\" {\n  for_each = 5\n  content {\n  }\n}\n");
    assert!(found[0].starts_with("main.tf:3,14-15 Invalid dynamic for_each value"), "{found:?}");
    let found = problems("name = \"n\"\ndynamic \"disk\" {\n  for_each = []\n}\n");
    assert!(found[0].contains("Missing dynamic content block"), "{found:?}");
    let found = problems("name = \"n\"\ndynamic \"disc\" {\n  for_each = []\n  content {\n  }\n}\n");
    assert!(found[0].starts_with("main.tf:2,9-15 Unsupported block type"), "{found:?}");
}

#[test]
fn a_set_of_objects_may_be_written_as_blocks() {
    let v = value(
        "name = \"n\"\nrules {\n  port = 80\n}\ndynamic \"rules\" {\n  for_each = [443]\n  content {\n    port = rules.value\n  }\n}\n",
    );
    assert_eq!(
        attr(&v, "rules"),
        "toset([ { \"cidr\" = tostring(null) \"port\" = 443 }, { \"cidr\" = tostring(null) \"port\" = 80 }, ])"
    );
    // Of an unknown number of blocks there is one, in which what is written is unknown.
    let v =
        value("name = \"n\"\ndynamic \"rules\" {\n  for_each = local.unknown\n  content {\n    port = 80\n  }\n}\n");
    assert_eq!(attr(&v, "rules"), "toset([ { \"cidr\" = tostring(null) \"port\" = (known after apply) }, ])");
    let v = value("name = \"n\"\nrules = [{ port = 80, cidr = null }]\n");
    assert_eq!(attr(&v, "rules"), "toset([ { \"cidr\" = tostring(null) \"port\" = 80 }, ])");
}

#[test]
fn json_is_read_by_the_schema() {
    let text = r#"{"name": "${local.names[1]}", "disk": [{"label": "l"}, {"label": "m"}],
        "dynamic": {"disk": {"for_each": [], "content": {}}}}"#;
    let (body, problems) = parse_json_file(&"main.tf.json".into(), text);
    assert!(problems.is_empty());
    let (v, problems) = decode(&body);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(attr(&v, "name"), "\"b\"");
    assert_eq!(v.get("disk").and_then(Value::len), Some(2));
    let text = r#"{"name": "n", "dynamic": {"disk": {"for_each": ["x"], "iterator": "it", "content": {"label": "${it.value}"}}}}"#;
    let (v, problems) = decode(&parse_json_file(&"main.tf.json".into(), text).0);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(attr(&v, "disk"), "tolist([ { \"label\" = \"x\" \"tag\" = toset([]) }, ])");
}

#[test]
fn a_block_in_the_other_syntax_overrides_an_attribute_that_may_be_written_as_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let base = r#"{"resource": {"a_b": {"c": {"name": "n",
        "dynamic": {"rules": {"for_each": [1], "content": {"port": 1}}}}}}}"#;
    std::fs::write(folder.path().join("main.tf.json"), base).unwrap();
    let over = "resource \"a_b\" \"c\" {\n  rules {\n    port = 2\n  }\n}\n";
    std::fs::write(folder.path().join("override.tf"), over).unwrap();
    let (config, _, problems) = load(folder.path(), &LoadOptions::default());
    assert!(!problems.has_errors(), "{problems:?}");
    let (v, problems) = decode(&config.root.resources[&Resource::managed("a_b", "c")].body);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(attr(&v, "rules"), "toset([ { \"cidr\" = tostring(null) \"port\" = 2 }, ])");
}

#[test]
fn references_of_a_body_leave_out_iterators() {
    let (found, problems) = body_references(&native(NESTED), &schema().block, &[]);
    assert!(problems.is_empty());
    let subjects: Vec<Subject> = found.into_iter().map(|r| r.subject).collect();
    assert_eq!(subjects, [Subject::Local("names".into())]);
    let (_, problems) = body_references(&native("name = data.x\ncount = var\n"), &schema().block, &["count"]);
    assert_eq!(problems.iter().map(|p| &*p.summary).collect::<Vec<_>>(), ["Invalid reference"]);
}

#[test]
fn a_path_leads_back_to_its_place() {
    let body = native("name = \"n\"\nrules = [{ port = 80, cidr = null }]\ndisk {\n}\ndisk {\n  label = \"l\"\n}\n");
    let at = |path: Path| range_of(&body, &schema().block, &path).to_string();
    assert_eq!(at(Path::attribute("name")), "main.tf:1,8-11");
    assert_eq!(at(Path::attribute("rules").index(0).attr("port")), "main.tf:2,19-21");
    assert_eq!(at(Path::attribute("disk").index(1).attr("label")), "main.tf:6,11-14");
    assert_eq!(at(Path::attribute("disk").index(0)), "main.tf:3,1-5");
    assert_eq!(at(Path::attribute("disk")), at(Path::attribute("rules_of_another")));
}

#[test]
fn what_a_dynamic_block_makes_has_no_place_but_the_body_around_it() {
    let body = native(NESTED);
    let label: Arc<str> = "label".into();
    for index in [0, 1] {
        let path = Path::attribute("disk").index(index).attr(label.clone());
        assert_eq!(range_of(&body, &schema().block, &path), body.missing_item_range());
    }
}
