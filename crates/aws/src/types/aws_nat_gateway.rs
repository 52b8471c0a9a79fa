//! `aws_nat_gateway` on the EC2 API.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ConnectivityType, NatGateway, NatGatewayAddress, NatGatewayState, ResourceType as Kind};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};
use tokio::time::Instant;

use crate::error::{Doing, ignoring};
use crate::resource::ResourceType;
use crate::wait::{Seen, Wait};
use crate::{Aws, ec2};

pub(crate) struct Api;

const GONE: &[&str] = &["NatGatewayNotFound"];
const OLD_STATE_SHOWS: Duration = Duration::from_secs(60);

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids = objects.iter().map(|o| o.id().to_string()).collect();
        let found = ec2::nat_gateways(aws.ec2().clone(), ids).await;
        let one = |mut object: Object| {
            // Deleted ones stay visible for an hour.
            let found = found.get(object.id())?.filter(|g| g.state() != Some(&NatGatewayState::Deleted));
            Ok(found.map(|gateway| {
                fill(&mut object, gateway);
                object
            }))
        };
        objects.into_iter().map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let strings = |name: &str| Some(object.strings(name)).filter(|s| !s.is_empty());
        let connectivity = object.opt_str("connectivity_type").unwrap_or_else(|| "public".into());
        let call = aws
            .ec2()
            .create_nat_gateway()
            .client_token(cx.token.as_str())
            .connectivity_type(ConnectivityType::from(connectivity.as_str()))
            .subnet_id(object.str("subnet_id"))
            .set_allocation_id(object.opt_str("allocation_id"))
            .set_private_ip_address(object.opt_str("private_ip"))
            .set_secondary_allocation_ids(strings("secondary_allocation_ids"))
            .set_secondary_private_ip_address_count(object.opt_i32("secondary_private_ip_address_count"))
            .set_secondary_private_ip_addresses(strings("secondary_private_ip_addresses"))
            .set_tag_specifications(ec2::tag_specification(Kind::Natgateway, &cx.tags));
        let answer = call.send().await.doing("creating EC2 NAT Gateway")?;
        let id = answer.nat_gateway().and_then(|g| g.nat_gateway_id()).unwrap_or_default().to_string();
        object.set("id", &id);
        (cx.checkpoint)(object);
        available(aws, &id, cx.timeouts.of("create")).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut filters = ec2::tag_filters(&trace.tags);
        filters.push(ec2::filter("subnet-id", [planned.str("subnet_id")]));
        filters.push(ec2::filter("state", ["pending", "available"]));
        let pages = aws.ec2().describe_nat_gateways().set_filter(Some(filters)).into_paginator().items();
        let all: Result<Vec<NatGateway>, _> = pages.send().collect().await;
        let all = all.doing("looking for EC2 NAT Gateways")?;
        let address = planned.opt_str("allocation_id");
        let fits = |gateway: &&NatGateway| {
            let mut addresses = gateway.nat_gateway_addresses().iter();
            let has_mine = address.is_none() || addresses.any(|a| a.allocation_id() == address.as_deref());
            has_mine && gateway.create_time().is_none_or(|date| !crate::time::is_before(date, trace.began))
        };
        Ok(Some(ec2::identified(planned, all.iter().filter(fits).filter_map(NatGateway::nat_gateway_id))))
    }

    async fn ready(&self, aws: &Aws, object: &Object, trace: &Trace) -> Result<(), Failure> {
        available(aws, object.id(), trace.timeouts.of("create")).await
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let limit = cx.timeouts.of("update");
        let id = object.id().to_string();
        let set = |object: &Object, name: &str| object.strings(name).into_iter().collect::<BTreeSet<_>>();
        let changes = |name: &str| {
            let (old, new) = (set(prior, name), set(object, name));
            let added: Vec<String> = new.difference(&old).cloned().collect();
            let removed: Vec<String> = old.difference(&new).cloned().collect();
            (added, removed)
        };
        let (added_addresses, removed_addresses) = changes("secondary_private_ip_addresses");
        if object.str("connectivity_type") == "private" {
            if !added_addresses.is_empty() {
                let call = aws.ec2().assign_private_nat_gateway_address().nat_gateway_id(&id);
                let call = call.set_private_ip_addresses(Some(added_addresses.clone()));
                call.send().await.doing(format!("assigning EC2 NAT Gateway ({id}) private IP addresses"))?;
                for address in &added_addresses {
                    address_there(aws, &id, limit, "assigning", |a| a.private_ip() == Some(address)).await?;
                }
            }
            if !removed_addresses.is_empty() {
                let call = aws.ec2().unassign_private_nat_gateway_address().nat_gateway_id(&id);
                let call = call.set_private_ip_addresses(Some(removed_addresses.clone()));
                call.send().await.doing(format!("unassigning EC2 NAT Gateway ({id}) private IP addresses"))?;
                for address in &removed_addresses {
                    address_gone(aws, &id, limit, |a| a.private_ip() == Some(address)).await?;
                }
            }
            return Ok(());
        }
        let (added, removed) = changes("secondary_allocation_ids");
        if !added.is_empty() {
            let call = aws.ec2().associate_nat_gateway_address().nat_gateway_id(&id);
            let call = call
                .set_allocation_ids(Some(added.clone()))
                .set_private_ip_addresses(Some(added_addresses).filter(|a| !a.is_empty()));
            call.send().await.doing(format!("associating EC2 NAT Gateway ({id}) addresses"))?;
            for allocation in &added {
                address_there(aws, &id, limit, "associating", |a| a.allocation_id() == Some(allocation)).await?;
            }
        }
        if !removed.is_empty() {
            let gateway = one(aws, &id).await?;
            let addresses = gateway.as_ref().map(NatGateway::nat_gateway_addresses).unwrap_or_default();
            let goes = |a: &&NatGatewayAddress| a.allocation_id().is_some_and(|a| removed.iter().any(|r| r == a));
            let associations = addresses.iter().filter(goes).filter_map(|a| a.association_id.clone()).collect();
            let call = aws.ec2().disassociate_nat_gateway_address().nat_gateway_id(&id);
            let call = call.set_association_ids(Some(associations));
            call.send().await.doing(format!("disassociating EC2 NAT Gateway ({id}) addresses"))?;
            for allocation in &removed {
                address_gone(aws, &id, limit, |a| a.allocation_id() == Some(allocation)).await?;
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
        let id = object.id();
        let call = aws.ec2().delete_nat_gateway().nat_gateway_id(id);
        let answer = call.send().await.doing(format!("deleting EC2 NAT Gateway ({id})"));
        if answer.as_ref().is_err_and(|failure| failure.is(GONE)) {
            return Ok(());
        }
        ignoring(answer, GONE)?;
        let start = Instant::now();
        Wait::new(format!("waiting for EC2 NAT Gateway ({id}) delete"), cx.timeouts.of("delete"))
            .until_gone(|| async {
                let Some(gateway) = one(aws, id).await? else { return Ok(Seen::Missing) };
                Ok(going(state(&gateway), start.elapsed()).because(Some(&reason(&gateway))))
            })
            .await
    }
}

fn fill(object: &mut Object, gateway: &NatGateway) {
    let addresses = gateway.nat_gateway_addresses();
    let is_primary = |a: &&NatGatewayAddress| addresses.len() == 1 || a.is_primary() == Some(true);
    let primary = addresses.iter().find(is_primary);
    object.set("allocation_id", primary.and_then(|a| a.allocation_id()));
    object.set("association_id", primary.and_then(|a| a.association_id()));
    object.set("network_interface_id", primary.and_then(|a| a.network_interface_id()));
    object.set("private_ip", primary.and_then(|a| a.private_ip()));
    object.set("public_ip", primary.and_then(|a| a.public_ip()));
    let secondary: Vec<&NatGatewayAddress> = addresses.iter().filter(|a| !is_primary(a)).collect();
    let allocations: Vec<&str> = secondary.iter().filter_map(|a| a.allocation_id()).collect();
    let private: Vec<&str> = secondary.iter().filter_map(|a| a.private_ip()).collect();
    object.set("secondary_allocation_ids", allocations);
    object.set("secondary_private_ip_address_count", i64::try_from(private.len()).unwrap_or_default());
    object.set("secondary_private_ip_addresses", private);
    object.set("connectivity_type", gateway.connectivity_type().map(|t| t.as_str()));
    object.set("subnet_id", gateway.subnet_id());
    object.set("tags_all", ec2::tags(gateway.tags()));
}

/// What the state of a gateway says so long after it was told to go. At first the old state may still show, also that of
/// one whose creation failed.
fn going(state: &str, since: Duration) -> Seen<()> {
    let pending: &[&str] = match since < OLD_STATE_SHOWS {
        true => &["deleting", "available", "pending", "failed"],
        false => &["deleting", "available", "pending"],
    };
    Seen::by_state((), state, pending, &["deleted"])
}

fn state(gateway: &NatGateway) -> &str {
    gateway.state().map_or("", |s| s.as_str())
}

/// `Gateway.NotAttached: Network vpc-1 has no Internet gateway attached`
fn reason(gateway: &NatGateway) -> String {
    match (gateway.failure_code(), gateway.failure_message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
        (None, message) => message.unwrap_or_default().to_string(),
    }
}

async fn one(aws: &Aws, id: &str) -> Result<Option<NatGateway>, Failure> {
    let call = aws.ec2().describe_nat_gateways().nat_gateway_ids(id);
    match call.send().await.doing(format!("reading EC2 NAT Gateway ({id})")) {
        Ok(answer) => Ok(answer.nat_gateways.unwrap_or_default().into_iter().find(|g| g.nat_gateway_id() == Some(id))),
        Err(failure) if failure.is(GONE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn address_status(
    aws: &Aws,
    id: &str,
    which: &impl Fn(&NatGatewayAddress) -> bool,
) -> Result<Option<(String, String)>, Failure> {
    let gateway = one(aws, id).await?;
    let addresses = gateway.as_ref().map(NatGateway::nat_gateway_addresses).unwrap_or_default();
    Ok(addresses.iter().find(|a| which(a)).map(|a| {
        let status = a.status().map_or("succeeded", |s| s.as_str()).to_string();
        (status, a.failure_message().unwrap_or_default().to_string())
    }))
}

async fn address_there(
    aws: &Aws,
    id: &str,
    limit: Duration,
    pending: &str,
    which: impl Fn(&NatGatewayAddress) -> bool,
) -> Result<(), Failure> {
    Wait::new(format!("waiting for EC2 NAT Gateway ({id}) address"), limit)
        .until(|| async {
            Ok(match address_status(aws, id, &which).await? {
                Some((status, why)) => Seen::by_state((), &status, &[pending], &["succeeded"]).because(Some(&why)),
                None => Seen::Missing,
            })
        })
        .await
}

async fn address_gone(
    aws: &Aws,
    id: &str,
    limit: Duration,
    which: impl Fn(&NatGatewayAddress) -> bool,
) -> Result<(), Failure> {
    Wait::new(format!("waiting for EC2 NAT Gateway ({id}) address removal"), limit)
        .until_gone(|| async {
            Ok(match address_status(aws, id, &which).await? {
                Some((status, why)) => {
                    let pending = ["succeeded", "disassociating", "unassigning"];
                    Seen::<()>::by_state((), &status, &pending, &[]).because(Some(&why))
                }
                None => Seen::Missing,
            })
        })
        .await
}

async fn available(aws: &Aws, id: &str, limit: Duration) -> Result<(), Failure> {
    Wait::new(format!("waiting for EC2 NAT Gateway ({id}) create"), limit)
        .until(|| async {
            let Some(gateway) = one(aws, id).await? else { return Ok(Seen::Missing) };
            Ok(Seen::by_state((), state(&gateway), &["pending"], &["available"]).because(Some(&reason(&gateway))))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_failed_to_come_may_go() {
        let (at_once, later) = (Duration::from_secs(1), Duration::from_secs(90));
        assert!(matches!(going("failed", at_once), Seen::Pending(_)));
        assert!(matches!(going("failed", later), Seen::Failed(_)));
        assert!(matches!(going("deleting", later), Seen::Pending(_)));
        assert!(matches!(going("deleted", later), Seen::Target(())));
    }
}
