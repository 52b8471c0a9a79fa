//! `aws_lb_target_group_attachment`: a target of a group.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealthDescription, TargetHealthReasonEnum};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::ResourceType;
use crate::wait::retry_on;

const KIND: &str = "ELBv2 Target Group";

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    /// One call a group tells all its targets.
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let groups = objects.iter().map(|o| o.str("target_group_arn").to_string());
        let health = in_chunks(groups, 1, |groups| async move {
            let group = groups.into_iter().next().unwrap_or_default();
            let answer = aws.elb().describe_target_health().target_group_arn(&group).send().await;
            match answer.doing(format!("reading {KIND} ({group}) targets")) {
                Err(failure) if failure.is(&["TargetGroupNotFound", "InvalidTarget"]) => Ok(Vec::new()),
                answer => Ok(vec![(group, answer?.target_health_descriptions.unwrap_or_default())]),
            }
        })
        .await;
        let one = |object: Object| {
            let Some(targets) = health.get(object.str("target_group_arn"))? else { return Ok(None) };
            let mine: Vec<_> =
                targets.iter().filter(|target| is_registered(target) && is_same(target, &object)).collect();
            match mine.len() {
                0 => Ok(None),
                1 => Ok(Some(object)),
                n => Err(Failure::new(
                    format!("reading {KIND} Attachment ({})", object.id()),
                    format!("too many results: the target is registered {n} times, and no port tells them apart"),
                )),
            }
        };
        objects.into_iter().map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let group = object.str("target_group_arn").to_string();
        // A new instance or address is not a valid target at once.
        retry_on(Duration::from_secs(10 * 60), &["InvalidTarget"], || async {
            let request = aws.elb().register_targets().target_group_arn(&group).targets(target(object));
            request.send().await.doing(format!("registering {KIND} ({group}) target"))
        })
        .await?;
        object.set("id", crate::ids::made(&format!("{group}-"), &cx.token));
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", crate::ids::made(&format!("{}-", planned.str("target_group_arn")), &trace.token));
        Ok(Some(vec![made]))
    }

    fn reads_back(&self) -> bool {
        false
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let group = object.str("target_group_arn");
        let request = aws.elb().deregister_targets().target_group_arn(group).targets(target(object));
        let answer = request.send().await.doing(format!("deregistering {KIND} ({group}) target"));
        ignoring(answer, &["LoadBalancerNotFound", "TargetGroupNotFound"])
    }
}

fn target(object: &Object) -> TargetDescription {
    TargetDescription::builder()
        .id(object.str("target_id"))
        .set_availability_zone(object.opt_str("availability_zone"))
        .set_port(object.opt_i32("port"))
        .build()
}

fn is_registered(target: &TargetHealthDescription) -> bool {
    let reason = target.target_health().and_then(|health| health.reason());
    !matches!(reason, Some(TargetHealthReasonEnum::DeregistrationInProgress | TargetHealthReasonEnum::NotRegistered))
}

fn is_same(target: &TargetHealthDescription, object: &Object) -> bool {
    let Some(target) = target.target() else { return false };
    let port = object.opt_i32("port");
    target.id() == Some(object.str("target_id")) && (port.is_none() || target.port() == port)
}
