//! `aws_db_subnet_group`: the subnets that databases may be in.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbSubnetGroup;
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry_on};
use crate::{ids, rds, tagging};

pub(crate) struct Api;

const GONE: &[&str] = &["DBSubnetGroupNotFoundFault", "DBSubnetGroupNotFound"];
/// A database that is gone counts as a user of its group a little longer.
const IN_USE: &[&str] = &["InvalidDBSubnetGroupStateFault", "InvalidDBSubnetGroupState"];
const LEAVING: Duration = Duration::from_secs(60);
const DELETE: Duration = Duration::from_secs(3 * 60);
const AT_ONCE: usize = 8;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let (instances, unchanged) = &tokio::join!(rds::instances(aws, Vec::new()), tagging::unchanged(aws, &objects));
        let used = |object: &Object| instances.values().find_map(|instance| told(object, instance.db_subnet_group()?));
        let others = objects.iter().filter(|object| used(object).is_none()).map(|object| object.id().to_string());
        let found = &in_chunks(others, usize::MAX, |names| describe(aws.rds(), names)).await;
        let reads = objects.into_iter().map(|mut object| async move {
            let Some(group) = used(&object).map_or_else(|| found.get(object.id()), |group| Ok(Some(group)))? else {
                return Ok(None);
            };
            fill(&mut object, group);
            let tags = match unchanged.tags(&object, || rds::tags_of(aws.rds(), object.str("arn"))).await {
                Err(failure) if failure.is(GONE) => return Ok(None),
                tags => tags?,
            };
            object.set("tags_all", tags);
            Ok(Some(object))
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let call = aws
            .rds()
            .create_db_subnet_group()
            .db_subnet_group_name(&name)
            .db_subnet_group_description(object.str("description"))
            .set_subnet_ids(Some(object.strings("subnet_ids")))
            .set_tags(rds::sdk_tags(&cx.tags));
        let answer = call.send().await.doing(format!("creating RDS DB Subnet Group ({name})"))?;
        let given = answer.db_subnet_group().and_then(DbSubnetGroup::db_subnet_group_name).unwrap_or(&name);
        object.set("id", given);
        object.set("name", given);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = ids::name(planned.str("name"), planned.str("name_prefix"), &trace.token);
        made.set("id", &name);
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &["description", "subnet_ids"]) {
            return Ok(());
        }
        let name = object.id().to_string();
        let call = aws
            .rds()
            .modify_db_subnet_group()
            .db_subnet_group_name(&name)
            .db_subnet_group_description(object.str("description"))
            .set_subnet_ids(Some(object.strings("subnet_ids")));
        call.send().await.doing(format!("updating RDS DB Subnet Group ({name})"))?;
        Ok(())
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

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.id();
        let doing = format!("deleting RDS DB Subnet Group ({name})");
        let call =
            || async { aws.rds().delete_db_subnet_group().db_subnet_group_name(name).send().await.doing(&doing) };
        ignoring(retry_on(LEAVING, IN_USE, call).await, GONE)?;
        Wait::new(format!("waiting for RDS DB Subnet Group ({name}) delete"), DELETE)
            .until_gone(|| async {
                let found = describe(aws.rds(), vec![name.to_string()]).await?;
                Ok(if found.is_empty() { Seen::<()>::Missing } else { Seen::Pending("there".into()) })
            })
            .await
    }
}

/// One group is asked for by its name, several are looked for in the list of all.
async fn describe(client: &Client, names: Vec<String>) -> Result<Vec<(String, DbSubnetGroup)>, Failure> {
    let one = (names.len() == 1).then(|| names[0].clone());
    let pages = client.describe_db_subnet_groups().set_db_subnet_group_name(one).into_paginator().items().send();
    let found: Result<Vec<DbSubnetGroup>, _> = pages.collect().await;
    match found.doing(format!("reading RDS DB Subnet Group ({})", names.join(", "))) {
        Err(failure) if failure.is(GONE) => Ok(Vec::new()),
        found => Ok(found?.into_iter().filter_map(|g| Some((g.db_subnet_group_name.clone()?, g))).collect()),
    }
}

/// The group as an instance tells it that is in it: all but what never changes and the types of networks.
fn told<'g>(object: &Object, group: &'g DbSubnetGroup) -> Option<&'g DbSubnetGroup> {
    let same = group.db_subnet_group_name() == Some(object.id()) && !object.str("arn").is_empty();
    let whole =
        group.vpc_id().is_some() && group.db_subnet_group_description().is_some() && !group.subnets().is_empty();
    (same && whole && !object.needs_any(&["supported_network_types"])).then_some(group)
}

fn fill(object: &mut Object, group: &DbSubnetGroup) {
    let name = group.db_subnet_group_name().unwrap_or_default();
    let subnets = group.subnets().iter().filter_map(|s| s.subnet_identifier().map(str::to_string));
    if let Some(arn) = group.db_subnet_group_arn() {
        object.set("arn", arn);
    }
    object.set("description", group.db_subnet_group_description());
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
    object.set("subnet_ids", subnets.collect::<Vec<_>>());
    if object.needs_any(&["supported_network_types"]) {
        object.set("supported_network_types", group.supported_network_types());
    }
    object.set("vpc_id", group.vpc_id());
}
