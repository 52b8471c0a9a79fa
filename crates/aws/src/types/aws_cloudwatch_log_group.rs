//! `aws_cloudwatch_log_group` on the CloudWatch Logs API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass};
use futures::future::join_all;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::tags::{self, Tags};
use crate::wait::{retry, retry_on};
use crate::{Aws, ids, tagging};

pub(crate) struct Api;

const GONE: &[&str] = &["ResourceNotFoundException"];
/// A group takes one change at a time.
const BUSY: &[&str] = &["OperationAbortedException"];
const CONFLICT: Duration = Duration::from_secs(60);
const PAGE: usize = 50;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let names = objects.iter().map(|o| o.id().to_string());
        let (found, unchanged) =
            tokio::join!(in_chunks(names, PAGE, |names| groups(aws, names)), tagging::unchanged(aws, &objects));
        join_all(objects.into_iter().map(|mut object| async {
            let Some(group) = found.get(object.id())? else { return Ok(None) };
            let arn = arn(group);
            match unchanged.tags(&object, || tags_of(aws, arn)).await {
                Ok(tags) => object.set("tags_all", tags),
                Err(failure) if failure.is(GONE) => return Ok(None),
                Err(failure) => return Err(failure),
            }
            fill(&mut object, group);
            Ok(Some(object))
        }))
        .await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let class = object.opt_str("log_group_class");
        let sent: std::collections::HashMap<_, _> =
            tags::sent(&cx.tags, |k, v| (k.to_string(), v.to_string())).into_iter().collect();
        let call = aws
            .logs()
            .create_log_group()
            .log_group_name(&name)
            .set_kms_key_id(object.opt_str("kms_key_id"))
            .set_log_group_class(class.as_deref().map(LogGroupClass::from))
            .set_tags(Some(sent).filter(|tags| !tags.is_empty()));
        let doing = format!("creating CloudWatch Logs Log Group ({name})");
        // One of the same name may still be going.
        retry_on(CONFLICT, BUSY, || async { call.clone().send().await.doing(&doing) }).await?;
        object.set("id", &name);
        (cx.checkpoint)(object);
        if object.i32("retention_in_days") > 0 {
            retain(aws, &name, object.i32("retention_in_days")).await?;
        }
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
        let name = object.id();
        if changed(prior, object, &["retention_in_days"]) {
            retain(aws, name, object.i32("retention_in_days")).await?;
        }
        if changed(prior, object, &["kms_key_id"]) {
            match object.opt_str("kms_key_id") {
                Some(key) => {
                    let call = aws.logs().associate_kms_key().log_group_name(name).kms_key_id(key);
                    call.send().await.doing(format!("associating CloudWatch Logs Log Group ({name}) KMS key"))?;
                }
                None => {
                    let call = aws.logs().disassociate_kms_key().log_group_name(name);
                    call.send().await.doing(format!("disassociating CloudWatch Logs Log Group ({name}) KMS key"))?;
                }
            }
        }
        Ok(())
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let arn = object.str("arn");
        let doing = || format!("updating tags of CloudWatch Logs Log Group ({arn})");
        let keys = tags::removed(remove, put);
        if !keys.is_empty() {
            aws.logs().untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.doing(doing())?;
        }
        let sent: Tags = tags::own(put.clone());
        if !sent.is_empty() {
            let call = aws.logs().tag_resource().resource_arn(arn).set_tags(Some(sent.into_iter().collect()));
            call.send().await.doing(doing())?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if object.bool("skip_destroy") {
            return Ok(());
        }
        let name = object.id();
        let call = || async {
            let call = aws.logs().delete_log_group().log_group_name(name);
            call.send().await.doing(format!("deleting CloudWatch Logs Log Group ({name})"))
        };
        ignoring(retry_on(CONFLICT, BUSY, call).await, GONE)
    }
}

/// The groups of these names that there are. An API that does not know the parameter answers with all of them.
async fn groups(aws: &Aws, names: Vec<String>) -> Result<Vec<(String, LogGroup)>, Failure> {
    let call = aws.logs().describe_log_groups().set_log_group_identifiers(Some(names));
    let found: Result<Vec<LogGroup>, _> = call.into_paginator().items().send().collect().await;
    let found = found.doing("reading CloudWatch Logs Log Groups")?;
    Ok(found.into_iter().filter_map(|group| Some((group.log_group_name()?.to_string(), group))).collect())
}

/// The group's ARN without what stands for its streams.
fn arn(group: &LogGroup) -> &str {
    group.arn().unwrap_or_default().trim_end_matches(":*")
}

async fn tags_of(aws: &Aws, arn: &str) -> Result<Tags, Failure> {
    let answer = aws.logs().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.doing(format!("listing tags for CloudWatch Logs Log Group ({arn})"))?;
    Ok(tags::own(answer.tags.unwrap_or_default()))
}

/// Keeps events for so many days; 0 for ever.
async fn retain(aws: &Aws, name: &str, days: i32) -> Result<(), Failure> {
    if days == 0 {
        let call = aws.logs().delete_retention_policy().log_group_name(name);
        let doing = format!("deleting CloudWatch Logs Log Group ({name}) retention policy");
        return ignoring(call.send().await.doing(doing), GONE);
    }
    let unheard = |failure: &Failure| {
        let text = "no identity-based policy allows the logs:PutRetentionPolicy action";
        failure.is(BUSY) || (failure.is(&["AccessDeniedException"]) && failure.message.contains(text))
    };
    retry(Duration::from_secs(2 * 60), unheard, || async {
        let call = aws.logs().put_retention_policy().log_group_name(name).retention_in_days(days);
        call.send().await.doing(format!("setting CloudWatch Logs Log Group ({name}) retention policy"))
    })
    .await?;
    Ok(())
}

fn fill(object: &mut Object, group: &LogGroup) {
    let name = group.log_group_name().unwrap_or_default();
    object.set("id", name);
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
    object.set("arn", arn(group));
    object.set("kms_key_id", group.kms_key_id());
    object.set("log_group_class", group.log_group_class().map(LogGroupClass::as_str));
    object.set("retention_in_days", group.retention_in_days());
}
