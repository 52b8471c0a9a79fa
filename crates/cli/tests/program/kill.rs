//! Runs that are killed, and clouds that do not answer: nothing is lost, and nothing is made twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::support::{Cloud, Fault, Folder, Proxy};

const STACK: &str = "examples/three-tier";
/// How long a run may go on without a request that changes something.
const QUIET: Duration = Duration::from_secs(30);
const APPLY: [&str; 3] = ["apply", "-input=false", "-auto-approve"];
const DESTROY: [&str; 3] = ["destroy", "-input=false", "-auto-approve"];

/// What an undisturbed run makes, and what a destroy takes away.
struct Whole {
    made: BTreeMap<String, usize>,
    taken: BTreeMap<String, usize>,
}

/// Operations that make something that would be there twice.
fn made(proxy: &Proxy) -> BTreeMap<String, usize> {
    let makes = |name: &str| {
        (name.starts_with("Create") && name != "CreateTags")
            || ["Allocate", "Register", "Request", "Associate", "Attach", "POST"].iter().any(|s| name.starts_with(s))
    };
    proxy.take_done().into_iter().filter(|(name, _)| makes(name)).collect()
}

fn taken(proxy: &Proxy) -> BTreeMap<String, usize> {
    let takes = |name: &str| name.starts_with("Delete") || name.starts_with("Release") || name.starts_with("Schedule");
    proxy.take_done().into_iter().filter(|(name, _)| takes(name)).collect()
}

fn undisturbed(proxy: &Proxy) -> Whole {
    let folder = Folder::copy_of(STACK).at(&proxy.url());
    folder.infra(APPLY).status(0);
    let made = made(proxy);
    folder.infra(DESTROY).status(0);
    Whole { made, taken: taken(proxy) }
}

/// The state is what there is: a plan wants nothing, everything was made once, and goes with a destroy.
#[track_caller]
fn nothing_lost(folder: &Folder, proxy: &Proxy, whole: &Whole) {
    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
    assert_eq!(made(proxy), whole.made);
    folder.infra(DESTROY).status(0);
    assert_eq!(taken(proxy), whole.taken);
    let left = std::fs::read_dir(folder.path(".")).expect("a folder").flatten();
    let left = left.map(|file| file.file_name().to_string_lossy().into_owned());
    let left: Vec<_> = left.filter(|name| name.contains("infra-") && !name.ends_with(".infra-history")).collect();
    assert!(left.is_empty(), "{left:?}");
    // Killed runs have no record; those of the others are whole.
    folder.infra(["history", "verify"]).status(0).says("unbroken");
}

/// Runs infra again and again, and kills it each time that it is in the middle of an operation of another kind.
fn kill_at_each_operation(folder: &Folder, proxy: &Proxy, arguments: [&'static str; 3], fault: Fault) -> usize {
    let mut seen = BTreeSet::new();
    loop {
        let before = seen.clone();
        proxy.set(move |operation, _| (!before.contains(operation)).then_some(fault));
        let mut run = folder.start(arguments);
        match proxy.stuck(QUIET, &mut run) {
            Some(operation) => {
                proxy.kill(&mut run);
                seen.insert(operation);
            }
            None => {
                proxy.open();
                folder.infra(arguments).status(0);
                return seen.len();
            }
        }
    }
}

#[test]
fn a_run_that_is_killed_before_answers_come_goes_on_where_it_was() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let whole = undisturbed(&proxy);
    let folder = Folder::copy_of(STACK).at(&proxy.url());
    let kills = kill_at_each_operation(&folder, &proxy, APPLY, Fault::Withhold);
    // Others are under way at the same time, and done by then.
    assert!(kills > 8, "{kills}");
    nothing_lost(&folder, &proxy, &whole);
}

#[test]
fn a_run_that_is_killed_before_requests_arrive_goes_on_where_it_was() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let whole = undisturbed(&proxy);
    let folder = Folder::copy_of(STACK).at(&proxy.url());
    kill_at_each_operation(&folder, &proxy, APPLY, Fault::Swallow);
    nothing_lost(&folder, &proxy, &whole);
}

#[test]
fn a_destroy_that_is_killed_goes_on_where_it_was() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = Folder::copy_of(STACK).at(&proxy.url());
    folder.infra(APPLY).status(0);
    kill_at_each_operation(&folder, &proxy, DESTROY, Fault::Withhold);
    assert_eq!(folder.infra(["state", "list"]).status(0).stdout, "");
    folder.infra(APPLY).status(0);
    folder.infra(DESTROY).status(0);
}

#[test]
fn a_cut_connection_makes_nothing_twice() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let whole = undisturbed(&proxy);
    let folder = Folder::copy_of(STACK).at(&proxy.url());
    let mut seen = BTreeSet::new();
    proxy.set(move |operation, _| seen.insert(operation.to_string()).then_some(Fault::Cut));
    folder.infra(APPLY).status(0);
    proxy.open();
    nothing_lost(&folder, &proxy, &whole);
}

#[test]
fn a_busy_cloud_is_asked_again() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = Folder::copy_of("examples/minimal").at(&proxy.url());
    proxy.set(|_, before| (before % 3 == 0).then_some(Fault::Busy));
    folder.infra(APPLY).status(0);
    proxy.open();
    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
    folder.infra(DESTROY).status(0);
}

/// A new group lets everything out until its creation has taken that back.
#[test]
fn a_group_whose_creation_was_cut_off_lets_nothing_out() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let configuration = r#"
        resource "aws_vpc" "a" { cidr_block = "10.0.0.0/16" }
        resource "aws_security_group" "a" { vpc_id = aws_vpc.a.id }
    "#;
    for (stop, fault) in [("CreateSecurityGroup", Fault::Withhold), ("RevokeSecurityGroupEgress", Fault::Swallow)] {
        let folder = Folder::with(configuration).at(&proxy.url()).env("AWS_REGION", "eu-west-1");
        proxy.set(move |operation, _| (operation == stop).then_some(fault));
        let mut run = folder.start(APPLY);
        assert!(proxy.stuck(QUIET, &mut run).is_some(), "{stop}");
        proxy.kill(&mut run);
        // A plan shows it, and changes nothing.
        folder.infra(["plan", "-input=false"]).status(0).says("1 to change");
        folder.infra(APPLY).status(0).says("1 changed");
        folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
        let group = &folder.state()["resources"][0]["instances"][0];
        assert_eq!((&group["attributes"]["egress"], &group["status"]), (&json!([]), &Json::Null));
        assert_eq!(
            made(&proxy),
            BTreeMap::from(["CreateSecurityGroup", "CreateVpc"].map(|name| (name.to_string(), 1)))
        );
    }
}

/// A plan from before a run that was killed is stale; one from after it knows what was made.
#[test]
fn a_saved_plan_knows_what_a_killed_run_has_made() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = Folder::copy_of("examples/minimal").at(&proxy.url());
    folder.infra(["plan", "-input=false", "-out=old.plan"]).status(0);
    proxy.set(|_, before| (before == 0).then_some(Fault::Withhold));
    let mut run = folder.start(["apply", "-input=false", "old.plan"]);
    assert!(proxy.stuck(QUIET, &mut run).is_some());
    proxy.kill(&mut run);
    folder.infra(["apply", "-input=false", "old.plan"]).fails(&["Saved plan is stale", "interrupted"]);
    folder.infra(["plan", "-input=false", "-out=new.plan"]).status(0).says("that an interrupted run had created.");
    folder.infra(["apply", "-input=false", "new.plan"]).status(0).says("2 added");
    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
    folder.infra(DESTROY).status(0).says("3 destroyed");
}
