//! Conditions in plans that change nothing or destroy everything.

use infra_diag::Severity;
use infra_engine::PlanOptions;
use infra_engine::plan::{CheckStatus, PlanMode};
use infra_state::State;

use crate::fake::{plan_of, state_of};

#[tokio::test]
async fn a_precondition_of_an_output_holds_up_only_what_changes_something() {
    let text = r#"
        resource "fake_thing" "a" {
          name = "n"
        }
        output "o" {
          value = 1
          precondition {
            condition     = fake_thing.a.name == "other"
            error_message = "Another name is needed."
          }
        }
    "#;
    let severities = |mode: PlanMode| async move {
        let options = PlanOptions { mode, ..PlanOptions::default() };
        let made = plan_of(text, state_of(&[("fake_thing", "a", "i")]), options).await;
        made.problems.iter().map(|problem| problem.severity).collect::<Vec<_>>()
    };
    assert_eq!(severities(PlanMode::Normal).await, [Severity::Error]);
    assert_eq!(severities(PlanMode::RefreshOnly).await, [Severity::Warning]);
    assert_eq!(severities(PlanMode::Destroy).await, []);
}

#[tokio::test]
async fn the_conditions_of_a_resource_are_warnings_without_changes_and_not_looked_at_where_it_is_destroyed() {
    let text = r#"
        resource "fake_thing" "a" {
          count = 2
          name  = "n"
          lifecycle {
            precondition {
              condition     = count.index > 5
              error_message = "Before."
            }
            postcondition {
              condition     = self.name == "other"
              error_message = "After."
            }
          }
        }
    "#;
    let told = |mode: PlanMode| async move {
        let options = PlanOptions { mode, ..PlanOptions::default() };
        let made = plan_of(text, state_of(&[("fake_thing", "b", "i")]), options).await;
        let named = |problem: &infra_diag::Diagnostic| problem.values.iter().any(|(name, _)| name == "count.index");
        assert!(made.problems.iter().all(named), "a failed condition comes with its values");
        let told: Vec<(Severity, String)> =
            made.problems.iter().map(|problem| (problem.severity, problem.detail.clone())).collect();
        (told, made.plan.checks.iter().map(|check| check.status()).collect::<Vec<_>>())
    };
    let before = || (Severity::Warning, "Before.".to_string());
    let of_both = (vec![before(), before()], vec![CheckStatus::Fail]);
    assert_eq!(told(PlanMode::RefreshOnly).await, of_both, "although nothing is there");
    assert_eq!(told(PlanMode::Destroy).await, (vec![], vec![CheckStatus::Unknown]));
}

#[tokio::test]
async fn an_instance_that_is_still_there_is_not_moved_away() {
    let text = r#"
        resource "fake_thing" "a" {
          count = 2
          name  = "n"
        }
        moved {
          from = fake_thing.a[1]
          to   = fake_thing.b["x"]
        }
        resource "fake_thing" "b" {
          for_each = toset(["x"])
          name     = "n"
        }
    "#;
    let made = plan_of(text, State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Moved object still exists"]);
    let gone = plan_of(&text.replace("count = 2", "count = 1"), State::new(), PlanOptions::default()).await;
    assert_eq!(gone.summaries(), Vec::<&str>::new());
}
