//! `aws_eip` on the EC2 API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Address, AddressAttributeName, DomainType, ResourceType as Kind};
use futures::future::join_all;
use infra_catalog::{OpContext, Trace, partition};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::{Answers, FILTER_VALUES, in_chunks};
use crate::ec2::{self, filter};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{PROPAGATION, Seen, Wait, retry};

pub(crate) struct Api;

const IPAM_RELEASE: Duration = Duration::from_secs(10 * 60);
const NOT_IN_VPC: &str = "this is no allocation id (eipalloc-...); addresses outside of a VPC do not exist any more";
const GONE: &[&str] = &["InvalidAllocationID.NotFound"];
/// How long a NAT gateway or load balancer that is gone may still hold an address.
const LET_GO: Duration = Duration::from_secs(60);

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids = objects.iter().map(|o| o.id().to_string()).collect();
        let found = ec2::addresses(aws.ec2().clone(), ids).await;
        // One unknown id fails the whole call: only those that are there are asked for.
        let named = objects.iter().filter(|o| o.needs_any(&["ptr_record"]) && matches!(found.get(o.id()), Ok(Some(_))));
        let names = ptr_records(aws, named.map(|o| o.id().to_string()).collect()).await;
        let one = |mut object: Object| {
            if !object.id().starts_with("eipalloc-") {
                return Err(Failure::new(format!("reading EC2 EIP ({})", object.id()), NOT_IN_VPC));
            }
            let Some(address) = found.get(object.id())? else { return Ok(None) };
            let name = names.get(object.id())?.map(String::as_str).unwrap_or_default();
            fill(aws, &mut object, address);
            if object.needs_any(&["ptr_record"]) {
                object.set("ptr_record", name.trim_end_matches('.'));
            }
            Ok(Some(object))
        };
        objects.into_iter().map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let domain = object.opt_str("domain").or_else(|| object.bool("vpc").then(|| "vpc".to_string()));
        let call = aws
            .ec2()
            .allocate_address()
            .set_domain(domain.map(|d| DomainType::from(d.as_str())))
            .set_address(object.opt_str("address"))
            .set_customer_owned_ipv4_pool(object.opt_str("customer_owned_ipv4_pool"))
            .set_ipam_pool_id(object.opt_str("ipam_pool_id"))
            .set_network_border_group(object.opt_str("network_border_group"))
            .set_public_ipv4_pool(object.opt_str("public_ipv4_pool"))
            .set_tag_specifications(ec2::tag_specification(Kind::ElasticIp, &cx.tags));
        let answer = call.send().await.doing("creating EC2 EIP")?;
        let id = answer.allocation_id.unwrap_or_default();
        object.set("id", &id);
        (cx.checkpoint)(object);
        Wait::new(format!("waiting for EC2 EIP ({id}) create"), cx.timeouts.of("create"))
            .tolerate(1000)
            .until(|| async {
                let found = ec2::addresses(aws.ec2().clone(), vec![id.clone()]).await;
                Ok(found.get(&id)?.map_or(Seen::Missing, |_| Seen::Target(())))
            })
            .await?;
        associate(aws, object).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let filters = Some(ec2::tag_filters(&trace.tags)).filter(|filters| !filters.is_empty());
        let answer = aws.ec2().describe_addresses().set_filters(filters).send().await;
        let all = answer.doing("looking for EC2 EIPs")?.addresses.unwrap_or_default();
        // A new one is not used yet, but by what the same creation gives it to.
        let mine = [planned.opt_str("instance"), planned.opt_str("network_interface")];
        let fits = |address: &&Address| {
            let used_by = [address.instance_id(), address.network_interface_id()];
            let used = used_by.into_iter().flatten().any(|user| !user.is_empty());
            !used || used_by.iter().zip(&mine).any(|(user, mine)| mine.is_some() && *user == mine.as_deref())
        };
        Ok(Some(ec2::identified(planned, all.iter().filter(fits).filter_map(Address::allocation_id))))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &["associate_with_private_ip", "instance", "network_interface"]) {
            return Ok(());
        }
        disassociate(aws, prior).await?;
        associate(aws, object).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        ec2::tag(aws, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id();
        disassociate(aws, object).await?;
        let call = aws.ec2().release_address().allocation_id(id);
        let call = call.set_network_border_group(object.opt_str("network_border_group"));
        let doing = format!("deleting EC2 EIP ({id})");
        let answer = retry(LET_GO, is_held, || async { call.clone().send().await.doing(&doing) }).await;
        ignoring(answer, GONE)?;
        match object.opt_str("ipam_pool_id") {
            Some(pool) => ec2::released_to_pool(aws, &pool, id, IPAM_RELEASE).await,
            None => Ok(()),
        }
    }
}

fn fill(aws: &Aws, object: &mut Object, address: &Address) {
    let meta = aws.meta();
    let id = address.allocation_id().unwrap_or_default();
    let domain = address.domain().map_or("", |d| d.as_str());
    object.set("arn", aws.arn("ec2", &format!("elastic-ip/{id}")));
    object.set("allocation_id", id);
    object.set("association_id", address.association_id());
    object.set("carrier_ip", address.carrier_ip());
    object.set("customer_owned_ip", address.customer_owned_ip());
    object.set("customer_owned_ipv4_pool", address.customer_owned_ipv4_pool());
    object.set("domain", domain);
    object.set("vpc", domain == "vpc");
    object.set("instance", address.instance_id());
    object.set("network_border_group", address.network_border_group());
    object.set("network_interface", address.network_interface_id());
    let pool = address.public_ipv4_pool().unwrap_or_default();
    object.set("public_ipv4_pool", pool);
    if pool.starts_with("ipam-pool-") {
        object.set("ipam_pool_id", pool);
    }
    let private = address.private_ip_address().unwrap_or_default();
    object.set("private_ip", private);
    if !private.is_empty() {
        object.set("private_dns", private_name(&meta.region, private));
    }
    let public = address.public_ip().unwrap_or_default();
    object.set("public_ip", public);
    if !public.is_empty() {
        object.set("public_dns", public_name(&meta.region, public));
    }
    object.set("tags_all", ec2::tags(address.tags()));
}

/// The name that EC2 gives a private address.
fn private_name(region: &str, address: &str) -> String {
    let zone = if region == "us-east-1" { "ec2.internal".to_string() } else { format!("{region}.compute.internal") };
    format!("ip-{}.{zone}", address.replace('.', "-"))
}

/// The name that EC2 gives a public address.
fn public_name(region: &str, address: &str) -> String {
    let suffix = partition::of_region(region).dns_suffix;
    let place = if region == "us-east-1" { "compute-1".to_string() } else { format!("{region}.compute") };
    format!("ec2-{}.{place}.{suffix}", address.replace('.', "-"))
}

/// Reverse names, by allocation id.
async fn ptr_records(aws: &Aws, ids: Vec<String>) -> Answers<String> {
    in_chunks(ids, FILTER_VALUES, |ids| async {
        match ptr_records_of(aws, ids.clone()).await {
            // One that went away in between fails the call for all: then each alone.
            Err(failure) if failure.is(GONE) => {
                let each = ids.into_iter().map(|id| ptr_records_of(aws, vec![id]));
                let each = join_all(each).await.into_iter().filter(|r| !matches!(r, Err(f) if f.is(GONE)));
                Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            answer => answer,
        }
    })
    .await
}

async fn ptr_records_of(aws: &Aws, ids: Vec<String>) -> Result<Vec<(String, String)>, Failure> {
    let call = aws.ec2().describe_addresses_attribute().set_allocation_ids(Some(ids));
    let pages = call.attribute(AddressAttributeName::DomainName).into_paginator();
    let found: Result<Vec<_>, _> = pages.items().send().collect().await;
    let found = match found.doing("reading EC2 EIP domain names") {
        // Where there are no reverse names.
        Err(failure)
            if failure.is(&["InvalidAction"]) && failure.message.contains("not valid for this web service") =>
        {
            Vec::new()
        }
        found => found?,
    };
    Ok(found.into_iter().filter_map(|a| Some((a.allocation_id?, a.ptr_record.unwrap_or_default()))).collect())
}

async fn associate(aws: &Aws, object: &Object) -> Result<(), Failure> {
    let (instance, interface) = (object.opt_str("instance"), object.opt_str("network_interface"));
    if instance.is_none() && interface.is_none() {
        return Ok(());
    }
    let id = object.id();
    let doing = format!("associating EC2 EIP ({id})");
    let call = aws
        .ec2()
        .associate_address()
        .allocation_id(id)
        .set_instance_id(instance)
        .set_network_interface_id(interface)
        .set_private_ip_address(object.opt_str("associate_with_private_ip"));
    let pending =
        |failure: &Failure| failure.is(&["InvalidInstanceID"]) && failure.message.contains("pending instance");
    let not_yet = |failure: &Failure| failure.is(GONE) || pending(failure);
    let made = retry(PROPAGATION, not_yet, || async { call.clone().send().await.doing(&doing) });
    let association = made.await?.association_id.unwrap_or_default();
    let shows = || async {
        let call = aws.ec2().describe_addresses().filters(filter("association-id", [&association]));
        call.send().await.doing(format!("reading EC2 EIP ({id}) association"))
    };
    Wait::new(format!("waiting for EC2 EIP ({id}) association ({association})"), PROPAGATION)
        .tolerate(1000)
        .until(|| async {
            let answer = retry(PROPAGATION, pending, shows).await?;
            Ok(if answer.addresses().is_empty() { Seen::Missing } else { Seen::Target(()) })
        })
        .await
}

async fn disassociate(aws: &Aws, object: &Object) -> Result<(), Failure> {
    let Some(association) = object.opt_str("association_id") else { return Ok(()) };
    let call = aws.ec2().disassociate_address().association_id(&association);
    let doing = format!("disassociating EC2 EIP ({}) ({association})", object.id());
    let answer = retry(LET_GO, is_held, || async { call.clone().send().await.doing(&doing) }).await;
    // What used the address may be gone, and the association with it.
    ignoring(answer, &["InvalidAssociationID.NotFound"])
}

/// Whether an address is still in use by what AWS manages itself; then AWS says that it is somebody else's.
fn is_held(failure: &Failure) -> bool {
    failure.is(&["InvalidIPAddress.InUse"])
        || (failure.is(&["AuthFailure"]) && failure.message.contains("permission to access the specified resource"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_still_held_is_no_lack_of_rights() {
        let failure =
            |code: &str, message: &str| Failure { code: Some(code.into()), ..Failure::new("deleting", message) };
        let held = "You do not have permission to access the specified resource.";
        assert!(is_held(&failure("AuthFailure", held)));
        assert!(!is_held(&failure("AuthFailure", "AWS was not able to validate the provided access credentials")));
        assert!(!is_held(&failure("UnauthorizedOperation", held)));
    }

    #[test]
    fn addresses_have_names_by_region() {
        assert_eq!(private_name("us-east-1", "10.0.0.1"), "ip-10-0-0-1.ec2.internal");
        assert_eq!(private_name("eu-west-1", "10.0.0.1"), "ip-10-0-0-1.eu-west-1.compute.internal");
        assert_eq!(public_name("us-east-1", "1.2.3.4"), "ec2-1-2-3-4.compute-1.amazonaws.com");
        assert_eq!(public_name("cn-north-1", "1.2.3.4"), "ec2-1-2-3-4.cn-north-1.compute.amazonaws.com.cn");
    }
}
