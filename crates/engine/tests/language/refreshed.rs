//! What a refresh of its own makes of blocks that are repeated.

use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;
use infra_state::State;
use infra_value::value_to_json;

use crate::fake::plan_of;

#[tokio::test]
async fn a_repeated_block_has_the_instances_of_the_state_whatever_it_says_now() {
    let instance = |key: serde_json::Value, name: &str| {
        serde_json::json!({
            "index_key": key, "schema_version": 0,
            "attributes": {"id": name, "name": name, "size": null, "secret_wo": null},
        })
    };
    let resource = |name: &str, instances: Vec<serde_json::Value>| {
        serde_json::json!({
            "mode": "managed", "type": "fake_thing", "name": name,
            "provider": "provider[\"registry.terraform.io/hashicorp/fake\"]", "instances": instances,
        })
    };
    let state = serde_json::json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {},
        "resources": [
            resource("each", vec![instance("a".into(), "gone"), instance("b".into(), "kept")]),
            resource("some", vec![instance(0.into(), "n0"), instance(1.into(), "n1")]),
        ],
    });
    let text = r#"
        resource "fake_thing" "each" {
          for_each = toset(["a", "c"])
          name     = each.key
        }
        resource "fake_thing" "some" {
          count = 1
          name  = "n0"
        }
        output "names" {
          value = [keys(fake_thing.each), fake_thing.some[*].name]
        }
    "#;
    let state = State::parse(&state.to_string()).expect("a state").expect("not empty");
    let options = PlanOptions { mode: PlanMode::RefreshOnly, ..PlanOptions::default() };
    let made = plan_of(text, state, options).await;
    let names = &made.plan.outputs["names"].after;
    let names = value_to_json(names, &names.ty()).expect("no unknown names");
    assert_eq!(names, serde_json::json!([["b"], ["n0", "n1"]]), "{:?}", made.summaries());
}
