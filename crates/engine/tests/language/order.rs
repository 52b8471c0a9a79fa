//! What objects depend on, as the state lists it, and the order in which they are replaced.

use infra_address::parse_target;
use infra_engine::PlanOptions;
use infra_state::{Instance, State};

use crate::fake::{plan_of, state_of};

/// The object of a resource without keys.
fn object<'s>(state: &'s State, name: &str) -> &'s Instance {
    let named = state.instances().find(|(address, _, _)| address.resource.to_string() == name);
    named.and_then(|(_, _, slot)| slot.current.as_ref()).expect("an object")
}

#[tokio::test]
async fn what_only_the_configuration_of_a_provider_needs_is_depended_on() {
    let text = r#"
        provider "fake" {
          at = fake_thing.base.name
        }
        provider "fake" {
          alias = "plain"
        }
        resource "fake_thing" "base" {
          provider = fake.plain
          name     = "b"
        }
        resource "fake_thing" "user" {
          name = "u"
          lifecycle {
            create_before_destroy = true
          }
        }
    "#;
    let plan = plan_of(text, State::new(), PlanOptions::default()).await.plan;
    let [base, user] = &plan.changes[..] else { panic!("two changes, not {:?}", plan.changes.len()) };
    assert_eq!(user.dependencies, ["fake_thing.base"]);
    assert!(base.dependencies.is_empty());
    assert!(base.create_before_destroy, "for it has to be there as long as what needs it");
}

#[tokio::test]
async fn a_refreshed_object_depends_on_what_it_did_and_what_it_does() {
    let text = r#"
        resource "fake_thing" "base" {
          name = "n"
        }
        resource "fake_thing" "user" {
          name       = "changed"
          depends_on = [fake_thing.base]
          lifecycle {
            create_before_destroy = true
          }
        }
    "#;
    let stored = || {
        let mut state = state_of(&[("fake_thing", "base", "b"), ("fake_thing", "user", "u")]);
        for resource in state.resources.values_mut() {
            let objects = resource.instances.values_mut().filter_map(|slot| slot.current.as_mut());
            objects.for_each(|object| object.dependencies = vec!["fake_thing.old".to_string()]);
        }
        state
    };
    for (refresh, listed) in [(true, &["fake_thing.base", "fake_thing.old"][..]), (false, &["fake_thing.old"])] {
        let plan = plan_of(text, stored(), PlanOptions { refresh, ..PlanOptions::default() }).await.plan;
        let user = object(&plan.prior_state, "fake_thing.user");
        assert_eq!(user.dependencies, listed);
        assert!(user.create_before_destroy && object(&plan.prior_state, "fake_thing.base").create_before_destroy);
    }
}

#[tokio::test]
async fn what_names_an_instance_waits_for_that_alone() {
    let text = r#"
        resource "fake_thing" "many" {
          for_each = toset(["a", "b"])
          name     = each.key
        }
        locals {
          one = fake_thing.many["a"].name
        }
        resource "fake_thing" "user" {
          name = local.one
        }
        resource "fake_thing" "all" {
          name = length(fake_thing.many)
        }
    "#;
    let made = plan_of(text, State::new(), PlanOptions::default()).await;
    let both = ["fake_thing.many[\"a\"] (create)", "fake_thing.many[\"b\"] (create)"];
    assert_eq!(made.waits["fake_thing.user (create)"], both[..1]);
    assert_eq!(made.waits["fake_thing.all (create)"], both);
}

#[tokio::test]
async fn what_depends_on_an_object_is_gone_before_that_changes() {
    let text = r#"
        resource "fake_thing" "base" {
          name = "changed"
        }
    "#;
    let mut state = state_of(&[("fake_thing", "base", "b"), ("fake_thing", "user", "u")]);
    for ((_, resource), found) in &mut state.resources {
        let objects = found.instances.values_mut().filter_map(|slot| slot.current.as_mut());
        let users = objects.filter(|_| &*resource.name == "user");
        users.for_each(|object| object.dependencies = vec!["fake_thing.base".to_string()]);
    }
    let made = plan_of(text, state, PlanOptions::default()).await;
    assert_eq!(made.waits["fake_thing.base (update)"], ["fake_thing.user (destroy)"]);
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
    let targets = |texts: &[&str]| texts.iter().filter_map(|text| parse_target(text).ok()).collect();
    let one = targets(&["fake_thing.base[\"a\"]", "fake_thing.user[\"a\"]"]);
    let plan = plan_of(text, State::new(), PlanOptions { targets: one, ..PlanOptions::default() }).await;
    let planned: Vec<String> = plan.actions().into_keys().collect();
    assert_eq!(planned, ["fake_thing.base[\"a\"]", "fake_thing.user[\"a\"]"]);
    let base = targets(&["fake_thing.base"]);
    let plan = plan_of(text, State::new(), PlanOptions { targets: base, ..PlanOptions::default() }).await.plan;
    assert!(plan.changes.iter().all(|change| !change.create_before_destroy), "what asks for it is left out");
}
