//! Target tracking: a metric that is to be held at a value.

use aws_sdk_applicationautoscaling::types::{
    CustomizedMetricSpecification, MetricDimension, MetricStatistic, MetricType, PredefinedMetricSpecification,
    TargetTrackingMetric, TargetTrackingMetricDataQuery, TargetTrackingMetricDimension, TargetTrackingMetricStat,
    TargetTrackingScalingPolicyConfiguration,
};
use infra_provider::{Failure, IntoAttribute, Part};
use infra_value::Value;

use crate::error::Doing;

const DOING: &str = "describing a metric";

pub(super) fn to_api(part: Part<'_>) -> Result<TargetTrackingScalingPolicyConfiguration, Failure> {
    let predefined = |part: Part<'_>| {
        PredefinedMetricSpecification::builder()
            .predefined_metric_type(MetricType::from(part.str("predefined_metric_type")))
            .set_resource_label(part.opt_str("resource_label"))
            .build()
            .doing(DOING)
    };
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(part.f64("target_value"))
        .disable_scale_in(part.bool("disable_scale_in"))
        .scale_in_cooldown(part.i32("scale_in_cooldown"))
        .scale_out_cooldown(part.i32("scale_out_cooldown"))
        .set_customized_metric_specification(part.part("customized_metric_specification").map(customized).transpose()?)
        .set_predefined_metric_specification(part.part("predefined_metric_specification").map(predefined).transpose()?)
        .build()
        .doing(DOING)
}

fn customized(part: Part<'_>) -> Result<CustomizedMetricSpecification, Failure> {
    let dimension = |part: Part<'_>| {
        MetricDimension::builder().name(part.str("name")).value(part.str("value")).build().doing(DOING)
    };
    let dimensions = part.parts("dimensions").into_iter().map(dimension).collect::<Result<Vec<_>, _>>()?;
    let queries = part.parts("metrics").into_iter().map(query).collect::<Result<Vec<_>, _>>()?;
    Ok(CustomizedMetricSpecification::builder()
        .set_metric_name(part.opt_str("metric_name"))
        .set_namespace(part.opt_str("namespace"))
        .set_statistic(part.opt_str("statistic").map(|v| MetricStatistic::from(&*v)))
        .set_unit(part.opt_str("unit"))
        .set_dimensions(Some(dimensions).filter(|all| !all.is_empty()))
        .set_metrics(Some(queries).filter(|all| !all.is_empty()))
        .build())
}

fn query(part: Part<'_>) -> Result<TargetTrackingMetricDataQuery, Failure> {
    TargetTrackingMetricDataQuery::builder()
        .id(part.str("id"))
        .set_expression(part.opt_str("expression"))
        .set_label(part.opt_str("label"))
        .set_metric_stat(part.part("metric_stat").map(stat).transpose()?)
        .set_return_data(part.opt_bool("return_data"))
        .build()
        .doing(DOING)
}

fn stat(part: Part<'_>) -> Result<TargetTrackingMetricStat, Failure> {
    let dimension = |part: Part<'_>| {
        TargetTrackingMetricDimension::builder().name(part.str("name")).value(part.str("value")).build().doing(DOING)
    };
    let metric = |part: Part<'_>| -> Result<TargetTrackingMetric, Failure> {
        let dimensions = part.parts("dimensions").into_iter().map(dimension).collect::<Result<Vec<_>, _>>()?;
        Ok(TargetTrackingMetric::builder()
            .metric_name(part.str("metric_name"))
            .namespace(part.str("namespace"))
            .set_dimensions(Some(dimensions).filter(|all| !all.is_empty()))
            .build())
    };
    TargetTrackingMetricStat::builder()
        .stat(part.str("stat"))
        .set_unit(part.opt_str("unit"))
        .set_metric(part.part("metric").map(metric).transpose()?)
        .build()
        .doing(DOING)
}

pub(super) fn from_api(tracking: &TargetTrackingScalingPolicyConfiguration) -> [(&'static str, Option<Value>); 6] {
    let predefined = tracking.predefined_metric_specification().map(|metric| {
        vec![[
            ("predefined_metric_type", Some(Value::from(metric.predefined_metric_type().as_str()))),
            ("resource_label", metric.resource_label().map(Value::from)),
        ]]
    });
    let customized = tracking.customized_metric_specification().map(|metric| vec![customized_value(metric)]);
    [
        ("customized_metric_specification", customized.into_attribute()),
        ("disable_scale_in", tracking.disable_scale_in().map(Value::from)),
        ("predefined_metric_specification", predefined.into_attribute()),
        ("scale_in_cooldown", tracking.scale_in_cooldown().map(Value::from)),
        ("scale_out_cooldown", tracking.scale_out_cooldown().map(Value::from)),
        ("target_value", tracking.target_value().into_attribute()),
    ]
}

fn customized_value(metric: &CustomizedMetricSpecification) -> [(&'static str, Option<Value>); 6] {
    let dimension =
        |d: &MetricDimension| [("name", Some(Value::from(d.name()))), ("value", Some(Value::from(d.value())))];
    [
        ("dimensions", metric.dimensions().iter().map(dimension).collect::<Vec<_>>().into_attribute()),
        ("metric_name", metric.metric_name().map(Value::from)),
        ("metrics", metric.metrics().iter().map(query_value).collect::<Vec<_>>().into_attribute()),
        ("namespace", metric.namespace().map(Value::from)),
        ("statistic", metric.statistic().map(|v| Value::from(v.as_str()))),
        ("unit", metric.unit().map(Value::from)),
    ]
}

fn query_value(query: &TargetTrackingMetricDataQuery) -> [(&'static str, Option<Value>); 5] {
    let stat = query.metric_stat().map(|stat| {
        let metric = stat.metric().map(|metric| {
            let dimensions = metric
                .dimensions()
                .iter()
                .map(|d| [("name", Some(Value::from(d.name()))), ("value", Some(Value::from(d.value())))]);
            vec![[
                ("dimensions", dimensions.collect::<Vec<_>>().into_attribute()),
                ("metric_name", metric.metric_name().map(Value::from)),
                ("namespace", metric.namespace().map(Value::from)),
            ]]
        });
        vec![[
            ("metric", metric.into_attribute()),
            ("stat", Some(Value::from(stat.stat()))),
            ("unit", stat.unit().map(Value::from)),
        ]]
    });
    [
        ("expression", query.expression().map(Value::from)),
        ("id", Some(Value::from(query.id()))),
        ("label", query.label().map(Value::from)),
        ("metric_stat", stat.into_attribute()),
        ("return_data", query.return_data().map(Value::from)),
    ]
}
