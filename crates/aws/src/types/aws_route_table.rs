//! `aws_route_table` on the EC2 API.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType as Kind, Route, RouteOrigin, RouteTable, RouteTableAssociationStateCode};
use futures::future::try_join_all;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::ec2::routes::{self, Destination, TABLE_GONE, TARGETS, Target};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry_on};
use crate::{Aws, ec2};

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = ec2::route_tables(aws, objects.iter().map(|o| o.id().to_string())).await;
        let mine = objects.iter().filter_map(|o| found.get(o.id()).ok().flatten());
        let interfaces: Vec<String> =
            mine.flat_map(RouteTable::routes).filter_map(|r| r.network_interface_id.clone()).collect();
        let foreign = match interfaces.is_empty() {
            true => BTreeSet::new(),
            false => routes::foreign_interfaces(aws, interfaces).await,
        };
        found.fill(objects, Object::id, |object, table| fill(aws, object, table, &foreign))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let call = aws
            .ec2()
            .create_route_table()
            .client_token(cx.token.as_str())
            .vpc_id(object.str("vpc_id"))
            .set_tag_specifications(ec2::tag_specification(Kind::RouteTable, &cx.tags));
        let answer = call.send().await.doing("creating EC2 Route Table")?;
        let id = answer.route_table().and_then(|t| t.route_table_id()).unwrap_or_default().to_string();
        object.set("id", &id);
        (cx.checkpoint)(object);
        let limit = cx.timeouts.of("create");
        Wait::new(format!("waiting for EC2 Route Table ({id}) create"), limit)
            .tolerate(1000)
            .until(|| async { Ok(routes::table(aws, &id).await?.map_or(Seen::Missing, |_| Seen::Target(()))) })
            .await?;
        for gateway in object.strings("propagating_vgws") {
            propagate(aws, &id, &gateway, limit).await?;
        }
        let wanted = written(&object.parts("route"))?;
        // The table that was just seen may not be seen everywhere yet.
        let id = id.as_str();
        try_join_all(wanted.iter().map(|(destination, target)| {
            retry_on(limit, TABLE_GONE, move || make(aws, id, destination, target, limit))
        }))
        .await?;
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut filters = ec2::tag_filters(&trace.tags);
        filters.push(ec2::filter("vpc-id", [planned.str("vpc_id")]));
        let pages = aws.ec2().describe_route_tables().set_filters(Some(filters)).into_paginator().items();
        let all: Result<Vec<RouteTable>, _> = pages.send().collect().await;
        let all = all.doing("looking for EC2 Route Tables")?;
        // The main one comes with the VPC.
        let own = |table: &&RouteTable| !table.associations().iter().any(|a| a.main() == Some(true));
        Ok(Some(ec2::identified(planned, all.iter().filter(own).filter_map(RouteTable::route_table_id))))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id().to_string();
        let limit = cx.timeouts.of("update");
        if changed(prior, object, &["propagating_vgws"]) {
            let (old, new) = (prior.strings("propagating_vgws"), object.strings("propagating_vgws"));
            for gateway in old.iter().filter(|g| !new.contains(g)) {
                let call = aws.ec2().disable_vgw_route_propagation().route_table_id(&id).gateway_id(gateway);
                let doing = format!("disabling Route Table ({id}) route propagation from VPN Gateway ({gateway})");
                call.send().await.doing(doing)?;
            }
            for gateway in new.iter().filter(|g| !old.contains(g)) {
                propagate(aws, &id, gateway, limit).await?;
            }
        }
        if changed(prior, object, &["route"]) {
            let (old, new) = (written(&prior.parts("route"))?, written(&object.parts("route"))?);
            let there = |destination: &Destination| old.iter().find(|(d, _)| d.is_same(destination));
            for (destination, target) in &new {
                match there(destination) {
                    Some((_, old)) if old == target => {}
                    Some(_) => routes::replace(aws, &id, destination, target, limit).await?,
                    None => make(aws, &id, destination, target, limit).await?,
                }
            }
            for (destination, _) in &old {
                if !new.iter().any(|(d, _)| d.is_same(destination)) {
                    routes::delete(aws, &id, destination, limit).await?;
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

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, limit) = (object.id(), cx.timeouts.of("delete"));
        let Some(table) = routes::table(aws, id).await? else { return Ok(()) };
        for association in table.associations().iter().filter_map(|a| a.route_table_association_id()) {
            disassociate(aws, association, limit).await?;
        }
        let call = aws.ec2().delete_route_table().route_table_id(id);
        ignoring(call.send().await.doing(format!("deleting EC2 Route Table ({id})")), TABLE_GONE)?;
        Wait::new(format!("waiting for EC2 Route Table ({id}) delete"), limit)
            .until_gone(|| async {
                Ok(routes::table(aws, id).await?.map_or(Seen::<()>::Missing, |_| Seen::Pending("ready".into())))
            })
            .await
    }
}

/// The routes of blocks: a destination and a target each.
fn written(blocks: &[Part<'_>]) -> Result<Vec<(Destination, Target)>, Failure> {
    let mut all = Vec::new();
    for block in blocks {
        let destination = Destination::new(
            block.str("cidr_block"),
            block.str("ipv6_cidr_block"),
            block.str("destination_prefix_list_id"),
        );
        let target = Target::of(|name| block.raw(name).as_str().unwrap_or(""));
        match (destination, target) {
            (Some(destination), Some(target)) => all.push((destination, target)),
            (None, _) => return Err(Failure::new("creating route", "it has no destination")),
            (Some(destination), None) => {
                let message = format!("the one to {} has no target", destination.text());
                return Err(Failure::new("creating route", message));
            }
        }
    }
    Ok(all)
}

/// Makes a route; a local one cannot be made, but the one that is there can be taken over.
async fn make(
    aws: &Aws,
    table: &str,
    destination: &Destination,
    target: &Target,
    limit: Duration,
) -> Result<(), Failure> {
    if target.id != "local" {
        return routes::create(aws, table, destination, target, limit).await;
    }
    let found = routes::table(aws, table).await?;
    match found.as_ref().and_then(|t| routes::find(t, destination)) {
        Some(_) => Ok(()),
        None => {
            let why = "local route cannot be created but must exist to be adopted";
            Err(Failure::new("creating route", format!("{why}, local {} does not exist", destination.text())))
        }
    }
}

async fn propagate(aws: &Aws, table: &str, gateway: &str, limit: Duration) -> Result<(), Failure> {
    let doing = format!("enabling Route Table ({table}) route propagation from VPN Gateway ({gateway})");
    let call = aws.ec2().enable_vgw_route_propagation().route_table_id(table).gateway_id(gateway);
    retry_on(limit, &["Gateway.NotAttached"], || async { call.clone().send().await.doing(&doing) }).await?;
    Ok(())
}

/// Takes an association away and waits until it is gone.
pub(crate) async fn disassociate(aws: &Aws, id: &str, limit: Duration) -> Result<(), Failure> {
    let call = aws.ec2().disassociate_route_table().association_id(id);
    let answer = call.send().await.doing(format!("deleting EC2 Route Table Association ({id})"));
    ignoring(answer, &["InvalidAssociationID.NotFound"])?;
    Wait::new(format!("waiting for EC2 Route Table Association ({id}) delete"), limit)
        .until_gone(|| async {
            Ok(match super::aws_route_table_association::one(aws, id).await? {
                Some(association) => {
                    let state = super::aws_route_table_association::state(&association);
                    let gone = RouteTableAssociationStateCode::Disassociated;
                    Seen::by_state((), state, &["associated", "disassociating"], &[gone.as_str()])
                }
                None => Seen::Missing,
            })
        })
        .await
}

fn fill(aws: &Aws, object: &mut Object, table: &RouteTable, foreign: &BTreeSet<String>) {
    let (id, owner) = (table.route_table_id().unwrap_or_default(), table.owner_id().unwrap_or_default());
    object.set("arn", aws.arn_of("ec2", owner, &format!("route-table/{id}")));
    object.set("owner_id", owner);
    object.set("vpc_id", table.vpc_id());
    let gateways: Vec<&str> = table.propagating_vgws().iter().filter_map(|g| g.gateway_id()).collect();
    object.set("propagating_vgws", gateways);
    let adopted = object.parts("route").iter().any(|r| r.str("gateway_id") == "local");
    let shown: Vec<Value> =
        table.routes().iter().filter(|route| is_shown(route, adopted, foreign)).map(route_value).collect();
    object.set("route", shown);
    let mut tags = ec2::tags(table.tags());
    tags.remove("AmazonFSx");
    object.set("tags_all", tags);
}

/// Routes that AWS or another service made are not the configuration's business.
fn is_shown(route: &Route, local_ones: bool, foreign: &BTreeSet<String>) -> bool {
    let gateway = route.gateway_id().unwrap_or_default();
    let by_endpoint = route.destination_prefix_list_id().is_some() && gateway.starts_with("vpce-");
    let by_gateway = route.origin() == Some(&RouteOrigin::EnableVgwRoutePropagation) || gateway == "VpcLattice";
    let by_service = route.network_interface_id().is_some_and(|id| foreign.contains(id));
    let local = gateway == "local" && !local_ones;
    !(by_endpoint || by_gateway || by_service || local)
}

fn route_value(route: &Route) -> Value {
    let destinations = [
        ("cidr_block", route.destination_cidr_block()),
        ("ipv6_cidr_block", route.destination_ipv6_cidr_block()),
        ("destination_prefix_list_id", route.destination_prefix_list_id()),
    ];
    let destinations = destinations.map(|(name, value)| (name, value.unwrap_or_default()));
    let targets = TARGETS.map(|name| (name, routes::target(route, name)));
    let all = destinations.into_iter().chain(targets);
    Value::object(all.map(|(name, text)| (name, Value::string(text))))
}
