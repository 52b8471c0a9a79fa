//! `import` blocks: ids that other objects give, and configuration that is generated.

use infra_engine::{PlanOptions, generated_file};
use infra_lang::config::{LoadOptions, load};
use infra_state::State;

use crate::fake::{plan_of, state_of};

#[tokio::test]
async fn an_id_may_come_from_a_data_source_and_from_another_object() {
    let text = r#"
        data "fake_note" "n" { key = "k" }
        resource "fake_thing" "old" { name = "n" }
        resource "fake_thing" "a" { name = "a" }
        resource "fake_thing" "b" {
          for_each = toset(["x"])
          name     = each.key
        }
        import {
          to = fake_thing.a
          id = data.fake_note.n.text
        }
        import {
          for_each = { x = fake_thing.old.id }
          to       = fake_thing.b[each.key]
          id       = "${each.value}-${each.key}"
        }
    "#;
    let made = plan_of(text, state_of(&[("fake_thing", "old", "o")]), PlanOptions::default()).await;
    assert_eq!(made.summaries(), Vec::<&str>::new());
    let imported = made.plan.changes.iter().filter_map(|c| Some((c.address.to_string(), c.importing.clone()?)));
    let wanted = [("fake_thing.a", "text of k"), ("fake_thing.b[\"x\"]", "o-x")];
    assert_eq!(imported.collect::<Vec<_>>(), wanted.map(|(a, id)| (a.to_string(), id.to_string())));
}

#[tokio::test]
async fn what_cannot_be_imported_yet_is_not_planned_to_be_created() {
    let text = r#"
        resource "fake_thing" "new" { name = "n" }
        resource "fake_thing" "a" { name = "a" }
        import {
          to = fake_thing.a
          id = fake_thing.new.id
        }
    "#;
    let made = plan_of(text, State::new(), PlanOptions::default()).await;
    assert_eq!(made.summaries(), ["Invalid import id argument"]);
    assert_eq!(made.actions().into_keys().collect::<Vec<_>>(), ["fake_thing.new"]);
}

#[tokio::test]
async fn imports_that_can_never_be_made_are_refused() {
    for (to, id, summary) in [
        ("fake_thing.a", "fake_thing.a.id", "Invalid import id argument"),
        ("fake_thing.a[\"k\"]", "\"i\"", "Configuration for import target does not exist"),
        ("fake_thing.none", "\"i\"", "Configuration for import target does not exist"),
        ("fake_thing.none[0]", "\"i\"", "Invalid import 'to' expression"),
    ] {
        let text =
            format!("resource \"fake_thing\" \"a\" {{\n name = \"a\"\n}}\nimport {{\n to = {to}\n id = {id}\n}}\n");
        let made = plan_of(&text, State::new(), PlanOptions::default()).await;
        assert_eq!(made.summaries(), [summary], "{to} {id}");
    }
}

#[tokio::test]
async fn configuration_is_generated_for_what_has_none() {
    let text = "import {\n to = fake_thing.z\n id = \"first\"\n}\nimport {\n to = fake_thing.a\n id = \"second\"\n}\n";
    let options = PlanOptions { generate_config: Some("g.tf".into()), ..PlanOptions::default() };
    let made = plan_of(text, State::new(), options).await;
    assert_eq!(made.summaries(), Vec::<&str>::new());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.tf"), text).expect("a file");
    let (config, _, _) = load(folder.path(), &LoadOptions::default());
    let file = generated_file(&config, &made.plan).expect("something was generated");
    insta::assert_snapshot!(file.text, @r#"
    # __generated__ by Terraform
    # Please review these resources and move them into your main configuration files.

    # __generated__ by Terraform from "first"
    resource "fake_thing" "z" {
      name      = "name of first"
      secret_wo = null
      size      = 3
    }

    # __generated__ by Terraform from "second"
    resource "fake_thing" "a" {
      name      = "name of second"
      secret_wo = null
      size      = 3
    }
    "#);
}
