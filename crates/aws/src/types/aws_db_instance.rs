//! `aws_db_instance`: database instances.

mod blue_green;
mod create;
mod fill;
mod given;
mod modify;

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbInstance;
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::{Doing, ignoring};
use crate::rds::{self, NO_INSTANCE};
use crate::resource::ResourceType;
use crate::wait::retry;

pub(crate) struct Api;

const AT_ONCE: usize = 8;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids = objects.iter().map(|o| o.id().to_string()).filter(|id| rds::is_resource_id(id));
        let found = &rds::instances(aws, ids.collect()).await;
        let reads = objects.into_iter().map(|mut object| async move {
            let instance = match found.get(object.id())? {
                Some(instance) => Some(instance.clone()),
                None => named(aws.rds(), &object).await?,
            };
            Ok(instance.map(|instance| {
                fill::fill(aws, &mut object, &instance);
                object
            }))
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        create::create(aws, object, cx).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let name = crate::ids::name(planned.str("identifier"), planned.str("identifier_prefix"), &trace.token);
        let Some(found) = rds::by_identifier(aws.rds(), &name).await? else { return Ok(Some(Vec::new())) };
        if found.instance_create_time().is_some_and(|date| crate::time::is_before(date, trace.began)) {
            return Ok(Some(Vec::new()));
        }
        let mut made = planned.clone();
        made.set("id", found.dbi_resource_id());
        made.set("resource_id", found.dbi_resource_id());
        made.set("identifier", name);
        Ok(Some(vec![made]))
    }

    async fn ready(&self, aws: &Aws, object: &Object, trace: &Trace) -> Result<(), Failure> {
        rds::wait_available(aws, object.id(), "create", trace.timeouts.of("create")).await.map(drop)
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        modify::update(aws, prior, object, cx).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        rds::tag(aws, object.str("arn"), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let identifier = object.str("identifier");
        let doing = format!("deleting RDS DB Instance ({identifier})");
        let skip = object.bool("skip_final_snapshot");
        let snapshot = object.opt_str("final_snapshot_identifier").filter(|_| !skip);
        if !skip && snapshot.is_none() {
            let why = "final_snapshot_identifier is required when skip_final_snapshot is false";
            return Err(Failure::new(doing, why));
        }
        let call = aws
            .rds()
            .delete_db_instance()
            .db_instance_identifier(identifier)
            .delete_automated_backups(object.bool("delete_automated_backups"))
            .skip_final_snapshot(skip)
            .set_final_db_snapshot_identifier(snapshot);
        let mut answer = call.clone().send().await.doing(&doing);
        if let Err(failure) = &answer
            && is_protected(failure)
            && !object.bool("deletion_protection")
            && object.bool("apply_immediately")
        {
            unprotect(aws, identifier, cx).await?;
            answer = call.send().await.doing(&doing);
        }
        let going = |failure: &Failure| {
            failure.is(&["InvalidDBInstanceState", "InvalidDBInstanceStateFault"])
                && failure.message.contains("is already being deleted")
        };
        match answer {
            Err(failure) if going(&failure) => {}
            answer => ignoring(answer, NO_INSTANCE)?,
        }
        rds::wait_gone(aws, identifier, cx.timeouts.of("delete")).await
    }
}

/// Whether a deletion was refused because of deletion protection.
fn is_protected(failure: &Failure) -> bool {
    failure.is(&["InvalidParameterCombination"]) && failure.message.contains("disable deletion pro")
}

/// A failure that goes away when a new role is known everywhere.
fn role_not_usable(failure: &Failure) -> bool {
    failure.is(&["InvalidParameterValue"])
        && failure.message.contains("IAM role ARN value is invalid or does not include the required permissions")
}

async fn unprotect(aws: &Aws, identifier: &str, cx: &OpContext<'_>) -> Result<(), Failure> {
    let limit = cx.timeouts.of("delete");
    let call = aws.rds().modify_db_instance().db_instance_identifier(identifier);
    let call = call.apply_immediately(true).deletion_protection(false);
    let not_yet = |failure: &Failure| {
        let busy = failure.is(&["InvalidDBInstanceState", "InvalidDBInstanceStateFault"]);
        role_not_usable(failure) || (busy && failure.message.contains("your request later"))
    };
    let doing = format!("disabling deletion protection of RDS DB Instance ({identifier})");
    retry(limit, not_yet, || async { call.clone().send().await.doing(&doing) }).await?;
    rds::wait_available(aws, identifier, "update", limit).await.map(drop)
}

/// The instance that an object means where the resource id does not find it: when it is imported the id is its
/// identifier, and after a switch to another instance the identifier is what stays.
async fn named(client: &Client, object: &Object) -> Result<Option<DbInstance>, Failure> {
    match rds::by_identifier(client, object.id()).await? {
        None if !object.str("identifier").is_empty() && object.str("identifier") != object.id() => {
            rds::by_identifier(client, object.str("identifier")).await
        }
        found => Ok(found),
    }
}
