//! `aws_ecs_task_definition`: revisions of task definitions, which never change.

// The API has given up inference accelerators; configurations that name them still have to be read.
#![allow(deprecated)]

mod containers;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    Compatibility, CpuArchitecture, EphemeralStorage, InferenceAccelerator, IpcMode, KeyValuePair, NetworkMode,
    OsFamily, PidMode, ProxyConfiguration, ProxyConfigurationType, RuntimePlatform, Tag, TaskDefinition,
    TaskDefinitionField, TaskDefinitionPlacementConstraint, TaskDefinitionPlacementConstraintType,
    TaskDefinitionStatus,
};
use futures::stream::{self, StreamExt};
use infra_catalog::types::aws_ecs_task_definition::containers::equivalent;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::error::Doing;
use crate::resource::ResourceType;
use crate::wait::retry;
use crate::{Aws, ecs, tagging};

const KIND: &str = "ECS Task Definition";
const CONTAINERS: &str = "container_definitions";

/// How many are read at the same time: there is no call for several.
const AT_ONCE: usize = 10;

/// How long the family of a definition may be busy with other revisions.
const FAMILY_BUSY: Duration = Duration::from_secs(2 * 60);

/// A list saves calls where it tells of so many.
const WORTH_A_LIST: usize = 2;

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let active = &known_active(aws, &objects).await;
        let reads = objects.into_iter().map(|object| async move {
            if active.contains(object.str("arn")) { Ok(Some(as_read(object))) } else { read_one(aws, object).await }
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let family = object.str("family").to_string();
        let doing = format!("creating {KIND} ({family})");
        // The containers go out in the order in which they are written.
        let written = cx.config.get(CONTAINERS).and_then(Value::as_str).unwrap_or(object.str(CONTAINERS));
        let containers = containers::to_api(written).map_err(|error| Failure::new(doing.clone(), error))?;
        let some = |texts: Vec<String>| Some(texts).filter(|t| !t.is_empty());
        let compatibilities = some(object.strings("requires_compatibilities"));
        let request = aws
            .ecs()
            .register_task_definition()
            .family(&family)
            .set_container_definitions(Some(containers))
            .set_tags(ecs::sdk_tags(&cx.tags))
            .set_cpu(object.opt_str("cpu"))
            .set_memory(object.opt_str("memory"))
            .set_enable_fault_injection(object.opt_bool("enable_fault_injection").filter(|on| *on))
            .set_ephemeral_storage(
                object
                    .part("ephemeral_storage")
                    .map(|part| EphemeralStorage::builder().size_in_gib(part.i32("size_in_gib")).build()),
            )
            .set_execution_role_arn(object.opt_str("execution_role_arn"))
            .set_task_role_arn(object.opt_str("task_role_arn"))
            .set_inference_accelerators(accelerators(object)?)
            .set_ipc_mode(object.opt_str("ipc_mode").map(|v| IpcMode::from(&*v)))
            .set_pid_mode(object.opt_str("pid_mode").map(|v| PidMode::from(&*v)))
            .set_network_mode(object.opt_str("network_mode").map(|v| NetworkMode::from(&*v)))
            .set_placement_constraints(constraints(object)?)
            .set_proxy_configuration(proxy(object)?)
            .set_requires_compatibilities(
                compatibilities.map(|all| all.iter().map(|v| Compatibility::from(&**v)).collect()),
            )
            .set_runtime_platform(object.part("runtime_platform").map(platform))
            .set_volumes(volumes::to_api(object)?);
        let answer = retry(FAMILY_BUSY, is_busy, || async { request.clone().send().await.doing(&doing) }).await?;
        let Some(definition) = answer.task_definition() else { return Err(Failure::new(doing, "empty answer")) };
        object.set("id", &*family);
        fill(object, definition, answer.tags(), true);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let call = aws.ecs().describe_task_definition().task_definition(planned.str("family"));
        let answer = match call.send().await.doing(format!("reading {KIND} ({})", planned.str("family"))) {
            Err(failure) if is_gone(&failure) => return Ok(Some(Vec::new())),
            answer => answer?,
        };
        // The newest revision, if it is not from before.
        let Some(found) = answer.task_definition() else { return Ok(Some(Vec::new())) };
        if found.registered_at().is_some_and(|date| crate::time::is_before(date, trace.began)) {
            return Ok(Some(Vec::new()));
        }
        let mut made = planned.clone();
        made.set("id", planned.str("family"));
        fill(&mut made, found, answer.tags(), true);
        Ok(Some(vec![made]))
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        ecs::change_tags(aws, KIND, object.str("arn"), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if object.bool("skip_destroy") {
            return Ok(());
        }
        let arn = object.str("arn");
        let answer = aws.ecs().deregister_task_definition().task_definition(arn).send().await;
        match answer.doing(format!("deleting {KIND} ({arn})")) {
            Err(failure) if is_gone(&failure) => Ok(()),
            answer => answer.map(|_| ()),
        }
    }
}

/// A family takes one revision at a time, and the end of another one counts.
fn is_busy(failure: &Failure) -> bool {
    failure.is(&["ClientException"])
        && failure.message.contains("Too many concurrent attempts to create a new revision")
}

/// Whether a failure says that there is no such definition, or soon will be none.
fn is_gone(failure: &Failure) -> bool {
    failure.is(&["ClientException", "InvalidParameterException"])
        && ["in the process of being deleted", "Unable to describe task definition", "does not exist", "not found"]
            .iter()
            .any(|text| failure.message.contains(text))
}

/// The revisions that need not be described: a revision never changes but in its tags and its status, the tags are as
/// they were, and the list of active revisions has it.
async fn known_active(aws: &Aws, objects: &[Object]) -> BTreeSet<String> {
    let unchanged = tagging::unchanged(aws, objects).await;
    let plain = |o: &&Object| !o.bool("track_latest") && o.part("proxy_configuration").is_none();
    let fixed = objects.iter().filter(|o| plain(o) && unchanged.has(o.str("arn")));
    let fixed: BTreeSet<String> = fixed.map(|object| object.str("arn").to_string()).collect();
    if fixed.len() < WORTH_A_LIST {
        return BTreeSet::new();
    }
    // One page: where an account has more, those that are not on it are described.
    let call = aws.ecs().list_task_definitions().status(TaskDefinitionStatus::Active);
    match call.send().await.doing(format!("listing {KIND}s")) {
        Ok(answer) => answer.task_definition_arns().iter().filter(|arn| fixed.contains(*arn)).cloned().collect(),
        Err(failure) => {
            tracing::debug!(failure = failure.brief(), "task definitions are described one by one");
            BTreeSet::new()
        }
    }
}

/// What a revision that was not described would have been told as: empty sets, not null ones.
fn as_read(mut object: Object) -> Object {
    let compatibilities = object.strings("requires_compatibilities");
    object.set("requires_compatibilities", compatibilities);
    object
}

async fn read_one(aws: &Aws, mut object: Object) -> Result<Option<Object>, Failure> {
    let wanted = if object.bool("track_latest") { object.str("family") } else { object.str("arn") }.to_string();
    let request = aws.ecs().describe_task_definition().task_definition(&wanted).include(TaskDefinitionField::Tags);
    let answer = match request.send().await.doing(format!("reading {KIND} ({wanted})")) {
        Err(failure) if failure.is(&["ClientException"]) => return Ok(None),
        answer => answer?,
    };
    let gone = |status: &TaskDefinitionStatus| {
        matches!(status, TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress)
    };
    let Some(definition) = answer.task_definition().filter(|d| !d.status().is_some_and(gone)) else {
        return Ok(None);
    };
    fill(&mut object, definition, answer.tags(), false);
    Ok(Some(object))
}

/// Stores what the API tells. The containers' text is kept where it means the same, except for a new definition.
fn fill(object: &mut Object, definition: &TaskDefinition, tags: &[Tag], is_new: bool) {
    let arn = definition.task_definition_arn().unwrap_or("");
    object.set("id", definition.family());
    object.set("arn", arn);
    object.set("arn_without_revision", arn.rsplit_once(':').map_or(arn, |(family, _)| family));
    object.set("family", definition.family());
    object.set("revision", definition.revision());
    object.set("cpu", definition.cpu());
    object.set("memory", definition.memory());
    object.set("enable_fault_injection", definition.enable_fault_injection());
    object.set("execution_role_arn", definition.execution_role_arn());
    object.set("task_role_arn", definition.task_role_arn());
    object.set("ipc_mode", definition.ipc_mode().map(IpcMode::as_str));
    object.set("pid_mode", definition.pid_mode().map(PidMode::as_str));
    object.set("network_mode", definition.network_mode().map(NetworkMode::as_str));
    let compatibilities = definition.requires_compatibilities().iter();
    object.set("requires_compatibilities", compatibilities.map(|c| c.as_str().to_string()).collect::<Vec<_>>());
    let awsvpc = definition.network_mode() == Some(&NetworkMode::Awsvpc);
    let text = containers::from_api(definition.container_definitions());
    if is_new || !equivalent(object.str(CONTAINERS), &text, awsvpc) {
        object.set(CONTAINERS, text);
    }
    object.set(
        "ephemeral_storage",
        definition.ephemeral_storage().map(|s| vec![[("size_in_gib", Some(Value::from(s.size_in_gib())))]]),
    );
    let accelerator = |a: &InferenceAccelerator| {
        [("device_name", Some(Value::from(a.device_name()))), ("device_type", Some(Value::from(a.device_type())))]
    };
    let accelerators = definition.inference_accelerators().iter();
    object.set("inference_accelerator", accelerators.map(accelerator).collect::<Vec<_>>());
    let constraint = |c: &TaskDefinitionPlacementConstraint| {
        [("expression", c.expression().map(Value::from)), ("type", c.r#type().map(|t| Value::from(t.as_str())))]
    };
    let constraints = definition.placement_constraints().iter();
    object.set("placement_constraints", constraints.map(constraint).collect::<Vec<_>>());
    let proxy = definition.proxy_configuration().map(|proxy| {
        let properties = proxy.properties().iter();
        let properties: BTreeMap<String, String> =
            properties.filter_map(|p| Some((p.name()?.to_string(), p.value().unwrap_or("").to_string()))).collect();
        vec![[
            ("container_name", Some(Value::from(proxy.container_name()))),
            ("properties", properties.into_attribute()),
            ("type", proxy.r#type().map(|t| Value::from(t.as_str()))),
        ]]
    });
    object.set("proxy_configuration", proxy);
    let told = |p: &&RuntimePlatform| p.cpu_architecture().is_some() || p.operating_system_family().is_some();
    let platform = definition.runtime_platform().filter(told).map(|platform| {
        vec![[
            ("cpu_architecture", platform.cpu_architecture().map(|v| Value::from(v.as_str()))),
            ("operating_system_family", platform.operating_system_family().map(|v| Value::from(v.as_str()))),
        ]]
    });
    object.set("runtime_platform", platform);
    object.set("volume", definition.volumes().iter().map(volumes::from_api).collect::<Vec<_>>());
    object.set("tags_all", ecs::tags_of(tags));
}

fn accelerators(object: &Object) -> Result<Option<Vec<InferenceAccelerator>>, Failure> {
    let one = |part: Part<'_>| {
        let accelerator = InferenceAccelerator::builder();
        let accelerator = accelerator.device_name(part.str("device_name")).device_type(part.str("device_type"));
        accelerator.build().doing("describing an inference accelerator")
    };
    let all = object.parts("inference_accelerator").into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(all).filter(|all| !all.is_empty()))
}

fn constraints(object: &Object) -> Result<Option<Vec<TaskDefinitionPlacementConstraint>>, Failure> {
    let one = |part: Part<'_>| {
        let Some(expression) = part.opt_str("expression") else {
            let message = format!("Expression cannot be nil for '{}' type", part.str("type"));
            return Err(Failure::new("describing a placement constraint", message));
        };
        let kind = TaskDefinitionPlacementConstraintType::from(part.str("type"));
        Ok(TaskDefinitionPlacementConstraint::builder().r#type(kind).expression(expression).build())
    };
    let all = object.parts("placement_constraints").into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(all).filter(|all| !all.is_empty()))
}

fn proxy(object: &Object) -> Result<Option<ProxyConfiguration>, Failure> {
    let Some(part) = object.part("proxy_configuration") else { return Ok(None) };
    let properties = part.map("properties").into_iter();
    let properties = properties.map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
    let proxy = ProxyConfiguration::builder()
        .container_name(part.str("container_name"))
        .set_properties(Some(properties.collect()))
        .set_type(part.opt_str("type").map(|t| ProxyConfigurationType::from(&*t)))
        .build();
    proxy.map(Some).doing("describing a proxy configuration")
}

fn platform(part: Part<'_>) -> RuntimePlatform {
    RuntimePlatform::builder()
        .set_cpu_architecture(part.opt_str("cpu_architecture").map(|v| CpuArchitecture::from(&*v)))
        .set_operating_system_family(part.opt_str("operating_system_family").map(|v| OsFamily::from(&*v)))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_busy_family_is_waited_for() {
        let said =
            |message: &str| Failure { code: Some("ClientException".into()), ..Failure::new("creating", message) };
        assert!(is_busy(&said("Too many concurrent attempts to create a new revision of the specified family.")));
        assert!(!is_busy(&said("No Fargate configuration exists for given values.")));
    }
}
