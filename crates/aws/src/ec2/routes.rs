//! Routes: what `aws_route_table` and `aws_route` share.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::types::{Route, RouteOrigin, RouteTable};
use infra_catalog::network::same_network;
pub(crate) use infra_catalog::types::aws_route::TARGETS;
use infra_provider::Failure;

use crate::batch::{FILTER_VALUES, in_chunks};
use crate::ec2::filter;
use crate::error::{Doing, ignoring};
use crate::wait::{Seen, Wait, retry_on};
use crate::{Aws, recent};

/// Codes that pass while a target is coming up.
const NOT_YET: &[&str] = &["InvalidParameterException", "InvalidTransitGatewayID.NotFound"];
pub(crate) const TABLE_GONE: &[&str] = &["InvalidRouteTableID.NotFound"];

/// Where a route leads from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Destination {
    /// An IPv4 network.
    V4(String),
    /// An IPv6 network.
    V6(String),
    /// A managed prefix list.
    PrefixList(String),
}

impl Destination {
    /// From the three attributes, of which one is set.
    pub(crate) fn new(v4: &str, v6: &str, list: &str) -> Option<Destination> {
        match (v4, v6, list) {
            ("", "", "") => None,
            ("", "", list) => Some(Destination::PrefixList(list.to_string())),
            ("", v6, _) => Some(Destination::V6(v6.to_string())),
            (v4, _, _) => Some(Destination::V4(v4.to_string())),
        }
    }

    /// As it is written.
    pub(crate) fn text(&self) -> &str {
        match self {
            Destination::V4(text) | Destination::V6(text) | Destination::PrefixList(text) => text,
        }
    }

    /// Whether it is the same one, however it is written.
    pub(crate) fn is_same(&self, other: &Destination) -> bool {
        match (self, other) {
            (Destination::V4(a), Destination::V4(b)) | (Destination::V6(a), Destination::V6(b)) => same_network(a, b),
            _ => self == other,
        }
    }

    /// Whether a route is the one with this destination.
    pub(crate) fn is_of(&self, route: &Route) -> bool {
        match self {
            Destination::V4(text) => route.destination_cidr_block().is_some_and(|d| same_network(d, text)),
            Destination::V6(text) => route.destination_ipv6_cidr_block().is_some_and(|d| same_network(d, text)),
            Destination::PrefixList(text) => route.destination_prefix_list_id() == Some(text),
        }
    }
}

/// Where a route leads to: the attribute, and the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub kind: &'static str,
    pub id: String,
}

impl Target {
    /// The first target that is set.
    pub(crate) fn of<'a>(get: impl Fn(&str) -> &'a str) -> Option<Target> {
        let kind = TARGETS.into_iter().find(|kind| !get(kind).is_empty())?;
        Some(Target { kind, id: get(kind).to_string() })
    }
}

/// What a route has for one of [`TARGETS`].
pub(crate) fn target<'a>(route: &'a Route, kind: &str) -> &'a str {
    let gateway = route.gateway_id();
    let found = match kind {
        "carrier_gateway_id" => route.carrier_gateway_id(),
        "core_network_arn" => route.core_network_arn(),
        "egress_only_gateway_id" => route.egress_only_internet_gateway_id(),
        "gateway_id" => gateway.filter(|id| !id.starts_with("vpce-")),
        "local_gateway_id" => route.local_gateway_id(),
        "nat_gateway_id" => route.nat_gateway_id(),
        "network_interface_id" => route.network_interface_id(),
        "transit_gateway_id" => route.transit_gateway_id(),
        "vpc_endpoint_id" => gateway.filter(|id| id.starts_with("vpce-")),
        _ => route.vpc_peering_connection_id(),
    };
    found.unwrap_or_default()
}

macro_rules! with_route {
    ($call:expr, $destination:expr, $target:expr, $local:expr) => {{
        let call = $call;
        let call = match $destination {
            Destination::V4(text) => call.destination_cidr_block(text),
            Destination::V6(text) => call.destination_ipv6_cidr_block(text),
            Destination::PrefixList(text) => call.destination_prefix_list_id(text),
        };
        let id = $target.id.as_str();
        match $target.kind {
            "carrier_gateway_id" => call.carrier_gateway_id(id),
            "core_network_arn" => call.core_network_arn(id),
            "egress_only_gateway_id" => call.egress_only_internet_gateway_id(id),
            "gateway_id" => $local(call, id),
            "local_gateway_id" => call.local_gateway_id(id),
            "nat_gateway_id" => call.nat_gateway_id(id),
            "network_interface_id" => call.network_interface_id(id),
            "transit_gateway_id" => call.transit_gateway_id(id),
            "vpc_endpoint_id" => call.vpc_endpoint_id(id),
            _ => call.vpc_peering_connection_id(id),
        }
    }};
}

/// A table by its id; `None`: there is none.
pub(crate) async fn table(aws: &Aws, id: &str) -> Result<Option<RouteTable>, Failure> {
    let call = aws.ec2().describe_route_tables().route_table_ids(id);
    match call.send().await.doing(format!("reading EC2 Route Table ({id})")) {
        Ok(answer) => Ok(answer.route_tables.unwrap_or_default().into_iter().find(|t| t.route_table_id() == Some(id))),
        Err(failure) if failure.is(TABLE_GONE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The route of a table with a destination.
pub(crate) fn find<'a>(table: &'a RouteTable, destination: &Destination) -> Option<&'a Route> {
    table.routes().iter().find(|route| destination.is_of(route))
}

/// Makes a route and waits until it shows.
pub(crate) async fn create(
    aws: &Aws,
    table: &str,
    destination: &Destination,
    target: &Target,
    limit: Duration,
) -> Result<(), Failure> {
    request(aws, table, destination, target, limit).await?;
    ready(aws, table, destination, target, limit).await
}

/// Makes a route.
pub(crate) async fn request(
    aws: &Aws,
    table: &str,
    destination: &Destination,
    target: &Target,
    limit: Duration,
) -> Result<(), Failure> {
    let doing = format!("creating Route in Route Table ({table}) with destination ({})", destination.text());
    let call = with_route!(
        aws.ec2().create_route().route_table_id(table),
        destination,
        target,
        |call: aws_sdk_ec2::operation::create_route::builders::CreateRouteFluentBuilder, id| call.gateway_id(id)
    );
    let request = || retry_on(limit, NOT_YET, || async { call.clone().send().await.doing(&doing) });
    let answer = recent::once_seen(aws, request).await;
    if let Err(failure) = answer {
        let local = failure.is(&["InvalidGatewayID.NotFound"]) && target.id == "local";
        return Err(if local {
            Failure::new(doing, "a local route cannot be created; import the one that is there")
        } else {
            failure
        });
    }
    Ok(())
}

/// Gives a route another target and waits until it shows.
pub(crate) async fn replace(
    aws: &Aws,
    table: &str,
    destination: &Destination,
    target: &Target,
    limit: Duration,
) -> Result<(), Failure> {
    let doing = format!("updating Route in Route Table ({table}) with destination ({})", destination.text());
    let call = with_route!(
        aws.ec2().replace_route().route_table_id(table),
        destination,
        target,
        |call: aws_sdk_ec2::operation::replace_route::builders::ReplaceRouteFluentBuilder, id| {
            if id == "local" { call.local_target(true) } else { call.gateway_id(id) }
        }
    );
    recent::once_seen(aws, || async { call.clone().send().await.doing(&doing) }).await?;
    ready(aws, table, destination, target, limit).await
}

/// Removes a route and waits until it is gone.
pub(crate) async fn delete(aws: &Aws, table: &str, destination: &Destination, limit: Duration) -> Result<(), Failure> {
    let doing = format!("deleting Route in Route Table ({table}) with destination ({})", destination.text());
    let call = aws.ec2().delete_route().route_table_id(table);
    let call = match destination {
        Destination::V4(text) => call.destination_cidr_block(text),
        Destination::V6(text) => call.destination_ipv6_cidr_block(text),
        Destination::PrefixList(text) => call.destination_prefix_list_id(text),
    };
    let answer = retry_on(limit, &["InvalidParameterException"], || async { call.clone().send().await.doing(&doing) });
    ignoring(answer.await, &["InvalidRoute.NotFound"])?;
    Wait::new(format!("waiting for Route in Route Table ({table}) delete"), limit)
        .until_gone(|| async {
            let found = self::table(aws, table).await?;
            Ok(match found.as_ref().and_then(|t| find(t, destination)) {
                // The same destination may now be one that a VPN gateway tells the table.
                Some(route) if route.origin() != Some(&RouteOrigin::EnableVgwRoutePropagation) => {
                    Seen::<()>::Pending("there".into())
                }
                _ => Seen::Missing,
            })
        })
        .await
}

/// Waits until a route shows, with its target.
pub(crate) async fn ready(
    aws: &Aws,
    table: &str,
    destination: &Destination,
    wanted: &Target,
    limit: Duration,
) -> Result<(), Failure> {
    let what = format!("waiting for Route in Route Table ({table}) with destination ({})", destination.text());
    Wait::new(what, limit)
        .tolerate(1000)
        .until(|| async {
            let found = self::table(aws, table).await?;
            Ok(match found.as_ref().and_then(|t| find(t, destination)) {
                Some(route) if shows(route, wanted) => Seen::Target(()),
                Some(_) => Seen::Pending("still with the old target".into()),
                None => Seen::Missing,
            })
        })
        .await
}

/// Some emulators do not tell every kind of target.
fn shows(route: &Route, wanted: &Target) -> bool {
    target(route, wanted.kind) == wanted.id || TARGETS.iter().all(|kind| target(route, kind).is_empty())
}

/// Interfaces, of those given, that are attached to an instance of another account than their own: the service that
/// made them also makes their routes.
pub(crate) async fn foreign_interfaces(aws: &Aws, ids: Vec<String>) -> BTreeSet<String> {
    let answers = in_chunks(ids, FILTER_VALUES, |ids| async {
        let call = aws.ec2().describe_network_interfaces().filters(filter("network-interface-id", ids));
        let found: Result<Vec<_>, _> = call.into_paginator().page_size(1000).items().send().collect().await;
        let found = found.doing("reading EC2 Network Interfaces")?.into_iter();
        let foreign = found.filter(|eni| {
            let user = eni.attachment().and_then(|a| a.instance_owner_id());
            user.is_some() && user != eni.owner_id()
        });
        Ok(foreign.filter_map(|eni| eni.network_interface_id).map(|id| (id.clone(), id)).collect())
    })
    .await;
    answers.values().cloned().collect()
}
