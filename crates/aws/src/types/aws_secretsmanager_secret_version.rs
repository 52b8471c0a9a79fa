//! `aws_secretsmanager_secret_version` on the Secrets Manager API.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_smithy_types::{Blob, base64};
use futures::future::join_all;
use infra_catalog::types::aws_secretsmanager_secret_version::split_id;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part};

use crate::error::Doing;
use crate::resource::{ResourceType, changed};
use crate::secret_text::without;
use crate::time::rfc3339;
use crate::types::aws_secretsmanager_secret::{GONE, described};
use crate::wait::{Seen, Wait};
use crate::{Aws, ids};

pub(crate) struct Api;

const PROPAGATION: Duration = Duration::from_secs(2 * 60);
/// The version that readers get, and the one before it.
pub(crate) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        // A version never changes: what is known of it stays so, and which stages it has the secret tells.
        let known = objects.iter().filter(|object| is_known(object)).filter_map(|object| split_id(object.id()));
        let secrets = &match known.clone().next() {
            Some(_) => described(aws, known.map(|(secret, _)| secret)).await,
            None => Arc::default(),
        };
        // The API's batch only has current versions.
        join_all(objects.into_iter().map(|mut object| async move {
            let id = object.id().to_string();
            let Some((secret, version)) = split_id(&id) else {
                let why = format!("unexpected format of ID ({id}), expected SecretID|VersionID");
                return Err(Failure::new("reading Secrets Manager Secret Version", why));
            };
            // A version without stages is not listed.
            let stages = secrets.get(secret).ok().flatten().and_then(|s| s.version_ids_to_stages()?.get(version));
            if let Some(stages) = stages.filter(|_| is_known(&object)) {
                object.set("version_stages", stages.as_slice());
                return Ok(Some(object));
            }
            let Some(found) = value(aws, secret, version).await? else { return Ok(None) };
            fill(&mut object, secret, &found);
            Ok(Some(object))
        }))
        .await
    }

    async fn read_new(&self, aws: &Aws, mut object: Object) -> Result<Option<Object>, Failure> {
        let id = object.id().to_string();
        let Some((secret, version)) = split_id(&id) else { return Ok(None) };
        Ok(value(aws, secret, version).await?.map(|found| {
            fill(&mut object, secret, &found);
            object
        }))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let secret = object.str("secret_id").to_string();
        let doing = format!("putting Secrets Manager Secret ({secret}) value");
        let unseen = Part::new(cx.config).opt_str("secret_string_wo");
        let text = unseen.clone().or_else(|| object.opt_str("secret_string"));
        let binary = match object.opt_str("secret_binary") {
            // What is wrong with it must not say what it is.
            Some(text) => Some(base64::decode(text).map_err(|_| Failure::new(&doing, "secret_binary is not base64"))?),
            None => None,
        };
        let stages = Some(object.strings("version_stages")).filter(|stages| !stages.is_empty());
        let call = aws
            .secrets()
            .put_secret_value()
            .client_request_token(ids::made(ids::DEFAULT_PREFIX, &cx.token))
            .secret_id(&secret)
            .set_secret_binary(binary.map(Blob::new))
            .set_secret_string(text.clone())
            .set_version_stages(stages);
        let answer = call.send().await.doing(doing).map_err(|failure| without(failure, text.as_deref()))?;
        let version = answer.version_id().unwrap_or_default();
        object.set("id", format!("{secret}|{version}"));
        object.set("version_id", version);
        if unseen.is_some() {
            object.set("has_secret_string_wo", true);
        }
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        // The token of the request is the id of the version.
        let version = ids::made(ids::DEFAULT_PREFIX, &trace.token);
        let mut made = planned.clone();
        made.set("id", format!("{}|{version}", planned.str("secret_id")));
        made.set("version_id", version);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let Some((secret, version)) = split_id(object.id()) else { return Ok(()) };
        if !changed(prior, object, &["version_stages"]) {
            return Ok(());
        }
        let stages = |object: &Object| object.strings("version_stages").into_iter().collect::<BTreeSet<_>>();
        let (old, new) = (stages(prior), stages(object));
        for stage in new.difference(&old) {
            let call = aws.secrets().update_secret_version_stage().secret_id(secret).version_stage(stage);
            let call = call.move_to_version_id(version);
            let call = match stage.as_str() {
                // It is always somewhere, and has to be taken from there by name.
                CURRENT => call.set_remove_from_version_id(holder(aws, secret, CURRENT).await?),
                _ => call,
            };
            call.send().await.doing(format!("adding Secrets Manager Secret Version ({secret}) stage ({stage})"))?;
        }
        let became_current = new.contains(CURRENT) && !old.contains(CURRENT);
        for stage in old.difference(&new) {
            if stage == CURRENT || (stage == PREVIOUS && became_current) {
                continue;
            }
            remove_stage(aws, secret, version, stage).await?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let Some((secret, version)) = split_id(object.id()) else { return Ok(()) };
        for stage in object.strings("version_stages").iter().filter(|stage| *stage != CURRENT) {
            match remove_stage(aws, secret, version, stage).await {
                Err(failure) if is_gone(&failure) => return Ok(()),
                answer => answer?,
            }
        }
        Wait::new(format!("waiting for Secrets Manager Secret Version ({secret}) delete"), PROPAGATION)
            .until_gone(|| async {
                Ok(match value(aws, secret, version).await? {
                    Some(found) if !is_unused(found.version_stages()) => {
                        Seen::<()>::Pending(found.version_stages().join(", "))
                    }
                    _ => Seen::Missing,
                })
            })
            .await
    }
}

/// Whether everything of a version is known but its stages.
fn is_known(object: &Object) -> bool {
    let valued = ["secret_string", "secret_binary"].iter().any(|name| !object.str(name).is_empty());
    let named = ["arn", "secret_id", "version_id"].iter().all(|name| !object.str(name).is_empty());
    named && (valued || object.bool("has_secret_string_wo"))
}

/// Versions cannot be deleted. One with no stage, or only one of AWS's own, is left for AWS to clear away.
fn is_unused(stages: &[String]) -> bool {
    match stages {
        [] => true,
        [stage] => stage == CURRENT || stage == PREVIOUS,
        _ => false,
    }
}

/// Whether a failure says that the secret or the version is not there any more.
pub(crate) fn is_gone(failure: &Failure) -> bool {
    let leaving = ["because it was deleted", "because it was marked for deletion", "marked for deletion"];
    failure.is(GONE)
        || (failure.is(&["InvalidRequestException"]) && leaving.iter().any(|text| failure.message.contains(text)))
}

async fn value(aws: &Aws, secret: &str, version: &str) -> Result<Option<GetSecretValueOutput>, Failure> {
    let call = aws.secrets().get_secret_value().secret_id(secret).version_id(version);
    match call.send().await.doing(format!("reading Secrets Manager Secret Version ({secret}|{version})")) {
        Err(failure) if is_gone(&failure) => Ok(None),
        answer => Ok(Some(answer?)),
    }
}

async fn remove_stage(aws: &Aws, secret: &str, version: &str, stage: &str) -> Result<(), Failure> {
    let call = aws.secrets().update_secret_version_stage().secret_id(secret).version_stage(stage);
    let call = call.remove_from_version_id(version);
    call.send().await.doing(format!("removing Secrets Manager Secret Version ({secret}) stage ({stage})"))?;
    Ok(())
}

/// The version that has a stage.
async fn holder(aws: &Aws, secret: &str, stage: &str) -> Result<Option<String>, Failure> {
    let call = aws.secrets().list_secret_version_ids().secret_id(secret);
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let pages = pages.doing(format!("listing Secrets Manager Secret ({secret}) versions"))?;
    let mut versions = pages.into_iter().flat_map(|page| page.versions.unwrap_or_default());
    let found = versions.find(|version| version.version_stages().iter().any(|s| s == stage));
    Ok(found.and_then(|version| version.version_id))
}

/// What the answer tells, for the data source and the ephemeral resource alike.
pub(crate) fn fill_in(object: &mut Object, found: &GetSecretValueOutput) {
    object.set("arn", found.arn());
    object.set("created_date", found.created_date().map(rfc3339));
    object.set("secret_string", found.secret_string());
    let binary = found.secret_binary().map(|bytes| String::from_utf8_lossy(bytes.as_ref()).into_owned());
    object.set("secret_binary", binary);
    object.set("version_id", found.version_id());
    object.set("version_stages", found.version_stages());
}

fn fill(object: &mut Object, secret: &str, found: &GetSecretValueOutput) {
    object.set("secret_id", secret);
    object.set("version_id", found.version_id());
    object.set("version_stages", found.version_stages());
    object.set("arn", found.arn());
    object.set("secret_binary", found.secret_binary().map(base64::encode));
    let unseen = object.bool("has_secret_string_wo");
    object.set("secret_string", if unseen { None } else { found.secret_string() });
}
