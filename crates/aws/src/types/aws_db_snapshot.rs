//! `aws_db_snapshot`: a copy of a database that somebody took, and that stays until somebody deletes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbSnapshot;
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::rds;
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry_on};

pub(crate) struct Api;

const GONE: &[&str] = &["DBSnapshotNotFound", "DBSnapshotNotFoundFault"];
/// Nothing is copied of an instance while something else is done to it, such as its own backup.
const NOT_AVAILABLE: &[&str] = &["InvalidDBInstanceState", "InvalidDBInstanceStateFault"];
const BUSY: Duration = Duration::from_secs(5 * 60);
/// How many identifiers a filter takes.
const FILTERED: usize = 100;
const AT_ONCE: usize = 8;
/// The attribute that says which accounts may restore it.
const RESTORE: &str = "restore";

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids = objects.iter().map(|o| o.id().to_string());
        let found = &in_chunks(ids, FILTERED, |ids| describe(aws.rds(), ids)).await;
        let reads = objects.into_iter().map(|mut object| async move {
            let Some(snapshot) = found.get(object.id())? else { return Ok(None) };
            let Some(shared) = shared_accounts(aws.rds(), object.id()).await? else { return Ok(None) };
            fill(&mut object, snapshot);
            object.set("shared_accounts", shared.into_iter().collect::<Vec<_>>());
            Ok(Some(object))
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.str("db_snapshot_identifier").to_string();
        let call = aws
            .rds()
            .create_db_snapshot()
            .db_instance_identifier(object.str("db_instance_identifier"))
            .db_snapshot_identifier(&id)
            .set_tags(rds::sdk_tags(&cx.tags));
        let doing = format!("creating RDS DB Snapshot ({id})");
        retry_on(BUSY, NOT_AVAILABLE, || async { call.clone().send().await.doing(&doing) }).await?;
        object.set("id", &id);
        (cx.checkpoint)(object);
        wait_available(aws.rds(), &id, cx.timeouts.of("create")).await?;
        share(aws.rds(), &id, &BTreeSet::new(), &object.strings("shared_accounts").into_iter().collect()).await
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", planned.str("db_snapshot_identifier"));
        Ok(Some(vec![made]))
    }

    async fn ready(&self, aws: &Aws, object: &Object, trace: &Trace) -> Result<(), Failure> {
        wait_available(aws.rds(), object.id(), trace.timeouts.of("create")).await
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &["shared_accounts"]) {
            return Ok(());
        }
        let accounts = |object: &Object| object.strings("shared_accounts").into_iter().collect();
        share(aws.rds(), object.id(), &accounts(prior), &accounts(object)).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        rds::tag(aws, object.str("db_snapshot_arn"), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id();
        let answer = aws.rds().delete_db_snapshot().db_snapshot_identifier(id).send().await;
        ignoring(answer.doing(format!("deleting RDS DB Snapshot ({id})")), GONE)
    }
}

/// One snapshot is asked for by its identifier, several by a filter.
async fn describe(client: &Client, ids: Vec<String>) -> Result<Vec<(String, DbSnapshot)>, Failure> {
    let call = match ids.as_slice() {
        [one] => client.describe_db_snapshots().db_snapshot_identifier(one),
        _ => client.describe_db_snapshots().filters(rds::filter("db-snapshot-id", ids.clone())),
    };
    let found: Result<Vec<DbSnapshot>, _> = call.into_paginator().items().send().collect().await;
    match found.doing(format!("reading RDS DB Snapshot ({})", ids.join(", "))) {
        Err(failure) if failure.is(GONE) => Ok(Vec::new()),
        found => Ok(found?.into_iter().filter_map(|s| Some((s.db_snapshot_identifier.clone()?, s))).collect()),
    }
}

/// The accounts that may restore a snapshot; `None` if it is gone.
async fn shared_accounts(client: &Client, id: &str) -> Result<Option<BTreeSet<String>>, Failure> {
    let answer = client.describe_db_snapshot_attributes().db_snapshot_identifier(id).send().await;
    let answer = match answer.doing(format!("reading RDS DB Snapshot ({id}) attributes")) {
        Err(failure) if failure.is(GONE) => return Ok(None),
        answer => answer?,
    };
    let attributes = answer.db_snapshot_attributes_result.and_then(|result| result.db_snapshot_attributes);
    let restore = attributes.into_iter().flatten().find(|a| a.attribute_name() == Some(RESTORE));
    Ok(Some(restore.and_then(|a| a.attribute_values).unwrap_or_default().into_iter().collect()))
}

/// Changes who may restore a snapshot.
async fn share(client: &Client, id: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) -> Result<(), Failure> {
    if old == new {
        return Ok(());
    }
    let difference = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        let accounts: Vec<String> = a.difference(b).cloned().collect();
        (!accounts.is_empty()).then_some(accounts)
    };
    let call = client
        .modify_db_snapshot_attribute()
        .db_snapshot_identifier(id)
        .attribute_name(RESTORE)
        .set_values_to_add(difference(new, old))
        .set_values_to_remove(difference(old, new));
    call.send().await.doing(format!("modifying RDS DB Snapshot ({id}) attribute"))?;
    Ok(())
}

async fn wait_available(client: &Client, id: &str, limit: Duration) -> Result<(), Failure> {
    Wait::new(format!("waiting for RDS DB Snapshot ({id}) create"), limit)
        .until(|| async {
            let found = describe(client, vec![id.to_string()]).await?.pop();
            Ok(found.map_or(Seen::Missing, |(_, snapshot)| {
                Seen::by_state((), snapshot.status().unwrap_or_default(), &["creating"], &["available"])
            }))
        })
        .await
}

fn fill(object: &mut Object, snapshot: &DbSnapshot) {
    object.set("allocated_storage", snapshot.allocated_storage());
    object.set("availability_zone", snapshot.availability_zone());
    object.set("db_instance_identifier", snapshot.db_instance_identifier());
    object.set("db_snapshot_arn", snapshot.db_snapshot_arn());
    object.set("db_snapshot_identifier", snapshot.db_snapshot_identifier());
    object.set("encrypted", snapshot.encrypted());
    object.set("engine", snapshot.engine());
    object.set("engine_version", snapshot.engine_version());
    object.set("iops", snapshot.iops());
    object.set("kms_key_id", snapshot.kms_key_id());
    object.set("license_model", snapshot.license_model());
    object.set("option_group_name", snapshot.option_group_name());
    object.set("port", snapshot.port());
    object.set("snapshot_type", snapshot.snapshot_type());
    object.set("source_db_snapshot_identifier", snapshot.source_db_snapshot_identifier());
    object.set("source_region", snapshot.source_region());
    object.set("status", snapshot.status());
    object.set("tags_all", rds::tags(snapshot.tag_list()));
    object.set("vpc_id", snapshot.vpc_id());
}
