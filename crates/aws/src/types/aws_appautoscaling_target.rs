//! `aws_appautoscaling_target`: what Application Auto Scaling may scale.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace, SuspendedState};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::Aws;
use crate::batch::Answers;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry};

const KIND: &str = "Application AutoScaling Target";
const RESOURCES_PER_CALL: usize = 50;
const AT_ONCE: usize = 10;

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let keys: Vec<String> = objects.iter().map(key).collect();
        let found = find(aws, keys).await;
        let reads = objects.into_iter().map(|object| read_one(aws, object, &found));
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let resource = object.str("resource_id").to_string();
        register(aws, object, Some(&cx.tags)).await?;
        object.set("id", &*resource);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", planned.str("resource_id"));
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if changed(prior, object, &["max_capacity", "min_capacity", "role_arn", "suspended_state"]) {
            register(aws, object, None).await?;
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
        let (arn, id) = (object.str("arn"), object.id());
        let keys: Vec<String> = remove.keys().filter(|key| !put.contains_key(*key)).cloned().collect();
        if !keys.is_empty() {
            let request = aws.autoscaling().untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
            request.send().await.doing(format!("updating tags of {KIND} ({id})"))?;
        }
        if let Some(tags) = sdk_tags(put) {
            let request = aws.autoscaling().tag_resource().resource_arn(arn).set_tags(Some(tags));
            request.send().await.doing(format!("updating tags of {KIND} ({id})"))?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id();
        let request = aws
            .autoscaling()
            .deregister_scalable_target()
            .resource_id(object.str("resource_id"))
            .scalable_dimension(ScalableDimension::from(object.str("scalable_dimension")))
            .service_namespace(ServiceNamespace::from(object.str("service_namespace")));
        let answer = request.send().await.doing(format!("deleting {KIND} ({id})"));
        ignoring(answer, &["ObjectNotFoundException"])?;
        let key = key(object);
        let wait = Wait::new(format!("waiting for {KIND} ({id}) delete"), Duration::from_secs(5 * 60));
        wait.until_gone(|| async {
            let found = find(aws, vec![key.clone()]).await;
            Ok(match found.get(&key)? {
                Some(_) => Seen::<()>::Pending("registered".to_string()),
                None => Seen::Missing,
            })
        })
        .await
    }
}

/// What tells a target from others: namespace, dimension, resource. The id alone does not.
fn key(object: &Object) -> String {
    let part = |name: &str| object.str(name).to_string();
    [part("service_namespace"), part("scalable_dimension"), part("resource_id")].join("\n")
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    Some(own.map(|(k, v)| (k.clone(), v.clone())).collect()).filter(|tags: &HashMap<_, _>| !tags.is_empty())
}

async fn register(aws: &Aws, object: &Object, tags: Option<&BTreeMap<String, String>>) -> Result<(), Failure> {
    let resource = object.str("resource_id");
    let suspended = object.part("suspended_state").map(|part| {
        SuspendedState::builder()
            .dynamic_scaling_in_suspended(part.bool("dynamic_scaling_in_suspended"))
            .dynamic_scaling_out_suspended(part.bool("dynamic_scaling_out_suspended"))
            .scheduled_scaling_suspended(part.bool("scheduled_scaling_suspended"))
            .build()
    });
    let request = aws
        .autoscaling()
        .register_scalable_target()
        .max_capacity(object.i32("max_capacity"))
        .min_capacity(object.i32("min_capacity"))
        .resource_id(resource)
        .scalable_dimension(ScalableDimension::from(object.str("scalable_dimension")))
        .service_namespace(ServiceNamespace::from(object.str("service_namespace")))
        .set_role_arn(object.opt_str("role_arn"))
        .set_suspended_state(suspended)
        .set_tags(tags.and_then(sdk_tags));
    let too_early = |failure: &Failure| {
        failure.is(&["ValidationException"])
            && (failure.message.contains("Unable to assume IAM role")
                || failure.message.contains("ECS service doesn't exist"))
    };
    retry(Duration::from_secs(2 * 60), too_early, || async {
        let answer = request.clone().send().await;
        answer.doing(format!("registering {KIND} ({resource})")).map(|_| ())
    })
    .await
}

/// Targets by key: one call for many resources of a namespace and dimension.
async fn find(aws: &Aws, keys: Vec<String>) -> Answers<ScalableTarget> {
    let mut keys = keys;
    keys.sort();
    crate::batch::in_chunks(keys, RESOURCES_PER_CALL, |keys| async move {
        let mut kinds: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for key in &keys {
            if let [namespace, dimension, resource] = key.split('\n').collect::<Vec<_>>()[..] {
                let kind = (namespace.to_string(), dimension.to_string());
                kinds.entry(kind).or_default().push(resource.to_string());
            }
        }
        let mut found = Vec::new();
        for ((namespace, dimension), resources) in kinds {
            found.extend(describe(aws, &namespace, &dimension, resources).await?);
        }
        Ok(found)
    })
    .await
}

async fn describe(
    aws: &Aws,
    namespace: &str,
    dimension: &str,
    resources: Vec<String>,
) -> Result<Vec<(String, ScalableTarget)>, Failure> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let request = aws
            .autoscaling()
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::from(namespace))
            .scalable_dimension(ScalableDimension::from(dimension))
            .set_resource_ids(Some(resources.clone()))
            .set_next_token(token);
        let answer = request.send().await.doing("reading Application AutoScaling Targets")?;
        for target in answer.scalable_targets.unwrap_or_default() {
            if target.scalable_dimension().as_str() == dimension {
                found.push((format!("{namespace}\n{dimension}\n{}", target.resource_id()), target));
            }
        }
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn read_one(aws: &Aws, mut object: Object, found: &Answers<ScalableTarget>) -> Result<Option<Object>, Failure> {
    let Some(target) = found.get(&key(&object))? else { return Ok(None) };
    let mut tags = HashMap::new();
    // Targets that were registered long ago may have no ARN, and so no tags.
    if let Some(arn) = target.scalable_target_arn() {
        let answer = aws.autoscaling().list_tags_for_resource().resource_arn(arn).send().await;
        tags = match answer.doing(format!("reading tags of {KIND} ({})", object.id())) {
            Err(failure) if failure.is(&["ResourceNotFoundException"]) => return Ok(None),
            answer => answer?.tags.unwrap_or_default(),
        };
    }
    object.set("id", target.resource_id());
    object.set("arn", target.scalable_target_arn());
    object.set("max_capacity", target.max_capacity());
    object.set("min_capacity", target.min_capacity());
    object.set("resource_id", target.resource_id());
    object.set("role_arn", target.role_arn());
    object.set("scalable_dimension", target.scalable_dimension().as_str());
    object.set("service_namespace", target.service_namespace().as_str());
    let suspended = target.suspended_state().map(|state| {
        vec![[
            ("dynamic_scaling_in_suspended", state.dynamic_scaling_in_suspended().map(Value::from)),
            ("dynamic_scaling_out_suspended", state.dynamic_scaling_out_suspended().map(Value::from)),
            ("scheduled_scaling_suspended", state.scheduled_scaling_suspended().map(Value::from)),
        ]]
    });
    object.set("suspended_state", suspended);
    tags.retain(|key, _| !key.starts_with("aws:"));
    object.set("tags_all", tags);
    Ok(Some(object))
}
