//! `aws_vpc` on the EC2 API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, ResourceType as Kind, RouteTable, Tenancy, Vpc, VpcAttributeName,
    VpcIpv6CidrBlockAssociation, VpcTenancy,
};
use futures::future::{join_all, try_join3};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ec2::{self, filter, ipv6};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{PROPAGATION, Seen, Wait, retry, retry_on};

pub(crate) struct Api;

const CREATE: Duration = Duration::from_secs(10 * 60);
const DELETE: Duration = Duration::from_secs(20 * 60);
const IPV6: Duration = Duration::from_secs(10 * 60);
const IPAM_RELEASE: Duration = Duration::from_secs(35 * 60);
const GONE: &[&str] = &["InvalidVpcID.NotFound"];

/// Attributes that take a call each, in the order in which they are set, with AWS's initial value.
const SWITCHES: [(&str, bool, VpcAttributeName); 3] = [
    ("enable_dns_hostnames", false, VpcAttributeName::EnableDnsHostnames),
    ("enable_dns_support", true, VpcAttributeName::EnableDnsSupport),
    ("enable_network_address_usage_metrics", false, VpcAttributeName::EnableNetworkAddressUsageMetrics),
];

#[async_trait]
impl ResourceType for Api {
    /// All calls at once: what belongs to a VPC that is gone is not looked at.
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids: Vec<String> = objects.iter().map(|o| o.id().to_string()).collect();
        let tables = objects.iter().map(|o| o.str("main_route_table_id").to_string());
        let (found, tables, switches) = tokio::join!(
            ec2::vpcs(aws.ec2().clone(), ids.clone()),
            ec2::route_tables(aws, tables),
            join_all(objects.iter().map(|object| needed_switches(aws, object))),
        );
        join_all(objects.into_iter().zip(switches).map(|(mut object, switches)| {
            let (found, tables) = (&found, &tables);
            async move {
                let Some(vpc) = found.get(object.id())? else { return Ok(None) };
                let switches = match switches {
                    // Deleted in between.
                    Err(failure) if failure.is(GONE) => return Ok(None),
                    switches => switches?,
                };
                let known = object.str("main_route_table_id");
                let still_main = tables.get(known).ok().flatten().is_some_and(|table| is_main(table, object.id()));
                fill(&mut object, aws, vpc, switches, still_main).await;
                Ok(Some(object))
            }
        }))
        .await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let doing = "creating EC2 VPC";
        let tenancy = object.opt_str("instance_tenancy").map(|t| Tenancy::from(t.as_str()));
        let call = aws
            .ec2()
            .create_vpc()
            .amazon_provided_ipv6_cidr_block(object.bool("assign_generated_ipv6_cidr_block"))
            .instance_tenancy(tenancy.unwrap_or(Tenancy::Default))
            .set_cidr_block(object.opt_str("cidr_block"))
            .set_ipv4_ipam_pool_id(object.opt_str("ipv4_ipam_pool_id"))
            .set_ipv4_netmask_length(object.opt_i32("ipv4_netmask_length"))
            .set_ipv6_cidr_block(object.opt_str("ipv6_cidr_block"))
            .set_ipv6_cidr_block_network_border_group(object.opt_str("ipv6_cidr_block_network_border_group"))
            .set_ipv6_ipam_pool_id(object.opt_str("ipv6_ipam_pool_id"))
            .set_ipv6_netmask_length(object.opt_i32("ipv6_netmask_length"))
            .set_tag_specifications(ec2::tag_specification(Kind::Vpc, &cx.tags));
        let unmonitored = |failure: &Failure| {
            failure.is(&["UnsupportedOperation"]) && failure.message.contains("is not monitored by IPAM")
        };
        let answer = retry(PROPAGATION, unmonitored, || async { call.clone().send().await.doing(doing) }).await?;
        let vpc = answer.vpc();
        let id = vpc.and_then(|v| v.vpc_id()).unwrap_or_default().to_string();
        object.set("id", &id);
        (cx.checkpoint)(object);

        available(aws, &id).await?;
        let associations = vpc.map(Vpc::ipv6_cidr_block_association_set).unwrap_or_default();
        if let Some(association) = associations.first().and_then(|a| a.association_id()) {
            associated(aws, association).await?;
        }
        for (name, initial, attribute) in &SWITCHES {
            if let Some(on) = object.opt_bool(name)
                && on != *initial
            {
                switch(aws, &id, attribute, on).await?;
            }
        }
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut filters = ec2::tag_filters(&trace.tags);
        filters.extend(planned.opt_str("cidr_block").map(|block| ec2::filter("cidr", [block])));
        filters.push(ec2::filter("is-default", ["false"]));
        let pages = aws.ec2().describe_vpcs().set_filters(Some(filters)).into_paginator().items();
        let all: Result<Vec<Vpc>, _> = pages.send().collect().await;
        let all = all.doing("looking for EC2 VPCs")?;
        Ok(Some(ec2::identified(planned, all.iter().filter_map(Vpc::vpc_id))))
    }

    async fn ready(&self, aws: &Aws, object: &Object, _trace: &Trace) -> Result<(), Failure> {
        let vpc = available(aws, object.id()).await?;
        // One that is still coming would be taken for missing, and asked for again.
        let coming = vpc
            .ipv6_cidr_block_association_set()
            .iter()
            .filter(|a| a.ipv6_cidr_block_state().and_then(|s| s.state()).is_some_and(|s| s.as_str() == "associating"));
        for association in coming.filter_map(VpcIpv6CidrBlockAssociation::association_id) {
            associated(aws, association).await?;
        }
        Ok(())
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id().to_string();
        let mut switches = SWITCHES;
        if object.bool("enable_dns_support") {
            // Host names are refused without it.
            switches.swap(0, 1);
        }
        for (name, _, attribute) in &switches {
            if changed(prior, object, &[name]) {
                switch(aws, &id, attribute, object.bool(name)).await?;
            }
        }
        if changed(prior, object, &["instance_tenancy"]) {
            let tenancy = VpcTenancy::from(object.str("instance_tenancy"));
            let call = aws.ec2().modify_vpc_tenancy().vpc_id(&id).instance_tenancy(tenancy);
            call.send().await.doing(format!("modifying EC2 VPC ({id}) tenancy"))?;
        }
        let generated =
            changed(prior, object, &["assign_generated_ipv6_cidr_block", "ipv6_cidr_block_network_border_group"]);
        let own = changed(prior, object, &["ipv6_ipam_pool_id"])
            || (changed(prior, object, &["ipv6_cidr_block"]) && !generated);
        if generated || own {
            let call = aws.ec2().associate_vpc_cidr_block().vpc_id(&id);
            let call = if own {
                let block = object.opt_str("ipv6_cidr_block");
                let call = call
                    .set_ipv6_cidr_block(block.clone())
                    .set_ipv6_ipam_pool_id(object.opt_str("ipv6_ipam_pool_id"))
                    .set_ipv6_netmask_length(object.opt_i32("ipv6_netmask_length"));
                (block.is_some() || object.opt_str("ipv6_ipam_pool_id").is_some()).then_some(call)
            } else {
                let call = call
                    .amazon_provided_ipv6_cidr_block(true)
                    .set_ipv6_cidr_block_network_border_group(object.opt_str("ipv6_cidr_block_network_border_group"));
                object.bool("assign_generated_ipv6_cidr_block").then_some(call)
            };
            if let Some(association) = prior.opt_str("ipv6_association_id") {
                disassociate(aws, &id, &association).await?;
                object.set("ipv6_association_id", "");
            }
            if let Some(call) = call {
                let doing = format!("associating EC2 VPC ({id}) IPv6 CIDR block");
                let answer = call.send().await.doing(doing)?;
                let association = answer.ipv6_cidr_block_association.and_then(|a| a.association_id);
                if let Some(association) = association {
                    associated(aws, &association).await?;
                    object.set("ipv6_association_id", association);
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
        ec2::tag(aws, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id();
        let doing = format!("deleting EC2 VPC ({id})");
        let call = || async { aws.ec2().delete_vpc().vpc_id(id).send().await.doing(&doing) };
        ignoring(retry_on(DELETE, &["DependencyViolation"], call).await, GONE)?;
        Wait::new(format!("waiting for EC2 VPC ({id}) delete"), DELETE)
            .until_gone(|| async {
                Ok(one(aws, id).await?.map_or(Seen::<()>::Missing, |_| Seen::Pending("available".into())))
            })
            .await?;
        let pool = [object.opt_str("ipv4_ipam_pool_id"), object.opt_str("ipv6_ipam_pool_id")].into_iter().flatten();
        match pool.into_iter().find(|pool| pool != "Amazon") {
            Some(pool) => ec2::released_to_pool(aws, &pool, id, IPAM_RELEASE).await,
            None => Ok(()),
        }
    }
}

/// Waits until a new VPC can be used.
async fn available(aws: &Aws, id: &str) -> Result<Vpc, Failure> {
    Wait::new(format!("waiting for EC2 VPC ({id}) create"), CREATE)
        .until(|| async {
            let Some(vpc) = one(aws, id).await? else { return Ok(Seen::Missing) };
            let state = vpc.state().map_or("available", |s| s.as_str()).to_string();
            Ok(Seen::by_state(vpc, &state, &["pending"], &["available"]))
        })
        .await
}

async fn one(aws: &Aws, id: &str) -> Result<Option<Vpc>, Failure> {
    match aws.ec2().describe_vpcs().vpc_ids(id).send().await.doing(format!("reading EC2 VPC ({id})")) {
        Ok(answer) => Ok(answer.vpcs.unwrap_or_default().into_iter().find(|v| v.vpc_id() == Some(id))),
        Err(failure) if failure.is(GONE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn fill(object: &mut Object, aws: &Aws, vpc: &Vpc, switches: [Option<bool>; 3], still_main: bool) {
    let id = vpc.vpc_id().unwrap_or_default();
    let owner = vpc.owner_id().unwrap_or_default();
    object.set("arn", aws.arn_of("ec2", owner, &format!("vpc/{id}")));
    object.set("owner_id", owner);
    object.set("cidr_block", vpc.cidr_block());
    object.set("dhcp_options_id", vpc.dhcp_options_id());
    object.set("instance_tenancy", vpc.instance_tenancy().map(|t| t.as_str()));
    for ((name, _, _), on) in SWITCHES.iter().zip(switches) {
        if let Some(on) = on {
            object.set(name, on);
        }
    }
    object.set("tags_all", ec2::tags(vpc.tags()));
    defaults(aws, object, id, still_main).await;
    ipv6(object, vpc);
}

/// The three attributes that no Describe call tells: hostnames, support, metrics.
pub(crate) async fn switches(aws: &Aws, id: &str) -> Result<[bool; 3], Failure> {
    let [a, b, c] = SWITCHES.map(|(_, _, attribute)| value_of(aws, id, attribute));
    let (a, b, c) = try_join3(a, b, c).await?;
    Ok([a, b, c])
}

/// The three; the metrics, which hardly anybody switches, only where something depends on them.
async fn needed_switches(aws: &Aws, object: &Object) -> Result<[Option<bool>; 3], Failure> {
    let [a, b, c] = SWITCHES.map(|(name, _, attribute)| async move {
        let needed = attribute != VpcAttributeName::EnableNetworkAddressUsageMetrics || object.needs_any(&[name]);
        if needed { value_of(aws, object.id(), attribute).await.map(Some) } else { Ok(None) }
    });
    let (a, b, c) = try_join3(a, b, c).await?;
    Ok([a, b, c])
}

async fn value_of(aws: &Aws, id: &str, attribute: VpcAttributeName) -> Result<bool, Failure> {
    let doing = format!("reading EC2 VPC ({id}) attribute ({})", attribute.as_str());
    let call = aws.ec2().describe_vpc_attribute().vpc_id(id).attribute(attribute.clone());
    let answer = call.send().await.doing(doing)?;
    let value = match attribute {
        VpcAttributeName::EnableDnsHostnames => answer.enable_dns_hostnames,
        VpcAttributeName::EnableDnsSupport => answer.enable_dns_support,
        _ => answer.enable_network_address_usage_metrics,
    };
    Ok(value.and_then(|v| v.value).unwrap_or(false))
}

async fn switch(aws: &Aws, id: &str, attribute: &VpcAttributeName, on: bool) -> Result<(), Failure> {
    let value = AttributeBooleanValue::builder().value(on).build();
    let call = aws.ec2().modify_vpc_attribute().vpc_id(id);
    let call = match attribute {
        VpcAttributeName::EnableDnsHostnames => call.enable_dns_hostnames(value),
        VpcAttributeName::EnableDnsSupport => call.enable_dns_support(value),
        _ => call.enable_network_address_usage_metrics(value),
    };
    let doing = format!("modifying EC2 VPC ({id}) {}", attribute.as_str());
    // A new VPC may not be seen everywhere yet.
    retry_on(Duration::from_secs(30), GONE, || async { call.clone().send().await.doing(&doing) }).await?;
    Wait::new(format!("waiting for EC2 VPC ({id}) {} update", attribute.as_str()), PROPAGATION)
        .until(|| async {
            match value_of(aws, id, attribute.clone()).await {
                Err(failure) if failure.is(GONE) => Ok(Seen::Missing),
                now => now.map(|now| if now == on { Seen::Target(()) } else { Seen::Pending(now.to_string()) }),
            }
        })
        .await
}

/// The default ACL and group of a VPC never change, so they are only looked for where they are not known; the main
/// table is looked at, and looked for when it is not the main one any more. None of them is worth a failure.
async fn defaults(aws: &Aws, object: &mut Object, id: &str, still_main: bool) {
    if object.str("default_network_acl_id").is_empty() {
        let call =
            aws.ec2().describe_network_acls().filters(filter("default", ["true"])).filters(filter("vpc-id", [id]));
        match call.max_results(5).send().await.doing("reading EC2 VPC default network ACL") {
            Ok(answer) => {
                let acl = answer.network_acls().first().and_then(|a| a.network_acl_id());
                object.set("default_network_acl_id", acl);
            }
            Err(failure) => tracing::warn!(vpc = id, failure = failure.brief()),
        }
    }
    if object.str("default_security_group_id").is_empty() {
        let call = aws.ec2().describe_security_groups();
        let call = call.filters(filter("group-name", ["default"])).filters(filter("vpc-id", [id]));
        let group = match call.max_results(5).send().await.doing("reading EC2 VPC default security group") {
            Ok(answer) => answer.security_groups().first().and_then(|g| g.group_id().map(str::to_string)),
            Err(failure) => {
                tracing::warn!(vpc = id, failure = failure.brief());
                None
            }
        };
        object.set("default_security_group_id", group);
    }
    if !still_main {
        let main = match main_table(aws, id).await {
            Ok(main) => main,
            Err(failure) => {
                tracing::warn!(vpc = id, failure = failure.brief());
                None
            }
        };
        object.set("main_route_table_id", main);
    }
    object.set("default_route_table_id", object.str("main_route_table_id").to_string());
}

fn is_main(table: &RouteTable, vpc: &str) -> bool {
    table.vpc_id() == Some(vpc) && table.associations().iter().any(|a| a.main() == Some(true))
}

/// The id of a VPC's main route table.
pub(crate) async fn main_table(aws: &Aws, vpc: &str) -> Result<Option<String>, Failure> {
    let call = aws.ec2().describe_route_tables();
    let call = call.filters(filter("association.main", ["true"])).filters(filter("vpc-id", [vpc]));
    let answer = call.max_results(5).send().await.doing("reading EC2 VPC main route table")?;
    Ok(answer.route_tables().first().and_then(|t| t.route_table_id().map(str::to_string)))
}

fn ipv6(object: &mut Object, vpc: &Vpc) {
    let state = |a: &&VpcIpv6CidrBlockAssociation| {
        a.ipv6_cidr_block_state().and_then(|s| s.state()).is_some_and(|s| s.as_str() == "associated")
    };
    let all = vpc.ipv6_cidr_block_association_set();
    let known = object.str("ipv6_association_id");
    let found = all.iter().filter(state).find(|a| !known.is_empty() && a.association_id() == Some(known));
    let Some(found) = found.or_else(|| all.iter().rfind(state)) else {
        object.set("assign_generated_ipv6_cidr_block", false);
        for name in
            ["ipv6_association_id", "ipv6_cidr_block", "ipv6_cidr_block_network_border_group", "ipv6_ipam_pool_id"]
        {
            object.set(name, "");
        }
        object.set("ipv6_netmask_length", 0);
        return;
    };
    let pool = found.ipv6_pool().unwrap_or_default();
    let block = found.ipv6_cidr_block().unwrap_or_default();
    object.set("assign_generated_ipv6_cidr_block", pool == "Amazon");
    object.set("ipv6_association_id", found.association_id());
    object.set("ipv6_cidr_block", block);
    object.set("ipv6_cidr_block_network_border_group", found.network_border_group());
    let netmask = block.rsplit_once('/').and_then(|(_, length)| length.parse::<i32>().ok());
    match pool {
        "Amazon" => {
            object.set("ipv6_ipam_pool_id", "");
            object.set("ipv6_netmask_length", 0);
        }
        // The pool's id is not told: the one known stays.
        "IPAM Managed" => object.set("ipv6_netmask_length", netmask),
        pool => {
            object.set("ipv6_ipam_pool_id", pool);
            object.set("ipv6_netmask_length", netmask);
        }
    }
}

/// The state of an IPv6 association, and why it is so.
async fn association_state(aws: &Aws, id: &str) -> Result<Option<ipv6::State>, Failure> {
    let call = aws.ec2().describe_vpcs().filters(filter("ipv6-cidr-block-association.association-id", [id]));
    let answer = call.send().await.doing(format!("reading EC2 VPC IPv6 CIDR block association ({id})"))?;
    let mut all = answer.vpcs().iter().flat_map(Vpc::ipv6_cidr_block_association_set);
    let found = all.find(|a| a.association_id() == Some(id)).and_then(|a| a.ipv6_cidr_block_state());
    Ok(found.map(|state| {
        let name = state.state().map_or("", |s| s.as_str()).to_string();
        (name, state.status_message().unwrap_or_default().to_string())
    }))
}

async fn associated(aws: &Aws, id: &str) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for EC2 VPC IPv6 CIDR block ({id}) create"), IPV6);
    ipv6::associated(wait, || association_state(aws, id)).await
}

async fn disassociate(aws: &Aws, vpc: &str, id: &str) -> Result<(), Failure> {
    let call = aws.ec2().disassociate_vpc_cidr_block().association_id(id);
    let answer = call.send().await.doing(format!("disassociating EC2 VPC ({vpc}) IPv6 CIDR block ({id})"));
    ignoring(answer, &["InvalidVpcCidrBlockAssociationID.NotFound"])?;
    let wait = Wait::new(format!("waiting for EC2 VPC IPv6 CIDR block ({id}) delete"), PROPAGATION);
    ipv6::disassociated(wait, || association_state(aws, id)).await
}
