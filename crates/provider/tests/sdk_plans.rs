//! The rules of planning of the older plugin kind, one by one.

use infra_provider::Problem;
use infra_provider::plan::{
    Diff, Key, Meta, NoRules, TagRules, TypeRules, filter_replace_paths, plan_sdk, proposed_new, stored_after_apply,
    stored_after_refresh,
};
use infra_schema::{Block, NestedBlock, Nesting, Schema, parse_schema};
use infra_value::{Kind, Type, Value, value_from_json};
use serde_json::{Map, Value as Json, json};

fn schema() -> Schema {
    let schema = json!({
        "version": 0,
        "block": {
            "attributes": {
                "id": {"type": "string", "optional": true, "computed": true},
                "arn": {"type": "string", "computed": true},
                "name": {"type": "string", "required": true, "force_new": true},
                "text": {"type": "string", "optional": true},
                "number": {"type": "number", "optional": true},
                "flag": {"type": "bool", "optional": true},
                "preset": {"type": "number", "optional": true, "default": 7},
                "either": {"type": "string", "optional": true, "computed": true, "force_new": true},
                "secret_wo": {"type": "string", "optional": true, "write_only": true},
                "list": {"type": ["list", "string"], "optional": true},
                "set": {"type": ["set", "string"], "optional": true, "force_new": true},
                "map": {"type": ["map", "string"], "optional": true},
                "tags": {"type": ["map", "string"], "optional": true},
                "tags_all": {"type": ["map", "string"], "optional": true, "computed": true}
            },
            "block_types": {
                "step": {"nesting_mode": "list", "block": {"attributes": {
                    "text": {"type": "string", "optional": true},
                    "order": {"type": "number", "optional": true, "computed": true},
                    "fixed": {"type": "string", "optional": true, "force_new": true}
                }}},
                "rule": {"nesting_mode": "set", "block": {"attributes": {
                    "port": {"type": "number", "required": true},
                    "text": {"type": "string", "optional": true},
                    "cidrs": {"type": ["list", "string"], "optional": true},
                    "weight": {"type": "number", "optional": true},
                    "given": {"type": "string", "computed": true}
                }}},
                "check": {"nesting_mode": "list", "max_items": 1, "computed": true, "block": {"attributes": {
                    "path": {"type": "string", "optional": true}
                }}},
                "timeouts": {"nesting_mode": "single", "block": {"attributes": {
                    "delete": {"type": "string", "optional": true}
                }}}
            }
        }
    });
    parse_schema(&schema.to_string()).expect("a schema")
}

/// A value of the block; what the JSON leaves out is null (blocks: none), `"?"` is unknown.
fn object(block: &Block, json: &Json) -> Value {
    let none = Map::new();
    let given = json.as_object().unwrap_or(&none);
    let attributes = block.attributes.iter().map(|(name, a)| {
        let value = match given.get(&**name) {
            None => Value::null(a.ty.clone()),
            Some(json) if json == "?" => Value::unknown(a.ty.clone()),
            Some(json) => with_unknowns(&value_from_json(json, &a.ty).expect("a value")),
        };
        (name.clone(), value)
    });
    let blocks = block.blocks.iter().map(|(name, b)| (name.clone(), blocks(b, given.get(&**name))));
    Value::object(attributes.chain(blocks))
}

fn blocks(nested: &NestedBlock, json: Option<&Json>) -> Value {
    match (nested.nesting, json) {
        (_, None | Some(Json::Null)) => nested.empty(),
        (_, Some(json)) if json == "?" => Value::unknown(nested.ty()),
        (Nesting::List, Some(json)) => Value::list(nested.block.ty(), elements(nested, json)),
        (Nesting::Set, Some(json)) => Value::set(nested.block.ty(), elements(nested, json)),
        (_, Some(json)) => object(&nested.block, json),
    }
}

fn elements(nested: &NestedBlock, json: &Json) -> Vec<Value> {
    json.as_array().into_iter().flatten().map(|e| object(&nested.block, e)).collect()
}

fn with_unknowns(value: &Value) -> Value {
    if value.as_str() == Some("?") { Value::unknown(Type::String) } else { value.map_elements(&mut with_unknowns) }
}

/// The value as JSON, `"?"` where it is unknown.
fn shown(value: &Value) -> Json {
    match value.kind() {
        Kind::Null(_) => Json::Null,
        Kind::Unknown(_) => json!("?"),
        Kind::Bool(b) => json!(b),
        Kind::Number(n) => json!(n.to_f64()),
        Kind::String(s) => json!(s.to_string()),
        Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => es.iter().map(shown).collect(),
        Kind::Map(_, ms) | Kind::Object(ms) => ms.iter().map(|(k, v)| (k.to_string(), shown(v))).collect(),
    }
}

struct Plan {
    value: Value,
    paths: Vec<String>,
}

impl Plan {
    fn get(&self, name: &str) -> Json {
        shown(self.value.get(name).expect("an attribute"))
    }
}

fn plan_with(rules: &dyn TypeRules, meta: &Meta, prior: Json, config: Json) -> Plan {
    let schema = schema();
    let prior = match prior {
        Json::Null => Value::null(schema.block.ty()),
        json => object(&schema.block, &json),
    };
    let config = object(&schema.block, &config);
    let proposed = proposed_new(&schema.block, &prior, &config);
    let (value, paths) = plan_sdk(&schema, rules, meta, &prior, &config, &proposed).expect("a plan");
    let paths = filter_replace_paths(&prior, &value, &paths).iter().map(ToString::to_string).collect();
    Plan { value, paths }
}

fn plan(prior: Json, config: Json) -> Plan {
    plan_with(&NoRules, &Meta::default(), prior, config)
}

/// A prior object with a name, an id and tags that were read.
fn existing(more: Json) -> Json {
    let mut all = json!({"id": "i-1", "arn": "a", "name": "n", "preset": 7, "tags": {}, "tags_all": {}});
    merge(&mut all, more);
    all
}

fn named(more: Json) -> Json {
    let mut all = json!({"name": "n"});
    merge(&mut all, more);
    all
}

fn merge(all: &mut Json, more: Json) {
    if let (Json::Object(all), Json::Object(more)) = (all, more) {
        all.extend(more);
    }
}

/// Plans a change of one attribute together with another change, so that no change is too small to be seen.
#[track_caller]
fn attribute(name: &str, old: Json, new: Json, wanted: Json) {
    let prior = existing(json!({ (name): old, "text": "before" }));
    let config = named(json!({ (name): new, "text": "after" }));
    assert_eq!(plan(prior, config).get(name), wanted, "{name}: {old} to {new}");
}

#[test]
fn a_new_object_has_its_defaults_and_computed_attributes_are_unknown() {
    let plan = plan(Json::Null, named(json!({"step": [{"text": "a"}]})));
    assert_eq!(
        shown(&plan.value),
        json!({
            "id": "?", "arn": "?", "name": "n", "text": null, "number": null, "flag": null, "preset": 7.0,
            "either": "?", "secret_wo": null, "list": null, "set": null, "map": null, "tags": null, "tags_all": "?",
            "step": [{"text": "a", "order": "?", "fixed": null}], "rule": [], "check": "?", "timeouts": null,
        })
    );
}

#[test]
fn of_scalars_only_a_difference_as_text_counts() {
    attribute("number", json!(1), json!(2), json!(2.0));
    attribute("number", json!(1), Json::Null, Json::Null);
    attribute("number", json!(0), Json::Null, json!(0.0));
    attribute("number", Json::Null, json!(0), json!(0.0));
    attribute("flag", Json::Null, json!(false), json!(false));
    attribute("preset", json!(9), Json::Null, json!(7.0));
    attribute("either", json!("x"), Json::Null, json!("x"));
    attribute("either", json!("x"), json!(""), json!("x"));
    attribute("either", json!("x"), json!("y"), json!("y"));
    attribute("either", json!("x"), json!("?"), json!("?"));
    let texts = |old: Json, new: Json| {
        plan(existing(json!({"text": old, "number": 1})), named(json!({"text": new, "number": 2}))).get("text")
    };
    assert_eq!(texts(json!(""), Json::Null), json!(""));
    assert_eq!(texts(Json::Null, json!("")), json!(""));
    assert_eq!(texts(json!("x"), Json::Null), Json::Null);
    assert_eq!(plan(Json::Null, named(json!({"either": ""}))).get("either"), json!("?"));
}

#[test]
fn a_change_between_ways_of_being_unset_is_none_by_itself() {
    for (name, old, new) in [
        ("flag", Json::Null, json!(false)),
        ("number", json!(0), Json::Null),
        ("text", Json::Null, json!("")),
        ("list", Json::Null, json!([])),
        ("map", json!({}), Json::Null),
        ("set", json!([]), Json::Null),
    ] {
        let prior = existing(json!({ (name): old }));
        let plan = plan(prior.clone(), named(json!({ (name): new })));
        assert_eq!(plan.value, object(&schema().block, &prior), "{name}");
        assert_eq!(plan.paths, [] as [&str; 0]);
    }
}

#[test]
fn collections_that_are_emptied_become_empty_and_not_null() {
    attribute("list", json!(["a"]), Json::Null, json!([]));
    attribute("list", json!(["a", "b"]), json!(["b"]), json!(["b"]));
    attribute("list", Json::Null, json!([]), json!([]));
    attribute("set", json!(["a"]), Json::Null, json!([]));
    attribute("set", Json::Null, json!([]), Json::Null);
    attribute("set", json!(["a", "b"]), json!(["b", "a"]), json!(["a", "b"]));
    attribute("map", json!({"a": "b"}), Json::Null, json!({}));
    attribute("map", Json::Null, json!({}), Json::Null);
    attribute("map", json!({"a": "b"}), json!({"c": null, "d": "e"}), json!({"d": "e"}));
}

#[test]
fn a_collection_with_one_unknown_element_is_unknown() {
    attribute("list", json!(["a"]), json!(["a", "?"]), json!("?"));
    attribute("set", json!(["a"]), json!(["a", "?"]), json!("?"));
    attribute("map", json!({"a": "b"}), json!({"a": "?"}), json!("?"));
    assert_eq!(plan(Json::Null, named(json!({"tags": {"a": "?"}}))).get("tags"), json!("?"));
}

#[test]
fn a_computed_collection_of_which_nothing_is_known_stays_where_it_was_something() {
    let schema = json!({"version": 0, "block": {"attributes": {
        "text": {"type": "string", "optional": true},
        "set": {"type": ["set", "string"], "optional": true},
        "groups": {"type": ["set", "string"], "optional": true, "computed": true},
        "labels": {"type": ["map", "string"], "optional": true, "computed": true},
    }}});
    let schema = parse_schema(&schema.to_string()).expect("a schema");
    for (name, old, new, wanted) in [
        ("groups", json!(["a"]), json!("?"), json!(["a"])),
        ("groups", json!(["a"]), json!(["a", "?"]), json!("?")),
        ("groups", json!([]), json!("?"), json!("?")),
        ("set", json!(["a"]), json!("?"), json!("?")),
        ("labels", Json::Null, json!({}), json!("?")),
        ("labels", json!({}), json!({}), json!({})),
    ] {
        let prior = object(&schema.block, &json!({ (name): old, "text": "before" }));
        let config = object(&schema.block, &json!({ (name): new, "text": "after" }));
        let proposed = proposed_new(&schema.block, &prior, &config);
        let (value, _) = plan_sdk(&schema, &NoRules, &Meta::default(), &prior, &config, &proposed).expect("a plan");
        assert_eq!(shown(value.get(name).expect("an attribute")), wanted, "{name}: {old} to {new}");
    }
}

#[test]
fn what_cannot_be_changed_in_place_is_reported_with_its_path() {
    let paths = |prior: Json, config: Json| plan(existing(prior), named(config)).paths;
    assert_eq!(paths(json!({}), json!({"name": "m"})), ["name"]);
    assert_eq!(paths(json!({"either": "x"}), json!({})), [] as [&str; 0]);
    assert_eq!(paths(json!({"either": "x"}), json!({"either": "?"})), ["either"]);
    assert_eq!(paths(json!({"set": ["a"]}), json!({"set": ["b"]})), ["set"]);
    assert_eq!(
        paths(json!({"step": [{"fixed": "a", "order": 1}]}), json!({"step": [{"fixed": "b"}]})),
        ["step[0].fixed"]
    );
}

#[test]
fn list_blocks_are_compared_by_index() {
    let prior = existing(json!({"step": [{"text": "a", "order": 1}]}));
    let two = named(json!({"step": [{"text": "b"}, {"text": "a"}]}));
    assert_eq!(
        plan(prior.clone(), two).get("step"),
        json!([{"text": "b", "order": 1.0, "fixed": ""}, {"text": "a", "order": null, "fixed": null}])
    );
    assert_eq!(plan(prior, named(json!({}))).get("step"), json!([]));
}

#[test]
fn a_computed_block_that_is_removed_stays() {
    let prior = existing(json!({"check": [{"path": "/"}]}));
    let plan = plan(prior.clone(), named(json!({})));
    assert_eq!(plan.value, object(&schema().block, &prior));
}

#[test]
fn in_a_set_that_changes_every_element_is_written_out() {
    let prior = existing(json!({"rule": [
        {"port": 80, "text": "", "cidrs": ["c"], "weight": 0, "given": "g"},
        {"port": 443, "text": "", "cidrs": [], "weight": 0, "given": "h"},
    ]}));
    let config = named(json!({"rule": [{"port": 8080, "cidrs": ["c"]}, {"port": 443}]}));
    assert_eq!(
        plan(prior.clone(), config).get("rule"),
        json!([
            {"port": 8080.0, "text": "", "cidrs": ["c"], "weight": null, "given": "?"},
            {"port": 443.0, "text": null, "cidrs": [], "weight": null, "given": "h"},
        ])
    );
    let same = named(json!({"rule": [{"port": 443}, {"port": 80, "cidrs": ["c"]}]}));
    assert_eq!(plan(prior.clone(), same).value, object(&schema().block, &prior));
}

#[test]
fn a_new_element_of_a_set_has_empty_texts_and_lists() {
    let plan = plan(Json::Null, named(json!({"rule": [{"port": 80}]})));
    assert_eq!(plan.get("rule"), json!([{"port": 80.0, "text": "", "cidrs": [], "weight": null, "given": "?"}]));
}

#[test]
fn other_timeouts_are_a_change_only_together_with_another() {
    let prior = existing(json!({"timeouts": {"delete": "7m"}}));
    let same = plan(prior.clone(), named(json!({"timeouts": {"delete": "9m"}})));
    assert_eq!(same.value, object(&schema().block, &prior));
    let changed = plan(prior, named(json!({"text": "x", "timeouts": {"delete": "9m"}})));
    assert_eq!(changed.get("timeouts"), json!({"delete": "9m"}));
}

#[test]
fn write_only_arguments_are_never_planned() {
    assert_eq!(plan(Json::Null, named(json!({"secret_wo": "x"}))).get("secret_wo"), Json::Null);
    let prior = existing(json!({}));
    assert_eq!(plan(prior.clone(), named(json!({"secret_wo": "x"}))).value, object(&schema().block, &prior));
}

#[test]
fn tags_all_follows_tags_and_defaults() {
    let meta = |defaults: &[(&str, &str)]| Meta {
        tags: TagRules {
            defaults: defaults.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            ignore_prefixes: vec!["skip:".into()],
            ..TagRules::default()
        },
        ..Meta::default()
    };
    let tags = |defaults: &[(&str, &str)], prior: Json, tags: Json| {
        let config = named(json!({ "tags": tags }));
        plan_with(&NoRules, &meta(defaults), prior, config).get("tags_all")
    };
    let with = |tags: Json, all: Json| existing(json!({"tags": tags, "tags_all": all}));
    assert_eq!(tags(&[], Json::Null, Json::Null), json!("?"));
    assert_eq!(tags(&[], Json::Null, json!({"A": ""})), json!("?"));
    assert_eq!(tags(&[], Json::Null, json!({"A": "1"})), json!({"A": "1"}));
    assert_eq!(tags(&[], Json::Null, json!({"A": "?"})), json!("?"));
    assert_eq!(tags(&[("D", "d")], Json::Null, Json::Null), json!({"D": "d"}));
    assert_eq!(tags(&[("D", "d")], Json::Null, json!({"D": "own", "skip:x": "y"})), json!({"D": "own"}));
    assert_eq!(tags(&[], with(json!({"A": "1"}), json!({"A": "1"})), json!({"A": "", "B": "x"})), json!("?"));
    assert_eq!(tags(&[], with(json!({"A": "1"}), json!({"A": "1"})), json!({})), json!({}));
    assert_eq!(tags(&[("D", "e")], with(json!({}), json!({"D": "d"})), json!({})), json!({"D": "e"}));
    // An empty default: a new one is not known, and what becomes empty stays.
    let new = [("D", "d"), ("E", "")];
    assert_eq!(tags(&new, Json::Null, json!({"A": "1"})), json!({"A": "1", "D": "d", "E": "?"}));
    let was = with(json!({"A": "0"}), json!({"A": "0", "E": "e"}));
    assert_eq!(tags(&new, was, json!({"A": "1"})), json!({"A": "1", "D": "d", "E": "e"}));
}

struct Loud;
impl TypeRules for Loud {
    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _: infra_provider::plan::Around<'_>) -> bool {
        (key.is(&["text"]) || key.is(&["step", "text"])) && old.eq_ignore_ascii_case(new)
    }
    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        key.is(&["name"]).then(|| Value::string(value.as_str().unwrap_or("").to_lowercase()))
    }
    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        if diff.has_change("number") {
            diff.set_new_computed("arn");
            diff.force_new_attribute("number");
        }
        if diff.has_change("flag") {
            diff.set_new("either", Value::string("set"));
        }
        Ok(())
    }
}

#[test]
fn a_difference_that_a_type_makes_nothing_of_keeps_the_old_value() {
    let of = |prior: Json, config: Json| plan_with(&Loud, &Meta::default(), prior, config);
    let prior = existing(json!({"text": "ABC", "step": [{"text": "X", "order": 1}], "list": ["a"]}));
    let config = named(json!({"text": "abc", "step": [{"text": "x"}], "list": ["b"]}));
    let planned = of(prior, config);
    assert_eq!(planned.get("text"), json!("ABC"));
    assert_eq!(planned.get("step")[0]["text"], json!("X"));
    assert_eq!(of(Json::Null, json!({"name": "N"})).get("name"), json!("n"));
    assert_eq!(of(existing(json!({})), json!({"name": "N"})).paths, [] as [&str; 0]);
}

#[test]
fn a_types_own_rules_decide_computed_attributes_and_replacements() {
    let of = |prior: Json, config: Json| plan_with(&Loud, &Meta::default(), prior, config);
    let planned = of(existing(json!({"number": 1})), named(json!({"number": 2})));
    assert_eq!((planned.get("arn"), planned.paths), (json!("?"), vec!["number".to_string()]));
    let planned = of(existing(json!({"either": "x"})), named(json!({"flag": true})));
    assert_eq!((planned.get("either"), planned.paths), (json!("set"), vec!["either".to_string()]));
    let planned = of(existing(json!({"either": "set"})), named(json!({"flag": true})));
    assert_eq!(planned.paths, [] as [&str; 0]);
}

#[test]
fn after_an_apply_what_was_planned_decides_between_null_and_empty() {
    let block = schema().block;
    let planned = object(&block, &named(json!({"id": "?", "rule": [{"port": 80}], "list": [], "timeouts": {}})));
    let read = object(
        &block,
        &json!({"id": "i", "name": "n", "text": "", "number": 0, "list": null, "map": {}, "tags": {},
                "rule": [{"port": 80, "text": "", "weight": 0}], "step": null}),
    );
    let stored = shown(&stored_after_apply(&block, &planned, &read));
    assert_eq!(stored["id"], json!("i"));
    assert_eq!((&stored["text"], &stored["number"]), (&json!(""), &json!(0.0)));
    assert_eq!((&stored["list"], &stored["map"], &stored["tags"]), (&json!([]), &Json::Null, &Json::Null));
    assert_eq!(stored["rule"][0]["text"], Json::Null);
    assert_eq!((&stored["step"], &stored["timeouts"]), (&json!([]), &json!({"delete": null})));
}

#[test]
fn a_refresh_tells_empty_from_null_and_keeps_empty_texts() {
    let block = schema().block;
    let prior = object(&block, &named(json!({"text": "", "timeouts": {"delete": "1m"}})));
    let read = object(&block, &named(json!({"text": null, "tags": {}, "step": [{"text": "a"}]})));
    let stored = shown(&stored_after_refresh(&block, &prior, &read));
    assert_eq!((&stored["text"], &stored["tags"]), (&json!(""), &json!({})));
    assert_eq!(stored["step"], json!([{"text": "a", "order": 0.0, "fixed": ""}]));
    assert_eq!(stored["timeouts"], json!({"delete": "1m"}));
}
