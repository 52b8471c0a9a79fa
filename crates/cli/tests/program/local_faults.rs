//! What goes wrong on this machine: killed commands, damaged records, plans for another place.

use std::time::{Duration, Instant};

use crate::support::Folder;

const NETWORK: &str = r#"
    provider "aws" { region = "eu-west-1" }
    resource "aws_vpc" "this" { cidr_block = "10.0.0.0/16" }
    resource "aws_ecs_cluster" "this" { name = "shop" }
    resource "aws_secretsmanager_secret" "this" { name = "shop" }
"#;

/// A project on this machine. What runs for it is stopped at the end, however the test ends.
struct Local(Folder);

impl Local {
    fn with(configuration: &str) -> Local {
        Local(Folder::with(configuration).env("INFRA_LOCAL", "1"))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.0.infra(["local", "destroy"]);
    }
}

#[test]
fn after_a_killed_apply_the_next_one_goes_on_with_what_was_made() {
    for milliseconds in [60, 150, 300] {
        let local = Local::with(NETWORK);
        let mut killed = local.0.start(["apply", "-auto-approve", "-input=false"]);
        std::thread::sleep(Duration::from_millis(milliseconds));
        let _ = killed.kill();
        let _ = killed.wait();
        local.0.infra(["apply", "-auto-approve", "-input=false"]).status(0);
        local.0.infra(["plan", "-detailed-exitcode", "-input=false"]).status(0);
        local.0.infra(["destroy", "-auto-approve", "-input=false"]).status(0);
        assert!(!local.0.path(".infra/local/world.json").exists(), "nothing is recorded that no state knows");
    }
}

#[test]
fn records_that_cannot_be_read_are_told_at_once_and_can_be_removed() {
    let local = Local::with(NETWORK);
    local.0.infra(["apply", "-auto-approve", "-input=false"]).status(0);
    local.0.infra(["local", "stop"]).status(0);
    local.0.write(".infra/local/world.json", "{ not JSON");
    let began = Instant::now();
    local.0.infra(["plan", "-input=false"]).status(1).fails_with("infra local destroy");
    assert!(began.elapsed() < Duration::from_secs(15), "no supervisor that has ended is waited for");
    local.0.infra(["local", "destroy"]).status(0);
    assert!(!local.0.path(".infra/local").exists());
    local.0.infra(["apply", "-auto-approve", "-input=false"]).status(0).says("3 added");
}

#[test]
fn a_saved_plan_is_applied_where_it_was_made_for() {
    let folder = Folder::with("resource \"terraform_data\" \"this\" {}");
    folder.infra(["plan", "-local", "-out=here"]).status(0);
    folder.infra(["apply", "here"]).status(1).fails_with("Saved plan is for -local");
    folder.infra(["plan", "-out=there"]).status(0);
    folder.infra(["apply", "-local", "there"]).status(1).fails_with("Saved plan is not for -local");
    folder.infra(["apply", "-local", "here"]).status(0);
}

#[test]
fn what_left_the_state_is_imported_again() {
    let local = Local::with(NETWORK);
    local.0.infra(["apply", "-auto-approve", "-input=false"]).status(0);
    local.0.infra(["state", "rm", "aws_ecs_cluster.this"]).status(0);
    local.0.infra(["import", "aws_ecs_cluster.this", "shop"]).status(0);
    local.0.infra(["plan", "-detailed-exitcode", "-input=false"]).status(0);
}
