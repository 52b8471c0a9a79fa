//! What objects depend on, as the state lists it, and the order in which they are replaced.

use infra_address::parse_resource_instance;
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
async fn what_is_deposed_goes_after_what_used_it_is_replaced() {
    let text = r#"
        resource "fake_thing" "user" {
          name = "n"
        }
    "#;
    let mut state = state_of(&[("fake_thing", "base", "b"), ("fake_thing", "user", "u")]);
    for ((_, resource), found) in &mut state.resources {
        for slot in found.instances.values_mut() {
            match &*resource.name {
                "base" => slot.deposed.extend(slot.current.take().map(|object| ("00000001".to_string(), object))),
                _ => slot.current.iter_mut().for_each(|o| o.dependencies = vec!["fake_thing.base".to_string()]),
            }
        }
    }
    let replace = parse_resource_instance("fake_thing.user").into_iter().collect();
    let made = plan_of(text, state, PlanOptions { replace, ..PlanOptions::default() }).await;
    let waits = &made.waits["fake_thing.base deposed 00000001 (destroy)"];
    assert!(waits.contains(&"fake_thing.user (create)".to_string()), "{:?}", made.waits);
}
