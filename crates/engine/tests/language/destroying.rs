//! What a plan that destroys everything looks at before.

use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;
use infra_state::State;

use crate::fake::{plan_of, state_of};

const TEXT: &str = r#"
    provider "fake" {
      at = data.fake_note.provider.text
    }
    provider "fake" {
      alias = "plain"
    }
    data "fake_note" "provider" {
      provider = fake.plain
      key      = "provider"
    }
    data "fake_note" "free" {
      key = "free"
    }
    resource "fake_thing" "t" {
      name = "t"
    }
    check "c" {
      data "fake_note" "nested" {
        key = "nested"
      }
      assert {
        condition     = data.fake_note.nested.text == ""
        error_message = "no"
      }
    }
"#;

/// The data sources that are read, and how much there is to tell.
async fn reads(state: State, refresh: bool) -> (Vec<String>, usize) {
    let made = plan_of(TEXT, state, PlanOptions { mode: PlanMode::Destroy, refresh, ..PlanOptions::default() }).await;
    let mut read: Vec<String> = made.asked.iter().filter_map(|line| Some(line.strip_prefix("read ")?.into())).collect();
    read.sort();
    (read, made.problems.iter().count())
}

#[tokio::test]
async fn every_data_source_is_read_and_no_check_is_made() {
    let told = reads(state_of(&[("fake_thing", "t", "t")]), true).await;
    assert_eq!(told, (vec!["free".to_string(), "nested".into(), "provider".into()], 0));
}

#[tokio::test]
async fn without_a_refresh_only_what_providers_need_is_read() {
    assert_eq!(reads(state_of(&[("fake_thing", "t", "t")]), false).await, (vec!["provider".to_string()], 0));
}

#[tokio::test]
async fn where_there_is_nothing_to_destroy_nothing_is_read() {
    assert_eq!(reads(State::new(), true).await, (Vec::new(), 0));
}
