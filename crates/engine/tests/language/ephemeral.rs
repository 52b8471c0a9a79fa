//! Ephemeral resources are open as long as something needs them, and leave nothing behind.

use infra_engine::PlanOptions;
use infra_state::State;

use crate::fake::plan_of;

const LEASE: &str = r#"
ephemeral "fake_lease" "l" {
  key = "k"
}
"#;

#[tokio::test]
async fn one_is_opened_for_who_uses_it_and_closed_after_that() {
    let user = r#"
        resource "fake_thing" "t" {
          name      = "t"
          secret_wo = ephemeral.fake_lease.l.text
        }
    "#;
    let made = plan_of(&format!("{LEASE}{user}"), State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), Vec::<&str>::new());
    assert_eq!(made.asked, ["open k", "close k"]);
    let plan = &made.plan;
    assert_eq!(made.actions().into_keys().collect::<Vec<_>>(), ["fake_thing.t"]);
    assert!(!format!("{:?}", plan.changes).contains("text of k"), "nothing of it is in the plan");
    assert!(plan.prior_state.instances().next().is_none());
}

#[tokio::test]
async fn one_whose_configuration_is_not_known_is_left_for_the_apply() {
    let text = r#"
        resource "fake_thing" "first" { name = "f" }
        ephemeral "fake_lease" "l" { key = fake_thing.first.id }
        resource "fake_thing" "t" {
          name      = "t"
          secret_wo = ephemeral.fake_lease.l.text
        }
    "#;
    let made = plan_of(text, State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), Vec::<&str>::new());
    assert_eq!(made.asked, Vec::<String>::new());
    assert_eq!(made.plan.changes.len(), 2);
}

#[tokio::test]
async fn one_that_another_is_opened_with_is_closed_last() {
    let text = r#"
        ephemeral "fake_lease" "a" { key = "outer" }
        ephemeral "fake_lease" "b" { key = "inner, with ${ephemeral.fake_lease.a.key}" }
        resource "fake_thing" "t" {
          name      = "t"
          secret_wo = ephemeral.fake_lease.b.text
        }
    "#;
    let made = plan_of(text, State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), Vec::<&str>::new());
    assert_eq!(made.asked, ["open outer", "open inner, with outer", "close inner, with outer", "close outer"]);
}

#[tokio::test]
async fn it_is_closed_although_what_uses_it_fails() {
    let user = "resource \"fake_thing\" \"t\" {\n name = ephemeral.fake_lease.l.text\n}\n";
    let made = plan_of(&format!("{LEASE}{user}"), State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Invalid use of ephemeral value"]);
    assert_eq!(made.asked, ["open k", "close k"]);
}

#[tokio::test]
async fn its_conditions_are_checked() {
    let text = LEASE.replace(
        "key = \"k\"",
        "key = \"k\"\n lifecycle {\n postcondition {\n condition = self.text == \"\"\n error_message = \"no\"\n }\n }",
    );
    let made = plan_of(&text, State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Resource postcondition failed"]);
    assert_eq!(made.asked, ["open k", "close k"]);
}
