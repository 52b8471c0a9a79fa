//! Tags of many objects of any service in one call: the Resource Groups Tagging API.
//!
//! Its answers follow changes with some delay, so it is only believed where it agrees with what was known before: then
//! nothing has changed. Whatever else it says, the object's own service is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::config::Config;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use infra_provider::{Failure, Object};

use crate::batch::{Answers, Loader, in_chunks};
use crate::error::Doing;
use crate::tags::{self, Tags};
use crate::{Aws, elb};

/// How many ARNs a call takes.
const ARNS: usize = 100;
/// How many resources an answer tells of at most.
const LONGEST_PAGE: i32 = 100;

/// Where it saves fewer calls than this, each service is asked: that is not more calls, and is surer.
const WORTH_A_CALL: usize = 2;

/// Services of which the API knows all that has tags: what it leaves out has none.
const KNOWN: [&str; 8] = ["acm", "cloudwatch", "ecs", "kms", "logs", "rds", "sns", "ssm"];

/// The same as an emulator may know it, by a filter that asks for it: those answer with everything that there is, whatever
/// is asked for by name. What they leave out has no tags as far as they know: that is believed of what had none.
const FILTERS: [(&str, &str); 7] = [
    ("acm", "acm"),
    ("cloudwatch", "cloudwatch"),
    ("ecs", "ecs:task-definition"),
    ("kms", "kms"),
    ("logs", "logs"),
    ("sns", "sns"),
    ("ssm", "ssm"),
];

/// Nobody waits long for an answer that can be done without.
const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);

tokio::task_local! {
    /// Set while objects are read that were not just written.
    static REFRESHING: ();
}

/// Reads objects that were written some time ago.
pub(crate) async fn refreshing<F: Future>(read: F) -> F::Output {
    REFRESHING.scope((), read).await
}

#[derive(Default)]
struct Reads {
    loader: Loader<Tags>,
    /// The API is not there, or not allowed.
    refused: Arc<AtomicBool>,
}

/// Which objects have the tags that they had.
pub(crate) struct Unchanged(BTreeSet<String>);

impl Unchanged {
    /// Whether the object with an ARN is one of them.
    pub(crate) fn has(&self, arn: &str) -> bool {
        self.0.contains(arn)
    }

    /// All tags of an object: those that it had, or what `ask` finds.
    pub(crate) async fn tags<Fut>(&self, object: &Object, ask: impl FnOnce() -> Fut) -> Result<Tags, Failure>
    where
        Fut: Future<Output = Result<Tags, Failure>>,
    {
        if self.has(object.str("arn")) { Ok(object.map("tags_all")) } else { ask().await }
    }
}

/// Finds out which objects (with an attribute `arn`) have the tags that `tags_all` says. Objects that were just written
/// are not looked at.
pub(crate) async fn unchanged(aws: &Aws, objects: &[Object]) -> Unchanged {
    let reads = aws.shared::<Reads>();
    let (client, is_complete) = aws.tagging();
    if REFRESHING.try_with(|()| ()).is_err() || reads.refused.load(Ordering::Relaxed) {
        return Unchanged(BTreeSet::new());
    }
    // What is left out of the answer tells nothing of some services.
    let telling = objects.iter().filter(|object| {
        let (arn, tagged) = (object.str("arn"), !object.map("tags_all").is_empty());
        if is_complete { is_known(arn) || tagged } else { filter(arn).is_some() }
    });
    let arns: Vec<String> = telling.map(|object| object.str("arn").to_string()).collect();
    if arns.is_empty() {
        return Unchanged(BTreeSet::new());
    }
    let api = Api { client: client.clone(), is_complete, refused: reads.refused.clone() };
    let found = reads.loader.load(arns, |arns| api.fetch(arns)).await;
    let same = |object: &&Object| {
        let Ok(Some(now)) = found.get(object.str("arn")) else { return false };
        let mut now = now.clone();
        now.retain(|key, _| !aws.meta().tags.ignores(key));
        now == object.map("tags_all")
    };
    Unchanged(objects.iter().filter(same).map(|object| object.str("arn").to_string()).collect())
}

/// How the API is asked.
struct Api {
    client: Client,
    is_complete: bool,
    refused: Arc<AtomicBool>,
}

impl Api {
    async fn fetch(self, arns: Vec<String>) -> Answers<Tags> {
        let worth = calls_saved(&arns) >= WORTH_A_CALL;
        in_chunks(if worth { arns } else { Vec::new() }, ARNS, |arns| async {
            let answer = self.ask(arns).await;
            if let Err(failure) = &answer {
                tracing::debug!(failure = failure.brief(), "tags are asked for one by one");
                self.refused.store(true, Ordering::Relaxed);
            }
            answer
        })
        .await
    }

    async fn ask(&self, arns: Vec<String>) -> Result<Vec<(String, Tags)>, Failure> {
        let once = Config::builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(ANSWER).build());
        let call = self.client.get_resources();
        // One or the other: a call with both is refused.
        let call = match self.is_complete {
            true => call.set_resource_arn_list(Some(arns.clone())),
            false => {
                let filters: BTreeSet<&str> = arns.iter().filter_map(|arn| filter(arn)).collect();
                let filters = filters.into_iter().map(str::to_string).collect();
                call.set_resource_type_filters(Some(filters)).resources_per_page(LONGEST_PAGE)
            }
        };
        let answer = call.customize().config_override(once).send().await.doing("reading tags of many resources")?;
        let whole = answer.pagination_token().is_none_or(str::is_empty);
        let mut found: BTreeMap<String, Tags> = BTreeMap::new();
        for resource in answer.resource_tag_mapping_list.unwrap_or_default() {
            let tags = tags::own(resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
            found.insert(resource.resource_arn.unwrap_or_default(), tags);
        }
        let of = |arn: String| {
            let tags = found.remove(&arn).or_else(|| (whole && is_known(&arn)).then(Tags::new))?;
            Some((arn, tags))
        };
        Ok(arns.into_iter().filter_map(of).collect())
    }
}

/// How many calls the services would take: all but one tell the tags of one object at a time.
fn calls_saved(arns: &[String]) -> usize {
    let balancing = |arn: &&String| service(arn) == Some("elasticloadbalancing");
    let balancers = arns.iter().filter(balancing).count();
    let alone = arns.iter().filter(|arn| !arn.is_empty() && !balancing(arn)).count();
    alone + balancers.div_ceil(elb::ARNS)
}

fn service(arn: &str) -> Option<&str> {
    arn.split(':').nth(2)
}

/// What asks an emulator for objects like the one with an ARN.
fn filter(arn: &str) -> Option<&'static str> {
    let service = service(arn)?;
    FILTERS.iter().find(|(name, _)| *name == service).map(|(_, filter)| *filter)
}

fn is_known(arn: &str) -> bool {
    service(arn).is_some_and(|service| KNOWN.contains(&service))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_no_tags_only_where_the_api_knows_the_service() {
        assert!(is_known("arn:aws:logs:eu-west-1:123456789012:log-group:a"));
        assert!(!is_known("arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/a/1/2"));
        assert!(!is_known(""));
    }

    #[test]
    fn load_balancing_alone_is_not_worth_a_call_of_its_own() {
        let arns = |names: &[&str]| names.iter().map(|n| format!("arn:aws:{n}:eu-west-1:1:x")).collect::<Vec<_>>();
        assert_eq!(calls_saved(&arns(&["elasticloadbalancing"; 20])), 1);
        assert_eq!(calls_saved(&arns(&["elasticloadbalancing", "sns", "logs"])), 3);
        assert_eq!(calls_saved(&[String::new()]), 0);
    }
}
