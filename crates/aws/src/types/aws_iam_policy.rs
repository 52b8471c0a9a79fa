//! `aws_iam_policy`: managed policies of the account.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_iam::types::{Policy, PolicyVersion};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace, policy};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::{Doing, ignoring};
use crate::iam::{self, GONE, unless_gone};
use crate::ids;
use crate::resource::{ResourceType, changed};
use crate::wait::retry_on;

pub(crate) struct Api;

/// How many versions AWS keeps of a policy.
const MOST_VERSIONS: usize = 5;
/// How long a policy may count as attached that was just detached.
const DETACHED: Duration = Duration::from_secs(30);
/// How many policies are read at the same time: no call tells tags and documents of several.
const AT_ONCE: usize = 8;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        stream::iter(objects.into_iter().map(|object| self.read_new(aws, object))).buffered(AT_ONCE).collect().await
    }

    async fn read_new(&self, aws: &Aws, mut object: Object) -> Result<Option<Object>, Failure> {
        let arn = object.id().to_string();
        let answer = aws.iam().get_policy().policy_arn(&arn).send().await;
        let found = unless_gone(answer.doing(format!("reading IAM Policy ({arn})")))?;
        let Some(found) = found.and_then(|answer| answer.policy) else { return Ok(None) };
        let version = found.default_version_id().unwrap_or_default();
        let call = aws.iam().get_policy_version().policy_arn(&arn).version_id(version);
        let answer = call.send().await.doing(format!("reading IAM Policy ({arn}) version ({version})"));
        let document = unless_gone(answer)?.and_then(|answer| answer.policy_version).and_then(|v| v.document);
        let Some(document) = document else { return Ok(None) };
        fill(&mut object, &found, &iam::decoded(&document));
        Ok(Some(object))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let call =
            aws.iam().create_policy().policy_name(&name).policy_document(policy::normalise(object.str("policy")));
        let call = call.description(object.str("description")).set_path(object.opt_str("path"));
        let call = call.set_tags(iam::sdk_tags(&cx.tags)?);
        let answer = call.send().await.doing(format!("creating IAM Policy ({name})"))?;
        object.set("id", answer.policy().and_then(Policy::arn));
        object.set("name", name);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = ids::name(planned.str("name"), planned.str("name_prefix"), &trace.token);
        let path = planned.opt_str("path").unwrap_or_else(|| "/".to_string());
        made.set("id", format!("arn:{}:iam::{}:policy{path}{name}", aws.meta().partition, aws.meta().account));
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &["policy"]) {
            return Ok(());
        }
        let arn = object.id().to_string();
        let mut versions = versions(aws, &arn).await?;
        if versions.len() >= MOST_VERSIONS {
            versions.sort_by_key(|v| v.create_date().map(|date| (date.secs(), date.subsec_nanos())));
            let oldest = versions.iter().find(|v| !v.is_default_version()).and_then(PolicyVersion::version_id);
            if let Some(oldest) = oldest {
                delete_version(aws, &arn, oldest).await?;
            }
        }
        let call = aws.iam().create_policy_version().policy_arn(&arn).set_as_default(true);
        let call = call.policy_document(policy::normalise(object.str("policy")));
        call.send().await.doing(format!("updating IAM Policy ({arn})"))?;
        Ok(())
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let arn = object.id();
        let doing = format!("updating tags of IAM Policy ({arn})");
        if !remove.is_empty() {
            let keys = Some(remove.keys().cloned().collect());
            aws.iam().untag_policy().policy_arn(arn).set_tag_keys(keys).send().await.doing(&doing)?;
        }
        if !put.is_empty() {
            aws.iam().tag_policy().policy_arn(arn).set_tags(iam::sdk_tags(put)?).send().await.doing(&doing)?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let Some(versions) = unless_gone(versions(aws, arn).await)? else { return Ok(()) };
        for version in versions.iter().filter(|v| !v.is_default_version()) {
            ignoring(delete_version(aws, arn, version.version_id().unwrap_or_default()).await, GONE)?;
        }
        let doing = format!("deleting IAM Policy ({arn})");
        let call = || async { aws.iam().delete_policy().policy_arn(arn).send().await.doing(&doing) };
        ignoring(retry_on(DETACHED, iam::IN_USE, call).await, GONE)
    }
}

fn fill(object: &mut Object, found: &Policy, document: &str) {
    let name = found.policy_name().unwrap_or_default();
    object.set("arn", found.arn());
    object.set("attachment_count", found.attachment_count());
    object.set("description", found.description());
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
    object.set("path", found.path());
    object.set("policy_id", found.policy_id());
    object.set("policy", policy::to_store(object.str("policy"), document));
    object.set("tags_all", iam::tags(found.tags()));
}

async fn versions(aws: &Aws, arn: &str) -> Result<Vec<PolicyVersion>, Failure> {
    let pages = aws.iam().list_policy_versions().policy_arn(arn).into_paginator().items().send();
    let versions: Result<Vec<_>, _> = pages.collect().await;
    versions.doing(format!("reading versions of IAM Policy ({arn})"))
}

async fn delete_version(aws: &Aws, arn: &str, version: &str) -> Result<(), Failure> {
    let call = aws.iam().delete_policy_version().policy_arn(arn).version_id(version);
    call.send().await.doing(format!("deleting IAM Policy ({arn}) version ({version})"))?;
    Ok(())
}
