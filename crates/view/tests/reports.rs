//! Plans and states as Markdown and HTML: what they say, how long they are, and that no value becomes markup.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use infra_engine::plan::PlanMode;
use infra_history::{
    Action, AttributeChange, Change, ChangeResult, Kind, Numbers, Outcome, Problem, Record, Shown, Status, Who,
};
use infra_schema::{Schema, parse_schema};
use infra_view::{Fact, PlanPage, StatePage};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::{Value as Json, json};

type Schemas = HashMap<(String, String), Schema>;

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let json: Json = serde_json::from_str(include_str!("data/schemas.json")).unwrap();
    let all = json.as_object().unwrap().iter().flat_map(|(mode, types)| {
        let types = types.as_object().unwrap().iter();
        types.map(move |(ty, schema)| ((mode.clone(), ty.clone()), parse_schema(&schema.to_string()).unwrap()))
    });
    all.collect()
});

fn facts() -> Vec<Fact> {
    vec![
        Fact { label: "workspace", value: "production".into() },
        Fact { label: "plan", value: "sha256:00ff".into() },
        Fact { label: "with", value: "infra 0.1.0".into() },
    ]
}

fn in_markdown(plan: &Json, schemas: &Schemas) -> String {
    let find = |_: &str, mode: &str, ty: &str| schemas.get(&(mode.to_string(), ty.to_string()));
    infra_view::markdown::plan(&PlanPage { plan, schemas: &find, mode: PlanMode::Normal, facts: facts() })
}

fn in_html(plan: &Json, schemas: &Schemas) -> String {
    let find = |_: &str, mode: &str, ty: &str| schemas.get(&(mode.to_string(), ty.to_string()));
    infra_view::html::plan(&PlanPage { plan, schemas: &find, mode: PlanMode::Normal, facts: facts() })
}

fn change(address: &str, ty: &str, more: &Json, change: &Json) -> Json {
    let mut json = json!({"address": address, "mode": "managed", "type": ty, "name": "main", "provider_name": "any", "change": change});
    for (key, value) in more.as_object().into_iter().flatten() {
        json[key] = value.clone();
    }
    json
}

/// A plan with one of everything.
fn plan() -> Json {
    let update = json!({
        "actions": ["update"],
        "before": {"name": "web", "description": "old", "policy": "{\"a\": [1, 2], \"b\": \"x\"}"},
        "after": {"name": "web", "description": "new", "policy": "{\"a\": [1, 3], \"b\": \"x\"}"},
    });
    let replace = json!({
        "actions": ["delete", "create"],
        "before": {"engine": "mysql", "id": "db-1", "password": "hunter2", "username": "app"},
        "after": {"engine": "postgres", "password": "hunter3", "username": "app"},
        "after_unknown": {"id": true},
        "before_sensitive": {"password": true},
        "after_sensitive": {"password": true},
        "replace_paths": [["engine"]],
    });
    let create = json!({"actions": ["create"], "before": null, "after": {"key": "a"}, "after_unknown": {"id": true}});
    let delete = json!({"actions": ["delete"], "before": {"id": "x"}, "after": null});
    let step = |name: &str, text: &str| json!({"name": name, "text": text, "seconds": 30});
    json!({
        "resource_changes": [
            change("custom.new[\"a`b\"]", "custom", &json!({}), &create),
            change("module.m.custom.main", "custom", &json!({"module_address": "module.m"}), &update),
            change("aws_db_instance.main", "aws_db_instance", &json!({"action_reason": "replace_because_cannot_update"}), &replace),
            change("custom.old[1]", "custom", &json!({"action_reason": "delete_because_count_index", "index": 1}), &delete),
        ],
        "resource_drift": [change("module.m.custom.main", "custom", &json!({}), &update)],
        "relevant_attributes": [{"resource": "module.m.custom.main", "attribute": ["description"]}],
        "output_changes": {
            "url": {"actions": ["update"], "before": "http://a", "after": "http://b", "after_unknown": false},
            "secret": {"actions": ["create"], "before": null, "after": "hunter4", "after_sensitive": true},
        },
        "infra": {
            "attention": [
                {"rule": "data-replaced", "address": "aws_db_instance.main", "file": "main.tf", "line": 88,
                 "message": "would be replaced: its data goes with it, and no final snapshot is configured"},
            ],
            "releases": [{
                "address": "module.api.release.api", "kind": "new", "live": "blue", "idle": "green",
                "old": {"name": "1.8.2"}, "new": {"name": "1.9.0"}, "seconds_until_shifted": 60, "standby_seconds": 1800,
                "steps": [step("start", "green: 1 task of 1.9.0"), step("shift", "all traffic to green")],
            }],
        },
    })
}

#[test]
fn a_plan_in_markdown_says_first_what_matters_most() {
    insta::assert_snapshot!(in_markdown(&plan(), &SCHEMAS));
}

#[test]
fn a_state_in_markdown_folds_its_objects() {
    let schemas = &*SCHEMAS;
    let find = |_: &str, mode: &str, ty: &str| schemas.get(&(mode.to_string(), ty.to_string()));
    let database = json!({
        "address": "module.db.aws_db_instance.main", "mode": "managed", "type": "aws_db_instance", "name": "main",
        "provider_name": "any", "values": {"id": "db-1", "password": "hunter2", "port": 5432}, "sensitive_values": {},
    });
    let state = json!({"values": {
        "outputs": {"port": {"sensitive": false, "type": "number", "value": 5432}, "s": {"sensitive": true, "type": "string", "value": "hunter2"}},
        "root_module": {"child_modules": [{"address": "module.db", "resources": [database]}]},
    }});
    let page = StatePage { state: &state, schemas: &find, facts: facts() };
    let html = infra_view::html::state(&page);
    for text in [&html, &infra_view::markdown::state(&page)] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(html.contains("<span class=\"m\">module.db</span>.aws_db_instance.main"), "{html}");
    insta::assert_snapshot!(infra_view::markdown::state(&page));
}

#[test]
fn without_findings_nothing_is_said_about_attention() {
    let mut plan = plan();
    plan["infra"] = json!({});
    for text in [in_markdown(&plan, &SCHEMAS), in_html(&plan, &SCHEMAS)] {
        let text = text.to_lowercase();
        for word in ["needs attention", " safe", "no finding"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}

#[test]
fn the_title_says_how_much_there_is_to_do() {
    let title = |plan: &Json, mode| {
        let find = |_: &str, _: &str, _: &str| None;
        let page = PlanPage { plan, schemas: &find, mode, facts: Vec::new() };
        infra_view::markdown::plan(&page).lines().next().unwrap_or_default().to_string()
    };
    let mut full = plan();
    full["infra"] = json!({});
    let only_output = json!({"output_changes": {"o": {"actions": ["create"], "before": null, "after": 1}}});
    for (plan, mode, expected) in [
        (&full, PlanMode::Normal, "### Plan: 2 to add, 1 to change, 2 to destroy"),
        (&full, PlanMode::RefreshOnly, "### Refresh only: 1 object changed outside of the configuration"),
        (&json!({}), PlanMode::Normal, "### No changes: the infrastructure is as the configuration says"),
        (&json!({}), PlanMode::RefreshOnly, "### No changes: the state is as the objects are"),
        (&json!({"errored": true}), PlanMode::Normal, "### Planning failed"),
        (&only_output, PlanMode::Normal, "### Plan: no change of any object, 1 output to set"),
    ] {
        assert_eq!(title(plan, mode), expected);
    }
}

/// Of many objects, in many ways.
fn large(count: usize) -> Json {
    let changes = (0..count).map(|n| {
        let object = |text: &str| json!({"name": format!("n{n}"), "text": text, "list": (0..20).collect::<Vec<_>>(), "tags": {"Project": "é".repeat(20)}});
        let (actions, before, after) = match n % 5 {
            0 => (json!(["create"]), Json::Null, object("new")),
            1 => (json!(["update"]), object("old"), object("new\n```\n</details>")),
            2 => (json!(["delete"]), object("old"), Json::Null),
            3 => (json!(["delete", "create"]), object("old"), object(&"long ".repeat(n))),
            _ => (json!(["no-op"]), object("same"), object("same")),
        };
        let body = json!({"actions": actions, "before": before, "after": after});
        change(&format!("module.m[{n}].custom.main"), "custom", &json!({"module_address": format!("module.m[{n}]")}), &body)
    });
    let finding = |n: usize| json!({"rule": "data-replaced", "address": format!("module.m[{n}].custom.main"), "message": "goes away", "file": "main.tf", "line": n});
    json!({"resource_changes": changes.collect::<Vec<_>>(), "infra": {"attention": (0..count).map(finding).collect::<Vec<_>>()}})
}

#[test]
fn the_markdown_of_a_large_plan_fits_in_a_comment() {
    let text = in_markdown(&large(2500), &Schemas::new());
    assert!(text.len() <= 65_536, "{}", text.len());
    assert!(text.len() > 50_000, "the room is used: {}", text.len());
    assert!(text.starts_with("### Plan: 1000 to add, 500 to change, 1000 to destroy\n"), "{}", &text[..200]);
    let (mut shown, mut words) = (0, BTreeSet::new());
    for line in text.lines().filter(|line| line.starts_with("<details>")) {
        shown += 1;
        words.insert(
            line.split("</code> ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_string(),
        );
    }
    assert_eq!(words, BTreeSet::from(["destroy".to_string()]), "the important ones come first");
    let listed = text.lines().filter(|line| line.starts_with("- destroy `")).count();
    let left = 2000 - shown - listed;
    let counted = format!("… and {},{:03} more resources: see the full plan", left / 1000, left % 1000);
    assert!(text.contains(&counted), "{counted}\n{}", &text[text.len() - 400..]);
    assert!(text.contains(" more findings: see the full plan"));
    // Nothing is cut in the middle: what is opened is closed.
    let skeleton = skeleton(&text);
    let count = |what: &str| skeleton.iter().filter(|tag| *tag == what).count();
    assert_eq!((count("<details>"), count("</details>")), (shown, shown));
}

#[test]
fn the_markdown_of_one_large_value_fits_in_a_comment() {
    for piece in ["`", "é", "\n", "x", "@", "a\nb\n", "</details>", "{\"a\": [\n"] {
        let text = in_markdown(&holding(&piece.repeat(70_000)), &Schemas::new());
        assert!(text.len() <= 65_536, "{piece:?}: {}", text.len());
        skeleton(&text);
    }
}

#[test]
fn the_html_of_a_large_plan_stays_small() {
    let text = in_html(&large(2500), &Schemas::new());
    assert!(text.len() < 12_000_000, "{}", text.len());
    tags(&text);
}

/// What GitHub reads beyond the plain language.
fn github() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM
}

/// What is left of a Markdown text without texts: anything that a reader of it would act on.
fn skeleton(markdown: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut block = String::new();
    let flush = |html: &mut String, out: &mut Vec<String>| {
        out.extend(html.match_indices('<').map(|(at, _)| {
            let end = html[at..].find('>').map_or(html.len(), |end| at + end + 1);
            let tag = &html[at..end];
            let allowed = ["details", "summary", "code", "sub"];
            assert!(
                allowed.iter().any(|name| [format!("<{name}>"), format!("</{name}>")].contains(&tag.to_string())),
                "{tag} in {html}"
            );
            tag.to_string()
        }));
        html.clear();
    };
    for event in Parser::new_ext(markdown, github()) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                block.push_str(&html);
                continue;
            }
            Event::Text(_) | Event::Code(_) | Event::SoftBreak => {
                flush(&mut block, &mut out);
                continue;
            }
            other => {
                flush(&mut block, &mut out);
                match other {
                    Event::Start(
                        Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::BlockQuote(_) | Tag::Table(_),
                    ) => {
                        panic!("{other:?} in {markdown}")
                    }
                    Event::Start(tag) => out.push(format!("{tag:?}")),
                    Event::End(TagEnd::Paragraph) => {}
                    Event::End(tag) => out.push(format!("/{tag:?}")),
                    other => panic!("{other:?} in {markdown}"),
                }
            }
        }
    }
    flush(&mut block, &mut out);
    out
}

/// The tags of an HTML text, in order; they are all ours, closed where they should be, and without anything that acts.
fn tags(html: &str) -> Vec<String> {
    const ALLOWED: &[&str] = &[
        "html", "head", "meta", "link", "title", "style", "body", "a", "header", "div", "p", "button", "h1", "h2",
        "h3", "dl", "dt", "dd", "main", "section", "ul", "ol", "li", "code", "span", "b", "label", "input", "fieldset",
        "legend", "select", "option", "output", "details", "summary", "table", "thead", "tbody", "tr", "th", "td",
        "del", "ins", "script",
    ];
    const VOID: &[&str] = &["meta", "link", "input"];
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a document type");
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("an end");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        assert!(ALLOWED.contains(&name), "<{tag}>");
        let attributes: Vec<&str> = tag.split('"').step_by(2).map(str::trim).collect();
        assert!(
            attributes.iter().all(|a| !a.contains(" on") && !a.starts_with("on") && !a.ends_with("style=")),
            "<{tag}>"
        );
        found.push(name.to_string());
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !VOID.contains(&name) {
            open.push(name.to_string());
        }
        // Their content is no markup.
        if name == "style" || name == "script" {
            rest = &rest[rest.find("</").expect("an end")..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

/// A plan with a text in all places that a text can come to.
fn holding(text: &str) -> Json {
    let object = |more: &str| json!({"a": format!("{text}{more}"), "b": [text, more], "c": {text: more}, "d": format!("one\n{text}\n{more}")});
    let key = serde_json::to_string(text).unwrap();
    let address = format!("module.m[{key}].custom.main[{key}]");
    let update = json!({"actions": ["delete", "create"], "before": object("x"), "after": object("y"), "importing": {"id": text},
        "replace_paths": [[text], ["c", text]]});
    let create = json!({"actions": ["create"], "before": null, "after": object("y")});
    let more = json!({"module_address": format!("module.m[{key}]"), "previous_address": format!("old{text}")});
    json!({
        "resource_changes": [change(&address, "custom", &more, &update), change("custom.other", "custom", &json!({}), &create)],
        "output_changes": {(format!("o{text}")): {"actions": ["create"], "before": null, "after": text}},
        "infra": {
            "attention": [{"rule": "r", "address": address, "file": text, "line": 1, "message": format!("would {text}")}],
            "releases": [{
                "address": address, "kind": "new", "live": "blue", "idle": "green", "old": {"name": text}, "new": {"name": format!("v{text}")},
                "seconds_until_shifted": 60, "standby_seconds": 1800,
                "steps": [{"name": "shift", "text": format!("all {text}"), "seconds": 1}],
            }],
        },
    })
}

/// Texts that would like to be something else.
fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "```",
        "````",
        "`",
        "\n",
        "\r",
        "\r\n",
        "</details>",
        "</summary>",
        "<script>alert(1)</script>",
        "<!--",
        "-->",
        "&lt;",
        "\"",
        "'",
        "<img src=x onerror=alert(1)>",
        "</code>",
        "</script>",
        "</style>",
        "[a](http://b)",
        "![a](b)",
        "**",
        "__",
        "*",
        "_",
        "~~~",
        "# ",
        "- ",
        "1. ",
        "> ",
        "| a | b |\n|---|---|\n",
        "\n\n",
        "    ",
        "\t",
        "https://example.com",
        "www.example.com",
        "@ana",
        "#12",
        "\\",
        "\u{202e}",
        "\u{0}",
        "é",
        "<",
        ">",
        "&",
        "$$",
        "[^1]",
        ":::",
        "==",
        "---",
        "a",
        "+",
        "[x] ",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat()),
        any::<String>().prop_filter("not empty", |text| !text.is_empty()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_changes_what_markdown_is_made_of(text in nasty()) {
        let schemas = Schemas::new();
        prop_assert_eq!(skeleton(&in_markdown(&holding(&text), &schemas)), skeleton(&in_markdown(&holding("x"), &schemas)));
    }

    #[test]
    fn no_text_becomes_a_tag(text in nasty()) {
        tags(&in_html(&holding(&text), &Schemas::new()));
    }

    /// Wherever a sensitive value stands, and whatever else changes around it.
    #[test]
    fn no_sensitive_value_is_shown(secret in "hunter[0-9]{6}", other in nasty()) {
        let document = format!("{{\"password\": \"{secret}\", \"b\": [\"{secret}\"]}}");
        let object = |n: usize| json!({
            "engine": other, "username": format!("{n}"), "password": format!("{secret}{n}"),
            "tags": {"a": secret, "b": format!("b{n}")}, "option_group_name": document,
            "enabled_cloudwatch_logs_exports": [secret, "x"],
            "restore_to_point_in_time": [{"source_db_instance_identifier": secret, "use_latest_restorable_time": n == 1}],
            "s3_import": [{"bucket_name": secret, "source_engine": format!("{n}")}],
            "blue_green_update": [{"enabled": secret}],
        });
        // The password is sensitive by the schema, the rest by marks: a member, an element, a block in a list, all blocks.
        let marks = json!({
            "tags": {"a": true}, "option_group_name": true, "enabled_cloudwatch_logs_exports": true,
            "restore_to_point_in_time": [{"source_db_instance_identifier": true}], "s3_import": [true], "blue_green_update": true,
        });
        let body = |actions: Json, before: Json, after: Json| json!({
            "actions": actions, "before": before, "after": after, "before_sensitive": marks, "after_sensitive": marks,
        });
        let schemas = &*SCHEMAS;
        let ty = "aws_db_instance";
        let changes = json!([
            change("aws_db_instance.a", ty, &json!({}), &body(json!(["update"]), object(1), object(2))),
            change("aws_db_instance.b", ty, &json!({}), &body(json!(["create"]), Json::Null, object(2))),
            change("aws_db_instance.c", ty, &json!({}), &body(json!(["delete"]), object(1), Json::Null)),
            change("custom.d", "custom", &json!({}), &json!({
                "actions": ["delete", "create"], "before": {"x": secret, "y": {"z": [secret, 1]}}, "after": {"x": document, "y": {"z": [1, secret]}},
                "before_sensitive": true, "after_sensitive": true,
            })),
        ]);
        let output = |before: Json, after: Json, was: bool, is: bool| json!({
            "actions": ["update"], "before": before, "after": after, "before_sensitive": was, "after_sensitive": is,
        });
        let plan = json!({
            "resource_changes": changes, "resource_drift": changes,
            "relevant_attributes": [{"resource": "aws_db_instance.a", "attribute": []}],
            "output_changes": {
                "a": output(json!(secret), json!({"x": secret}), true, true),
                "b": output(json!(secret), json!("public"), true, false),
                "c": output(json!("public"), json!(document), false, true),
            },
        });
        for text in [in_markdown(&plan, schemas), in_html(&plan, schemas)] {
            prop_assert!(!text.contains(&secret), "{}", &text[text.find(&secret).unwrap_or(0).saturating_sub(300)..]);
        }
    }
}

/// A record with a text in all places that a text can come to.
fn record(text: &str) -> Record {
    let shown = |text: &str| Some(Shown::value(json!(text)));
    let key = serde_json::to_string(text).unwrap();
    let attribute = |path: &str, before, after| AttributeChange { path: path.into(), before, after };
    let secret = || Some(Shown::sensitive());
    let change = |result, action| Change {
        address: format!("module.m.custom.main[{key}]"),
        previous_address: None,
        deposed: None,
        action,
        reason: Some(text.into()),
        object: Some(text.into()),
        result,
        attributes: vec![
            attribute("image", shown("api:1.8.2"), shown("api:1.9.0")),
            attribute(&format!("tags[{key}]"), shown(text), None),
            attribute("policy", shown(&format!("{{\"a\": {key}}}")), shown("{\"a\": 1}")),
            attribute("password", secret(), secret()),
        ],
        attributes_left_out: 0,
    };
    let errors =
        vec![Problem { summary: text.into(), detail: format!("more {text}"), address: Some("custom.x".into()) }];
    let numbers = Numbers { change: 1, ..Numbers::default() };
    let outcome = Outcome { status: Status::Failed, exit: 1, numbers, errors };
    let who = Who { user: "ana".into(), host: text.into(), ..Who::default() };
    let mut record = Record::new(Kind::Apply, who, "production", "2026-11-21T17:03:01Z".into(), outcome);
    record.tool = "infra".into();
    record.changes = vec![change(ChangeResult::Done, Action::Update), change(ChangeResult::Failed, Action::Create)];
    record.outputs = vec![attribute(text, None, shown(text))];
    record.notes = vec![format!("note {text}")];
    record
}

#[test]
fn a_record_in_markdown_says_who_did_what() {
    let text = infra_view::markdown::record(&record("x"));
    skeleton(&text);
    insta::assert_snapshot!(text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_a_record_is_markup(text in nasty()) {
        tags(&infra_view::html::record(&record(&text)));
        let lines = |text: &str| skeleton(&infra_view::markdown::record(&record(text)));
        prop_assert_eq!(lines(&text), lines("x"));
    }
}
