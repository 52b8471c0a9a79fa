//! `aws_appautoscaling_policy`: when a target is scaled.

mod metric;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::operation::put_scaling_policy::builders::PutScalingPolicyFluentBuilder;
use aws_sdk_applicationautoscaling::types::{
    AdjustmentType, MetricAggregationType, PolicyType, ScalableDimension, ScalingPolicy, ServiceNamespace,
    StepAdjustment, StepScalingPolicyConfiguration,
};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::Aws;
use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::ResourceType;
use crate::wait::retry_on;

const KIND: &str = "Application AutoScaling Scaling Policy";
const STEP: &str = "step_scaling_policy_configuration";
const TRACKING: &str = "target_tracking_scaling_policy_configuration";
const POLICIES_PER_CALL: usize = 50;
const PATIENCE: Duration = Duration::from_secs(2 * 60);

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = in_chunks(objects.iter().map(key), POLICIES_PER_CALL, |keys| find(aws, keys)).await;
        let keys: Vec<String> = objects.iter().map(key).collect();
        let one = |(mut object, key): (Object, String)| {
            let Some(policy) = found.get(&key)? else { return Ok(None) };
            fill(&mut object, policy);
            Ok(Some(object))
        };
        objects.into_iter().zip(keys).map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        put(aws, object).await?;
        let name = object.str("name").to_string();
        object.set("id", name);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", planned.str("name"));
        Ok(Some(vec![made]))
    }

    async fn update(
        &self,
        aws: &Aws,
        _prior: &Object,
        object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        put(aws, object).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("name");
        let answer = retry_on(PATIENCE, &["FailedResourceAccessException"], || async {
            let request = aws
                .autoscaling()
                .delete_scaling_policy()
                .policy_name(name)
                .resource_id(object.str("resource_id"))
                .scalable_dimension(ScalableDimension::from(object.str("scalable_dimension")))
                .service_namespace(ServiceNamespace::from(object.str("service_namespace")));
            request.send().await.doing(format!("deleting {KIND} ({name})"))
        });
        ignoring(answer.await, &["ObjectNotFoundException"])
    }
}

/// What tells a policy from others: the name alone does not.
fn key(object: &Object) -> String {
    let part = |name: &str| object.str(name).to_string();
    [part("service_namespace"), part("name"), part("scalable_dimension"), part("resource_id")].join("\n")
}

/// Policies by key: one call for many names of a namespace.
async fn find(aws: &Aws, keys: Vec<String>) -> Result<Vec<(String, ScalingPolicy)>, Failure> {
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in &keys {
        if let [namespace, name, ..] = key.split('\n').collect::<Vec<_>>()[..] {
            let of = names.entry(namespace).or_default();
            if !of.iter().any(|n| n == name) {
                of.push(name.to_string());
            }
        }
    }
    let mut found = Vec::new();
    for (namespace, names) in names {
        let mut token = None;
        loop {
            // AWS looks up the alarms of the policies, and may not be able to at once.
            let answer = retry_on(PATIENCE, &["FailedResourceAccessException"], || async {
                let request = aws
                    .autoscaling()
                    .describe_scaling_policies()
                    .service_namespace(ServiceNamespace::from(namespace))
                    .set_policy_names(Some(names.clone()))
                    .set_next_token(token.clone());
                request.send().await.doing("reading Application AutoScaling Scaling Policies")
            })
            .await?;
            for policy in answer.scaling_policies.unwrap_or_default() {
                let parts =
                    [namespace, policy.policy_name(), policy.scalable_dimension().as_str(), policy.resource_id()];
                found.push((parts.join("\n"), policy));
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

async fn put(aws: &Aws, object: &Object) -> Result<(), Failure> {
    let name = object.str("name");
    let request = request(aws, object)?;
    // The target may just have been registered.
    retry_on(PATIENCE, &["FailedResourceAccessException", "ObjectNotFoundException"], || async {
        request.clone().send().await.doing(format!("putting {KIND} ({name})")).map(|_| ())
    })
    .await
}

fn request(aws: &Aws, object: &Object) -> Result<PutScalingPolicyFluentBuilder, Failure> {
    Ok(aws
        .autoscaling()
        .put_scaling_policy()
        .policy_name(object.str("name"))
        .policy_type(PolicyType::from(object.str("policy_type")))
        .resource_id(object.str("resource_id"))
        .scalable_dimension(ScalableDimension::from(object.str("scalable_dimension")))
        .service_namespace(ServiceNamespace::from(object.str("service_namespace")))
        .set_step_scaling_policy_configuration(object.part(STEP).map(step).transpose()?)
        .set_target_tracking_scaling_policy_configuration(object.part(TRACKING).map(metric::to_api).transpose()?))
}

fn step(part: Part<'_>) -> Result<StepScalingPolicyConfiguration, Failure> {
    let adjustment = |part: Part<'_>| {
        let bound = |name: &str| part.str(name).parse::<f64>().ok();
        StepAdjustment::builder()
            .set_metric_interval_lower_bound(bound("metric_interval_lower_bound"))
            .set_metric_interval_upper_bound(bound("metric_interval_upper_bound"))
            .scaling_adjustment(part.i32("scaling_adjustment"))
            .build()
            .doing("describing a step adjustment")
    };
    let adjustments = part.parts("step_adjustment").into_iter().map(adjustment).collect::<Result<Vec<_>, _>>()?;
    Ok(StepScalingPolicyConfiguration::builder()
        .set_adjustment_type(part.opt_str("adjustment_type").map(|v| AdjustmentType::from(&*v)))
        .cooldown(part.i32("cooldown"))
        .set_metric_aggregation_type(part.opt_str("metric_aggregation_type").map(|v| MetricAggregationType::from(&*v)))
        .set_min_adjustment_magnitude(part.opt_i32("min_adjustment_magnitude"))
        .set_step_adjustments(Some(adjustments))
        .build())
}

fn fill(object: &mut Object, policy: &ScalingPolicy) {
    let alarms: Vec<String> = policy.alarms().iter().map(|alarm| alarm.alarm_arn().to_string()).collect();
    object.set("alarm_arns", alarms);
    object.set("arn", policy.policy_arn());
    object.set("name", policy.policy_name());
    object.set("policy_type", policy.policy_type().as_str());
    object.set("resource_id", policy.resource_id());
    object.set("scalable_dimension", policy.scalable_dimension().as_str());
    object.set("service_namespace", policy.service_namespace().as_str());
    object.set(STEP, policy.step_scaling_policy_configuration().map(|step| vec![step_value(step)]));
    let tracking = policy.target_tracking_scaling_policy_configuration();
    object.set(TRACKING, tracking.map(|tracking| vec![metric::from_api(tracking)]));
}

fn step_value(step: &StepScalingPolicyConfiguration) -> [(&'static str, Option<Value>); 5] {
    let adjustment = |adjustment: &StepAdjustment| {
        let bound = |bound: Option<f64>| bound.map(|n| Value::from(shortest(n)));
        [
            ("metric_interval_lower_bound", bound(adjustment.metric_interval_lower_bound())),
            ("metric_interval_upper_bound", bound(adjustment.metric_interval_upper_bound())),
            ("scaling_adjustment", Some(Value::from(adjustment.scaling_adjustment()))),
        ]
    };
    let adjustments: Vec<_> = step.step_adjustments().iter().map(adjustment).collect();
    [
        ("adjustment_type", step.adjustment_type().map(|v| Value::from(v.as_str()))),
        ("cooldown", step.cooldown().map(Value::from)),
        ("metric_aggregation_type", step.metric_aggregation_type().map(|v| Value::from(v.as_str()))),
        ("min_adjustment_magnitude", step.min_adjustment_magnitude().map(Value::from)),
        ("step_adjustment", adjustments.into_attribute()),
    ]
}

/// A number in its shortest form, with an exponent where C's `%g` has one.
fn shortest(n: f64) -> String {
    let magnitude = n.abs();
    if n == 0.0 || (1e-4..1e21).contains(&magnitude) {
        return format!("{n}");
    }
    let text = format!("{n:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_have_their_shortest_form() {
        for (n, wanted) in [(0.0, "0"), (10.0, "10"), (-0.5, "-0.5"), (0.00001, "1e-05"), (1e22, "1e+22")] {
            assert_eq!(shortest(n), wanted);
        }
    }
}
