//! The volumes of a task definition, to the API's form and back.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ecs::types::{
    DockerVolumeConfiguration, EfsAuthorizationConfig, EfsAuthorizationConfigIam, EfsTransitEncryption,
    EfsVolumeConfiguration, FSxWindowsFileServerAuthorizationConfig, FSxWindowsFileServerVolumeConfiguration,
    HostVolumeProperties, Scope, Volume,
};
use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::Value;

use crate::error::Doing;

pub(super) fn to_api(object: &Object) -> Result<Option<Vec<Volume>>, Failure> {
    let all = object.parts("volume").into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(all).filter(|all| !all.is_empty()))
}

fn one(part: Part<'_>) -> Result<Volume, Failure> {
    let host = part.opt_str("host_path").map(|path| HostVolumeProperties::builder().source_path(path).build());
    Ok(Volume::builder()
        .name(part.str("name"))
        .set_host(host)
        .configured_at_launch(part.bool("configure_at_launch"))
        .set_docker_volume_configuration(part.part("docker_volume_configuration").map(docker))
        .set_efs_volume_configuration(part.part("efs_volume_configuration").map(efs).transpose()?)
        .set_fsx_windows_file_server_volume_configuration(
            part.part("fsx_windows_file_server_volume_configuration").map(fsx).transpose()?,
        )
        .build())
}

fn docker(part: Part<'_>) -> DockerVolumeConfiguration {
    let map = |name: &str| -> Option<HashMap<String, String>> {
        Some(part.map(name).into_iter().collect()).filter(|m: &HashMap<_, _>| !m.is_empty())
    };
    // A volume of one task alone is always made for it: the API refuses to be told so.
    let (scope, autoprovision) = (part.str("scope"), part.bool("autoprovision"));
    DockerVolumeConfiguration::builder()
        .set_scope(part.opt_str("scope").map(|v| Scope::from(&*v)))
        .set_autoprovision((scope != "task" || autoprovision).then_some(autoprovision))
        .set_driver(part.opt_str("driver"))
        .set_driver_opts(map("driver_opts"))
        .set_labels(map("labels"))
        .build()
}

fn efs(part: Part<'_>) -> Result<EfsVolumeConfiguration, Failure> {
    let access = part.part("authorization_config").map(|access| {
        EfsAuthorizationConfig::builder()
            .set_access_point_id(access.opt_str("access_point_id"))
            .set_iam(access.opt_str("iam").map(|v| EfsAuthorizationConfigIam::from(&*v)))
            .build()
    });
    EfsVolumeConfiguration::builder()
        .file_system_id(part.str("file_system_id"))
        .set_root_directory(part.opt_str("root_directory"))
        .set_transit_encryption(part.opt_str("transit_encryption").map(|v| EfsTransitEncryption::from(&*v)))
        .set_transit_encryption_port(part.opt_i32("transit_encryption_port"))
        .set_authorization_config(access)
        .build()
        .doing("describing an EFS volume")
}

fn fsx(part: Part<'_>) -> Result<FSxWindowsFileServerVolumeConfiguration, Failure> {
    let access = part.part("authorization_config").map(|access| {
        FSxWindowsFileServerAuthorizationConfig::builder()
            .credentials_parameter(access.str("credentials_parameter"))
            .domain(access.str("domain"))
            .build()
    });
    FSxWindowsFileServerVolumeConfiguration::builder()
        .file_system_id(part.str("file_system_id"))
        .root_directory(part.str("root_directory"))
        .set_authorization_config(access.transpose().doing("describing an FSx volume")?)
        .build()
        .doing("describing an FSx volume")
}

/// A volume as it is stored.
pub(super) fn from_api(volume: &Volume) -> [(&'static str, Option<Value>); 6] {
    let map = |map: Option<&HashMap<String, String>>| {
        let map: BTreeMap<String, String> = map.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        map.into_attribute()
    };
    let docker = volume.docker_volume_configuration().map(|docker| {
        vec![[
            ("autoprovision", docker.autoprovision().map(Value::from)),
            ("driver", docker.driver().map(Value::from)),
            ("driver_opts", map(docker.driver_opts())),
            ("labels", map(docker.labels())),
            ("scope", docker.scope().map(|v| Value::from(v.as_str()))),
        ]]
    });
    let efs = volume.efs_volume_configuration().map(|efs| {
        let access = efs.authorization_config().map(|access| {
            vec![[
                ("access_point_id", access.access_point_id().map(Value::from)),
                ("iam", access.iam().map(|v| Value::from(v.as_str()))),
            ]]
        });
        vec![[
            ("authorization_config", access.into_attribute()),
            ("file_system_id", Some(Value::from(efs.file_system_id()))),
            ("root_directory", efs.root_directory().map(Value::from)),
            ("transit_encryption", efs.transit_encryption().map(|v| Value::from(v.as_str()))),
            ("transit_encryption_port", efs.transit_encryption_port().map(Value::from)),
        ]]
    });
    let fsx = volume.fsx_windows_file_server_volume_configuration().map(|fsx| {
        let access = fsx.authorization_config().map(|access| {
            vec![[
                ("credentials_parameter", Some(Value::from(access.credentials_parameter()))),
                ("domain", Some(Value::from(access.domain()))),
            ]]
        });
        vec![[
            ("authorization_config", access.into_attribute()),
            ("file_system_id", Some(Value::from(fsx.file_system_id()))),
            ("root_directory", Some(Value::from(fsx.root_directory()))),
        ]]
    });
    [
        ("configure_at_launch", volume.configured_at_launch().map(Value::from)),
        ("docker_volume_configuration", docker.into_attribute()),
        ("efs_volume_configuration", efs.into_attribute()),
        ("fsx_windows_file_server_volume_configuration", fsx.into_attribute()),
        ("host_path", volume.host().and_then(|h| h.source_path()).map(Value::from)),
        ("name", volume.name().map(Value::from)),
    ]
}
