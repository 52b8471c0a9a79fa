//! What objects depend on, as the state lists it, and the order in which they are replaced.

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
