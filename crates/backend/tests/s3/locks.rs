//! Locks are those of Terraform.

use std::time::Duration;

use infra_state::{Backend, LockInfo, LockOptions, StoreError};
use infra_value::Value;

use crate::cloud::Cloud;

const KEY: &str = "app/terraform.tfstate";
/// As Terraform 1.11.4 writes it.
const THEIRS: &str = r#"{"ID":"3a1bd0ba-6fcb-2b9d-1dd9-0e3b4c2f8c11","Operation":"OperationTypeApply","Info":"","Who":"ann@laptop","Version":"1.11.4","Created":"2026-11-21T09:00:00.123456789Z","Path":"BUCKET/app/terraform.tfstate"}"#;

/// A name, and the arguments that choose a kind of lock.
fn kinds() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let table = |name: &str| ("dynamodb_table", Value::string(name));
    vec![
        ("lock-object", vec![("use_lockfile", true.into())]),
        ("lock-item", vec![table("lock-item")]),
        ("lock-both", vec![("use_lockfile", true.into()), table("lock-both")]),
    ]
}

fn holder(result: Result<(), StoreError>) -> Option<LockInfo> {
    match result {
        Err(StoreError::Locked(info)) => info.map(|info| *info),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_holds_the_lock_and_the_others_are_told_who() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    for (name, arguments) in kinds() {
        cloud.bucket(name);
        cloud.table(name);
        let backend = cloud.backend(name, &arguments);
        let mut first = backend.state("default");
        first.lock("OperationTypeApply", LockOptions::default())?;
        let object = cloud.object(&format!("/{name}/{KEY}.tflock")).unwrap_or_default();
        let item = cloud.item(name, &format!("{name}/{KEY}"));
        assert_eq!(object.contains("OperationTypeApply"), name != "lock-item", "{object}");
        assert_eq!(item.contains("OperationTypeApply"), name != "lock-object", "{item}");
        let mut second = backend.state("default");
        let info = holder(second.lock("OperationTypePlan", LockOptions::default()));
        assert_eq!(
            info.map(|info| (info.operation, info.path)),
            Some(("OperationTypeApply".into(), format!("{name}/{KEY}")))
        );
        backend.state("other").lock("OperationTypePlan", LockOptions::default())?;
        // Another folder gives it back while this one waits.
        let waiting = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let options = LockOptions { enabled: true, timeout: Duration::from_secs(60) };
                second.lock("OperationTypePlan", options)
            });
            first.unlock().and_then(|()| waiting.join().expect("no panic"))
        });
        waiting?;
        drop(second);
        assert_eq!(cloud.object(&format!("/{name}/{KEY}.tflock")), None);
        assert_eq!(cloud.item(name, &format!("{name}/{KEY}")), "");
    }
    Ok(())
}

#[test]
fn a_lock_that_a_run_has_left_is_removed_by_its_id() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    for (kind, arguments) in kinds() {
        let name = format!("{kind}-forced");
        let arguments: Vec<(&str, Value)> = arguments
            .into_iter()
            .map(
                |(argument, value)| {
                    if argument == "dynamodb_table" { (argument, name.as_str().into()) } else { (argument, value) }
                },
            )
            .collect();
        cloud.bucket(&name);
        cloud.table(&name);
        let backend = cloud.backend(&name, &arguments);
        let mut left = backend.state("default");
        left.lock("OperationTypeApply", LockOptions::default())?;
        let id =
            holder(backend.state("default").lock("x", LockOptions::default())).map(|info| info.id).unwrap_or_default();
        match backend.force_unlock("default", "another") {
            Err(StoreError::Locked(Some(info))) => assert_eq!(info.id, id),
            other => panic!("{other:?}"),
        }
        assert_eq!(backend.force_unlock("default", &id)?.id, id);
        let error = backend.force_unlock("default", &id).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("the state is not locked"), "{error}");
        let error = left.unlock().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("somebody has removed it"), "{error}");
    }
    Ok(())
}

#[test]
fn a_lock_of_terraform_is_seen_and_no_half_of_ours_stays() -> Result<(), StoreError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("theirs");
    cloud.table("theirs");
    let both = cloud.backend("theirs", &[("use_lockfile", true.into()), ("dynamodb_table", "theirs".into())]);
    let theirs = THEIRS.replace("BUCKET", "theirs");
    let info = theirs.replace('"', "\\\"");
    let item =
        format!(r#"{{"TableName":"theirs","Item":{{"LockID":{{"S":"theirs/{KEY}"}},"Info":{{"S":"{info}"}}}}}}"#);
    assert_eq!(cloud.dynamodb("PutItem", &item).status, 200);
    let found = holder(both.state("default").lock("x", LockOptions::default()));
    assert_eq!(found.map(|info| info.to_json()), Some(theirs));
    assert_eq!(cloud.object(&format!("/theirs/{KEY}.tflock")), None);
    Ok(())
}
