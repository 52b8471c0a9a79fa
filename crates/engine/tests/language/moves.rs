//! Moves between addresses and types, and what triggers replacements.

use infra_engine::PlanOptions;
use infra_state::State;

use crate::fake::{plan_of, state_of};

#[tokio::test]
async fn an_object_becomes_one_of_another_type_only_if_that_can_take_it() {
    let text = r#"
        resource "fake_other" "b" { name = "n" }
        moved {
          from = fake_thing.a
          to   = fake_other.b
        }
    "#;
    let made = plan_of(text, state_of(&[("fake_thing", "a", "i")]), PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Move Resource State Not Supported"]);
}

#[tokio::test]
async fn only_what_is_planned_can_trigger_a_replacement() {
    let text = r#"
        data "fake_note" "n" { key = "k" }
        resource "fake_thing" "a" {
          name = "a"
          lifecycle { replace_triggered_by = [data.fake_note.n] }
        }
    "#;
    let made = plan_of(text, State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Invalid replace_triggered_by reference"]);
}
