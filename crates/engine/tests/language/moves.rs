//! Moves between addresses and types, what triggers replacements, and what goes along with a target.

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

#[tokio::test]
async fn moves_that_contradict_each_other_are_told() {
    let case = |moves: &[(&str, &str)]| {
        let blocks =
            moves.iter().map(|(from, to)| format!("moved {{\n from = fake_thing.{from}\n to = fake_thing.{to}\n}}\n"));
        blocks.collect::<String>() + "resource \"fake_thing\" \"a\" { name = \"n\" }\n"
    };
    for (moves, expected) in [
        (&[("x", "y"), ("y", "x")][..], &["Cyclic dependency in move statements"][..]),
        (&[("x", "a"), ("x", "b")], &["Ambiguous move statements"]),
        (&[("x", "b"), ("y", "b")], &["Ambiguous move statements"]),
        (&[("x", "y"), ("y", "a")], &[]),
        (&[("x[0]", "a"), ("x[1]", "b")], &[]),
    ] {
        let made = plan_of(&case(moves), State::new(), PlanOptions::default()).await;
        assert_eq!(made.summaries(), expected, "{moves:?}");
    }
}

#[tokio::test]
async fn what_is_at_an_address_stays_there_while_another_move_ends_there() {
    let text = r#"
        resource "fake_thing" "c" { name = "n" }
        moved {
          from = fake_thing.a
          to   = fake_thing.b
        }
        moved {
          from = fake_thing.b
          to   = fake_thing.c
        }
    "#;
    let both = state_of(&[("fake_thing", "a", "i"), ("fake_thing", "b", "j")]);
    let made = plan_of(text, both, PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Unresolved resource instance address changes"]);
    assert_eq!(made.actions()["fake_thing.a"], ["delete"]);
    let one = plan_of(text, state_of(&[("fake_thing", "a", "i")]), PlanOptions::default()).await;
    assert_eq!(one.actions().keys().collect::<Vec<_>>(), ["fake_thing.c"]);
}
