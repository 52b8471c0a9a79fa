//! `aws_lb_listener_rule`: rules of listeners.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig, PathPatternConditionConfig,
    QueryStringConditionConfig, QueryStringKeyValuePair, Rule, RuleCondition, RulePriorityPair,
    SourceIpConditionConfig,
};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::Aws;
use crate::elb::{self, NOT_FOUND, action};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::retry_on;

const KIND: &str = "ELBv2 Listener Rule";
const ACTIONS: &str = "action";
/// What stands for `default` in the configuration.
const DEFAULT_PRIORITY: i32 = 99999;
const CONDITIONS: [&str; 6] =
    ["host_header", "http_header", "http_request_method", "path_pattern", "query_string", "source_ip"];

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let arns: Vec<String> = objects.iter().map(|o| o.id().to_string()).collect();
        let (found, tags) = tokio::join!(elb::look_up(arns, |arns| describe(aws, arns)), elb::tags(aws, &objects));
        let one = |mut object: Object| {
            let arn = object.id().to_string();
            let Some(rule) = found.get(&arn)? else { return Ok(None) };
            fill(&mut object, rule);
            object.set("tags_all", tags.of(&object)?);
            Ok(Some(object))
        };
        objects.into_iter().map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let doing = format!("creating {KIND}");
        let listener = object.str("listener_arn").to_string();
        action::as_written(object, ACTIONS, cx.config);
        let request = aws
            .elb()
            .create_rule()
            .listener_arn(&listener)
            .set_actions(Some(action::to_api(object, ACTIONS)))
            .set_conditions(Some(conditions(object)?));
        let priority = object.opt_i32("priority");
        let arn = elb::created_with_tags(aws, KIND, &cx.tags, |tags| {
            let request = request.clone().set_tags(tags);
            let (doing, listener) = (&doing, &listener);
            async move {
                // Without a priority it goes last; another rule may take that place first.
                let patience = if priority.is_some() { Duration::ZERO } else { Duration::from_secs(5 * 60) };
                let create = || async {
                    let priority = match priority {
                        Some(priority) => priority,
                        None => highest_priority(aws, listener).await? + 1,
                    };
                    request.clone().priority(priority).send().await.doing(doing.clone())
                };
                let answer = retry_on(patience, &["PriorityInUse"], create).await?;
                let arn = answer.rules().first().and_then(Rule::rule_arn);
                arn.map(str::to_string).ok_or_else(|| Failure::new(doing.clone(), "empty answer"))
            }
        })
        .await?;
        object.set("id", &*arn);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let listener = planned.str("listener_arn");
        let all = match rules_of(aws, listener).await {
            Err(failure) if failure.is(&["ListenerNotFound"]) => return Ok(Some(Vec::new())),
            all => all?,
        };
        // A priority is taken once; without one it is the conditions that tell.
        let wanted = planned.opt_i32("priority").map(|priority| priority.to_string());
        let same = all.iter().filter(|rule| match &wanted {
            Some(priority) => rule.priority() == Some(priority),
            None => {
                let mut read = planned.clone();
                fill(&mut read, rule);
                rule.is_default() != Some(true) && read.raw("condition") == planned.raw("condition")
            }
        });
        let made = same.filter_map(Rule::rule_arn).map(|arn| {
            let mut made = planned.clone();
            made.set("id", arn);
            made.set("arn", arn);
            made
        });
        Ok(Some(made.collect()))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id().to_string();
        action::as_written(object, ACTIONS, cx.config);
        if changed(prior, object, &["priority"]) {
            let pair = RulePriorityPair::builder().rule_arn(&arn).priority(object.i32("priority")).build();
            let answer = aws.elb().set_rule_priorities().rule_priorities(pair).send().await;
            answer.doing(format!("setting {KIND} ({arn}) priority"))?;
        }
        if changed(prior, object, &[ACTIONS, "condition"]) {
            let mut request = aws.elb().modify_rule().rule_arn(&arn);
            if changed(prior, object, &[ACTIONS]) {
                request = request.set_actions(Some(action::to_api(object, ACTIONS)));
            }
            if changed(prior, object, &["condition"]) {
                request = request.set_conditions(Some(conditions(object)?));
            }
            request.send().await.doing(format!("modifying {KIND} ({arn})"))?;
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
        elb::change_tags(aws, KIND, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let answer = aws.elb().delete_rule().rule_arn(arn).send().await;
        ignoring(answer.doing(format!("deleting {KIND} ({arn})")), &NOT_FOUND)
    }
}

async fn describe(aws: &Aws, arns: Vec<String>) -> Result<Vec<(String, Rule)>, Failure> {
    let answer = aws.elb().describe_rules().set_rule_arns(Some(arns)).send().await;
    let found = answer.doing("reading ELBv2 Listener Rules")?.rules.unwrap_or_default();
    Ok(found.into_iter().filter_map(|rule| Some((rule.rule_arn()?.to_string(), rule))).collect())
}

/// The highest priority of a listener's rules, the default rule aside; 0 if there is no other.
async fn highest_priority(aws: &Aws, listener: &str) -> Result<i32, Failure> {
    let all = rules_of(aws, listener).await?;
    Ok(all.iter().filter_map(|rule| rule.priority()?.parse::<i32>().ok()).fold(0, i32::max))
}

async fn rules_of(aws: &Aws, listener: &str) -> Result<Vec<Rule>, Failure> {
    let pages = aws.elb().describe_rules().listener_arn(listener).into_paginator().items();
    let all: Result<Vec<Rule>, _> = pages.send().collect().await;
    all.doing(format!("reading {KIND}s of {listener}"))
}

fn conditions(object: &Object) -> Result<Vec<RuleCondition>, Failure> {
    object.parts("condition").into_iter().map(condition).collect()
}

fn condition(part: Part<'_>) -> Result<RuleCondition, Failure> {
    let names = CONDITIONS.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
    let given: Vec<&str> = CONDITIONS.into_iter().filter(|name| !part.parts(name).is_empty()).collect();
    let doing = "describing a condition of a listener rule";
    let name = match given[..] {
        [name] => name,
        [] => return Err(Failure::new(doing, format!("One of {names} must be set in a condition block"))),
        _ => return Err(Failure::new(doing, format!("Only one of {names} can be set in a condition block"))),
    };
    let condition = RuleCondition::builder().field(name.replace('_', "-"));
    let inner = part.part(name);
    let values = Some(inner.map(|p| p.strings("values")).unwrap_or_default());
    Ok(match name {
        "host_header" => condition.host_header_config(HostHeaderConditionConfig::builder().set_values(values).build()),
        "http_header" => condition.http_header_config(
            HttpHeaderConditionConfig::builder()
                .set_http_header_name(inner.and_then(|p| p.opt_str("http_header_name")))
                .set_values(values)
                .build(),
        ),
        "http_request_method" => {
            let config = HttpRequestMethodConditionConfig::builder().set_values(values).build();
            condition.http_request_method_config(config)
        }
        "path_pattern" => {
            condition.path_pattern_config(PathPatternConditionConfig::builder().set_values(values).build())
        }
        "query_string" => {
            let pair = |p: Part<'_>| {
                QueryStringKeyValuePair::builder().set_key(p.opt_str("key")).value(p.str("value")).build()
            };
            let pairs = part.parts("query_string").into_iter().map(pair).collect();
            condition.query_string_config(QueryStringConditionConfig::builder().set_values(Some(pairs)).build())
        }
        _ => condition.source_ip_config(SourceIpConditionConfig::builder().set_values(values).build()),
    }
    .build())
}

fn fill(object: &mut Object, rule: &Rule) {
    let arn = rule.rule_arn().unwrap_or("");
    object.set("arn", arn);
    object.set("listener_arn", listener_of(arn));
    let priority = match rule.priority() {
        Some("default") => DEFAULT_PRIORITY,
        other => other.and_then(|text| text.parse().ok()).unwrap_or(0),
    };
    object.set("priority", priority);
    action::fill(object, ACTIONS, rule.actions(), false);
    object.set("condition", Value::tuple(rule.conditions().iter().map(condition_value)));
}

/// The listener of a rule, from the rule's ARN.
fn listener_of(arn: &str) -> String {
    let listener = arn.replacen("listener-rule", "listener", 1);
    listener.rsplit_once('/').map_or(String::new(), |(listener, _)| listener.to_string())
}

fn condition_value(condition: &RuleCondition) -> Value {
    let values = |values: &[String]| vec![[("values", values.into_attribute())]].into_attribute();
    let old_values = || values(condition.values());
    let (name, value) = match condition.field().unwrap_or("") {
        "host-header" => {
            ("host_header", condition.host_header_config().map_or_else(old_values, |c| values(c.values())))
        }
        "path-pattern" => {
            ("path_pattern", condition.path_pattern_config().map_or_else(old_values, |c| values(c.values())))
        }
        "http-header" => {
            let config = condition.http_header_config();
            let header = vec![[
                ("http_header_name", config.and_then(|c| c.http_header_name()).map(Value::from)),
                ("values", config.map(|c| c.values()).unwrap_or_default().into_attribute()),
            ]];
            ("http_header", header.into_attribute())
        }
        "http-request-method" => {
            let config = condition.http_request_method_config();
            ("http_request_method", values(config.map(|c| c.values()).unwrap_or_default()))
        }
        "query-string" => {
            let config = condition.query_string_config();
            let pair = |p: &QueryStringKeyValuePair| {
                [("key", p.key().map(Value::from)), ("value", p.value().map(Value::from))]
            };
            let pairs: Vec<_> = config.map(|c| c.values()).unwrap_or_default().iter().map(pair).collect();
            ("query_string", pairs.into_attribute())
        }
        "source-ip" => ("source_ip", values(condition.source_ip_config().map(|c| c.values()).unwrap_or_default())),
        _ => return Value::object::<&str>([]),
    };
    Value::object(value.map(|value| (name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_tells_its_listener() {
        let rule = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/web/50d/f2f/9683";
        let listener = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50d/f2f";
        assert_eq!(listener_of(rule), listener);
    }
}
