//! `aws_secretsmanager_secret` on the Secrets Manager API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, ReplicationStatusType, StatusType, Tag};
use futures::future::join_all;
use infra_catalog::{OpContext, Trace, policy};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::batch::{Answers, Loader, in_chunks};
use crate::error::{Doing, ignoring};
use crate::policy::{PRINCIPALS, wait_for_principals};
use crate::resource::{ResourceType, changed};
use crate::tags::{self, Tags};
use crate::time::rfc3339;
use crate::wait::{Seen, Wait, retry};
use crate::{Aws, ids};

pub(crate) struct Api;

pub(crate) const GONE: &[&str] = &["ResourceNotFoundException"];
const PROPAGATION: Duration = Duration::from_secs(2 * 60);

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        // A list of secrets may be minutes old, and does not tell replicas nor policies.
        let policies = join_all(objects.iter().map(|object| async move {
            match object.needs_any(&["policy"]) {
                true => Ok(Some(read_policy(aws, object.id()).await?.unwrap_or_default())),
                false => Ok(None),
            }
        }));
        let (found, policies) = tokio::join!(described(aws, objects.iter().map(Object::id)), policies);
        let one = |(mut object, policy): (Object, Result<Option<String>, Failure>)| {
            let Some(secret) = found.get(object.id())? else { return Ok(None) };
            let policy = match policy {
                Err(failure) if failure.is(GONE) => return Ok(None),
                policy => policy?,
            };
            fill(&mut object, secret);
            if let Some(policy) = policy {
                object.set("policy", policy::to_store(object.str("policy"), &policy));
            }
            Ok(Some(object))
        };
        objects.into_iter().zip(policies).map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let replicas = replicas(object.parts("replica"));
        let call = aws
            .secrets()
            .create_secret()
            .client_request_token(cx.token.as_str())
            .name(&name)
            .description(object.str("description"))
            .set_add_replica_regions(Some(replicas).filter(|all| !all.is_empty()))
            .set_force_overwrite_replica_secret(overwrites(object))
            .set_kms_key_id(object.opt_str("kms_key_id"))
            .set_tags(sdk_tags(&cx.tags));
        // The name of a secret that was just deleted is free a little later.
        let doing = format!("creating Secrets Manager Secret ({name})");
        let answer = retry(PROPAGATION, is_leaving, || async { call.clone().send().await.doing(&doing) }).await?;
        object.set("id", answer.arn());
        object.set("arn", answer.arn());
        object.set("name", &name);
        (cx.checkpoint)(object);
        let policy = object.str("policy");
        if !matches!(policy, "" | "{}") {
            let arn = object.id();
            Wait::new(format!("waiting for Secrets Manager Secret ({arn}) create"), PROPAGATION)
                .until(|| async { Ok(describe(aws.secrets(), arn).await?.map_or(Seen::Missing, |_| Seen::Target(()))) })
                .await?;
            put_policy(aws, arn, policy).await?;
        }
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        // Calls take a name for an ARN; the read tells the ARN.
        let name = ids::name(planned.str("name"), planned.str("name_prefix"), &trace.token);
        let Some(secret) = describe(aws.secrets(), &name).await? else { return Ok(Some(Vec::new())) };
        if secret.created_date().is_some_and(|date| crate::time::is_before(date, trace.began)) {
            return Ok(Some(Vec::new()));
        }
        let mut made = planned.clone();
        made.set("id", secret.arn());
        made.set("arn", secret.arn());
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        if changed(prior, object, &["replica"]) {
            let (old, new) = (prior.parts("replica"), object.parts("replica"));
            let without = |all: &[Part<'_>], others: &[Part<'_>]| -> Vec<Value> {
                let other = |part: &&Part<'_>| !others.iter().any(|o| same_replica(part, o));
                all.iter().filter(other).map(|part| part.value().clone()).collect()
            };
            let (removed, added) = (without(&old, &new), without(&new, &old));
            remove_replicas(aws, arn, &removed.iter().map(Part::new).collect::<Vec<_>>()).await?;
            if !added.is_empty() {
                let call = aws
                    .secrets()
                    .replicate_secret_to_regions()
                    .secret_id(arn)
                    .set_add_replica_regions(Some(replicas(added.iter().map(Part::new).collect())))
                    .set_force_overwrite_replica_secret(overwrites(object));
                call.send().await.doing(format!("adding Secrets Manager Secret ({arn}) replicas"))?;
            }
        }
        if changed(prior, object, &["description", "kms_key_id"]) {
            let call = aws
                .secrets()
                .update_secret()
                .client_request_token(ids::unique(ids::DEFAULT_PREFIX))
                .secret_id(arn)
                .description(object.str("description"))
                .set_kms_key_id(object.opt_str("kms_key_id"));
            call.send().await.doing(format!("updating Secrets Manager Secret ({arn})"))?;
        }
        if changed(prior, object, &["policy"]) {
            match object.str("policy") {
                "" | "{}" => {
                    let call = aws.secrets().delete_resource_policy().secret_id(arn);
                    call.send().await.doing(format!("deleting Secrets Manager Secret ({arn}) policy"))?;
                }
                policy => put_policy(aws, arn, policy).await?,
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
        let arn = object.id();
        let doing = || format!("updating tags of Secrets Manager Secret ({arn})");
        let keys = tags::removed(remove, put);
        if !keys.is_empty() {
            aws.secrets().untag_resource().secret_id(arn).set_tag_keys(Some(keys)).send().await.doing(doing())?;
        }
        if let Some(tags) = sdk_tags(put) {
            aws.secrets().tag_resource().secret_id(arn).set_tags(Some(tags)).send().await.doing(doing())?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        remove_replicas(aws, arn, &object.parts("replica")).await?;
        let call = aws.secrets().delete_secret().secret_id(arn);
        let call = match object.int("recovery_window_in_days") {
            0 => call.force_delete_without_recovery(true),
            days => call.recovery_window_in_days(days),
        };
        let doing = format!("deleting Secrets Manager Secret ({arn})");
        match retry(PROPAGATION, is_replicated, || async { call.clone().send().await.doing(&doing) }).await {
            Err(failure) if is_leaving(&failure) => {}
            answer => ignoring(answer, GONE)?,
        }
        Wait::new(format!("waiting for Secrets Manager Secret ({arn}) delete"), PROPAGATION)
            .until_gone(|| async {
                Ok(describe(aws.secrets(), arn)
                    .await?
                    .map_or(Seen::<()>::Missing, |_| Seen::Pending("not deleted".into())))
            })
            .await
    }
}

/// Whether a failure says that the secret was deleted, and only its name is still taken.
fn is_leaving(failure: &Failure) -> bool {
    let texts = ["scheduled for deletion", "marked for deletion", "was deleted"];
    failure.is(&["InvalidRequestException"]) && texts.iter().any(|text| failure.message.contains(text))
}

/// Whether a failure says that there are replicas: those that were just removed are not gone at once.
fn is_replicated(failure: &Failure) -> bool {
    let codes = ["InvalidParameterException", "InvalidRequestException"];
    failure.is(&codes) && failure.message.contains("replica regions")
}

#[derive(Default)]
struct Reads(Loader<DescribeSecretOutput>);

/// Secrets by ARN: for the secrets, and for their versions. Those that are on their way out are not there.
pub(crate) async fn described<'a>(
    aws: &Aws,
    arns: impl Iterator<Item = &'a str>,
) -> Arc<Answers<DescribeSecretOutput>> {
    let client = aws.secrets().clone();
    let fetch = |arns: Vec<String>| async move {
        let one = |arns: Vec<String>| async {
            let arn = arns.into_iter().next().unwrap_or_default();
            Ok(describe(&client, &arn).await?.map(|secret| (arn, secret)).into_iter().collect())
        };
        in_chunks(arns, 1, one).await
    };
    aws.shared::<Reads>().0.load(arns.map(str::to_string), fetch).await
}

/// The secret; `None` if there is none, or only one on its way out.
async fn describe(client: &Client, arn: &str) -> Result<Option<DescribeSecretOutput>, Failure> {
    let doing = format!("reading Secrets Manager Secret ({arn})");
    match client.describe_secret().secret_id(arn).send().await.doing(doing) {
        Err(failure) if failure.is(GONE) => Ok(None),
        answer => Ok(Some(answer?).filter(|secret| secret.deleted_date().is_none())),
    }
}

async fn read_policy(aws: &Aws, arn: &str) -> Result<Option<String>, Failure> {
    let call = aws.secrets().get_resource_policy().secret_id(arn);
    Ok(call.send().await.doing(format!("reading Secrets Manager Secret ({arn}) policy"))?.resource_policy)
}

async fn put_policy(aws: &Aws, arn: &str, policy: &str) -> Result<(), Failure> {
    let unheard = |failure: &Failure| {
        failure.is(&["MalformedPolicyDocumentException"])
            && failure.message.contains("This resource policy contains an unsupported principal")
    };
    let call = aws.secrets().put_resource_policy().secret_id(arn).resource_policy(policy);
    let doing = format!("putting Secrets Manager Secret ({arn}) policy");
    retry(PRINCIPALS, unheard, || async { call.clone().send().await.doing(&doing) }).await?;
    wait_for_principals(format!("waiting for Secrets Manager Secret ({arn}) policy"), || read_policy(aws, arn)).await;
    Ok(())
}

fn overwrites(object: &Object) -> Option<bool> {
    object.opt_bool("force_overwrite_replica_secret").filter(|on| *on)
}

fn same_replica(a: &Part<'_>, b: &Part<'_>) -> bool {
    ["region", "kms_key_id"].iter().all(|name| a.str(name) == b.str(name))
}

fn replicas(parts: Vec<Part<'_>>) -> Vec<ReplicaRegionType> {
    let one = |part: Part<'_>| {
        ReplicaRegionType::builder()
            .set_region(part.opt_str("region"))
            .set_kms_key_id(part.opt_str("kms_key_id"))
            .build()
    };
    parts.into_iter().map(one).collect()
}

async fn remove_replicas(aws: &Aws, arn: &str, parts: &[Part<'_>]) -> Result<(), Failure> {
    if parts.is_empty() {
        return Ok(());
    }
    let regions = parts.iter().map(|part| part.str("region").to_string()).collect();
    let call = aws.secrets().remove_regions_from_replication().secret_id(arn).set_remove_replica_regions(Some(regions));
    ignoring(call.send().await.doing(format!("removing Secrets Manager Secret ({arn}) replicas")), GONE)
}

fn fill(object: &mut Object, secret: &DescribeSecretOutput) {
    let name = secret.name().unwrap_or_default();
    object.set("arn", secret.arn());
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
    object.set("description", secret.description());
    object.set("kms_key_id", secret.kms_key_id());
    object.set("replica", secret.replication_status().iter().map(replica_value).collect::<Vec<_>>());
    let tags = secret.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    object.set("tags_all", tags::own(tags));
}

fn replica_value(replica: &ReplicationStatusType) -> [(&'static str, Option<Value>); 5] {
    let accessed = replica.last_accessed_date().map(rfc3339);
    [
        ("kms_key_id", replica.kms_key_id().into_attribute()),
        ("last_accessed_date", accessed.into_attribute()),
        ("region", replica.region().into_attribute()),
        ("status", replica.status().map(StatusType::as_str).into_attribute()),
        ("status_message", replica.status_message().into_attribute()),
    ]
}

fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    let sent = tags::sent(tags, |key, value| Tag::builder().key(key).value(value).build());
    Some(sent).filter(|tags| !tags.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_on_its_way_out_is_told_from_one_with_replicas() {
        let said = |code: &str, message: &str| Failure { code: Some(code.into()), ..Failure::new("deleting", message) };
        let marked = "You can't perform this operation on the secret because it was marked for deletion.";
        let replicated = "You can't delete secret x that still has replica regions [eu-west-2].";
        for (failure, leaving, with_replicas) in [
            (said("InvalidRequestException", marked), true, false),
            (said("InvalidParameterException", replicated), false, true),
            (said("ResourceNotFoundException", "Secrets Manager can't find the specified secret."), false, false),
        ] {
            assert_eq!((is_leaving(&failure), is_replicated(&failure)), (leaving, with_replicas), "{failure}");
        }
    }
}
