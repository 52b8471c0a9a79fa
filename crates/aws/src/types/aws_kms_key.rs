//! `aws_kms_key` on the KMS API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kms::operation::get_key_rotation_status::GetKeyRotationStatusOutput;
use aws_sdk_kms::types::{
    KeyListEntry, KeyManagerType, KeyMetadata, KeySpec, KeyState, KeyUsageType, MultiRegionKeyType, OriginType, Tag,
};
use futures::future::join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use infra_catalog::{OpContext, Trace, policy};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::Doing;
use crate::policy::{PRINCIPALS, wait_for_policy};
use crate::resource::{ResourceType, changed};
use crate::tagging::{self, Unchanged};
use crate::tags::{self, Tags};
use crate::wait::{Seen, Wait, retry, retry_on};

pub(crate) struct Api;

/// How many keys are read at once.
const AT_ONCE: usize = 8;

const GONE: &[&str] = &["NotFoundException"];
const UNKNOWN_PRINCIPAL: &[&str] = &["MalformedPolicyDocumentException"];
/// How long a change may take to be seen by every call.
const SETTLING: Duration = Duration::from_secs(10 * 60);
const SWITCHING: Duration = Duration::from_secs(20 * 60);
/// KMS answers from many places: a change is seen when it was seen so often in succession, so far apart.
const CONFIRMATIONS: u32 = 5;
const APART: Duration = Duration::from_secs(1);
/// The only name that the policy of a key has.
const POLICY: &str = "default";

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let unchanged = &tagging::unchanged(aws, &objects).await;
        join_all(objects.into_iter().map(|mut object| async {
            match fill(aws, &mut object, unchanged).await {
                Ok(true) => Ok(Some(object)),
                Ok(false) => Ok(None),
                Err(failure) if failure.is(GONE) => Ok(None),
                Err(failure) => Err(failure),
            }
        }))
        .await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let store = object.opt_str("custom_key_store_id");
        let external = object.opt_str("xks_key_id");
        let origin = match (&external, &store) {
            (Some(_), _) => Some(OriginType::ExternalKeyStore),
            (None, Some(_)) => Some(OriginType::AwsCloudhsm),
            (None, None) => None,
        };
        let call = aws
            .kms()
            .create_key()
            .bypass_policy_lockout_safety_check(object.bool("bypass_policy_lockout_safety_check"))
            .key_spec(KeySpec::from(object.str("customer_master_key_spec")))
            .key_usage(KeyUsageType::from(object.str("key_usage")))
            .set_custom_key_store_id(store)
            .set_description(object.opt_str("description"))
            .set_multi_region(object.opt_bool("multi_region").filter(|on| *on))
            .set_origin(origin)
            .set_policy(object.opt_str("policy"))
            .set_tags(sdk_tags(&cx.tags)?)
            .set_xks_key_id(external);
        let answer = retry_on(cx.timeouts.of("create"), UNKNOWN_PRINCIPAL, || async {
            call.clone().send().await.doing("creating KMS Key")
        })
        .await?;
        let id = answer.key_metadata().map(KeyMetadata::key_id).unwrap_or_default().to_string();
        object.set("id", &id);
        object.set("key_id", &id);
        (cx.checkpoint)(object);
        if object.bool("enable_key_rotation") {
            rotate(aws, &id, object).await?;
        }
        if object.opt_bool("is_enabled") == Some(false) {
            enable(aws, &id, false).await?;
        }
        if let Some(policy) = object.opt_str("policy") {
            policy_seen(aws, &id, &policy).await?;
        }
        if !cx.tags.is_empty() {
            tags_seen(aws, &id, &cx.tags).await?;
        } else if aws.lags() && object.opt_str("policy").is_none() {
            // Who is given the key now should find it.
            seen(aws, &id, "create", |_| true).await?;
        }
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let keys = aws.kms().list_keys().into_paginator().items();
        let keys: Result<Vec<KeyListEntry>, _> = keys.send().collect().await;
        let keys = keys.doing("listing KMS Keys")?;
        let ids: Vec<String> = keys.into_iter().filter_map(|key| key.key_id).collect();
        let reads = ids.into_iter().map(|id| async move { describe(aws, &id).await });
        let described: Vec<Option<KeyMetadata>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let likely = described.iter().flatten().filter(|key| {
            !is_deleted(key)
                && key.key_manager() != Some(&KeyManagerType::Aws)
                && key.description().unwrap_or_default() == planned.str("description")
                && key.creation_date().is_some_and(|date| !crate::time::is_before(date, trace.began))
        });
        let made = likely.map(|key| {
            let mut made = planned.clone();
            made.set("id", key.key_id());
            made.set("key_id", key.key_id());
            made
        });
        Ok(Some(made.collect()))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id();
        let switched = changed(prior, object, &["is_enabled"]);
        if switched && object.bool("is_enabled") {
            enable(aws, id, true).await?;
        }
        let period = object.bool("enable_key_rotation") && changed(prior, object, &["rotation_period_in_days"]);
        if period || changed(prior, object, &["enable_key_rotation"]) {
            rotate(aws, id, object).await?;
        }
        if changed(prior, object, &["description"]) {
            describe_as(aws, id, object.str("description")).await?;
        }
        if changed(prior, object, &["policy"]) && !object.str("policy").is_empty() {
            let policy = object.str("policy");
            let call = aws
                .kms()
                .put_key_policy()
                .key_id(id)
                .policy(policy)
                .policy_name(POLICY)
                .bypass_policy_lockout_safety_check(object.bool("bypass_policy_lockout_safety_check"));
            let again = |failure: &Failure| failure.is(GONE) || failure.is(UNKNOWN_PRINCIPAL);
            let doing = format!("updating KMS Key ({id}) policy");
            retry(PRINCIPALS, again, || async { call.clone().send().await.doing(&doing) }).await?;
            policy_seen(aws, id, policy).await?;
        }
        if switched && !object.bool("is_enabled") {
            enable(aws, id, false).await?;
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
        let id = object.id();
        let doing = || format!("updating tags of KMS Key ({id})");
        let keys = tags::removed(remove, put);
        if !keys.is_empty() {
            aws.kms().untag_resource().key_id(id).set_tag_keys(Some(keys.clone())).send().await.doing(doing())?;
        }
        if let Some(tags) = sdk_tags(put)? {
            aws.kms().tag_resource().key_id(id).set_tags(Some(tags)).send().await.doing(doing())?;
        }
        confirming(aws, Wait::new(format!("waiting for KMS Key ({id}) tags"), SETTLING))
            .until(|| async {
                let now = read_tags(aws, id).await?;
                let gone = keys.iter().all(|key| !now.contains_key(key));
                let there = tags::own(put.clone()).iter().all(|(key, value)| now.get(key) == Some(value));
                Ok(if gone && there { Seen::Target(()) } else { Seen::Pending("other tags".into()) })
            })
            .await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id();
        let call = aws.kms().schedule_key_deletion().key_id(id);
        let call = call.set_pending_window_in_days(object.opt_i32("deletion_window_in_days"));
        match call.send().await.doing(format!("deleting KMS Key ({id})")) {
            Err(failure) if failure.is(GONE) => return Ok(()),
            Err(failure)
                if failure.is(&["KMSInvalidStateException"]) && failure.message.contains("is pending deletion") =>
            {
                return Ok(());
            }
            answer => answer?,
        };
        Wait::new(format!("waiting for KMS Key ({id}) delete"), SWITCHING)
            .until_gone(|| async {
                Ok(match describe(aws, id).await? {
                    Some(key) if !is_deleted(&key) => Seen::<()>::Pending(state(&key).to_string()),
                    _ => Seen::Missing,
                })
            })
            .await
    }
}

/// A wait that confirms what it sees, on AWS by time.
fn confirming(aws: &Aws, wait: Wait) -> Wait {
    let wait = wait.in_a_row(CONFIRMATIONS);
    if aws.lags() { wait.again_after(APART) } else { wait }
}

fn state(key: &KeyMetadata) -> &str {
    key.key_state().map_or("", KeyState::as_str)
}

fn is_deleted(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

/// The key; `None` if there is none.
async fn describe(aws: &Aws, id: &str) -> Result<Option<KeyMetadata>, Failure> {
    match aws.kms().describe_key().key_id(id).send().await.doing(format!("reading KMS Key ({id})")) {
        Err(failure) if failure.is(GONE) => Ok(None),
        answer => Ok(answer?.key_metadata),
    }
}

async fn read_policy(aws: &Aws, id: &str) -> Result<Option<String>, Failure> {
    let call = aws.kms().get_key_policy().key_id(id).policy_name(POLICY);
    Ok(call.send().await.doing(format!("reading KMS Key ({id}) policy"))?.policy)
}

async fn read_tags(aws: &Aws, id: &str) -> Result<Tags, Failure> {
    let call = aws.kms().list_resource_tags().key_id(id).into_paginator().items();
    let tags: Result<Vec<Tag>, _> = call.send().collect().await;
    let tags = tags.doing(format!("listing tags for KMS Key ({id})"))?;
    Ok(tags::own(tags.iter().map(|tag| (tag.tag_key(), tag.tag_value()))))
}

/// How the key rotates; only keys whose material AWS made can.
async fn rotation(
    aws: &Aws,
    id: &str,
    origin: Option<&OriginType>,
) -> Result<Option<GetKeyRotationStatusOutput>, Failure> {
    if origin.is_some_and(|origin| *origin != OriginType::AwsKms) {
        return Ok(None);
    }
    let call = aws.kms().get_key_rotation_status().key_id(id);
    Ok(Some(call.send().await.doing(format!("reading KMS Key ({id}) rotation status"))?))
}

/// Reads everything; false if the key is deleted.
async fn fill(aws: &Aws, object: &mut Object, unchanged: &Unchanged) -> Result<bool, Failure> {
    let id = object.id().to_string();
    let key = match describe(aws, &id).await? {
        Some(key) if !is_deleted(&key) => key,
        _ => return Ok(false),
    };
    let kind = key.multi_region_configuration().and_then(|c| c.multi_region_key_type());
    if key.multi_region() == Some(true) && kind.is_some_and(|kind| *kind != MultiRegionKeyType::Primary) {
        let why = format!("KMS Key ({id}) is not a multi-Region primary key");
        return Err(Failure::new(format!("reading KMS Key ({id})"), why));
    }
    let tags = unchanged.tags(object, || read_tags(aws, &id));
    let (policy, rotation, tags) = futures::try_join!(read_policy(aws, &id), rotation(aws, &id, key.origin()), tags)?;
    object.set("arn", key.arn());
    object.set("custom_key_store_id", key.custom_key_store_id());
    object.set("customer_master_key_spec", key.key_spec().map(KeySpec::as_str));
    object.set("description", key.description());
    object.set("is_enabled", key.enabled());
    object.set("key_id", key.key_id());
    object.set("key_usage", key.key_usage().map(KeyUsageType::as_str));
    object.set("multi_region", key.multi_region());
    object.set("xks_key_id", key.xks_key_configuration().and_then(|c| c.id()));
    object.set("enable_key_rotation", rotation.as_ref().is_some_and(GetKeyRotationStatusOutput::key_rotation_enabled));
    object.set("rotation_period_in_days", rotation.and_then(|r| r.rotation_period_in_days()));
    object.set("policy", policy::to_store(object.str("policy"), policy.as_deref().unwrap_or_default()));
    object.set("tags_all", tags);
    Ok(true)
}

/// Lets the key rotate as the object says, and waits until that is seen.
async fn rotate(aws: &Aws, id: &str, object: &Object) -> Result<(), Failure> {
    let on = object.bool("enable_key_rotation");
    let period = object.opt_i32("rotation_period_in_days").filter(|days| on && *days > 0);
    let doing = format!("updating KMS Key ({id}) rotation");
    retry_on(SETTLING, &["NotFoundException", "DisabledException"], || async {
        if on {
            let call = aws.kms().enable_key_rotation().key_id(id).set_rotation_period_in_days(period);
            call.send().await.doing(&doing).map(|_| ())
        } else {
            aws.kms().disable_key_rotation().key_id(id).send().await.doing(&doing).map(|_| ())
        }
    })
    .await?;
    confirming(aws, Wait::new(format!("waiting for KMS Key ({id}) rotation update"), SETTLING))
        .until(|| async {
            let now = rotation(aws, id, None).await?;
            Ok(match now {
                Some(now) if now.key_rotation_enabled() == on => match (period, now.rotation_period_in_days()) {
                    (Some(wanted), Some(days)) if wanted != days => Seen::Pending(format!("{days} days")),
                    _ => Seen::Target(()),
                },
                _ => Seen::Pending(if on { "off" } else { "on" }.into()),
            })
        })
        .await
}

async fn enable(aws: &Aws, id: &str, on: bool) -> Result<(), Failure> {
    if on {
        aws.kms().enable_key().key_id(id).send().await.doing(format!("enabling KMS Key ({id})"))?;
    } else {
        aws.kms().disable_key().key_id(id).send().await.doing(format!("disabling KMS Key ({id})"))?;
    }
    seen(aws, id, "update", |key| key.enabled() == on).await
}

async fn describe_as(aws: &Aws, id: &str, description: &str) -> Result<(), Failure> {
    let call = aws.kms().update_key_description().key_id(id).description(description);
    call.send().await.doing(format!("updating KMS Key ({id}) description"))?;
    seen(aws, id, "description update", |key| key.description().unwrap_or_default() == description).await
}

/// Waits until the key is described as it has to be.
async fn seen(aws: &Aws, id: &str, what: &str, is_so: impl Fn(&KeyMetadata) -> bool) -> Result<(), Failure> {
    confirming(aws, Wait::new(format!("waiting for KMS Key ({id}) {what}"), SWITCHING))
        .until(|| async {
            Ok(match describe(aws, id).await? {
                Some(key) if is_so(&key) => Seen::Target(()),
                Some(key) => Seen::Pending(state(&key).to_string()),
                None => Seen::Missing,
            })
        })
        .await
}

async fn policy_seen(aws: &Aws, id: &str, wanted: &str) -> Result<(), Failure> {
    let wait = confirming(aws, Wait::new(format!("waiting for KMS Key ({id}) policy update"), SETTLING));
    wait_for_policy(wait, wanted, || async {
        match read_policy(aws, id).await {
            Err(failure) if failure.is(GONE) => Ok(None),
            answer => answer,
        }
    })
    .await
}

async fn tags_seen(aws: &Aws, id: &str, wanted: &Tags) -> Result<(), Failure> {
    let wanted = tags::own(wanted.clone());
    confirming(aws, Wait::new(format!("waiting for KMS Key ({id}) tags"), SETTLING))
        .until(|| async {
            Ok(match read_tags(aws, id).await {
                Ok(now) if now == wanted => Seen::Target(()),
                Ok(_) => Seen::Pending("other tags".into()),
                Err(failure) if failure.is(GONE) => Seen::Missing,
                Err(failure) => return Err(failure),
            })
        })
        .await
}

fn sdk_tags(tags: &Tags) -> Result<Option<Vec<Tag>>, Failure> {
    let form = |key: &str, value: &str| Tag::builder().tag_key(key).tag_value(value).build();
    let sent: Result<Vec<Tag>, _> = tags::sent(tags, form).into_iter().collect();
    Ok(Some(sent.doing("describing the tags of a KMS Key")?).filter(|tags| !tags.is_empty()))
}
