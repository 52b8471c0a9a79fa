//! Network interfaces that services leave behind in a subnet or a security group, and that keep it from being deleted.

use std::time::Duration;

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceStatus};
use futures::future::try_join_all;
use infra_provider::Failure;

use crate::Aws;
use crate::ec2::filter;
use crate::error::{Doing, ignoring};
use crate::wait::{Seen, Wait, retry};

/// Lambda takes its time to let go of its interfaces.
const LAMBDA: Duration = Duration::from_secs(45 * 60);
const OTHERS: Duration = Duration::from_secs(10 * 60);
const GONE: &[&str] = &["InvalidNetworkInterfaceID.NotFound"];

/// Removes what Lambda, Comprehend and DMS left. `name` is a filter (`subnet-id`, `group-id`).
pub(crate) async fn remove_lingering(aws: &Aws, name: &str, id: &str, limit: Duration) -> Result<(), Failure> {
    let pages = aws.ec2().describe_network_interfaces().filters(filter(name, [id])).into_paginator();
    let found: Result<Vec<NetworkInterface>, _> = pages.page_size(1000).items().send().collect().await;
    let found = found.doing(format!("reading EC2 Network Interfaces ({id})"))?;
    try_join_all(found.iter().map(|eni| remove(aws, eni, limit))).await?;
    Ok(())
}

async fn remove(aws: &Aws, eni: &NetworkInterface, limit: Duration) -> Result<(), Failure> {
    let id = eni.network_interface_id().unwrap_or_default();
    let description = eni.description().unwrap_or_default();
    let lambda = description.starts_with("AWS Lambda VPC ENI");
    let comprehend = eni.requester_id().is_some_and(|r| r.ends_with(":Comprehend"));
    if !(lambda || comprehend || description == "DMSNetworkInterface") {
        return Ok(());
    }
    let limit = limit.max(if lambda { LAMBDA } else { OTHERS });
    let by_service = eni.attachment().and_then(|a| a.instance_owner_id()) == Some("amazon-aws");
    if lambda && by_service {
        let free = |state: &NetworkInterfaceStatus| *state == NetworkInterfaceStatus::Available;
        wait_for(aws, id, limit, "release", free).await?;
    } else if let Some(attachment) = eni.attachment().and_then(|a| a.attachment_id()) {
        let call = aws.ec2().detach_network_interface().attachment_id(attachment).force(true);
        let answer = call.send().await.doing(format!("detaching EC2 Network Interface ({id})"));
        ignoring(answer, &["InvalidAttachmentID.NotFound"])?;
        let free = |state: &NetworkInterfaceStatus| *state == NetworkInterfaceStatus::Available;
        wait_for(aws, id, limit, "detach", free).await?;
    }
    let doing = format!("deleting EC2 Network Interface ({id})");
    let call = || async { aws.ec2().delete_network_interface().network_interface_id(id).send().await.doing(&doing) };
    ignoring(retry(limit, is_in_use, call).await, GONE)
}

/// Whether an interface is used again: one of Lambda seems free now and then before it is.
fn is_in_use(failure: &Failure) -> bool {
    failure.is(&["InvalidNetworkInterface.InUse"])
        || (failure.is(&["InvalidParameterValue"]) && failure.message.contains("currently in use"))
}

async fn wait_for(
    aws: &Aws,
    id: &str,
    limit: Duration,
    what: &str,
    done: impl Fn(&NetworkInterfaceStatus) -> bool,
) -> Result<(), Failure> {
    Wait::new(format!("waiting for EC2 Network Interface ({id}) {what}"), limit)
        .until_gone(|| async {
            let call = aws.ec2().describe_network_interfaces().filters(filter("network-interface-id", [id]));
            let answer = call.send().await.doing(format!("reading EC2 Network Interface ({id})"))?;
            Ok(match answer.network_interfaces().first().and_then(|eni| eni.status()) {
                Some(status) if done(status) => Seen::Target(()),
                Some(status) => Seen::Pending(status.as_str().to_string()),
                None => Seen::Missing,
            })
        })
        .await
}
