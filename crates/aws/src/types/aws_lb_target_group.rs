//! `aws_lb_target_group`: groups of targets of load balancers.

mod attributes;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::operation::create_target_group::builders::CreateTargetGroupFluentBuilder;
use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup, TargetGroupAttribute, TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part, Token};
use infra_value::Value;

use crate::Aws;
use crate::batch::Answers;
use crate::elb::{self, NOT_FOUND, TagsOf};
use crate::error::Doing;
use crate::resource::{ResourceType, changed};
use crate::wait::{PROPAGATION, Seen, Wait, retry};

const KIND: &str = "ELBv2 Target Group";

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let arns: Vec<String> = objects.iter().map(|o| o.id().to_string()).collect();
        let (found, tags) = tokio::join!(elb::look_up(arns, |arns| describe(aws, arns)), elb::tags(aws, &objects));
        let reads = objects.into_iter().map(|object| read_one(aws, object, &found, &tags));
        stream::iter(reads).buffered(elb::AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = name_of(object, &cx.token);
        let doing = format!("creating {KIND} ({name})");
        refuse_existing(aws, &name).await?;
        let arn = elb::created_with_tags(aws, KIND, &cx.tags, |tags| {
            let request = create_request(aws, object, &name).set_tags(tags);
            async {
                let answer = request.send().await.doing(doing.clone())?;
                let arn = answer.target_groups().first().and_then(TargetGroup::target_group_arn);
                arn.map(str::to_string).ok_or_else(|| Failure::new(doing.clone(), "empty answer"))
            }
        })
        .await?;
        object.set("id", &*arn);
        (cx.checkpoint)(object);
        let wait = Wait::new(format!("waiting for {KIND} ({arn}) create"), PROPAGATION).tolerate(u32::MAX - 1);
        wait.until(|| async {
            let found = elb::look_up([arn.clone()], |arns| describe(aws, arns)).await;
            Ok(if found.get(&arn)?.is_some() { Seen::Target(()) } else { Seen::Missing })
        })
        .await?;
        modify(aws, &arn, attributes::of_new(object)).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let name = name_of(planned, &trace.token);
        let answer =
            aws.elb().describe_target_groups().names(&name).send().await.doing(format!("reading {KIND} ({name})"));
        let found = match answer {
            Err(failure) if failure.is(&["TargetGroupNotFound"]) => return Ok(Some(Vec::new())),
            answer => answer?.target_groups.unwrap_or_default(),
        };
        let made = found.iter().filter_map(TargetGroup::target_group_arn).map(|arn| {
            let mut made = planned.clone();
            made.set("id", arn);
            made.set("arn", arn);
            made.set("name", &*name);
            made
        });
        Ok(Some(made.collect()))
    }

    fn is_completed_with_tags(&self, prior: &Object) -> bool {
        attributes::has_untold(prior)
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id().to_string();
        if let Some(check) = object.part("health_check").filter(|_| changed(prior, object, &["health_check"])) {
            let lambda = object.str("target_type") == "lambda";
            let tcp = check.str("protocol") == "TCP";
            let mut request = aws
                .elb()
                .modify_target_group()
                .target_group_arn(&arn)
                .health_check_enabled(check.bool("enabled"))
                .health_check_interval_seconds(check.i32("interval"))
                .healthy_threshold_count(check.i32("healthy_threshold"))
                .unhealthy_threshold_count(check.i32("unhealthy_threshold"))
                .set_health_check_timeout_seconds(check.opt_i32("timeout"));
            if !tcp {
                request = request.matcher(matcher(object, check)).health_check_path(check.str("path"));
            }
            if !lambda {
                request = request
                    .health_check_port(check.str("port"))
                    .health_check_protocol(ProtocolEnum::from(check.str("protocol")));
            }
            request.send().await.doing(format!("modifying {KIND} ({arn})"))?;
        }
        modify(aws, &arn, attributes::of_changed(prior, object)).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        elb::change_tags(aws, KIND, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let in_use = |failure: &Failure| {
            failure.is(&["ResourceInUse"]) && failure.message.contains("is currently in use by a listener or a rule")
        };
        let answer = retry(Duration::from_secs(2 * 60), in_use, || async {
            let answer = aws.elb().delete_target_group().target_group_arn(arn).send().await;
            answer.doing(format!("deleting {KIND} ({arn})"))
        });
        crate::error::ignoring(answer.await, &NOT_FOUND)
    }
}

fn create_request(aws: &Aws, object: &Object, name: &str) -> CreateTargetGroupFluentBuilder {
    let target_type = object.str("target_type");
    let lambda = target_type == "lambda";
    let mut request = aws.elb().create_target_group().name(name).target_type(TargetTypeEnum::from(target_type));
    if !lambda {
        let protocol = object.str("protocol");
        request = request
            .port(object.i32("port"))
            .protocol(ProtocolEnum::from(protocol))
            .set_vpc_id(object.opt_str("vpc_id"));
        if matches!(protocol, "HTTP" | "HTTPS") {
            request = request.set_protocol_version(object.opt_str("protocol_version"));
        }
        if matches!(target_type, "instance" | "ip") {
            let kind = object.opt_str("ip_address_type").map(|v| TargetGroupIpAddressTypeEnum::from(&*v));
            request = request.set_ip_address_type(kind);
        }
    }
    let Some(check) = object.part("health_check") else { return request };
    request = request
        .health_check_enabled(check.bool("enabled"))
        .health_check_interval_seconds(check.i32("interval"))
        .healthy_threshold_count(check.i32("healthy_threshold"))
        .unhealthy_threshold_count(check.i32("unhealthy_threshold"))
        .set_health_check_timeout_seconds(check.opt_i32("timeout"));
    if check.str("protocol") != "TCP" {
        request = request.set_health_check_path(check.opt_str("path"));
        if !check.str("matcher").is_empty() {
            request = request.matcher(matcher(object, check));
        }
    }
    if !lambda {
        request = request
            .set_health_check_port(check.opt_str("port"))
            .set_health_check_protocol(check.opt_str("protocol").map(|p| ProtocolEnum::from(&*p)));
    }
    request
}

fn matcher(object: &Object, check: Part<'_>) -> Matcher {
    match object.str("protocol_version") {
        "GRPC" => Matcher::builder().grpc_code(check.str("matcher")).build(),
        _ => Matcher::builder().http_code(check.str("matcher")).build(),
    }
}

/// The API would silently give back a group that is there already.
async fn refuse_existing(aws: &Aws, name: &str) -> Result<(), Failure> {
    let doing = format!("creating {KIND} ({name})");
    match aws.elb().describe_target_groups().names(name).send().await.doing(doing.clone()) {
        Err(failure) if failure.is(&NOT_FOUND) => Ok(()),
        Err(failure) => Err(failure),
        Ok(answer) if !answer.target_groups().is_empty() => {
            Err(Failure::new(doing, format!("{KIND} ({name}) already exists")))
        }
        Ok(_) => Ok(()),
    }
}

async fn describe(aws: &Aws, arns: Vec<String>) -> Result<Vec<(String, TargetGroup)>, Failure> {
    let answer = aws.elb().describe_target_groups().set_target_group_arns(Some(arns)).send().await;
    let found = answer.doing("reading ELBv2 Target Groups")?.target_groups.unwrap_or_default();
    Ok(found.into_iter().filter_map(|group| Some((group.target_group_arn()?.to_string(), group))).collect())
}

async fn modify(aws: &Aws, arn: &str, attributes: Vec<(String, String)>) -> Result<(), Failure> {
    elb::modify_attributes(attributes, |attributes| async move {
        let attributes = attributes.into_iter().map(|(k, v)| TargetGroupAttribute::builder().key(k).value(v).build());
        let request = aws.elb().modify_target_group_attributes().target_group_arn(arn);
        let answer = request.set_attributes(Some(attributes.collect())).send().await;
        answer.doing(format!("modifying {KIND} ({arn}) attributes")).map(|_| ())
    })
    .await
}

async fn read_one(
    aws: &Aws,
    mut object: Object,
    found: &Answers<TargetGroup>,
    tags: &TagsOf,
) -> Result<Option<Object>, Failure> {
    let arn = object.id().to_string();
    let Some(group) = found.get(&arn)? else { return Ok(None) };
    let answer = aws.elb().describe_target_group_attributes().target_group_arn(&arn).send().await;
    let attributes = match answer.doing(format!("reading {KIND} ({arn}) attributes")) {
        Err(failure) if failure.is(&NOT_FOUND) => return Ok(None),
        answer => answer?.attributes.unwrap_or_default(),
    };
    let attributes: BTreeMap<String, String> =
        attributes.into_iter().filter_map(|a| Some((a.key?, a.value.unwrap_or_default()))).collect();
    fill(&mut object, group);
    attributes::fill(&mut object, &attributes);
    object.set("tags_all", tags.of(&object)?);
    Ok(Some(object))
}

fn fill(object: &mut Object, group: &TargetGroup) {
    let arn = group.target_group_arn().unwrap_or("");
    let name = group.target_group_name().unwrap_or("");
    object.set("arn", arn);
    object.set("arn_suffix", arn.rsplit(':').next().unwrap_or(""));
    object.set("ip_address_type", group.ip_address_type().map(TargetGroupIpAddressTypeEnum::as_str));
    object.set("load_balancer_arns", group.load_balancer_arns());
    object.set("name", name);
    object.set("name_prefix", crate::ids::prefix_of(name));
    object.set("target_type", group.target_type().map(TargetTypeEnum::as_str));
    // What a group for functions does not have stays unset.
    if group.port().is_some() || object.int("port") != 0 {
        object.set("port", group.port());
    }
    if group.protocol().is_some() || !object.str("protocol").is_empty() {
        object.set("protocol", group.protocol().map(ProtocolEnum::as_str));
    }
    if group.protocol_version().is_some() || !object.str("protocol_version").is_empty() {
        object.set("protocol_version", group.protocol_version());
    }
    if group.vpc_id().is_some() || !object.str("vpc_id").is_empty() {
        object.set("vpc_id", group.vpc_id());
    }
    let matcher = group.matcher().and_then(|m| m.http_code().or_else(|| m.grpc_code()));
    object.set(
        "health_check",
        vec![[
            ("enabled", group.health_check_enabled().map(Value::from)),
            ("healthy_threshold", group.healthy_threshold_count().map(Value::from)),
            ("interval", group.health_check_interval_seconds().map(Value::from)),
            ("matcher", matcher.map(Value::from)),
            ("path", group.health_check_path().map(Value::from)),
            ("port", group.health_check_port().map(Value::from)),
            ("protocol", group.health_check_protocol().map(|p| Value::from(p.as_str()))),
            ("timeout", group.health_check_timeout_seconds().map(Value::from)),
            ("unhealthy_threshold", group.unhealthy_threshold_count().map(Value::from)),
        ]],
    );
}

/// The name given, or one that is made.
fn name_of(object: &Object, token: &Token) -> String {
    crate::ids::name_or("tf-", object.str("name"), object.str("name_prefix"), token)
}
