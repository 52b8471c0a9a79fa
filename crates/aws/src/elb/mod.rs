//! What the types of Elastic Load Balancing v2 share: lookups that one missing object does not spoil, tags, actions.

pub(crate) mod action;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures::future::join_all;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::{Answers, Loader, in_chunks};
use crate::error::Doing;
use crate::tagging::{self, Unchanged};

/// What the API says about an object that is not there.
pub(crate) const NOT_FOUND: [&str; 4] =
    ["LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"];

/// How many ARNs a call takes.
pub(crate) const ARNS: usize = 20;

/// How many objects have their attributes read at the same time.
pub(crate) const AT_ONCE: usize = 10;

/// Looks ARNs up. The API refuses a whole call for one missing object: then each is asked for alone.
pub(crate) async fn look_up<V, F, Fut>(arns: impl IntoIterator<Item = String>, fetch: F) -> Answers<V>
where
    F: Fn(Vec<String>) -> Fut,
    Fut: Future<Output = Result<Vec<(String, V)>, Failure>>,
{
    let fetch = &fetch;
    in_chunks(arns, ARNS, |arns| async move {
        match fetch(arns.clone()).await {
            Err(failure) if failure.is(&NOT_FOUND) && arns.len() == 1 => Ok(Vec::new()),
            Err(failure) if failure.is(&NOT_FOUND) => {
                let mut found = Vec::new();
                for answer in join_all(arns.into_iter().map(|arn| fetch(vec![arn]))).await {
                    match answer {
                        Err(failure) if failure.is(&NOT_FOUND) => {}
                        answer => found.extend(answer?),
                    }
                }
                Ok(found)
            }
            answer => answer,
        }
    })
    .await
}

type Tags = BTreeMap<String, String>;

/// Tags of load balancers, target groups, listeners and rules: one call takes all kinds.
#[derive(Default)]
struct TagReads(Loader<Tags>);

/// The tags of objects: of those that have others than they had, as the service tells them.
pub(crate) struct TagsOf {
    unchanged: Unchanged,
    told: Arc<Answers<Tags>>,
}

impl TagsOf {
    /// The tags of an object, system tags left out. An object that is not there has none.
    pub(crate) fn of(&self, object: &Object) -> Result<Tags, Failure> {
        match self.unchanged.has(object.id()) {
            true => Ok(object.map("tags_all")),
            false => Ok(self.told.get(object.id())?.cloned().unwrap_or_default()),
        }
    }
}

/// Reads tags.
pub(crate) async fn tags(aws: &Aws, objects: &[Object]) -> TagsOf {
    let unchanged = tagging::unchanged(aws, objects).await;
    let arns: Vec<String> = objects.iter().map(|o| o.id().to_string()).filter(|arn| !unchanged.has(arn)).collect();
    let told = match arns.is_empty() {
        true => Arc::default(),
        false => {
            let client = aws.elb().clone();
            let fetch = move |arns| look_up(arns, move |arns| describe_tags(client.clone(), arns));
            aws.shared::<TagReads>().0.load(arns, |arns: Vec<String>| async move { fetch(arns).await }).await
        }
    };
    TagsOf { unchanged, told }
}

async fn describe_tags(client: Client, arns: Vec<String>) -> Result<Vec<(String, Tags)>, Failure> {
    let answer = client.describe_tags().set_resource_arns(Some(arns)).send().await.doing("reading ELBv2 tags")?;
    let of = |tags: &[Tag]| -> Tags {
        let own = tags.iter().filter_map(|tag| Some((tag.key()?.to_string(), tag.value().unwrap_or("").to_string())));
        own.filter(|(key, _)| !key.starts_with("aws:")).collect()
    };
    let descriptions = answer.tag_descriptions().iter();
    Ok(descriptions.filter_map(|d| Some((d.resource_arn()?.to_string(), of(d.tags())))).collect())
}

/// Tags in the form of the SDK; `None` for none.
pub(crate) fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    let all = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let all: Vec<Tag> = all.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Some(all).filter(|tags| !tags.is_empty())
}

/// Changes the tags of an object. `kind`: `ELBv2 Load Balancer`.
pub(crate) async fn change_tags(aws: &Aws, kind: &str, arn: &str, remove: &Tags, put: &Tags) -> Result<(), Failure> {
    let doing = || format!("updating tags of {kind} ({arn})");
    let keys: Vec<String> = remove.keys().filter(|key| !put.contains_key(*key)).cloned().collect();
    if !keys.is_empty() {
        aws.elb().remove_tags().resource_arns(arn).set_tag_keys(Some(keys)).send().await.doing(doing())?;
    }
    if let Some(tags) = sdk_tags(put) {
        aws.elb().add_tags().resource_arns(arn).set_tags(Some(tags)).send().await.doing(doing())?;
    }
    Ok(())
}

/// What a create does about tags: creates with them, and where the API refuses them with the request, creates without
/// and adds them. `create` gets the tags to send.
pub(crate) async fn created_with_tags<F, Fut>(aws: &Aws, kind: &str, tags: &Tags, create: F) -> Result<String, Failure>
where
    F: Fn(Option<Vec<Tag>>) -> Fut,
    Fut: Future<Output = Result<String, Failure>>,
{
    match create(sdk_tags(tags)).await {
        Err(failure) if !tags.is_empty() && refuses_tags(&failure) => {
            let arn = create(None).await?;
            change_tags(aws, kind, &arn, &Tags::new(), tags).await?;
            Ok(arn)
        }
        answer => answer,
    }
}

fn refuses_tags(failure: &Failure) -> bool {
    failure.is(&["UnsupportedOperation", "UnsupportedOperationException", "InvalidAction"])
        || (failure.is(&["ValidationError"]) && failure.message.contains("cannot specify tags on creation"))
}

/// Changes attributes. The API knows different ones in different regions: those that it refuses are left out.
pub(crate) async fn modify_attributes<F, Fut>(mut attributes: Vec<(String, String)>, modify: F) -> Result<(), Failure>
where
    F: Fn(Vec<(String, String)>) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    while !attributes.is_empty() {
        match modify(attributes.clone()).await {
            Err(failure) => match refused_attribute(&failure.message) {
                Some(key) if attributes.iter().any(|(k, _)| k == key) => attributes.retain(|(k, _)| k != key),
                _ => return Err(failure),
            },
            Ok(()) => break,
        }
    }
    Ok(())
}

/// The key in `attribute key 'X' is not recognized`.
fn refused_attribute(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("attribute key '")?;
    let (key, rest) = rest.split_once('\'')?;
    (rest.starts_with(" is not recognized") || rest.starts_with(" is not supported")).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_attribute_is_named_in_the_message() {
        let message = "Load balancer attribute key 'waf.fail_open.enabled' is not recognized";
        assert_eq!(refused_attribute(message), Some("waf.fail_open.enabled"));
        assert_eq!(refused_attribute("Access Denied for bucket: x"), None);
    }

    #[tokio::test]
    async fn one_missing_object_does_not_spoil_the_others() {
        let fetch = |arns: Vec<String>| async move {
            match arns.contains(&"gone".to_string()) {
                true => Err(Failure { code: Some("RuleNotFound".to_string()), ..Failure::new("reading", "no") }),
                false => Ok(arns.into_iter().map(|arn| (arn, ())).collect()),
            }
        };
        let found = look_up(["a", "gone", "b"].map(String::from), fetch).await;
        assert_eq!(found.get("a"), Ok(Some(&())));
        assert_eq!(found.get("gone"), Ok(None));
    }
}
