//! `aws_cloudwatch_metric_alarm` on the CloudWatch API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat, StandardUnit,
    Statistic, Tag,
};
use futures::future::join_all;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::ResourceType;
use crate::tags::{self, Tags};
use crate::{Aws, tagging};

pub(crate) struct Api;

const GONE: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];
const PAGE: usize = 100;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let names = objects.iter().map(|o| o.id().to_string());
        let (found, unchanged) =
            tokio::join!(in_chunks(names, PAGE, |names| alarms(aws, names)), tagging::unchanged(aws, &objects));
        join_all(objects.into_iter().map(|mut object| async {
            let Some(alarm) = found.get(object.id())? else { return Ok(None) };
            let arn = alarm.alarm_arn().unwrap_or_default();
            match unchanged.tags(&object, || tags_of(aws, arn)).await {
                Ok(tags) => object.set("tags_all", tags),
                Err(failure) if failure.is(GONE) => return Ok(None),
                Err(failure) => return Err(failure),
            }
            fill(&mut object, alarm);
            Ok(Some(object))
        }))
        .await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("alarm_name").to_string();
        let call = request(aws, object).set_tags(sdk_tags(&cx.tags));
        call.send().await.doing(format!("creating CloudWatch Metric Alarm ({name})"))?;
        object.set("id", name);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", planned.str("alarm_name"));
        Ok(Some(vec![made]))
    }

    async fn update(
        &self,
        aws: &Aws,
        _prior: &Object,
        object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        request(aws, object).send().await.doing(format!("updating CloudWatch Metric Alarm ({})", object.id()))?;
        Ok(())
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let arn = object.str("arn");
        let doing = || format!("updating tags of CloudWatch Metric Alarm ({arn})");
        let keys = tags::removed(remove, put);
        if !keys.is_empty() {
            let call = aws.cloudwatch().untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
            call.send().await.doing(doing())?;
        }
        if let Some(tags) = sdk_tags(put) {
            aws.cloudwatch().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.doing(doing())?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.id();
        let call = aws.cloudwatch().delete_alarms().alarm_names(name);
        ignoring(call.send().await.doing(format!("deleting CloudWatch Metric Alarm ({name})")), GONE)
    }
}

async fn alarms(aws: &Aws, names: Vec<String>) -> Result<Vec<(String, MetricAlarm)>, Failure> {
    let call = aws.cloudwatch().describe_alarms().set_alarm_names(Some(names));
    let call = call.alarm_types(AlarmType::MetricAlarm).max_records(100);
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let pages = pages.doing("reading CloudWatch Metric Alarms")?;
    let found = pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default());
    Ok(found.filter_map(|alarm| Some((alarm.alarm_name()?.to_string(), alarm))).collect())
}

/// Creates the alarm or makes it as it has to be: the API has one call for both.
fn request(aws: &Aws, object: &Object) -> PutMetricAlarmFluentBuilder {
    let some = |texts: Vec<String>| Some(texts).filter(|texts| !texts.is_empty());
    let call = aws
        .cloudwatch()
        .put_metric_alarm()
        .alarm_name(object.str("alarm_name"))
        .actions_enabled(object.bool("actions_enabled"))
        .comparison_operator(ComparisonOperator::from(object.str("comparison_operator")))
        .evaluation_periods(object.i32("evaluation_periods"))
        .treat_missing_data(object.str("treat_missing_data"))
        .set_alarm_actions(some(object.strings("alarm_actions")))
        .set_alarm_description(object.opt_str("alarm_description"))
        .set_datapoints_to_alarm(object.opt_i32("datapoints_to_alarm"))
        .set_dimensions(dimensions(&object.map("dimensions")))
        .set_evaluate_low_sample_count_percentile(object.opt_str("evaluate_low_sample_count_percentiles"))
        .set_extended_statistic(object.opt_str("extended_statistic"))
        .set_insufficient_data_actions(some(object.strings("insufficient_data_actions")))
        .set_metric_name(object.opt_str("metric_name"))
        .set_metrics(queries(object))
        .set_namespace(object.opt_str("namespace"))
        .set_ok_actions(some(object.strings("ok_actions")))
        .set_period(object.opt_i32("period"))
        .set_statistic(object.opt_str("statistic").map(|s| Statistic::from(s.as_str())))
        .set_unit(unit(object.opt_str("unit")));
    match object.opt_str("threshold_metric_id") {
        Some(id) => call.threshold_metric_id(id),
        None => call.threshold(object.f64("threshold")),
    }
}

fn unit(unit: Option<String>) -> Option<StandardUnit> {
    unit.map(|unit| StandardUnit::from(unit.as_str()))
}

fn dimensions(pairs: &BTreeMap<String, String>) -> Option<Vec<Dimension>> {
    let all = pairs.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    Some(all.collect::<Vec<_>>()).filter(|all| !all.is_empty())
}

fn queries(object: &Object) -> Option<Vec<MetricDataQuery>> {
    let parts = object.parts("metric_query").into_iter().filter(|part| !part.str("id").is_empty());
    Some(parts.map(query).collect::<Vec<_>>()).filter(|all| !all.is_empty())
}

fn query(part: Part<'_>) -> MetricDataQuery {
    MetricDataQuery::builder()
        .id(part.str("id"))
        .set_account_id(part.opt_str("account_id"))
        .set_expression(part.opt_str("expression"))
        .set_label(part.opt_str("label"))
        .set_metric_stat(part.part("metric").map(metric))
        .set_period(part.opt_i32("period"))
        .return_data(part.bool("return_data"))
        .build()
}

fn metric(part: Part<'_>) -> MetricStat {
    let metric = Metric::builder()
        .set_dimensions(dimensions(&part.map("dimensions")))
        .set_metric_name(part.opt_str("metric_name"))
        .set_namespace(part.opt_str("namespace"))
        .build();
    MetricStat::builder()
        .metric(metric)
        .set_period(part.opt_i32("period"))
        .set_stat(part.opt_str("stat"))
        .set_unit(unit(part.opt_str("unit")))
        .build()
}

fn fill(object: &mut Object, alarm: &MetricAlarm) {
    object.set("id", alarm.alarm_name());
    object.set("alarm_name", alarm.alarm_name());
    object.set("arn", alarm.alarm_arn());
    object.set("actions_enabled", alarm.actions_enabled());
    object.set("alarm_actions", alarm.alarm_actions());
    object.set("alarm_description", alarm.alarm_description());
    object.set("comparison_operator", alarm.comparison_operator().map(ComparisonOperator::as_str));
    object.set("datapoints_to_alarm", alarm.datapoints_to_alarm());
    object.set("dimensions", dimension_map(alarm.dimensions()));
    object.set("evaluate_low_sample_count_percentiles", alarm.evaluate_low_sample_count_percentile());
    object.set("evaluation_periods", alarm.evaluation_periods());
    object.set("extended_statistic", alarm.extended_statistic());
    object.set("insufficient_data_actions", alarm.insufficient_data_actions());
    object.set("metric_name", alarm.metric_name());
    if !alarm.metrics().is_empty() {
        object.set("metric_query", alarm.metrics().iter().map(query_value).collect::<Vec<_>>());
    }
    object.set("namespace", alarm.namespace());
    object.set("ok_actions", alarm.ok_actions());
    object.set("period", alarm.period());
    object.set("statistic", alarm.statistic().map(Statistic::as_str));
    object.set("threshold", alarm.threshold());
    object.set("threshold_metric_id", alarm.threshold_metric_id());
    object.set("treat_missing_data", alarm.treat_missing_data().unwrap_or("missing"));
    object.set("unit", alarm.unit().map(StandardUnit::as_str));
}

fn query_value(query: &MetricDataQuery) -> [(&'static str, Option<Value>); 7] {
    [
        ("account_id", query.account_id().into_attribute()),
        ("expression", query.expression().into_attribute()),
        ("id", query.id().into_attribute()),
        ("label", query.label().into_attribute()),
        ("metric", query.metric_stat().map(|stat| vec![metric_value(stat)]).into_attribute()),
        ("period", query.period().into_attribute()),
        ("return_data", query.return_data().into_attribute()),
    ]
}

fn metric_value(stat: &MetricStat) -> [(&'static str, Option<Value>); 6] {
    let metric = stat.metric();
    [
        ("dimensions", dimension_map(metric.map(Metric::dimensions).unwrap_or_default()).into_attribute()),
        ("metric_name", metric.and_then(Metric::metric_name).into_attribute()),
        ("namespace", metric.and_then(Metric::namespace).into_attribute()),
        ("period", stat.period().into_attribute()),
        ("stat", stat.stat().into_attribute()),
        ("unit", stat.unit().map(StandardUnit::as_str).into_attribute()),
    ]
}

fn dimension_map(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    let pairs = dimensions.iter().filter_map(|d| Some((d.name()?.to_string(), d.value()?.to_string())));
    pairs.collect()
}

async fn tags_of(aws: &Aws, arn: &str) -> Result<Tags, Failure> {
    let answer = aws.cloudwatch().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.doing(format!("listing tags for CloudWatch Metric Alarm ({arn})"))?;
    Ok(tags::own(answer.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))))
}

fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    let sent = tags::sent(tags, |key, value| Tag::builder().key(key).value(value).build());
    Some(sent).filter(|tags| !tags.is_empty())
}
