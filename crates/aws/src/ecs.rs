//! What the types of ECS share: clusters read in one call for all types, tags, capacity provider strategies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{CapacityProviderStrategyItem, Cluster, ClusterField, Tag};
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::Aws;
use crate::batch::{Answers, Loader, in_chunks};
use crate::error::Doing;
use crate::wait::{Seen, Wait};

/// How long a cluster may take to become active or to go.
pub(crate) const CLUSTER_CHANGE: Duration = Duration::from_secs(10 * 60);

const CLUSTERS_PER_CALL: usize = 100;

#[derive(Default)]
struct ClusterReads(Loader<Cluster>);

/// Clusters by name. One that is not there, or is only remembered, has no answer.
pub(crate) async fn clusters(aws: &Aws, names: Vec<String>) -> Arc<Answers<Cluster>> {
    let client = aws.ecs().clone();
    let reads = aws.shared::<ClusterReads>();
    let fetch = |names: Vec<String>| async move {
        in_chunks(names, CLUSTERS_PER_CALL, |names| describe_clusters(client.clone(), names)).await
    };
    reads.0.load(names, fetch).await
}

async fn describe_clusters(client: Client, names: Vec<String>) -> Result<Vec<(String, Cluster)>, Failure> {
    let fields = vec![ClusterField::Tags, ClusterField::Configurations, ClusterField::Settings];
    let request = client.describe_clusters().set_clusters(Some(names)).set_include(Some(fields));
    let answer = match request.send().await.doing("reading ECS Clusters") {
        Err(failure) if failure.is(&["ClusterNotFoundException"]) => return Ok(Vec::new()),
        answer => answer?,
    };
    let clusters = answer.clusters.unwrap_or_default().into_iter();
    let living = clusters.filter(|cluster| cluster.status() != Some("INACTIVE"));
    Ok(living.filter_map(|cluster| Some((cluster.cluster_name()?.to_string(), cluster))).collect())
}

/// Waits until a cluster is active.
pub(crate) async fn wait_active(aws: &Aws, name: &str, operation: &str) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for ECS Cluster ({name}) {operation}"), CLUSTER_CHANGE);
    wait.until(|| async {
        let found = describe_clusters(aws.ecs().clone(), vec![name.to_string()]).await?;
        let Some((_, cluster)) = found.into_iter().next() else { return Ok(Seen::Missing) };
        Ok(Seen::by_state((), cluster.status().unwrap_or(""), &["PROVISIONING"], &["ACTIVE"]))
    })
    .await
}

/// Waits until a cluster is gone.
pub(crate) async fn wait_gone(aws: &Aws, name: &str) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for ECS Cluster ({name}) delete"), CLUSTER_CHANGE);
    wait.until_gone(|| async {
        let found = describe_clusters(aws.ecs().clone(), vec![name.to_string()]).await?;
        Ok(match found.into_iter().next() {
            // Whatever state it was in when it was deleted may be seen a little longer.
            Some((_, cluster)) => Seen::<()>::Pending(cluster.status().unwrap_or("").to_string()),
            None => Seen::Missing,
        })
    })
    .await
}

/// The name in an ARN (or an id, or a name).
pub(crate) fn name_of(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// Tags in the form of the SDK; `None` for none.
pub(crate) fn sdk_tags(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let own: Vec<Tag> = own.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Some(own).filter(|tags| !tags.is_empty())
}

/// Tags from the form of the SDK, system tags left out.
pub(crate) fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    let all = tags.iter().filter_map(|tag| Some((tag.key()?.to_string(), tag.value().unwrap_or("").to_string())));
    all.filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// Changes the tags of an object. `kind`: `ECS Cluster`.
pub(crate) async fn change_tags(
    aws: &Aws,
    kind: &str,
    arn: &str,
    remove: &BTreeMap<String, String>,
    put: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let doing = || format!("updating tags of {kind} ({arn})");
    let keys: Vec<String> = remove.keys().filter(|key| !put.contains_key(*key)).cloned().collect();
    if !keys.is_empty() {
        aws.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send().await.doing(doing())?;
    }
    if let Some(tags) = sdk_tags(put) {
        aws.ecs().tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await.doing(doing())?;
    }
    Ok(())
}

/// The items of a strategy, in the API's form.
pub(crate) fn strategy(object: &Object, block: &str) -> Result<Vec<CapacityProviderStrategyItem>, Failure> {
    let one = |part: Part<'_>| {
        let item = CapacityProviderStrategyItem::builder().capacity_provider(part.str("capacity_provider"));
        item.base(part.i32("base")).weight(part.i32("weight")).build().doing("describing a capacity provider strategy")
    };
    object.parts(block).into_iter().map(one).collect()
}

/// An item of a strategy, as it is stored.
pub(crate) fn strategy_item(item: &CapacityProviderStrategyItem) -> [(&'static str, Option<Value>); 3] {
    [
        ("base", Some(Value::from(item.base()))),
        ("capacity_provider", Some(Value::from(item.capacity_provider()))),
        ("weight", Some(Value::from(item.weight()))),
    ]
}

/// Whether a failure says that the service-linked role of a new account is not there yet.
pub(crate) fn is_role_missing(failure: &Failure) -> bool {
    failure.is(&["InvalidParameterException"]) && failure.message.contains("Unable to assume the service linked role")
}
