//! What `-target` leaves out, and what it takes along.

use infra_address::{Target, parse_target};
use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;
use infra_state::State;
use infra_value::Value;

use crate::fake::{plan_of, state_of};

fn targets(texts: &[&str]) -> Vec<Target> {
    texts.iter().filter_map(|text| parse_target(text).ok()).collect()
}

#[tokio::test]
async fn a_target_names_its_instances_whatever_else_needs_their_block() {
    let text = r#"
        resource "fake_thing" "base" {
          for_each = toset(["a", "b"])
          name     = each.key
        }
        resource "fake_thing" "user" {
          for_each = toset(["a", "b"])
          name     = fake_thing.base[each.key].name
          lifecycle {
            create_before_destroy = true
          }
        }
    "#;
    let one = targets(&["fake_thing.base[\"a\"]", "fake_thing.user[\"a\"]"]);
    let plan = plan_of(text, State::new(), PlanOptions { targets: one, ..PlanOptions::default() }).await;
    let planned: Vec<String> = plan.actions().into_keys().collect();
    assert_eq!(planned, ["fake_thing.base[\"a\"]", "fake_thing.user[\"a\"]"]);
    let base = targets(&["fake_thing.base"]);
    let plan = plan_of(text, State::new(), PlanOptions { targets: base, ..PlanOptions::default() }).await.plan;
    assert!(plan.changes.iter().all(|change| !change.create_before_destroy), "what asks for it is left out");
}

#[tokio::test]
async fn what_depended_on_a_target_is_destroyed_with_it_also_where_only_the_state_says_so() {
    let mut state = state_of(&[("fake_thing", "a", "i"), ("fake_thing", "b", "j"), ("fake_thing", "c", "k")]);
    for ((_, resource), found) in &mut state.resources {
        let objects = found.instances.values_mut().filter_map(|slot| slot.current.as_mut());
        objects.filter(|_| &*resource.name == "b").for_each(|o| o.dependencies = vec!["fake_thing.a".to_string()]);
    }
    let targets = targets(&["fake_thing.a"]);
    let options = PlanOptions { mode: PlanMode::Destroy, targets, ..PlanOptions::default() };
    let made = plan_of("", state, options).await;
    assert_eq!(made.actions().into_keys().collect::<Vec<_>>(), ["fake_thing.a", "fake_thing.b"]);
}

#[tokio::test]
async fn another_instance_of_a_module_stays_where_what_it_depends_on_by_name_is_destroyed() {
    let text = r#"{
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}, "resources": [
            {"module": "module.m[0]", "mode": "managed", "type": "fake_thing", "name": "base", "instances": [BASE]},
            {"module": "module.m[0]", "mode": "managed", "type": "fake_thing", "name": "user", "instances": [USER]},
            {"module": "module.m[1]", "mode": "managed", "type": "fake_thing", "name": "base", "instances": [BASE]},
            {"module": "module.m[1]", "mode": "managed", "type": "fake_thing", "name": "user", "instances": [USER]}]}"#;
    let text = text.replace(
        "\"instances\"",
        "\"provider\": \"provider[\\\"registry.terraform.io/hashicorp/fake\\\"]\", \"instances\"",
    );
    let object = r#"{"schema_version": 0, "attributes": {"id": "i", "name": "n", "size": null, "secret_wo": null}"#;
    let text = text.replace("BASE", &format!("{object}}}"));
    let text = text.replace("USER", &format!("{object}, \"dependencies\": [\"module.m.fake_thing.base\"]}}"));
    let state = State::parse(&text).expect("a state").expect("not empty");
    let targets = targets(&["module.m[1].fake_thing.base"]);
    let options = PlanOptions { mode: PlanMode::Destroy, targets, ..PlanOptions::default() };
    let made = plan_of("", state, options).await;
    let gone: Vec<String> = made.actions().into_keys().collect();
    assert_eq!(gone, ["module.m[1].fake_thing.base", "module.m[1].fake_thing.user"]);
}

#[tokio::test]
async fn an_instance_that_is_left_out_is_not_known_where_its_block_is_used() {
    let text = r#"
        resource "fake_thing" "many" {
          count = 3
          name  = "n${count.index}"
        }
        resource "fake_thing" "each" {
          for_each = toset(["a", "b"])
          name     = each.key
        }
        output "many" {
          value = fake_thing.many[*].name
        }
        output "each" {
          value = keys(fake_thing.each)
        }
    "#;
    let targets = targets(&["fake_thing.many[1]", "fake_thing.each[\"b\"]"]);
    let plan = plan_of(text, State::new(), PlanOptions { targets, ..PlanOptions::default() }).await.plan;
    let many: Vec<Option<String>> = plan.outputs["many"]
        .after
        .elements()
        .into_iter()
        .flatten()
        .map(|value| value.as_str().map(str::to_string))
        .collect();
    assert_eq!(many, [None, Some("n1".to_string())], "what follows the last one that is there is left out");
    assert_eq!(plan.outputs["each"].after, Value::tuple([Value::string("b")]));
}
