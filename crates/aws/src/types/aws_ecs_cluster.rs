//! `aws_ecs_cluster`: clusters.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    Cluster, ClusterConfiguration, ClusterServiceConnectDefaultsRequest, ClusterSetting, ClusterSettingName,
    ExecuteCommandConfiguration, ExecuteCommandLogConfiguration, ExecuteCommandLogging, ManagedStorageConfiguration,
};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::Aws;
use crate::ecs::{self, name_of};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{retry, retry_on};

const KIND: &str = "ECS Cluster";
const SETTLED: [&str; 3] = ["configuration", "service_connect_defaults", "setting"];

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = ecs::clusters(aws, objects.iter().map(|o| name_of(o.id()).to_string()).collect()).await;
        found.fill(objects, |o| name_of(o.id()), fill)
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_string();
        let request = aws
            .ecs()
            .create_cluster()
            .cluster_name(&name)
            .set_tags(ecs::sdk_tags(&cx.tags))
            .set_configuration(object.part("configuration").map(configuration))
            .set_service_connect_defaults(connect_defaults(object)?)
            .set_settings(settings(object));
        let answer = retry(Duration::from_secs(2 * 60), ecs::is_role_missing, || async {
            request.clone().send().await.doing(format!("creating {KIND} ({name})"))
        })
        .await?;
        object.set("id", answer.cluster().and_then(Cluster::cluster_arn));
        (cx.checkpoint)(object);
        ecs::wait_active(aws, &name, "create").await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", aws.arn("ecs", &format!("cluster/{}", planned.str("name"))));
        Ok(Some(vec![made]))
    }

    async fn ready(&self, aws: &Aws, object: &Object, _trace: &Trace) -> Result<(), Failure> {
        ecs::wait_active(aws, ecs::name_of(object.id()), "create").await
    }

    fn reads_back_changes(&self) -> bool {
        false
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &SETTLED) {
            return Ok(());
        }
        let arn = object.id();
        let request = aws
            .ecs()
            .update_cluster()
            .cluster(arn)
            .set_configuration(object.part("configuration").map(configuration))
            .set_service_connect_defaults(connect_defaults(object)?)
            .set_settings(settings(object));
        request.send().await.doing(format!("updating {KIND} ({arn})"))?;
        ecs::wait_active(aws, name_of(arn), "update").await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        ecs::change_tags(aws, KIND, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        const BUSY: [&str; 4] = [
            "ClusterContainsContainerInstancesException",
            "ClusterContainsServicesException",
            "ClusterContainsTasksException",
            "UpdateInProgressException",
        ];
        let arn = object.id();
        let answer = retry_on(ecs::CLUSTER_CHANGE, &BUSY, || async {
            aws.ecs().delete_cluster().cluster(arn).send().await.doing(format!("deleting {KIND} ({arn})"))
        });
        ignoring(answer.await, &["ClusterNotFoundException"])?;
        ecs::wait_gone(aws, name_of(arn)).await
    }
}

fn configuration(part: Part<'_>) -> ClusterConfiguration {
    ClusterConfiguration::builder()
        .set_execute_command_configuration(part.part("execute_command_configuration").map(execute_command))
        .set_managed_storage_configuration(part.part("managed_storage_configuration").map(|storage| {
            ManagedStorageConfiguration::builder()
                .set_kms_key_id(storage.opt_str("kms_key_id"))
                .set_fargate_ephemeral_storage_kms_key_id(storage.opt_str("fargate_ephemeral_storage_kms_key_id"))
                .build()
        }))
        .build()
}

fn execute_command(part: Part<'_>) -> ExecuteCommandConfiguration {
    let log = |log: Part<'_>| {
        ExecuteCommandLogConfiguration::builder()
            .set_cloud_watch_log_group_name(log.opt_str("cloud_watch_log_group_name"))
            .cloud_watch_encryption_enabled(log.bool("cloud_watch_encryption_enabled"))
            .set_s3_bucket_name(log.opt_str("s3_bucket_name"))
            .set_s3_key_prefix(log.opt_str("s3_key_prefix"))
            .s3_encryption_enabled(log.bool("s3_bucket_encryption_enabled"))
            .build()
    };
    ExecuteCommandConfiguration::builder()
        .set_kms_key_id(part.opt_str("kms_key_id"))
        .set_logging(part.opt_str("logging").map(|v| ExecuteCommandLogging::from(&*v)))
        .set_log_configuration(part.part("log_configuration").map(log))
        .build()
}

fn connect_defaults(object: &Object) -> Result<Option<ClusterServiceConnectDefaultsRequest>, Failure> {
    let Some(part) = object.part("service_connect_defaults") else { return Ok(None) };
    let request = ClusterServiceConnectDefaultsRequest::builder().namespace(part.str("namespace")).build();
    request.map(Some).doing("describing the service connect defaults of a cluster")
}

fn settings(object: &Object) -> Option<Vec<ClusterSetting>> {
    let one = |part: Part<'_>| {
        let name = ClusterSettingName::from(part.str("name"));
        ClusterSetting::builder().name(name).value(part.str("value")).build()
    };
    let all: Vec<_> = object.parts("setting").into_iter().map(one).collect();
    Some(all).filter(|all| !all.is_empty())
}

fn fill(object: &mut Object, cluster: &Cluster) {
    object.set("id", cluster.cluster_arn());
    object.set("arn", cluster.cluster_arn());
    object.set("name", cluster.cluster_name());
    if let Some(configuration) = cluster.configuration() {
        object.set("configuration", configuration_value(configuration));
    }
    let defaults = cluster.service_connect_defaults().and_then(|d| d.namespace());
    object.set("service_connect_defaults", defaults.map(|n| vec![[("namespace", Some(Value::from(n)))]]));
    let setting = |s: &ClusterSetting| {
        [("name", s.name().map(|n| Value::from(n.as_str()))), ("value", s.value().map(Value::from))]
    };
    object.set("setting", cluster.settings().iter().map(setting).collect::<Vec<_>>());
    object.set("tags_all", ecs::tags_of(cluster.tags()));
}

fn configuration_value(configuration: &ClusterConfiguration) -> Vec<[(&'static str, Option<Value>); 2]> {
    let command = configuration.execute_command_configuration().map(|command| {
        let log = command.log_configuration().map(|log| {
            vec![[
                ("cloud_watch_encryption_enabled", Some(Value::bool(log.cloud_watch_encryption_enabled()))),
                ("cloud_watch_log_group_name", log.cloud_watch_log_group_name().map(Value::from)),
                ("s3_bucket_encryption_enabled", Some(Value::bool(log.s3_encryption_enabled()))),
                ("s3_bucket_name", log.s3_bucket_name().map(Value::from)),
                ("s3_key_prefix", log.s3_key_prefix().map(Value::from)),
            ]]
        });
        vec![[
            ("kms_key_id", command.kms_key_id().map(Value::from)),
            ("log_configuration", log.into_attribute()),
            ("logging", command.logging().map(|v| Value::from(v.as_str()))),
        ]]
    });
    let storage = configuration.managed_storage_configuration().map(|storage| {
        vec![[
            ("fargate_ephemeral_storage_kms_key_id", storage.fargate_ephemeral_storage_kms_key_id().map(Value::from)),
            ("kms_key_id", storage.kms_key_id().map(Value::from)),
        ]]
    });
    vec![[
        ("execute_command_configuration", command.into_attribute()),
        ("managed_storage_configuration", storage.into_attribute()),
    ]]
}
