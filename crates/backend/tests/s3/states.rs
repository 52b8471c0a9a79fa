//! States are kept as Terraform keeps them.

use std::time::Duration;

use infra_state::{Backend, OutputValue, State, StoreError};
use infra_value::{Type, Value};

use crate::cloud::{Cloud, backend_at};
use crate::deaf::Deaf;

const KEY: &str = "app/terraform.tfstate";

fn with_output(text: &str) -> State {
    let mut state = State::new();
    let value = OutputValue { value: Value::string(text), ty: Type::String, sensitive: false };
    state.outputs.insert("o".into(), value);
    state
}

#[test]
fn a_state_is_one_object_and_is_only_written_when_something_changed() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("states");
    let backend = cloud.backend("states", &[("encrypt", true.into())]);
    let mut first = backend.state("default");
    assert_eq!(first.place(), "s3://states/app/terraform.tfstate");
    assert_eq!(first.read()?, None);
    let mut state = with_output("a");
    first.write(&mut state)?;
    assert_eq!(state.serial, 1);
    let head = cloud.call("HEAD", &format!("/states/{KEY}"), &[], "").head;
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains("x-amz-server-side-encryption: aes256"), "{head}");
    let mut second = backend.state("default");
    let mut same = second.read()?.unwrap_or_default();
    assert_eq!(same, state);
    cloud.call("DELETE", &format!("/states/{KEY}"), &[], "");
    second.write(&mut same)?;
    assert_eq!(cloud.object(&format!("/states/{KEY}")), None, "it was written again");
    let mut changed = State { lineage: same.lineage.clone(), ..with_output("b") };
    second.write(&mut changed)?;
    assert_eq!(changed.serial, 2);
    assert_eq!(cloud.object(&format!("/states/{KEY}")), Some(changed.to_text()));
    Ok(())
}

#[test]
fn what_is_written_without_having_been_read_follows_what_there_is() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("unread");
    let backend = cloud.backend("unread", &[]);
    backend.state("default").write(&mut State { serial: 7, ..with_output("a") })?;
    let mut next = with_output("b");
    backend.state("default").write(&mut next)?;
    assert_eq!(next.serial, 8);
    Ok(())
}

#[test]
fn workspaces_are_found_by_their_objects() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("spaces");
    let backend = cloud.backend("spaces", &[]);
    assert_eq!(backend.workspaces()?, ["default"]);
    for workspace in ["default", "zone", "dev"] {
        backend.state(workspace).write(&mut with_output(workspace))?;
    }
    cloud.call("PUT", "/spaces/env:/other/other.tfstate", &[], "{}");
    assert_eq!(backend.workspaces()?, ["default", "dev", "zone"]);
    assert!(cloud.object(&format!("/spaces/env:/dev/{KEY}")).is_some());
    backend.delete("dev")?;
    assert_eq!(backend.workspaces()?, ["default", "zone"]);
    assert!(backend.delete("default").is_err());
    let own = cloud.backend("spaces", &[("workspace_key_prefix", "teams/a".into())]);
    own.state("dev").write(&mut with_output("own"))?;
    assert!(cloud.object(&format!("/spaces/teams/a/dev/{KEY}")).is_some());
    assert_eq!(own.workspaces()?, ["default", "dev"]);
    Ok(())
}

#[test]
fn a_state_that_does_not_have_its_digest_is_not_used() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("digests");
    cloud.table("digests");
    let backend = cloud.backend("digests", &[("dynamodb_table", "digests".into())]);
    let backend = backend.with_consistency_wait(Duration::from_millis(10));
    let mut state = with_output("a");
    backend.state("default").write(&mut state)?;
    let item = cloud.item("digests", &format!("digests/{KEY}-md5"));
    assert!(item.contains("\"Digest\""), "{item}");
    assert_eq!(backend.state("default").read()?, Some(state));
    cloud.call("PUT", &format!("/digests/{KEY}"), &[], "{\"version\": 4}");
    let error = backend.state("default").read().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("does not have the expected content") && error.contains("-md5"), "{error}");
    cloud.call("DELETE", &format!("/digests/{KEY}"), &[], "");
    let error = backend.state("default").read().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("there is no such object"), "{error}");
    Ok(())
}

#[test]
fn what_is_no_state_and_what_is_not_there_is_named() {
    let Some(cloud) = Cloud::start() else { return };
    cloud.bucket("wrong");
    cloud.call("PUT", &format!("/wrong/{KEY}"), &[], "{\"version\": 4,");
    let damaged = cloud.backend("wrong", &[]).state("default").read();
    assert!(matches!(damaged, Err(StoreError::Invalid { .. })), "{damaged:?}");
    let absent = cloud.backend("nobody-made-it", &[]).state("default").read();
    let error = absent.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("there is no bucket \"nobody-made-it\""), "{error}");
}

#[test]
fn a_write_whose_answer_is_lost_is_a_write() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("lost");
    let deaf = Deaf::before(cloud.port());
    let backend = backend_at(deaf.port, "lost", &[("use_lockfile", true.into())]);
    let mut state = backend.state("default");
    deaf.lose(1);
    state.lock("OperationTypeApply", Default::default())?;
    assert_eq!(deaf.still_to_lose(), 0);
    deaf.lose(2);
    let mut content = with_output("a");
    state.write(&mut content)?;
    assert_eq!(deaf.still_to_lose(), 0);
    state.unlock()?;
    assert_eq!(cloud.object(&format!("/lost/{KEY}")), Some(content.to_text()));
    assert_eq!(cloud.object(&format!("/lost/{KEY}.tflock")), None);
    Ok(())
}
