//! `aws_subnet` on the EC2 API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::operation::modify_subnet_attribute::builders::ModifySubnetAttributeFluentBuilder as Modify;
use aws_sdk_ec2::types::{AttributeBooleanValue, HostnameType, ResourceType as Kind, Subnet};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ec2::{self, filter, interfaces, ipv6};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{PROPAGATION, Seen, Wait, retry_on};

pub(crate) struct Api;

const IPV6: Duration = Duration::from_secs(3 * 60);
const GONE: &[&str] = &["InvalidSubnetID.NotFound"];

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids = objects.iter().map(|o| o.id().to_string()).collect();
        ec2::subnets(aws.ec2().clone(), ids).await.fill(objects, Object::id, fill)
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let call = aws
            .ec2()
            .create_subnet()
            .vpc_id(object.str("vpc_id"))
            .set_availability_zone(object.opt_str("availability_zone"))
            .set_availability_zone_id(object.opt_str("availability_zone_id"))
            .set_cidr_block(object.opt_str("cidr_block"))
            .set_ipv6_cidr_block(object.opt_str("ipv6_cidr_block"))
            .set_ipv6_native(object.opt_bool("ipv6_native").filter(|native| *native))
            .set_outpost_arn(object.opt_str("outpost_arn"))
            .set_tag_specifications(ec2::tag_specification(Kind::Subnet, &cx.tags));
        let answer = call.send().await.doing("creating EC2 Subnet")?;
        let id = answer.subnet().and_then(|s| s.subnet_id()).unwrap_or_default().to_string();
        object.set("id", &id);
        (cx.checkpoint)(object);

        let subnet = available(aws, &id, cx.timeouts.of("create")).await?;
        if let Some(association) = subnet.ipv6_cidr_block_association_set().first().and_then(|a| a.association_id()) {
            associated(aws, association).await?;
        }
        // What the new subnet has already needs no call.
        let mut made = object.clone();
        fill(&mut made, &subnet);
        if object.raw("private_dns_hostname_type_on_launch").is_null() {
            object.set("private_dns_hostname_type_on_launch", made.str("private_dns_hostname_type_on_launch"));
        }
        if subnet.private_dns_name_options_on_launch().is_none() {
            for name in NAME_OPTIONS {
                made.set(name, object.raw(name).clone());
            }
        }
        if !subnet.ipv6_cidr_block_association_set().is_empty() {
            made.set("ipv6_cidr_block", object.str("ipv6_cidr_block"));
        }
        modify(aws, &made, object).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut filters = ec2::tag_filters(&trace.tags);
        filters.push(ec2::filter("vpc-id", [planned.str("vpc_id")]));
        filters.extend(planned.opt_str("cidr_block").map(|block| ec2::filter("cidr-block", [block])));
        filters.extend(
            planned
                .opt_str("ipv6_cidr_block")
                .map(|block| ec2::filter("ipv6-cidr-block-association.ipv6-cidr-block", [block])),
        );
        let pages = aws.ec2().describe_subnets().set_filters(Some(filters)).into_paginator().items();
        let all: Result<Vec<Subnet>, _> = pages.send().collect().await;
        let all = all.doing("looking for EC2 Subnets")?;
        Ok(Some(ec2::identified(planned, all.iter().filter_map(Subnet::subnet_id))))
    }

    async fn ready(&self, aws: &Aws, object: &Object, trace: &Trace) -> Result<(), Failure> {
        let subnet = available(aws, object.id(), trace.timeouts.of("create")).await?;
        // One that is still coming would be taken for missing, and asked for again.
        let coming = subnet
            .ipv6_cidr_block_association_set()
            .iter()
            .filter(|a| a.ipv6_cidr_block_state().and_then(|s| s.state()).is_some_and(|s| s.as_str() == "associating"));
        for association in coming.filter_map(|a| a.association_id()) {
            associated(aws, association).await?;
        }
        Ok(())
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        modify(aws, prior, object).await
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

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, limit) = (object.id(), cx.timeouts.of("delete"));
        interfaces::remove_lingering(aws, "subnet-id", id, limit).await?;
        let doing = format!("deleting EC2 Subnet ({id})");
        let call = || async { aws.ec2().delete_subnet().subnet_id(id).send().await.doing(&doing) };
        ignoring(retry_on(limit, &["DependencyViolation"], call).await, GONE)
    }
}

const NAME_OPTIONS: [&str; 3] = [
    "enable_resource_name_dns_aaaa_record_on_launch",
    "enable_resource_name_dns_a_record_on_launch",
    "private_dns_hostname_type_on_launch",
];

fn fill(object: &mut Object, subnet: &Subnet) {
    object.set("arn", subnet.subnet_arn());
    object.set("owner_id", subnet.owner_id());
    object.set("vpc_id", subnet.vpc_id());
    object.set("availability_zone", subnet.availability_zone());
    object.set("availability_zone_id", subnet.availability_zone_id());
    object.set("cidr_block", subnet.cidr_block());
    object.set("assign_ipv6_address_on_creation", subnet.assign_ipv6_address_on_creation());
    object.set("customer_owned_ipv4_pool", subnet.customer_owned_ipv4_pool());
    object.set("enable_dns64", subnet.enable_dns64());
    object.set("enable_lni_at_device_index", subnet.enable_lni_at_device_index());
    object.set("ipv6_native", subnet.ipv6_native());
    object.set("map_customer_owned_ip_on_launch", subnet.map_customer_owned_ip_on_launch());
    object.set("map_public_ip_on_launch", subnet.map_public_ip_on_launch());
    object.set("outpost_arn", subnet.outpost_arn());
    let mut blocks = subnet.ipv6_cidr_block_association_set().iter();
    let block =
        blocks.find(|a| a.ipv6_cidr_block_state().and_then(|s| s.state()).is_some_and(|s| s.as_str() == "associated"));
    object.set("ipv6_cidr_block", block.and_then(|a| a.ipv6_cidr_block()));
    object.set("ipv6_cidr_block_association_id", block.and_then(|a| a.association_id()));
    let names = subnet.private_dns_name_options_on_launch();
    object.set(
        "enable_resource_name_dns_aaaa_record_on_launch",
        names.and_then(|n| n.enable_resource_name_dns_aaaa_record()),
    );
    object
        .set("enable_resource_name_dns_a_record_on_launch", names.and_then(|n| n.enable_resource_name_dns_a_record()));
    object.set("private_dns_hostname_type_on_launch", names.and_then(|n| n.hostname_type()).map(|t| t.as_str()));
    object.set("tags_all", ec2::tags(subnet.tags()));
}

/// Sends what differs, one attribute a call, in the order in which they depend on each other.
async fn modify(aws: &Aws, prior: &Object, object: &mut Object) -> Result<(), Failure> {
    let id = object.id().to_string();
    let differs = |object: &Object, name: &str| changed(prior, object, &[name]);
    let on = |object: &Object, name: &str| AttributeBooleanValue::builder().value(object.bool(name)).build();

    if differs(object, "customer_owned_ipv4_pool") || differs(object, "map_customer_owned_ip_on_launch") {
        let name = "map_customer_owned_ip_on_launch";
        let pool = object.opt_str("customer_owned_ipv4_pool");
        let call =
            |m: Modify| m.map_customer_owned_ip_on_launch(on(object, name)).set_customer_owned_ipv4_pool(pool.clone());
        send(aws, &id, object, name, call).await?;
    }
    let name = "assign_ipv6_address_on_creation";
    if differs(object, name) && !object.bool(name) {
        send(aws, &id, object, name, |m| m.assign_ipv6_address_on_creation(on(object, name))).await?;
    }
    let name = "enable_dns64";
    if differs(object, name) && !object.bool(name) {
        send(aws, &id, object, name, |m| m.enable_dns64(on(object, name))).await?;
    }
    if differs(object, "ipv6_cidr_block") {
        if let Some(association) = prior.opt_str("ipv6_cidr_block_association_id") {
            disassociate(aws, &id, &association).await?;
        }
        if let Some(block) = object.opt_str("ipv6_cidr_block") {
            let call = aws.ec2().associate_subnet_cidr_block().subnet_id(&id).ipv6_cidr_block(block);
            let answer = call.send().await.doing(format!("associating EC2 Subnet ({id}) IPv6 CIDR block"))?;
            if let Some(association) = answer.ipv6_cidr_block_association().and_then(|a| a.association_id()) {
                associated(aws, association).await?;
            }
        }
    }
    let name = "enable_dns64";
    if differs(object, name) && object.bool(name) {
        send(aws, &id, object, name, |m| m.enable_dns64(on(object, name))).await?;
    }
    let name = "enable_lni_at_device_index";
    if differs(object, name) {
        let index = object.i32(name);
        let call = |m: Modify| match index {
            0 => m.disable_lni_at_device_index(AttributeBooleanValue::builder().value(true).build()),
            index => m.enable_lni_at_device_index(index),
        };
        send(aws, &id, object, name, call).await?;
    }
    let name = "enable_resource_name_dns_aaaa_record_on_launch";
    if differs(object, name) {
        send(aws, &id, object, name, |m| m.enable_resource_name_dns_aaaa_record_on_launch(on(object, name))).await?;
    }
    let name = "enable_resource_name_dns_a_record_on_launch";
    if differs(object, name) {
        send(aws, &id, object, name, |m| m.enable_resource_name_dns_a_record_on_launch(on(object, name))).await?;
    }
    let name = "private_dns_hostname_type_on_launch";
    if differs(object, name) && !object.str(name).is_empty() {
        let hostname = HostnameType::from(object.str(name));
        send(aws, &id, object, name, |m| m.private_dns_hostname_type_on_launch(hostname.clone())).await?;
    }
    let name = "map_public_ip_on_launch";
    if differs(object, name) {
        send(aws, &id, object, name, |m| m.map_public_ip_on_launch(on(object, name))).await?;
    }
    let name = "assign_ipv6_address_on_creation";
    if differs(object, name) && object.bool(name) {
        send(aws, &id, object, name, |m| m.assign_ipv6_address_on_creation(on(object, name))).await?;
    }
    Ok(())
}

/// Modifies one attribute, and waits until it shows.
async fn send(
    aws: &Aws,
    id: &str,
    wanted: &Object,
    name: &str,
    call: impl FnOnce(Modify) -> Modify,
) -> Result<(), Failure> {
    let doing = format!("modifying EC2 Subnet ({id}) {name}");
    let call = call(aws.ec2().modify_subnet_attribute().subnet_id(id));
    // A new subnet may not be seen everywhere yet.
    retry_on(Duration::from_secs(30), GONE, || async { call.clone().send().await.doing(&doing) }).await?;
    Wait::new(format!("waiting for EC2 Subnet ({id}) {name} update"), PROPAGATION)
        .until(|| async {
            Ok(match one(aws, id).await? {
                Some(subnet) => {
                    let mut now = wanted.clone();
                    fill(&mut now, &subnet);
                    if changed(&now, wanted, &[name]) { Seen::Pending("old value".into()) } else { Seen::Target(()) }
                }
                None => Seen::Missing,
            })
        })
        .await
}

/// Waits until a new subnet can be used.
async fn available(aws: &Aws, id: &str, limit: Duration) -> Result<Subnet, Failure> {
    Wait::new(format!("waiting for EC2 Subnet ({id}) create"), limit)
        .until(|| async {
            let Some(subnet) = one(aws, id).await? else { return Ok(Seen::Missing) };
            let state = subnet.state().map_or("available", |s| s.as_str()).to_string();
            Ok(Seen::by_state(subnet, &state, &["pending"], &["available"]))
        })
        .await
}

async fn one(aws: &Aws, id: &str) -> Result<Option<Subnet>, Failure> {
    match aws.ec2().describe_subnets().subnet_ids(id).send().await.doing(format!("reading EC2 Subnet ({id})")) {
        Ok(answer) => Ok(answer.subnets.unwrap_or_default().into_iter().find(|s| s.subnet_id() == Some(id))),
        Err(failure) if failure.is(GONE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The state of an IPv6 association, and why it is so.
async fn association_state(aws: &Aws, id: &str) -> Result<Option<ipv6::State>, Failure> {
    let call = aws.ec2().describe_subnets().filters(filter("ipv6-cidr-block-association.association-id", [id]));
    let answer = call.send().await.doing(format!("reading EC2 Subnet IPv6 CIDR block association ({id})"))?;
    let mut all = answer.subnets().iter().flat_map(Subnet::ipv6_cidr_block_association_set);
    let found = all.find(|a| a.association_id() == Some(id)).and_then(|a| a.ipv6_cidr_block_state());
    Ok(found.map(|state| {
        let name = state.state().map_or("", |s| s.as_str()).to_string();
        (name, state.status_message().unwrap_or_default().to_string())
    }))
}

async fn associated(aws: &Aws, id: &str) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for EC2 Subnet IPv6 CIDR block ({id}) create"), IPV6);
    ipv6::associated(wait, || association_state(aws, id)).await
}

async fn disassociate(aws: &Aws, subnet: &str, id: &str) -> Result<(), Failure> {
    let call = aws.ec2().disassociate_subnet_cidr_block().association_id(id);
    let answer = call.send().await.doing(format!("disassociating EC2 Subnet ({subnet}) IPv6 CIDR block ({id})"));
    ignoring(answer, &["InvalidSubnetCidrBlockAssociationID.NotFound"])?;
    let wait = Wait::new(format!("waiting for EC2 Subnet IPv6 CIDR block ({id}) delete"), IPV6);
    ipv6::disassociated(wait, || association_state(aws, id)).await
}
