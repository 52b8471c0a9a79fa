//! What the EC2 types share: filters, tags, and reads that several types are answered from.

pub(crate) mod interfaces;
pub(crate) mod ipv6;
pub(crate) mod permissions;
pub(crate) mod routes;
pub(crate) mod single_rule;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Address, Filter, InternetGateway, NatGateway, ResourceType, RouteTable, SecurityGroup, SecurityGroupRule, Subnet,
    Tag, TagSpecification, Vpc,
};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::{Answers, FILTER_VALUES, Loader, in_chunks};
use crate::error::Doing;
use crate::wait::{PROPAGATION, Seen, Wait, retry};

/// A filter.
pub(crate) fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// The `filter` blocks of a data source.
pub(crate) fn filter_blocks(object: &Object) -> Vec<Filter> {
    object.parts("filter").iter().map(|part| filter(part.str("name"), part.strings("values"))).collect()
}

/// One filter for each tag.
pub(crate) fn tag_filters(tags: &BTreeMap<String, String>) -> Vec<Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value])).collect()
}

/// All tags but those of AWS itself.
pub(crate) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let own = tags.iter().filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())));
    own.filter(|(key, _)| !key.starts_with("aws:")).collect()
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

/// The tags of an object to be created; `None` without tags.
pub(crate) fn tag_specification(kind: ResourceType, tags: &BTreeMap<String, String>) -> Option<Vec<TagSpecification>> {
    let tags: Vec<Tag> =
        sdk_tags(tags).into_iter().filter(|t| !t.key().unwrap_or_default().starts_with("aws:")).collect();
    if tags.is_empty() {
        return None;
    }
    Some(vec![TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()])
}

/// Changes the tags of any EC2 object.
pub(crate) async fn tag(
    aws: &Aws,
    id: &str,
    remove: &BTreeMap<String, String>,
    put: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let doing = format!("updating tags of EC2 resource ({id})");
    if !remove.is_empty() {
        let call = aws.ec2().delete_tags().resources(id).set_tags(Some(sdk_tags(remove)));
        call.send().await.doing(&doing)?;
    }
    if !put.is_empty() {
        let not_yet = |failure: &Failure| failure.code.as_deref().is_some_and(|c| c.ends_with(".NotFound"));
        let call =
            || async { aws.ec2().create_tags().resources(id).set_tags(Some(sdk_tags(put))).send().await.doing(&doing) };
        retry(PROPAGATION, not_yet, call).await?;
    }
    Ok(())
}

/// The planned object with each of the ids.
pub(crate) fn identified<'a>(planned: &Object, ids: impl IntoIterator<Item = &'a str>) -> Vec<Object> {
    let one = |id: &str| {
        let mut made = planned.clone();
        made.set("id", id);
        made
    };
    ids.into_iter().map(one).collect()
}

/// Reads that types share.
#[derive(Default)]
struct Reads {
    route_tables: Loader<RouteTable>,
    groups: Loader<SecurityGroup>,
    rules: Loader<Vec<SecurityGroupRule>>,
}

macro_rules! by_id {
    ($($(#[$doc:meta])* $name:ident: $call:ident, $what:literal, $filter:literal, $page:literal, $value:ident, $id:ident;)*) => {
        $(
            $(#[$doc])*
            pub(crate) async fn $name(client: Client, ids: Vec<String>) -> Answers<$value> {
                in_chunks(ids, FILTER_VALUES, |ids| async {
                    let pages = client.$call().filters(filter($filter, ids)).into_paginator().page_size($page);
                    let found: Result<Vec<$value>, _> = pages.items().send().collect().await;
                    let found = found.doing(concat!("reading EC2 ", $what))?;
                    Ok(found.into_iter().filter_map(|value| Some((value.$id.clone()?, value))).collect())
                })
                .await
            }
        )*
    };
}

by_id! {
    /// VPCs by id.
    vpcs: describe_vpcs, "VPCs", "vpc-id", 1000, Vpc, vpc_id;
    /// Subnets by id.
    subnets: describe_subnets, "Subnets", "subnet-id", 1000, Subnet, subnet_id;
    /// Internet gateways by id.
    internet_gateways: describe_internet_gateways, "Internet Gateways", "internet-gateway-id", 1000, InternetGateway,
        internet_gateway_id;
    /// Security group rules by id.
    rules_by_id: describe_security_group_rules, "Security Group Rules", "security-group-rule-id", 1000,
        SecurityGroupRule, security_group_rule_id;
    route_tables_by_id: describe_route_tables, "Route Tables", "route-table-id", 100, RouteTable, route_table_id;
    groups_by_id: describe_security_groups, "Security Groups", "group-id", 1000, SecurityGroup, group_id;
}

/// NAT gateways by id.
pub(crate) async fn nat_gateways(client: Client, ids: Vec<String>) -> Answers<NatGateway> {
    in_chunks(ids, FILTER_VALUES, |ids| async {
        let pages = client.describe_nat_gateways().filter(filter("nat-gateway-id", ids)).into_paginator();
        let found: Result<Vec<NatGateway>, _> = pages.page_size(1000).items().send().collect().await;
        let found = found.doing("reading EC2 NAT Gateways")?;
        Ok(found.into_iter().filter_map(|value| Some((value.nat_gateway_id.clone()?, value))).collect())
    })
    .await
}

/// Addresses by allocation id.
pub(crate) async fn addresses(client: Client, ids: Vec<String>) -> Answers<Address> {
    in_chunks(ids, FILTER_VALUES, |ids| async {
        let answer = client.describe_addresses().filters(filter("allocation-id", ids)).send().await;
        let found = answer.doing("reading EC2 EIPs")?.addresses.unwrap_or_default();
        Ok(found.into_iter().filter_map(|value| Some((value.allocation_id.clone()?, value))).collect())
    })
    .await
}

async fn rules_by_group(client: Client, groups: Vec<String>) -> Answers<Vec<SecurityGroupRule>> {
    in_chunks(groups, FILTER_VALUES, |groups| async {
        let call = client.describe_security_group_rules().filters(filter("group-id", groups));
        let found: Result<Vec<SecurityGroupRule>, _> =
            call.into_paginator().page_size(1000).items().send().collect().await;
        let mut by_group = BTreeMap::<String, Vec<SecurityGroupRule>>::new();
        for rule in found.doing("reading EC2 Security Group Rules")? {
            by_group.entry(rule.group_id.clone().unwrap_or_default()).or_default().push(rule);
        }
        Ok(by_group.into_iter().collect())
    })
    .await
}

/// Route tables by id: for the tables, their routes, their associations, and main tables, in one call.
pub(crate) async fn route_tables(aws: &Aws, ids: impl IntoIterator<Item = String>) -> Arc<Answers<RouteTable>> {
    let client = aws.ec2().clone();
    aws.shared::<Reads>().route_tables.load(ids, |ids| route_tables_by_id(client, ids)).await
}

/// Security groups by id: for the groups and for their rules.
pub(crate) async fn groups(aws: &Aws, ids: impl IntoIterator<Item = String>) -> Arc<Answers<SecurityGroup>> {
    let client = aws.ec2().clone();
    aws.shared::<Reads>().groups.load(ids, |ids| groups_by_id(client, ids)).await
}

/// The rules of security groups, by group.
pub(crate) async fn rules(aws: &Aws, groups: impl IntoIterator<Item = String>) -> Arc<Answers<Vec<SecurityGroupRule>>> {
    let client = aws.ec2().clone();
    aws.shared::<Reads>().rules.load(groups, |groups| rules_by_group(client, groups)).await
}

/// Waits until an IPAM pool has the allocation of an object back.
pub(crate) async fn released_to_pool(aws: &Aws, pool: &str, object: &str, limit: Duration) -> Result<(), Failure> {
    Wait::new(format!("waiting for IPAM Pool ({pool}) to release {object}"), limit)
        .until_gone(|| async {
            let pages = aws.ec2().get_ipam_pool_allocations().ipam_pool_id(pool).into_paginator();
            let found: Result<Vec<_>, _> = pages.items().send().collect().await;
            let held = match found.doing(format!("reading IPAM Pool ({pool}) allocations")) {
                Ok(found) => found.iter().any(|a| a.resource_id() == Some(object)),
                Err(failure) if failure.is(&["InvalidIpamPoolId.NotFound"]) => false,
                Err(failure) => return Err(failure),
            };
            Ok(if held { Seen::<()>::Pending("allocated".into()) } else { Seen::Missing })
        })
        .await
}
