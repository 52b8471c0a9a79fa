//! The project's own configurations, from nothing to nothing on an emulated AWS.

use serde_json::Value as Json;

use crate::support::{Cloud, Folder};

const PASSWORD: &str = "correct-horse-battery-9";

/// Plan, apply of the saved plan, a plan that wants nothing, destroy, and nothing left.
#[track_caller]
fn from_nothing_to_nothing(folder: &Folder, resources: usize) {
    folder.infra(["init", "-input=false"]).status(0);
    folder.infra(["validate"]).status(0);
    folder
        .infra(["plan", "-input=false", "-detailed-exitcode", "-out=first.plan"])
        .status(2)
        .says(&format!("Plan: {resources} to add, 0 to change, 0 to destroy."));
    assert!(!folder.path("terraform.tfstate").exists(), "a plan writes no state");

    folder.infra(["apply", "-input=false", "first.plan"]).status(0).says(&format!("{resources} added"));
    assert_eq!(instances(&folder.state()), resources);
    only_the_owner_may_read(folder, "terraform.tfstate");

    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
    folder.infra(["destroy", "-input=false", "-auto-approve"]).status(0).says(&format!("{resources} destroyed"));
    assert_eq!(instances(&folder.state()), 0);
    assert_eq!(folder.infra(["state", "list"]).status(0).stdout, "");
}

/// How many managed objects the state has.
fn instances(state: &Json) -> usize {
    let all = state["resources"].as_array().expect("a list of resources");
    let managed = all.iter().filter(|resource| resource["mode"] == "managed");
    managed.map(|resource| resource["instances"].as_array().expect("a list of instances").len()).sum()
}

#[cfg(unix)]
fn only_the_owner_may_read(folder: &Folder, file: &str) {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(folder.path(file)).expect("the file is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file} may hold secrets");
}

#[cfg(not(unix))]
fn only_the_owner_may_read(_: &Folder, _: &str) {}

/// An environment of the reference stack with what it asks for, and with its state in its folder.
fn environment(cloud: &Cloud, name: &str) -> Folder {
    let folder = Folder::copy_of(&format!("infrastructure/environments/{name}"))
        .on(cloud)
        .env("TF_VAR_certificate_arn", &cloud.certificate("shop.example.com"))
        .env("TF_VAR_image", "example.com/shop:1.0.0")
        .env("TF_VAR_database_password", PASSWORD);
    folder.write("backend_override.tf", "terraform {\n  backend \"local\" {}\n}\n");
    folder
}

#[test]
fn the_minimal_example_comes_and_goes() {
    let Some(cloud) = Cloud::start() else { return };
    from_nothing_to_nothing(&Folder::copy_of("examples/minimal").on(&cloud), 3);
}

#[test]
fn the_three_tier_example_comes_and_goes() {
    let Some(cloud) = Cloud::start() else { return };
    from_nothing_to_nothing(&Folder::copy_of("examples/three-tier").on(&cloud), 41);
}

#[test]
fn staging_comes_and_goes() {
    let Some(cloud) = Cloud::start() else { return };
    from_nothing_to_nothing(&environment(&cloud, "staging"), 67);
}

/// Without autoscaling, for moto cannot list the tags of a scaling target.
#[test]
fn production_comes_and_goes_when_protection_is_off() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = environment(&cloud, "production")
        .env("TF_VAR_deletion_protection", "false")
        .env("TF_VAR_tasks", "{ min = 3, max = 3 }");
    from_nothing_to_nothing(&folder, 79);
}

#[test]
fn production_scales_by_itself() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = environment(&cloud, "production");
    folder
        .infra(["plan", "-input=false"])
        .status(0)
        .says("module.service.aws_appautoscaling_target.this[\"blue\"] will be created")
        .says("module.service.aws_appautoscaling_policy.cpu[\"green\"] will be created")
        .says("Plan: 83 to add, 0 to change, 0 to destroy.");
}

#[test]
fn production_refuses_to_be_destroyed_and_forgets_nothing() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = environment(&cloud, "production").env("TF_VAR_tasks", "{ min = 3, max = 3 }");
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);

    folder.infra(["destroy", "-input=false", "-auto-approve"]).fails(&["aws_db_instance.this"]);
    assert!(cloud.has_database("shop-production"));
    folder.infra(["state", "list"]).status(0).says("module.database.aws_db_instance.this");
}

#[test]
fn a_password_given_write_only_is_in_no_file() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = environment(&cloud, "staging");
    let planned = folder.infra(["plan", "-input=false", "-out=first.plan"]).status(0);
    assert!(!planned.stdout.contains(PASSWORD));
    let folder = folder.without("TF_VAR_database_password");
    folder
        .infra(["apply", "-input=false", "first.plan"])
        .fails(&["No value for required variable", "database_password"]);
    let folder = folder.env("TF_VAR_database_password", PASSWORD);
    let applied = folder.infra(["apply", "-input=false", "first.plan"]).status(0);
    assert!(!applied.stdout.contains(PASSWORD));

    for entry in std::fs::read_dir(folder.path("")).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let bytes = if path.is_file() { std::fs::read(&path).expect("a readable file") } else { Vec::new() };
        let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
        assert!(!found, "the password is in {}", path.display());
    }
    folder.infra(["destroy", "-input=false", "-auto-approve"]).status(0);
}
