//! Changing an instance through a copy that then takes its place.

use std::time::Duration;

use aws_sdk_rds::types::BlueGreenDeployment;
use infra_catalog::OpContext;
use infra_provider::{Failure, Object};
use tokio::time::Instant;

use super::is_protected;
use super::modify::{arguments, send};
use crate::error::{Doing, ignoring};
use crate::resource::changed;
use crate::wait::{Seen, Wait, retry, retry_on};
use crate::{Aws, rds};

const GONE: &[&str] = &["BlueGreenDeploymentNotFoundFault", "BlueGreenDeploymentNotFound"];
const NOT_READY: &[&str] = &["InvalidBlueGreenDeploymentStateFault", "InvalidBlueGreenDeploymentState"];
const SWITCHED: &str = "SWITCHOVER_COMPLETED";

/// All steps together have the time of an update.
struct Deadline(Instant);

impl Deadline {
    fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

pub(super) async fn update(aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
    let deadline = Deadline(Instant::now() + cx.timeouts.of("update"));
    let identifier = prior.str("identifier").to_string();
    prepare(aws, prior, object, &identifier, &deadline).await?;

    let call = aws
        .rds()
        .create_blue_green_deployment()
        .blue_green_deployment_name(&identifier)
        .source(prior.str("arn"))
        .target_db_parameter_group_name(object.str("parameter_group_name"));
    let call = match changed(prior, object, &["engine_version"]) {
        true => call.target_engine_version(object.str("engine_version")),
        false => call,
    };
    let answer = call.send().await.doing(format!("creating RDS Blue/Green Deployment ({identifier})"))?;
    let deployment = answer.blue_green_deployment().and_then(BlueGreenDeployment::blue_green_deployment_identifier);
    let deployment = deployment.unwrap_or_default().to_string();

    let switched = switch(aws, prior, object, cx, &deployment, &deadline).await;
    // Whatever came of it, the deployment itself goes.
    let removed = remove(aws, &deployment, switched.is_err(), &deadline).await;
    switched.and(removed)
}

/// What the copy has to have from the beginning.
async fn prepare(
    aws: &Aws,
    prior: &Object,
    object: &Object,
    identifier: &str,
    deadline: &Deadline,
) -> Result<(), Failure> {
    let backups = prior.int("backup_retention_period") == 0 && object.int("backup_retention_period") != 0;
    let protection = changed(prior, object, &["deletion_protection"]);
    if !backups && !protection {
        return Ok(());
    }
    let mut call = aws.rds().modify_db_instance().db_instance_identifier(identifier).apply_immediately(true);
    if backups {
        call = call.backup_retention_period(object.i32("backup_retention_period"));
    }
    if protection {
        call = call.deletion_protection(object.bool("deletion_protection"));
    }
    send(call, identifier, deadline.left()).await?;
    rds::wait_available(aws, identifier, "update", deadline.left()).await.map(drop)
}

async fn switch(
    aws: &Aws,
    prior: &Object,
    object: &mut Object,
    cx: &OpContext<'_>,
    deployment: &str,
    deadline: &Deadline,
) -> Result<(), Failure> {
    let ready = reach(aws, deployment, &["PROVISIONING"], "AVAILABLE", deadline).await?;
    let target = ready.target().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default().to_string();
    rds::wait_available(aws, &target, "create", deadline.left()).await?;

    let call = aws
        .rds()
        .modify_db_instance()
        .db_instance_identifier(&target)
        .apply_immediately(true)
        .deletion_protection(object.bool("deletion_protection"));
    send(arguments(call, prior, object, cx), &target, deadline.left()).await?;
    rds::wait_available(aws, &target, "update", deadline.left()).await?;

    let doing = format!("switching over RDS Blue/Green Deployment ({deployment})");
    retry_on(deadline.left().min(Duration::from_secs(10 * 60)), NOT_READY, || async {
        let call = aws.rds().switchover_blue_green_deployment().blue_green_deployment_identifier(deployment);
        call.send().await.doing(&doing)
    })
    .await?;
    let done = reach(aws, deployment, &["AVAILABLE", "SWITCHOVER_IN_PROGRESS"], SWITCHED, deadline).await?;

    let identifier = object.str("identifier").to_string();
    if let Some(id) = rds::by_identifier(aws.rds(), &identifier).await?.and_then(|i| i.dbi_resource_id) {
        object.set("id", id);
        (cx.checkpoint)(object);
    }
    let old = done.source().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default().to_string();
    if old.is_empty() || old == identifier { Ok(()) } else { delete_old(aws, &old, deadline).await }
}

/// Deletes the instance whose place was taken.
async fn delete_old(aws: &Aws, old: &str, deadline: &Deadline) -> Result<(), Failure> {
    let Some(instance) = rds::by_identifier(aws.rds(), old).await? else { return Ok(()) };
    if instance.deletion_protection() == Some(true) {
        let call = aws.rds().modify_db_instance().db_instance_identifier(old);
        send(call.apply_immediately(true).deletion_protection(false), old, deadline.left()).await?;
        rds::wait_available(aws, old, "update", deadline.left()).await?;
    }
    let doing = format!("deleting RDS DB Instance ({old}), whose place was taken");
    let not_yet = |failure: &Failure| is_protected(failure) || super::role_not_usable(failure);
    let answer = retry(Duration::from_secs(5 * 60), not_yet, || async {
        aws.rds().delete_db_instance().db_instance_identifier(old).skip_final_snapshot(true).send().await.doing(&doing)
    });
    ignoring(answer.await, rds::NO_INSTANCE)?;
    rds::wait_gone(aws, old, deadline.left()).await
}

async fn remove(aws: &Aws, deployment: &str, with_copy: bool, deadline: &Deadline) -> Result<(), Failure> {
    let Some(found) = one(aws, deployment).await? else { return Ok(()) };
    let switched = found.status() == Some(SWITCHED);
    let call = aws.rds().delete_blue_green_deployment().blue_green_deployment_identifier(deployment);
    let call = if with_copy && !switched { call.delete_target(true) } else { call };
    let answer = call.send().await.doing(format!("deleting RDS Blue/Green Deployment ({deployment})"));
    ignoring(answer, GONE)?;
    let limit = deadline.left().max(Duration::from_secs(5 * 60));
    Wait::new(format!("waiting for RDS Blue/Green Deployment ({deployment}) delete"), limit)
        .until_gone(|| async {
            Ok(match one(aws, deployment).await? {
                Some(found) => Seen::<()>::Pending(found.status().unwrap_or_default().to_string()),
                None => Seen::Missing,
            })
        })
        .await
}

async fn reach(
    aws: &Aws,
    deployment: &str,
    pending: &[&str],
    target: &str,
    deadline: &Deadline,
) -> Result<BlueGreenDeployment, Failure> {
    Wait::new(format!("waiting for RDS Blue/Green Deployment ({deployment}) {target}"), deadline.left())
        .until(|| async {
            let Some(found) = one(aws, deployment).await? else { return Ok(Seen::Missing) };
            let (status, details) = (found.status().unwrap_or_default().to_string(), found.status_details.clone());
            Ok(Seen::by_state(found, &status, pending, &[target]).because(details.as_deref()))
        })
        .await
}

async fn one(aws: &Aws, deployment: &str) -> Result<Option<BlueGreenDeployment>, Failure> {
    let call = aws.rds().describe_blue_green_deployments().blue_green_deployment_identifier(deployment);
    match call.send().await.doing(format!("reading RDS Blue/Green Deployment ({deployment})")) {
        Err(failure) if failure.is(GONE) => Ok(None),
        answer => Ok(answer?.blue_green_deployments.unwrap_or_default().into_iter().next()),
    }
}
