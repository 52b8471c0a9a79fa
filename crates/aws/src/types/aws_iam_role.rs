//! `aws_iam_role`: roles.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use infra_catalog::types::aws_iam_role::{policies, same_policies};
use infra_catalog::{OpContext, Trace, policy};
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::Aws;
use crate::error::{Doing, ignoring};
use crate::iam::{self, Fact, GONE, PROPAGATION, RoleFacts};
use crate::ids;
use crate::resource::{ResourceType, changed};
use crate::wait::{retry, retry_on};

pub(crate) struct Api;

/// How many roles are asked for at the same time where lists are in doubt.
const AT_ONCE: usize = 8;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let facts = &iam::facts(aws, objects.iter().map(|o| iam::role_key(o.id())).collect()).await;
        let reads = objects.into_iter().map(|object| async move {
            let Some(Fact::Role(facts)) = facts.get(&iam::role_key(object.id()))? else { return Ok(None) };
            let mut found = object.clone();
            fill(&mut found, facts);
            // The account's lists lag behind: what they say otherwise than what was known is asked for.
            let in_doubt = aws.lags() && !object.str("arn").is_empty() && found.value() != object.value();
            if !in_doubt {
                return Ok(Some(found));
            }
            Ok(iam::role(aws.iam(), object.id()).await?.map(|facts| {
                let mut found = object;
                fill(&mut found, &facts);
                found
            }))
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn read_new(&self, aws: &Aws, mut object: Object) -> Result<Option<Object>, Failure> {
        // Until a new role is known everywhere its ARN is only its unique id.
        let facts = iam::role(aws.iam(), object.id()).await?.filter(|facts| facts.arn.starts_with("arn:"));
        Ok(facts.map(|facts| {
            fill(&mut object, &facts);
            object
        }))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let call = aws
            .iam()
            .create_role()
            .role_name(&name)
            .assume_role_policy_document(policy::normalise(object.str("assume_role_policy")))
            .set_path(object.opt_str("path"))
            .set_description(object.opt_str("description"))
            .set_max_session_duration(object.opt_i32("max_session_duration"))
            .set_permissions_boundary(object.opt_str("permissions_boundary"))
            .set_tags(iam::sdk_tags(&cx.tags)?);
        let doing = format!("creating IAM Role ({name})");
        let not_yet = |failure: &Failure| unknown_principal(failure) || failure.is(iam::BUSY);
        retry(PROPAGATION, not_yet, || async { call.clone().send().await.doing(&doing) }).await?;
        object.set("id", &*name);
        object.set("name", &*name);
        (cx.checkpoint)(object);
        for (policy, document) in policies(object.raw("inline_policy")) {
            put_inline(aws, &name, &policy, &document).await?;
        }
        for arn in object.strings("managed_policy_arns") {
            attach(aws, &name, &arn).await?;
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
        let name = object.id().to_string();
        let doing = format!("updating IAM Role ({name})");
        if changed(prior, object, &["assume_role_policy"]) {
            let document = policy::normalise(object.str("assume_role_policy"));
            let call = aws.iam().update_assume_role_policy().role_name(&name).policy_document(document);
            retry(PROPAGATION, unknown_principal, || async { call.clone().send().await.doing(&doing) }).await?;
        }
        if changed(prior, object, &["description"]) {
            let call = aws.iam().update_role_description().role_name(&name).description(object.str("description"));
            call.send().await.doing(&doing)?;
        }
        if changed(prior, object, &["max_session_duration"]) {
            let longest = object.i32("max_session_duration");
            let call = aws.iam().update_role().role_name(&name).max_session_duration(longest);
            call.send().await.doing(&doing)?;
        }
        if changed(prior, object, &["permissions_boundary"]) {
            match object.opt_str("permissions_boundary") {
                Some(arn) => {
                    let call = aws.iam().put_role_permissions_boundary().role_name(&name).permissions_boundary(arn);
                    call.send().await.doing(&doing)?;
                }
                None => {
                    let call = aws.iam().delete_role_permissions_boundary().role_name(&name);
                    ignoring(call.send().await.doing(&doing), GONE)?;
                }
            }
        }
        change_inline(aws, &name, prior.raw("inline_policy"), object.raw("inline_policy")).await?;
        if changed(prior, object, &["managed_policy_arns"]) {
            let set = |object: &Object| object.strings("managed_policy_arns").into_iter().collect::<BTreeSet<_>>();
            let (old, new) = (set(prior), set(object));
            for arn in old.difference(&new) {
                detach(aws, &name, arn).await?;
            }
            for arn in new.difference(&old) {
                attach(aws, &name, arn).await?;
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
        let name = object.id();
        let doing = format!("updating tags of IAM Role ({name})");
        if !remove.is_empty() {
            let keys = Some(remove.keys().cloned().collect());
            aws.iam().untag_role().role_name(name).set_tag_keys(keys).send().await.doing(&doing)?;
        }
        if !put.is_empty() {
            aws.iam().tag_role().role_name(name).set_tags(iam::sdk_tags(put)?).send().await.doing(&doing)?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.id();
        let doing = format!("deleting IAM Role ({name})");
        let emptied = empty(aws, name, object);
        if iam::unless_gone(emptied.await)?.is_none() {
            return Ok(());
        }
        let call = || async { aws.iam().delete_role().role_name(name).send().await.doing(&doing) };
        let not_yet = |failure: &Failure| failure.is(iam::IN_USE) || failure.is(iam::BUSY);
        ignoring(retry(PROPAGATION, not_yet, call).await, GONE)
    }
}

/// Takes off a role what keeps it from being deleted: instance profiles always, policies where they are known or where
/// it is asked for.
async fn empty(aws: &Aws, name: &str, object: &Object) -> Result<(), Failure> {
    let client = aws.iam();
    let doing = || format!("deleting IAM Role ({name})");
    let pages = client.list_instance_profiles_for_role().role_name(name).into_paginator().items().send();
    let profiles: Result<Vec<_>, _> = pages.collect().await;
    for profile in profiles.doing(doing())? {
        let call = client.remove_role_from_instance_profile().role_name(name);
        let call = call.instance_profile_name(profile.instance_profile_name());
        ignoring(call.send().await.doing(doing()), GONE)?;
    }
    let force = object.bool("force_detach_policies");
    if force || !object.strings("managed_policy_arns").is_empty() {
        for arn in iam::attached(client, name).await?.unwrap_or_default() {
            detach(aws, name, &arn).await?;
        }
    }
    if force || !policies(object.raw("inline_policy")).is_empty() {
        for policy in iam::inline_names(client, name).await? {
            delete_inline(aws, name, &policy).await?;
        }
    }
    Ok(())
}

fn fill(object: &mut Object, facts: &RoleFacts) {
    object.set("arn", &facts.arn);
    object.set("assume_role_policy", policy::to_store(object.str("assume_role_policy"), &facts.trust));
    object.set("create_date", &facts.create_date);
    object.set("description", &facts.description);
    object.set("max_session_duration", facts.max_session_duration);
    object.set("name", &facts.name);
    object.set("name_prefix", ids::prefix_of(&facts.name));
    object.set("path", &facts.path);
    object.set("permissions_boundary", &facts.permissions_boundary);
    object.set("unique_id", &facts.unique_id);
    object.set("tags_all", facts.tags.clone());
    object.set("managed_policy_arns", facts.attached.as_slice());
    let known = object.raw("inline_policy");
    if known.is_null() || !same_policies(&policies(known), &facts.inline) {
        let blocks = facts.inline.iter().map(|(name, document)| {
            let document = Value::string(policy::legacy_form(document));
            [("name", Some(Value::string(name))), ("policy", Some(document))]
        });
        object.set("inline_policy", blocks.collect::<Vec<_>>());
    }
}

/// A principal that was just made is not known everywhere at once.
fn unknown_principal(failure: &Failure) -> bool {
    failure.is(&["MalformedPolicyDocument", "MalformedPolicyDocumentException"])
        && failure.message.contains("Invalid principal in policy")
}

/// A changed document is deleted and put again.
async fn change_inline(aws: &Aws, role: &str, old: &Value, new: &Value) -> Result<(), Failure> {
    let (old, new) = (policies(old), policies(new));
    if same_policies(&old, &new) {
        return Ok(());
    }
    for (name, _) in old.iter().filter(|(name, document)| new.get(*name) != Some(document)) {
        delete_inline(aws, role, name).await?;
    }
    for (name, document) in new.iter().filter(|(name, document)| old.get(*name) != Some(document)) {
        put_inline(aws, role, name, document).await?;
    }
    Ok(())
}

/// Blocks without a name or without a document only say that there are no other policies.
async fn put_inline(aws: &Aws, role: &str, name: &str, document: &str) -> Result<(), Failure> {
    if name.is_empty() || document.is_empty() {
        return Ok(());
    }
    let call = aws.iam().put_role_policy().role_name(role).policy_name(name);
    let call = call.policy_document(policy::legacy_form(document));
    let doing = format!("putting IAM Role Policy ({role}:{name})");
    iam::change(aws, || async { call.clone().send().await.doing(&doing) }).await.map(drop)
}

async fn delete_inline(aws: &Aws, role: &str, name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Ok(());
    }
    let doing = format!("deleting IAM Role Policy ({role}:{name})");
    let call = || async { aws.iam().delete_role_policy().role_name(role).policy_name(name).send().await.doing(&doing) };
    ignoring(retry_on(PROPAGATION, iam::BUSY, call).await, GONE)
}

async fn attach(aws: &Aws, role: &str, arn: &str) -> Result<(), Failure> {
    let doing = format!("attaching IAM Policy ({arn}) to IAM Role ({role})");
    let call = || async { aws.iam().attach_role_policy().role_name(role).policy_arn(arn).send().await.doing(&doing) };
    iam::change(aws, call).await.map(drop)
}

async fn detach(aws: &Aws, role: &str, arn: &str) -> Result<(), Failure> {
    let doing = format!("detaching IAM Policy ({arn}) from IAM Role ({role})");
    let call = || async { aws.iam().detach_role_policy().role_name(role).policy_arn(arn).send().await.doing(&doing) };
    ignoring(retry_on(PROPAGATION, iam::BUSY, call).await, GONE)
}
