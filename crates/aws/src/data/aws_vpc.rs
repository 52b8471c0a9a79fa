//! `aws_vpc`: one VPC, found by what is known of it.

use async_trait::async_trait;
use aws_sdk_ec2::types::Vpc;
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::error::Doing;
use crate::resource::DataSource;
use crate::types::aws_vpc as vpc;
use crate::{Aws, ec2};

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let doing = "reading EC2 VPC";
        let mut filters = Vec::new();
        for (name, filter) in [("cidr_block", "cidr"), ("dhcp_options_id", "dhcp-options-id"), ("state", "state")] {
            filters.extend(object.opt_str(name).map(|value| ec2::filter(filter, [value])));
        }
        if object.bool("default") {
            filters.push(ec2::filter("isDefault", ["true"]));
        }
        filters.extend(ec2::filter_blocks(object));
        filters.extend(ec2::tag_filters(&object.map("tags")));
        let call = aws
            .ec2()
            .describe_vpcs()
            .set_vpc_ids(object.opt_str("id").map(|id| vec![id]))
            .set_filters(Some(filters).filter(|f| !f.is_empty()));
        let found: Result<Vec<Vpc>, _> = call.into_paginator().items().send().collect().await;
        let found = match found.doing(doing) {
            Err(failure) if failure.is(&["InvalidVpcID.NotFound"]) => Vec::new(),
            found => found?,
        };
        match &found[..] {
            [found] => fill(aws, object, found).await,
            [] => Err(Failure::new("", "no matching EC2 VPC found")),
            _ => Err(Failure::new(
                "",
                "multiple EC2 VPCs matched; use additional constraints to reduce matches to a single EC2 VPC",
            )),
        }
    }
}

async fn fill(aws: &Aws, object: &mut Object, found: &Vpc) -> Result<(), Failure> {
    let (id, owner) = (found.vpc_id().unwrap_or_default(), found.owner_id().unwrap_or_default());
    let (switches, main) = tokio::join!(vpc::switches(aws, id), vpc::main_table(aws, id));
    let [hostnames, support, metrics] = switches?;
    object.set("id", id);
    object.set("arn", aws.arn_of("ec2", owner, &format!("vpc/{id}")));
    object.set("owner_id", owner);
    object.set("cidr_block", found.cidr_block());
    object.set("default", found.is_default());
    object.set("dhcp_options_id", found.dhcp_options_id());
    object.set("instance_tenancy", found.instance_tenancy().map(|t| t.as_str()));
    object.set("enable_dns_hostnames", hostnames);
    object.set("enable_dns_support", support);
    object.set("enable_network_address_usage_metrics", metrics);
    object.set("main_route_table_id", main.unwrap_or_default());
    let text = |text: Option<&str>| Value::string(text.unwrap_or_default());
    let blocks = found.cidr_block_association_set().iter().map(|a| {
        Value::object([
            ("association_id", text(a.association_id())),
            ("cidr_block", text(a.cidr_block())),
            ("state", text(a.cidr_block_state().and_then(|s| s.state()).map(|s| s.as_str()))),
        ])
    });
    object.set("cidr_block_associations", blocks.collect::<Vec<_>>());
    let ipv6 = found.ipv6_cidr_block_association_set().first();
    object.set("ipv6_association_id", ipv6.and_then(|a| a.association_id()));
    object.set("ipv6_cidr_block", ipv6.and_then(|a| a.ipv6_cidr_block()));
    let rules = &aws.meta().tags;
    let tags = ec2::tags(found.tags()).into_iter().filter(|(key, _)| !rules.ignores(key));
    object.set("tags", tags.collect::<std::collections::BTreeMap<_, _>>());
    Ok(())
}
