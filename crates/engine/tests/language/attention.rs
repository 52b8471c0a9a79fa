//! What providers say needs attention, put into the plan.

use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;
use infra_state::State;
use serde_json::{Value as Json, json};

use crate::fake::{Made, plan_of, state_of};

/// Each finding on a line.
fn found(made: &Made) -> Vec<String> {
    let at =
        |at: &Option<(String, usize)>| at.as_ref().map_or("-".to_string(), |(file, line)| format!("{file}:{line}"));
    made.plan.attention.iter().map(|f| format!("{} {} {}: {}", f.address, at(&f.at), f.rule, f.message)).collect()
}

#[tokio::test]
async fn each_change_is_asked_for_and_the_heaviest_finding_stands_first() {
    let text = r#"
        resource "fake_thing" "a" { name = "a" }
        resource "fake_thing" "same" { name = "n" }
        resource "fake_thing" "tainted" { name = "n" }
    "#;
    let state = state_of(&[("fake_thing", "same", "i"), ("fake_thing", "gone", "i"), ("fake_thing", "tainted", "i")]);
    let options = PlanOptions {
        replace: vec![infra_address::parse_resource_instance("fake_thing.tainted").expect("an address")],
        ..PlanOptions::default()
    };
    let made = plan_of(text, state, options).await;
    assert_eq!(
        found(&made),
        [
            "fake_thing.gone - told: Delete, left as None",
            "fake_thing.a main.tf:2 told: Create, left as None",
            "fake_thing.tainted main.tf:4 told: Replace { create_first: false, because: Requested }, left as None",
        ]
    );
}

fn state(instances: &Json) -> State {
    let json = json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}, "resources": [{
            "mode": "managed", "type": "fake_thing", "name": "a",
            "provider": "provider[\"registry.terraform.io/hashicorp/fake\"]", "instances": instances,
        }],
    });
    State::parse(&json.to_string()).expect("a state").expect("not empty")
}

fn instance(name: &str) -> Json {
    json!({"schema_version": 0, "attributes": {"id": "i", "name": name, "size": 2, "secret_wo": null}})
}

#[tokio::test]
async fn what_was_changed_elsewhere_is_told_with_what_it_was() {
    let text = r#"
        resource "fake_thing" "a" {
          name = "grown"
          size = 2
        }
    "#;
    let made = plan_of(text, state(&json!([instance("grown")])), PlanOptions::default()).await;
    assert_eq!(found(&made), ["fake_thing.a main.tf:2 told: Update, left as Some(Some(2))"]);
    let made = plan_of(&text.replace("grown", "gone"), state(&json!([instance("gone")])), PlanOptions::default()).await;
    assert_eq!(found(&made), ["fake_thing.a main.tf:2 told: Create, left as Some(Some(2))"]);
}

#[tokio::test]
async fn a_deposed_object_is_told_apart() {
    let mut deposed = instance("n");
    deposed["deposed"] = json!("0a1b2c3d");
    let text = "resource \"fake_thing\" \"a\" {\n  name = \"n\"\n  size = 2\n}\n";
    let made = plan_of(text, state(&json!([instance("n"), deposed])), PlanOptions::default()).await;
    assert_eq!(found(&made), ["fake_thing.a main.tf:1 told: (deposed object 0a1b2c3d) Delete, left as None"]);
}

#[tokio::test]
async fn an_object_that_is_only_forgotten_needs_no_attention() {
    let text = r#"
        removed {
          from = fake_thing.a
          lifecycle { destroy = false }
        }
    "#;
    let made = plan_of(text, state(&json!([instance("n")])), PlanOptions::default()).await;
    assert_eq!(made.actions().values().collect::<Vec<_>>(), [&["forget"]]);
    assert_eq!(found(&made), [""; 0]);
}

#[tokio::test]
async fn a_plan_that_destroys_everything_says_so() {
    let options = PlanOptions { mode: PlanMode::Destroy, ..PlanOptions::default() };
    let text = "resource \"fake_thing\" \"a\" {\n  name = \"n\"\n}\n";
    let made = plan_of(text, state(&json!([instance("n")])), options).await;
    assert_eq!(found(&made), ["fake_thing.a main.tf:1 told: Delete with everything, left as None"]);
}
