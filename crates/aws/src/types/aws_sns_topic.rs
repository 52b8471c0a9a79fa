//! `aws_sns_topic` on the SNS API.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_sns::types::Tag;
use futures::future::join_all;
use infra_catalog::types::aws_sns_topic::FIFO_SUFFIX;
use infra_catalog::{OpContext, Trace, policy};
use infra_provider::{Failure, Object, Part, Token};

use crate::error::{Doing, ignoring};
use crate::policy::{PRINCIPALS, wait_for_principals};
use crate::resource::{ResourceType, differ};
use crate::tags::{self, Tags};
use crate::wait::retry;
use crate::{Aws, ids, tagging};

pub(crate) struct Api;

const GONE: &[&str] = &["NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"];

/// What an attribute of the API is in a configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Truth,
}

/// Arguments with the API's names for them.
const ATTRIBUTES: [(&str, &str, Kind); 27] = [
    ("application_failure_feedback_role_arn", "ApplicationFailureFeedbackRoleArn", Kind::Text),
    ("application_success_feedback_role_arn", "ApplicationSuccessFeedbackRoleArn", Kind::Text),
    ("application_success_feedback_sample_rate", "ApplicationSuccessFeedbackSampleRate", Kind::Number),
    ("archive_policy", "ArchivePolicy", Kind::Text),
    ("content_based_deduplication", "ContentBasedDeduplication", Kind::Truth),
    ("delivery_policy", "DeliveryPolicy", Kind::Text),
    ("display_name", "DisplayName", Kind::Text),
    ("fifo_throughput_scope", "FifoThroughputScope", Kind::Text),
    ("fifo_topic", "FifoTopic", Kind::Truth),
    ("firehose_failure_feedback_role_arn", "FirehoseFailureFeedbackRoleArn", Kind::Text),
    ("firehose_success_feedback_role_arn", "FirehoseSuccessFeedbackRoleArn", Kind::Text),
    ("firehose_success_feedback_sample_rate", "FirehoseSuccessFeedbackSampleRate", Kind::Number),
    ("http_failure_feedback_role_arn", "HTTPFailureFeedbackRoleArn", Kind::Text),
    ("http_success_feedback_role_arn", "HTTPSuccessFeedbackRoleArn", Kind::Text),
    ("http_success_feedback_sample_rate", "HTTPSuccessFeedbackSampleRate", Kind::Number),
    ("kms_master_key_id", "KmsMasterKeyId", Kind::Text),
    ("lambda_failure_feedback_role_arn", "LambdaFailureFeedbackRoleArn", Kind::Text),
    ("lambda_success_feedback_role_arn", "LambdaSuccessFeedbackRoleArn", Kind::Text),
    ("lambda_success_feedback_sample_rate", "LambdaSuccessFeedbackSampleRate", Kind::Number),
    ("policy", "Policy", Kind::Text),
    ("signature_version", "SignatureVersion", Kind::Number),
    ("sqs_failure_feedback_role_arn", "SQSFailureFeedbackRoleArn", Kind::Text),
    ("sqs_success_feedback_role_arn", "SQSSuccessFeedbackRoleArn", Kind::Text),
    ("sqs_success_feedback_sample_rate", "SQSSuccessFeedbackSampleRate", Kind::Number),
    ("tracing_config", "TracingConfig", Kind::Text),
    // Only told, never set.
    ("beginning_archive_time", "BeginningArchiveTime", Kind::Text),
    ("owner", "Owner", Kind::Text),
];
const READ_ONLY: usize = 2;
/// What is given when the topic is made, and never again.
const AT_CREATION: [&str; 2] = ["fifo_throughput_scope", "fifo_topic"];

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let unchanged = &tagging::unchanged(aws, &objects).await;
        // The API tells one topic at a time.
        join_all(objects.into_iter().map(|mut object| async {
            let arn = object.id().to_string();
            let tags = unchanged.tags(&object, || tags_of(aws, &arn));
            let (attributes, tags) = tokio::join!(attributes(aws, &arn), tags);
            let Some(attributes) = attributes? else { return Ok(None) };
            match tags {
                Ok(tags) => object.set("tags_all", tags),
                Err(failure) if failure.is(GONE) => return Ok(None),
                Err(failure) => return Err(failure),
            }
            fill(&mut object, &arn, &attributes);
            Ok(Some(object))
        }))
        .await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = topic_name(object, &cx.token);
        let mut call = aws.sns().create_topic().name(&name).set_tags(sdk_tags(&cx.tags)?);
        if object.bool("fifo_topic") {
            call = call.attributes("FifoTopic", "true");
            if let Some(scope) = object.opt_str("fifo_throughput_scope") {
                call = call.attributes("FifoThroughputScope", scope);
            }
        }
        let answer = call.send().await.doing(format!("creating SNS Topic ({name})"))?;
        object.set("id", answer.topic_arn());
        (cx.checkpoint)(object);
        let arn = object.id();
        for (argument, attribute, kind) in settable() {
            // What is nothing is so from the start.
            let value = text(object, cx, argument, kind);
            if !AT_CREATION.contains(&argument) && !matches!(value.as_str(), "" | "0" | "false") {
                set(aws, arn, attribute, &value).await?;
            }
        }
        if !object.str("policy").is_empty() {
            policy_seen(aws, arn).await;
        }
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = topic_name(planned, &trace.token);
        made.set("id", aws.arn("sns", &name));
        made.set("arn", aws.arn("sns", &name));
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        for (argument, attribute, kind) in settable() {
            let value = text(object, cx, argument, kind);
            let skipped = argument == "fifo_topic" || (argument == "policy" && value.is_empty());
            if !skipped && differ(prior.raw(argument), object.raw(argument)) {
                set(aws, arn, attribute, &value).await?;
                if argument == "policy" {
                    policy_seen(aws, arn).await;
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
        let arn = object.id();
        let doing = || format!("updating tags of SNS Topic ({arn})");
        let keys = tags::removed(remove, put);
        if !keys.is_empty() {
            aws.sns().untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.doing(doing())?;
        }
        if let Some(tags) = sdk_tags(put)? {
            aws.sns().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.doing(doing())?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        ignoring(
            aws.sns().delete_topic().topic_arn(arn).send().await.doing(format!("deleting SNS Topic ({arn})")),
            GONE,
        )
    }
}

fn settable() -> impl Iterator<Item = (&'static str, &'static str, Kind)> {
    ATTRIBUTES.into_iter().take(ATTRIBUTES.len() - READ_ONLY)
}

/// The name given, or one that is made; a topic for messages in order has a suffix.
fn topic_name(object: &Object, token: &Token) -> String {
    match object.str("name") {
        "" if object.bool("fifo_topic") => ids::name("", object.str("name_prefix"), token) + FIFO_SUFFIX,
        name => ids::name(name, object.str("name_prefix"), token),
    }
}

/// An argument in the form of the API. These two are kept there in the spelling of the configuration.
fn text(object: &Object, cx: &OpContext<'_>, argument: &str, kind: Kind) -> String {
    match kind {
        Kind::Text if matches!(argument, "archive_policy" | "delivery_policy") => {
            Part::new(cx.config).str(argument).to_string()
        }
        Kind::Text => object.str(argument).to_string(),
        Kind::Number => object.int(argument).to_string(),
        Kind::Truth => object.bool(argument).to_string(),
    }
}

async fn attributes(aws: &Aws, arn: &str) -> Result<Option<HashMap<String, String>>, Failure> {
    let call = aws.sns().get_topic_attributes().topic_arn(arn);
    match call.send().await.doing(format!("reading SNS Topic ({arn})")) {
        Err(failure) if failure.is(GONE) => Ok(None),
        answer => Ok(answer?.attributes),
    }
}

async fn tags_of(aws: &Aws, arn: &str) -> Result<Tags, Failure> {
    let answer = aws.sns().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.doing(format!("listing tags for SNS Topic ({arn})"))?;
    Ok(tags::own(answer.tags().iter().map(|tag| (tag.key(), tag.value()))))
}

async fn policy_seen(aws: &Aws, arn: &str) {
    wait_for_principals(format!("waiting for SNS Topic ({arn}) policy"), || async {
        Ok(attributes(aws, arn).await?.and_then(|mut all| all.remove("Policy")))
    })
    .await;
}

async fn set(aws: &Aws, arn: &str, attribute: &str, value: &str) -> Result<(), Failure> {
    // A topic, role or principal that is new is not known everywhere yet.
    let unheard = |failure: &Failure| {
        failure.is(&["InvalidParameter", "InvalidParameterException"])
            || (aws.lags() && failure.is(GONE))
            || (failure.is(&["AuthorizationError", "AuthorizationErrorException"])
                && ["no identity-based policy allows", "is not authorized to perform"]
                    .iter()
                    .any(|text| failure.message.contains(text)))
    };
    let call = aws.sns().set_topic_attributes().topic_arn(arn).attribute_name(attribute).attribute_value(value);
    let doing = format!("setting SNS Topic ({arn}) attribute ({attribute})");
    retry(PRINCIPALS, unheard, || async { call.clone().send().await.doing(&doing) }).await?;
    Ok(())
}

fn fill(object: &mut Object, arn: &str, attributes: &HashMap<String, String>) {
    let name = arn.rsplit(':').next().unwrap_or_default();
    object.set("arn", arn);
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name.strip_suffix(FIFO_SUFFIX).unwrap_or(name)));
    for (argument, attribute, kind) in ATTRIBUTES {
        let value = attributes.get(attribute).map(String::as_str).unwrap_or_default();
        match kind {
            Kind::Text if argument == "policy" => object.set(argument, policy::to_store(object.str(argument), value)),
            Kind::Text => object.set(argument, value),
            Kind::Number => object.set(argument, value.parse::<i64>().unwrap_or(0)),
            Kind::Truth => object.set(argument, value == "true"),
        }
    }
}

fn sdk_tags(tags: &Tags) -> Result<Option<Vec<Tag>>, Failure> {
    let sent: Result<Vec<Tag>, _> =
        tags::sent(tags, |key, value| Tag::builder().key(key).value(value).build()).into_iter().collect();
    Ok(Some(sent.doing("describing the tags of an SNS Topic")?).filter(|tags| !tags.is_empty()))
}
