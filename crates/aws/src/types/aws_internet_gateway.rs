//! `aws_internet_gateway` on the EC2 API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{InternetGateway, ResourceType as Kind};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ec2;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry_on};

pub(crate) struct Api;

const GONE: &[&str] = &["InvalidInternetGatewayID.NotFound"];

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let ids = objects.iter().map(|o| o.id().to_string()).collect();
        ec2::internet_gateways(aws.ec2().clone(), ids).await.fill(objects, Object::id, |object, gateway| {
            let (id, owner) =
                (gateway.internet_gateway_id().unwrap_or_default(), gateway.owner_id().unwrap_or_default());
            object.set("arn", aws.arn_of("ec2", owner, &format!("internet-gateway/{id}")));
            object.set("owner_id", owner);
            object.set("vpc_id", gateway.attachments().first().and_then(|a| a.vpc_id()));
            object.set("tags_all", ec2::tags(gateway.tags()));
        })
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let call = aws
            .ec2()
            .create_internet_gateway()
            .set_tag_specifications(ec2::tag_specification(Kind::InternetGateway, &cx.tags));
        let answer = call.send().await.doing("creating EC2 Internet Gateway")?;
        object.set("id", answer.internet_gateway().and_then(|g| g.internet_gateway_id()));
        (cx.checkpoint)(object);
        match object.opt_str("vpc_id") {
            Some(vpc) => attach(aws, object.id(), &vpc, cx.timeouts.of("create")).await,
            None => Ok(()),
        }
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let filters = Some(ec2::tag_filters(&trace.tags)).filter(|filters| !filters.is_empty());
        let pages = aws.ec2().describe_internet_gateways().set_filters(filters).into_paginator().items();
        let all: Result<Vec<InternetGateway>, _> = pages.send().collect().await;
        let all = all.doing("looking for EC2 Internet Gateways")?;
        // It may not have come to be attached.
        let vpc = planned.opt_str("vpc_id");
        let fits =
            |gateway: &&InternetGateway| gateway.attachments().iter().all(|a| a.vpc_id().map(str::to_string) == vpc);
        Ok(Some(ec2::identified(planned, all.iter().filter(fits).filter_map(InternetGateway::internet_gateway_id))))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &["vpc_id"]) {
            return Ok(());
        }
        let limit = cx.timeouts.of("update");
        if let Some(vpc) = prior.opt_str("vpc_id") {
            detach(aws, object.id(), &vpc, limit).await?;
        }
        match object.opt_str("vpc_id") {
            Some(vpc) => attach(aws, object.id(), &vpc, limit).await,
            None => Ok(()),
        }
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
        if let Some(vpc) = object.opt_str("vpc_id") {
            detach(aws, id, &vpc, limit).await?;
        }
        let doing = format!("deleting EC2 Internet Gateway ({id})");
        let call = || async { aws.ec2().delete_internet_gateway().internet_gateway_id(id).send().await.doing(&doing) };
        ignoring(retry_on(limit, &["DependencyViolation"], call).await, GONE)
    }
}

async fn attach(aws: &Aws, id: &str, vpc: &str, limit: Duration) -> Result<(), Failure> {
    let doing = format!("attaching EC2 Internet Gateway ({id}) to EC2 VPC ({vpc})");
    let call = aws.ec2().attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
    retry_on(limit, GONE, || async { call.clone().send().await.doing(&doing) }).await?;
    Wait::new(format!("waiting for EC2 Internet Gateway ({id}) attach"), limit)
        .tolerate(1000)
        .until(|| async {
            Ok(match attachment(aws, id, vpc).await? {
                // An attached gateway is called "available", which the API's list of states does not have.
                Some(state) => Seen::by_state((), &state, &["attaching"], &["available", "attached"]),
                None => Seen::Missing,
            })
        })
        .await
}

/// Refused while the VPC has public addresses in use: those go in their own time.
async fn detach(aws: &Aws, id: &str, vpc: &str, limit: Duration) -> Result<(), Failure> {
    let doing = format!("detaching EC2 Internet Gateway ({id}) from EC2 VPC ({vpc})");
    let call = aws.ec2().detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc);
    let answer = retry_on(limit, &["DependencyViolation"], || async { call.clone().send().await.doing(&doing) }).await;
    ignoring(answer, &["Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"])?;
    Wait::new(format!("waiting for EC2 Internet Gateway ({id}) detach"), limit)
        .until_gone(|| async {
            Ok(match attachment(aws, id, vpc).await? {
                Some(state) => Seen::by_state((), &state, &["available", "attached", "detaching"], &["detached"]),
                None => Seen::Missing,
            })
        })
        .await
}

/// The state of a gateway's attachment to a VPC.
async fn attachment(aws: &Aws, id: &str, vpc: &str) -> Result<Option<String>, Failure> {
    let call = aws.ec2().describe_internet_gateways().internet_gateway_ids(id);
    let answer = match call.send().await.doing(format!("reading EC2 Internet Gateway ({id})")) {
        Err(failure) if failure.is(GONE) => return Ok(None),
        answer => answer?,
    };
    let mut all = answer.internet_gateways().iter().flat_map(InternetGateway::attachments);
    let found = all.find(|a| a.vpc_id() == Some(vpc));
    Ok(found.map(|a| a.state().map_or("available", |s| s.as_str()).to_string()))
}
