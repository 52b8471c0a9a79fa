//! What the RDS types share: tags, instances, waiting for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbInstance, Filter, Tag};
use infra_provider::Failure;
use tokio::time::Instant;

use crate::Aws;
use crate::batch::{Answers, Loader, in_chunks};
use crate::error::Doing;
use crate::wait::{Seen, Wait};

/// How many instances a call answers.
const PAGE: usize = 100;

/// The code for "no such instance".
pub(crate) const NO_INSTANCE: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault"];

/// How long an instance may say that it is available while values are still pending: some changes wait for a restart.
const MOST_PENDING: Duration = Duration::from_secs(3 * 60);
/// The same where values are to wait for the maintenance window.
const MOST_SCHEDULED: Duration = Duration::from_secs(30);

/// An instance may be available for a moment between two things that are done to it, and for one that is gone the
/// groups that it used are in use a little longer: both are seen so often, so far apart.
const CONFIRMATIONS: u32 = 3;
const APART: Duration = Duration::from_secs(10);

const READY: &[&str] = &["available", "storage-initialization", "storage-optimization"];
const CHANGING: &[&str] = &[
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "converting-to-vpc",
    "creating",
    "maintenance",
    "modifying",
    "moving-to-vpc",
    "rebooting",
    "renaming",
    "resetting-master-credentials",
    "starting",
    "stopping",
    "storage-config-upgrade",
    "storage-full",
    "upgrading",
];

/// A filter.
pub(crate) fn filter(name: &str, values: Vec<String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// All tags but those of AWS itself.
pub(crate) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let own = tags.iter().filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())));
    own.filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// Tags to be sent.
pub(crate) fn sdk_tags(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    Some(own.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}

/// The tags of any RDS object.
pub(crate) async fn tags_of(client: &Client, arn: &str) -> Result<BTreeMap<String, String>, Failure> {
    let answer = client.list_tags_for_resource().resource_name(arn).send().await;
    Ok(tags(answer.doing(format!("reading tags of RDS resource ({arn})"))?.tag_list()))
}

/// Changes the tags of any RDS object.
pub(crate) async fn tag(
    aws: &Aws,
    arn: &str,
    remove: &BTreeMap<String, String>,
    put: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let doing = format!("updating tags of RDS resource ({arn})");
    if !remove.is_empty() {
        let keys = Some(remove.keys().cloned().collect());
        aws.rds().remove_tags_from_resource().resource_name(arn).set_tag_keys(keys).send().await.doing(&doing)?;
    }
    if !put.is_empty() {
        aws.rds().add_tags_to_resource().resource_name(arn).set_tags(sdk_tags(put)).send().await.doing(&doing)?;
    }
    Ok(())
}

#[derive(Default)]
struct Reads(Loader<DbInstance>);

/// Instances by resource id, with those that are asked for at the same time: they tell of their groups, too.
pub(crate) async fn instances(aws: &Aws, ids: Vec<String>) -> Arc<Answers<DbInstance>> {
    let client = aws.rds().clone();
    let fetch = |ids| async move { in_chunks(ids, PAGE, |ids| by_resource_ids(&client, ids)).await };
    aws.shared::<Reads>().0.load(ids, fetch).await
}

async fn by_resource_ids(client: &Client, ids: Vec<String>) -> Result<Vec<(String, DbInstance)>, Failure> {
    let call = client.describe_db_instances().filters(filter("dbi-resource-id", ids));
    let found: Result<Vec<DbInstance>, _> = call.into_paginator().items().send().collect().await;
    match found.doing("reading RDS DB Instances") {
        Err(failure) if failure.is(NO_INSTANCE) => Ok(Vec::new()),
        found => Ok(found?.into_iter().filter_map(|i| Some((i.dbi_resource_id.clone()?, i))).collect()),
    }
}

/// Whether a text has the form of an instance's resource id. An identifier may have it, too.
pub(crate) fn is_resource_id(id: &str) -> bool {
    id.strip_prefix("db-")
        .is_some_and(|rest| (2..=255).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// The instance with a resource id or an identifier.
pub(crate) async fn instance(client: &Client, id: &str) -> Result<Option<DbInstance>, Failure> {
    let doing = || format!("reading RDS DB Instance ({id})");
    if is_resource_id(id) {
        let call = client.describe_db_instances().filters(filter("dbi-resource-id", vec![id.to_string()]));
        let found = match call.send().await.doing(doing()) {
            Err(failure) if failure.is(NO_INSTANCE) => None,
            answer => answer?.db_instances.unwrap_or_default().into_iter().find(|i| i.dbi_resource_id() == Some(id)),
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    by_identifier(client, id).await
}

/// The instance with an identifier.
pub(crate) async fn by_identifier(client: &Client, identifier: &str) -> Result<Option<DbInstance>, Failure> {
    let answer = client.describe_db_instances().db_instance_identifier(identifier).send().await;
    match answer.doing(format!("reading RDS DB Instance ({identifier})")) {
        Err(failure) if failure.is(NO_INSTANCE) => Ok(None),
        answer => Ok(answer?.db_instances.unwrap_or_default().into_iter().next()),
    }
}

/// A wait that confirms what it sees where that may go again.
fn confirming(aws: &Aws, wait: Wait) -> Wait {
    if aws.lags() { wait.in_a_row(CONFIRMATIONS).again_after(APART) } else { wait }
}

/// Waits until an instance is available and what was to be changed at once has been.
pub(crate) async fn wait_available(
    aws: &Aws,
    id: &str,
    operation: &str,
    limit: Duration,
) -> Result<DbInstance, Failure> {
    available(aws, id, operation, limit, MOST_PENDING).await
}

/// Waits until an instance is available whose changes are left to its maintenance window.
pub(crate) async fn wait_scheduled(aws: &Aws, id: &str, limit: Duration) -> Result<DbInstance, Failure> {
    available(aws, id, "update", limit, MOST_SCHEDULED).await
}

async fn available(
    aws: &Aws,
    id: &str,
    operation: &str,
    limit: Duration,
    most_pending: Duration,
) -> Result<DbInstance, Failure> {
    let start = Instant::now();
    confirming(aws, Wait::new(format!("waiting for RDS DB Instance ({id}) {operation}"), limit))
        .until(|| async {
            let Some(instance) = instance(aws.rds(), id).await? else { return Ok(Seen::Missing) };
            let status = instance.db_instance_status().unwrap_or_default().to_string();
            if READY.contains(&&*status) && !is_settled(&instance) && start.elapsed() < most_pending {
                return Ok(Seen::Pending(format!("{status}, with changes pending")));
            }
            Ok(Seen::by_state(instance, &status, CHANGING, READY))
        })
        .await
}

/// Whether nothing of an instance is being changed, as far as it says.
fn is_settled(instance: &DbInstance) -> bool {
    let parameters = instance.db_parameter_groups().iter().any(|g| g.parameter_apply_status() == Some("applying"));
    let groups = instance.vpc_security_groups().iter().any(|g| matches!(g.status(), Some("adding" | "removing")));
    let values = instance.pending_modified_values().is_some_and(|pending| {
        pending.db_instance_class().is_some()
            || pending.allocated_storage().is_some()
            || pending.master_user_password().is_some()
            || pending.port().is_some()
            || pending.backup_retention_period().is_some()
            || pending.multi_az().is_some()
            || pending.engine_version().is_some()
            || pending.license_model().is_some()
            || pending.ca_certificate_identifier().is_some()
            || pending.db_subnet_group_name().is_some()
            || pending.pending_cloudwatch_logs_exports().is_some()
            || pending.iam_database_authentication_enabled().is_some()
            || pending.dedicated_log_volume().is_some()
            || pending.iops().is_some()
            || pending.storage_throughput().is_some()
            || pending.storage_type().is_some()
            || pending.db_instance_identifier().is_some()
    });
    !(parameters || groups || values)
}

/// Waits until an instance is gone.
pub(crate) async fn wait_gone(aws: &Aws, identifier: &str, limit: Duration) -> Result<(), Failure> {
    confirming(aws, Wait::new(format!("waiting for RDS DB Instance ({identifier}) delete"), limit))
        .until_gone(|| async {
            let Some(instance) = by_identifier(aws.rds(), identifier).await? else { return Ok(Seen::Missing) };
            // Whatever state it was in when it was deleted may be seen a little longer.
            Ok(Seen::<()>::Pending(instance.db_instance_status().unwrap_or_default().to_string()))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_ids_begin_with_db() {
        assert!(is_resource_id("db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        for identifier in ["main", "db-", "db-a", "db-main-1"] {
            assert!(!is_resource_id(identifier), "{identifier}");
        }
    }

    #[test]
    fn an_instance_with_something_pending_is_not_settled() {
        use aws_sdk_rds::types::{PendingCloudwatchLogsExports, PendingModifiedValues};
        let exports = PendingCloudwatchLogsExports::builder().log_types_to_enable("postgresql").build();
        let pending = PendingModifiedValues::builder();
        for (pending, settled) in [
            (pending.clone().build(), true),
            (pending.clone().pending_cloudwatch_logs_exports(exports).build(), false),
            (pending.ca_certificate_identifier("rds-ca-rsa4096-g1").build(), false),
        ] {
            let instance = DbInstance::builder().pending_modified_values(pending).build();
            assert_eq!(is_settled(&instance), settled);
        }
    }
}
