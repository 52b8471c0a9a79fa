//! `aws_route53_zone`: DNS zones, public and private.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, DelegationSet, HostedZone, HostedZoneConfig, ResourceRecordSet, RrType, Tag,
    TagResourceType, Vpc, VpcRegion,
};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace, dns};
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::Aws;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::route53::{self, NO_ZONE, wait_in_sync};

pub(crate) struct Api;

const AT_ONCE: usize = 4;
/// How many records a call may delete.
const BATCH: usize = 100;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = &route53::zones(aws, objects.iter().map(|o| o.id().to_string())).await;
        let reads = objects.into_iter().map(|mut object| async move {
            let Some(zone) = found.get(object.id())? else { return Ok(None) };
            match fill(aws, &mut object, zone).await {
                Err(failure) if failure.is(NO_ZONE) => Ok(None),
                filled => filled.map(|()| Some(object)),
            }
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_string();
        let limit = cx.timeouts.of("create");
        let networks = networks(aws, object);
        let call = aws
            .route53()
            .create_hosted_zone()
            .name(&name)
            .caller_reference(cx.token.as_str())
            .hosted_zone_config(HostedZoneConfig::builder().comment(object.str("comment")).build())
            .set_delegation_set_id(object.opt_str("delegation_set_id"))
            .set_vpc(networks.first().cloned());
        let answer = call.send().await.doing(format!("creating Route 53 Hosted Zone ({name})"))?;
        let id = route53::bare_id(answer.hosted_zone().map_or("", HostedZone::id)).to_string();
        object.set("id", &*id);
        object.set("zone_id", &*id);
        (cx.checkpoint)(object);
        wait_in_sync(aws, answer.change_info(), limit).await?;
        if !cx.tags.is_empty() {
            change_tags(aws, &id, &BTreeMap::new(), &cx.tags).await?;
        }
        for network in networks.into_iter().skip(1) {
            associate(aws, &id, network, limit).await?;
        }
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let pages = aws.route53().list_hosted_zones().into_paginator().items();
        let all: Result<Vec<HostedZone>, _> = pages.send().collect().await;
        let all = all.doing("listing Route 53 Hosted Zones")?;
        // The token is the caller's reference.
        let mine = all.iter().filter(|zone| zone.caller_reference() == trace.token.as_str());
        let made = mine.map(|zone| {
            let mut made = planned.clone();
            let id = route53::bare_id(zone.id());
            made.set("id", id);
            made.set("zone_id", id);
            made
        });
        Ok(Some(made.collect()))
    }

    /// They are set by a call of their own.
    fn is_tagged_at_once(&self) -> bool {
        false
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, limit) = (object.id().to_string(), cx.timeouts.of("update"));
        if changed(prior, object, &["comment"]) {
            let call = aws.route53().update_hosted_zone_comment().id(&id).comment(object.str("comment"));
            call.send().await.doing(format!("updating Route 53 Hosted Zone ({id}) comment"))?;
        }
        if changed(prior, object, &["vpc"]) {
            let (old, new) = (networks(aws, prior), networks(aws, object));
            let lacks = |list: &[Vpc], vpc: &Vpc| !list.iter().any(|other| other.vpc_id() == vpc.vpc_id());
            for network in new.iter().filter(|vpc| lacks(&old, vpc)) {
                associate(aws, &id, network.clone(), limit).await?;
            }
            for network in old.iter().filter(|vpc| lacks(&new, vpc)) {
                disassociate(aws, &id, network.clone(), limit).await?;
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
        change_tags(aws, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, limit) = (object.id(), cx.timeouts.of("delete"));
        if object.bool("force_destroy") {
            match empty(aws, id, object.str("name"), limit).await {
                Err(failure) if failure.is(NO_ZONE) => return Ok(()),
                emptied => emptied?,
            }
            stop_signing(aws, id, limit).await?;
        }
        let answer = aws.route53().delete_hosted_zone().id(id).send().await;
        match answer.doing(format!("deleting Route 53 Hosted Zone ({id})")) {
            Err(failure) if failure.is(NO_ZONE) => Ok(()),
            answer => wait_in_sync(aws, answer?.change_info(), limit).await,
        }
    }
}

/// The networks that a private zone is for.
fn networks(aws: &Aws, object: &Object) -> Vec<Vpc> {
    let networks = object.parts("vpc").into_iter().map(|vpc| {
        let region = vpc.opt_str("vpc_region").unwrap_or_else(|| aws.meta().region.clone());
        Vpc::builder().vpc_id(vpc.str("vpc_id")).vpc_region(VpcRegion::from(&*region)).build()
    });
    networks.collect()
}

async fn associate(aws: &Aws, id: &str, network: Vpc, limit: Duration) -> Result<(), Failure> {
    let doing = format!("associating Route 53 Hosted Zone ({id}) with {}", network.vpc_id().unwrap_or_default());
    let call = aws.route53().associate_vpc_with_hosted_zone().hosted_zone_id(id).vpc(network);
    wait_in_sync(aws, call.send().await.doing(doing)?.change_info(), limit).await
}

async fn disassociate(aws: &Aws, id: &str, network: Vpc, limit: Duration) -> Result<(), Failure> {
    let doing = format!("disassociating Route 53 Hosted Zone ({id}) from {}", network.vpc_id().unwrap_or_default());
    let call = aws.route53().disassociate_vpc_from_hosted_zone().hosted_zone_id(id).vpc(network);
    wait_in_sync(aws, call.send().await.doing(doing)?.change_info(), limit).await
}

async fn change_tags(
    aws: &Aws,
    id: &str,
    remove: &BTreeMap<String, String>,
    put: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let put = put.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let put: Vec<Tag> = put.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let call = aws
        .route53()
        .change_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(id)
        .set_add_tags(Some(put).filter(|tags| !tags.is_empty()))
        .set_remove_tag_keys(Some(remove.keys().cloned().collect::<Vec<_>>()).filter(|keys| !keys.is_empty()));
    call.send().await.doing(format!("updating tags of Route 53 Hosted Zone ({id})"))?;
    Ok(())
}

async fn fill(aws: &Aws, object: &mut Object, found: &GetHostedZoneOutput) -> Result<(), Failure> {
    let Some(zone) = found.hosted_zone() else { return Ok(()) };
    let id = route53::bare_id(zone.id()).to_string();
    let call = aws.route53().list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(&id);
    let answer = call.send().await.doing(format!("reading tags of Route 53 Hosted Zone ({id})"))?;
    let tags = answer.resource_tag_set().map_or(&[][..], |set| set.tags()).iter();
    let tags = tags.filter_map(|tag| Some((tag.key()?.to_string(), tag.value().unwrap_or_default().to_string())));
    let tags: BTreeMap<String, String> = tags.filter(|(key, _)| !key.starts_with("aws:")).collect();

    let private = zone.config().is_some_and(HostedZoneConfig::private_zone);
    let mut servers = match private {
        true => own_name_servers(aws, &id, zone.name()).await?,
        false => found.delegation_set().map(|set| set.name_servers().to_vec()).unwrap_or_default(),
    };
    if private {
        servers.sort();
    }
    let primary = servers.first().cloned();
    servers.sort();
    let networks = found.vpcs().iter().map(|vpc| {
        let region = vpc.vpc_region().map(|region| Value::string(region.as_str()));
        [("vpc_id", vpc.vpc_id().map(Value::string)), ("vpc_region", region)]
    });
    let set = found.delegation_set().and_then(DelegationSet::id);
    object.set("arn", format!("arn:{}:route53:::hostedzone/{id}", aws.meta().partition));
    object.set("comment", zone.config().and_then(HostedZoneConfig::comment));
    object.set("delegation_set_id", set.map(|id| id.trim_start_matches("/delegationset/")));
    object.set("name", dns::bare(zone.name()));
    object.set("name_servers", servers);
    object.set("primary_name_server", primary);
    object.set("vpc", networks.collect::<Vec<_>>());
    object.set("zone_id", id);
    object.set("tags_all", tags);
    Ok(())
}

/// The name servers of a private zone are only in its NS record, and have their final dots.
async fn own_name_servers(aws: &Aws, id: &str, name: &str) -> Result<Vec<String>, Failure> {
    let key = route53::RecordKey {
        zone: id.to_string(),
        name: dns::bare(name),
        ty: "NS".to_string(),
        set_identifier: String::new(),
    };
    let record = route53::record(aws.route53(), &key).await?;
    let values = record.iter().flat_map(ResourceRecordSet::resource_records);
    Ok(values.map(|value| value.value().to_string()).collect())
}

/// Deletes all records but those that the zone itself needs.
async fn empty(aws: &Aws, id: &str, name: &str, limit: Duration) -> Result<(), Failure> {
    let doing = format!("deleting records of Route 53 Hosted Zone ({id})");
    let mut call = aws.route53().list_resource_record_sets().hosted_zone_id(id).max_items(300);
    let mut records = Vec::new();
    loop {
        let page = call.clone().send().await.doing(&doing)?;
        records.extend(page.resource_record_sets);
        if !page.is_truncated {
            break;
        }
        call = call
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
    let needed = |record: &ResourceRecordSet| {
        matches!(record.r#type(), RrType::Ns | RrType::Soa) && dns::plain(record.name()) == dns::plain(name)
    };
    records.retain(|record| !needed(record));
    for chunk in records.chunks(BATCH) {
        let changes: Result<Vec<Change>, _> = chunk
            .iter()
            .map(|r| Change::builder().action(ChangeAction::Delete).resource_record_set(r.clone()).build())
            .collect();
        let batch = ChangeBatch::builder().comment("Deleted by Terraform").set_changes(Some(changes.doing(&doing)?));
        let call = aws.route53().change_resource_record_sets().hosted_zone_id(id);
        let answer = call.change_batch(batch.build().doing(&doing)?).send().await.doing(&doing)?;
        wait_in_sync(aws, answer.change_info(), limit).await?;
    }
    Ok(())
}

/// A zone that is signed cannot be deleted. Private zones have no signing, and answer with an error.
async fn stop_signing(aws: &Aws, id: &str, limit: Duration) -> Result<(), Failure> {
    let doing = format!("disabling DNSSEC of Route 53 Hosted Zone ({id})");
    let signing = match aws.route53().get_dnssec().hosted_zone_id(id).send().await.doing(&doing) {
        Ok(answer) => answer.status().and_then(|status| status.serve_signature()) == Some("SIGNING"),
        Err(failure) => {
            tracing::debug!(zone = id, failure = failure.brief());
            false
        }
    };
    if !signing {
        return Ok(());
    }
    match aws.route53().disable_hosted_zone_dnssec().hosted_zone_id(id).send().await.doing(&doing) {
        Ok(answer) => wait_in_sync(aws, answer.change_info(), limit).await,
        failed => ignoring(failed, &["DNSSECNotFound", "NoSuchHostedZone"]),
    }
}
