//! `aws_kms_alias` on the KMS API.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kms::types::AliasListEntry;
use infra_catalog::types::aws_kms_alias::PREFIX;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Token};

use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{retry, retry_on};
use crate::{Aws, ids};

pub(crate) struct Api;

const GONE: &[&str] = &["NotFoundException"];
const KEY_KNOWN: Duration = Duration::from_secs(10 * 60);
/// The same for an alias that there is: what is missing may be the alias, which does not come back.
const NEW_KEY: Duration = Duration::from_secs(60);

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        // The API only lists all of them.
        let names = objects.iter().map(|o| o.id().to_string());
        let found = in_chunks(names, usize::MAX, |_| all(aws)).await;
        found.fill(objects, |o| o.id(), fill)
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = name_of(object, &cx.token);
        let doing = format!("creating KMS Alias ({name})");
        let call = aws.kms().create_alias().alias_name(&name).target_key_id(object.str("target_key_id"));
        retry_on(KEY_KNOWN, GONE, || async { call.clone().send().await.doing(&doing) }).await?;
        object.set("id", &name);
        object.set("name", name);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = name_of(planned, &trace.token);
        made.set("id", &name);
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if changed(prior, object, &["target_key_id"]) {
            let name = object.id();
            let call = aws.kms().update_alias().alias_name(name).target_key_id(object.str("target_key_id"));
            let doing = format!("updating KMS Alias ({name})");
            let unseen = |failure: &Failure| aws.lags() && failure.is(GONE);
            retry(NEW_KEY, unseen, || async { call.clone().send().await.doing(&doing) }).await?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.id();
        let answer = aws.kms().delete_alias().alias_name(name).send().await;
        ignoring(answer.doing(format!("deleting KMS Alias ({name})")), GONE)
    }
}

async fn all(aws: &Aws) -> Result<Vec<(String, AliasListEntry)>, Failure> {
    let pages: Result<Vec<_>, _> = aws.kms().list_aliases().limit(100).into_paginator().send().collect().await;
    let found = pages.doing("listing KMS Aliases")?.into_iter().flat_map(|page| page.aliases.unwrap_or_default());
    Ok(found.filter_map(|alias| Some((alias.alias_name()?.to_string(), alias))).collect())
}

fn fill(object: &mut Object, alias: &AliasListEntry) {
    let name = alias.alias_name().unwrap_or_default();
    let arn = alias.alias_arn().unwrap_or_default();
    let key = alias.target_key_id().unwrap_or_default();
    object.set("id", name);
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
    object.set("arn", arn);
    object.set("target_key_id", key);
    // The key is in the alias's own account and region.
    let place = arn.splitn(6, ':').take(5).collect::<Vec<_>>().join(":");
    object.set("target_key_arn", format!("{place}:key/{key}"));
}

/// The name given, or one that is made.
fn name_of(object: &Object, token: &Token) -> String {
    let prefix = object.opt_str("name_prefix").unwrap_or_else(|| PREFIX.to_string());
    ids::name(object.str("name"), &prefix, token)
}
