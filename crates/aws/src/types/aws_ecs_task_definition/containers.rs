//! Container definitions between their JSON text and the form of the SDK.

use std::collections::HashMap;

use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::types::{
    ApplicationProtocol, ContainerCondition, ContainerDefinition, ContainerDependency, ContainerRestartPolicy, Device,
    DeviceCgroupPermission, EnvironmentFile, EnvironmentFileType, FirelensConfiguration, FirelensConfigurationType,
    HealthCheck, HostEntry, KernelCapabilities, KeyValuePair, LinuxParameters, LogConfiguration, LogDriver, MountPoint,
    PortMapping, RepositoryCredentials, ResourceRequirement, ResourceType, Secret, SystemControl, Tmpfs,
    TransportProtocol, Ulimit, UlimitName, VersionConsistency, VolumeFrom,
};
use infra_catalog::types::aws_ecs_task_definition::containers::Containers;
use serde_json::{Map, Value as Json, json};

/// The containers that a text describes, in its order.
pub(super) fn to_api(text: &str) -> Result<Vec<ContainerDefinition>, String> {
    let containers = Containers::parse(text)?.compact().to_json();
    let containers = containers.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    containers.map(|json| container(Fields(json)).map_err(|e| e.to_string())).collect()
}

/// The text of containers: ordered by name, fields in alphabetical order.
pub(super) fn from_api(containers: &[ContainerDefinition]) -> String {
    let json = Json::Array(containers.iter().map(container_json).collect());
    // What was just made of typed values always fits; if not, it is still what the API said.
    Containers::from_json(&json).map_or(json, |containers| containers.ordered().to_json()).to_string()
}

/// An object whose fields have the types that the API gives them.
#[derive(Clone, Copy)]
struct Fields<'j>(&'j Json);

impl<'j> Fields<'j> {
    fn text(self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_string)
    }
    fn choice<T: for<'a> From<&'a str>>(self, name: &str) -> Option<T> {
        self.0.get(name)?.as_str().map(T::from)
    }
    fn number(self, name: &str) -> Option<i32> {
        self.0.get(name)?.as_i64().and_then(|n| i32::try_from(n).ok())
    }
    fn truth(self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }
    fn texts(self, name: &str) -> Option<Vec<String>> {
        let texts = self.0.get(name)?.as_array()?.iter();
        Some(texts.filter_map(|t| t.as_str().map(str::to_string)).collect())
    }
    fn map(self, name: &str) -> Option<HashMap<String, String>> {
        let members = self.0.get(name)?.as_object()?.iter();
        Some(members.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string()))).collect())
    }
    fn one(self, name: &str) -> Option<Fields<'j>> {
        self.0.get(name).map(Fields)
    }
    fn many<T>(self, name: &str, make: impl Fn(Fields<'j>) -> T) -> Option<Vec<T>> {
        Some(self.0.get(name)?.as_array()?.iter().map(|json| make(Fields(json))).collect())
    }
    fn try_many<T>(
        self,
        name: &str,
        make: impl Fn(Fields<'j>) -> Result<T, BuildError>,
    ) -> Result<Option<Vec<T>>, BuildError> {
        self.many(name, make).map(|all| all.into_iter().collect()).transpose()
    }
}

fn container(f: Fields<'_>) -> Result<ContainerDefinition, BuildError> {
    Ok(ContainerDefinition::builder()
        .set_command(f.texts("command"))
        .set_cpu(f.number("cpu"))
        .set_credential_specs(f.texts("credentialSpecs"))
        .set_depends_on(f.try_many("dependsOn", |f| {
            ContainerDependency::builder()
                .set_condition(f.choice::<ContainerCondition>("condition"))
                .set_container_name(f.text("containerName"))
                .build()
        })?)
        .set_disable_networking(f.truth("disableNetworking"))
        .set_dns_search_domains(f.texts("dnsSearchDomains"))
        .set_dns_servers(f.texts("dnsServers"))
        .set_docker_labels(f.map("dockerLabels"))
        .set_docker_security_options(f.texts("dockerSecurityOptions"))
        .set_entry_point(f.texts("entryPoint"))
        .set_environment(f.many("environment", |f| {
            KeyValuePair::builder().set_name(f.text("name")).set_value(f.text("value")).build()
        }))
        .set_environment_files(f.try_many("environmentFiles", |f| {
            let kind = f.choice::<EnvironmentFileType>("type");
            EnvironmentFile::builder().set_type(kind).set_value(f.text("value")).build()
        })?)
        .set_essential(f.truth("essential"))
        .set_extra_hosts(f.try_many("extraHosts", |f| {
            HostEntry::builder().set_hostname(f.text("hostname")).set_ip_address(f.text("ipAddress")).build()
        })?)
        .set_firelens_configuration(f.one("firelensConfiguration").map(firelens).transpose()?)
        .set_health_check(f.one("healthCheck").map(health_check).transpose()?)
        .set_hostname(f.text("hostname"))
        .set_image(f.text("image"))
        .set_interactive(f.truth("interactive"))
        .set_links(f.texts("links"))
        .set_linux_parameters(f.one("linuxParameters").map(linux).transpose()?)
        .set_log_configuration(f.one("logConfiguration").map(log).transpose()?)
        .set_memory(f.number("memory"))
        .set_memory_reservation(f.number("memoryReservation"))
        .set_mount_points(f.many("mountPoints", |f| {
            MountPoint::builder()
                .set_container_path(f.text("containerPath"))
                .set_read_only(f.truth("readOnly"))
                .set_source_volume(f.text("sourceVolume"))
                .build()
        }))
        .set_name(f.text("name"))
        .set_port_mappings(f.many("portMappings", port_mapping))
        .set_privileged(f.truth("privileged"))
        .set_pseudo_terminal(f.truth("pseudoTerminal"))
        .set_readonly_root_filesystem(f.truth("readonlyRootFilesystem"))
        .set_repository_credentials(
            f.one("repositoryCredentials")
                .map(|f| {
                    let credentials = RepositoryCredentials::builder();
                    credentials.set_credentials_parameter(f.text("credentialsParameter")).build()
                })
                .transpose()?,
        )
        .set_resource_requirements(f.try_many("resourceRequirements", |f| {
            let kind = f.choice::<ResourceType>("type");
            ResourceRequirement::builder().set_type(kind).set_value(f.text("value")).build()
        })?)
        .set_restart_policy(f.one("restartPolicy").map(restart_policy).transpose()?)
        .set_secrets(f.try_many("secrets", secret)?)
        .set_start_timeout(f.number("startTimeout"))
        .set_stop_timeout(f.number("stopTimeout"))
        .set_system_controls(f.many("systemControls", |f| {
            SystemControl::builder().set_namespace(f.text("namespace")).set_value(f.text("value")).build()
        }))
        .set_ulimits(f.try_many("ulimits", |f| {
            Ulimit::builder()
                .set_hard_limit(f.number("hardLimit"))
                .set_name(f.choice::<UlimitName>("name"))
                .set_soft_limit(f.number("softLimit"))
                .build()
        })?)
        .set_user(f.text("user"))
        .set_version_consistency(f.choice::<VersionConsistency>("versionConsistency"))
        .set_volumes_from(f.many("volumesFrom", |f| {
            let from = VolumeFrom::builder().set_read_only(f.truth("readOnly"));
            from.set_source_container(f.text("sourceContainer")).build()
        }))
        .set_working_directory(f.text("workingDirectory"))
        .build())
}

fn firelens(f: Fields<'_>) -> Result<FirelensConfiguration, BuildError> {
    let kind = f.choice::<FirelensConfigurationType>("type");
    FirelensConfiguration::builder().set_options(f.map("options")).set_type(kind).build()
}

fn health_check(f: Fields<'_>) -> Result<HealthCheck, BuildError> {
    HealthCheck::builder()
        .set_command(Some(f.texts("command").unwrap_or_default()))
        .set_interval(f.number("interval"))
        .set_retries(f.number("retries"))
        .set_start_period(f.number("startPeriod"))
        .set_timeout(f.number("timeout"))
        .build()
}

fn linux(f: Fields<'_>) -> Result<LinuxParameters, BuildError> {
    let capabilities = f
        .one("capabilities")
        .map(|f| KernelCapabilities::builder().set_add(f.texts("add")).set_drop(f.texts("drop")).build());
    let devices = f.try_many("devices", |f| {
        let permissions = f.texts("permissions");
        Device::builder()
            .set_container_path(f.text("containerPath"))
            .set_host_path(f.text("hostPath"))
            .set_permissions(permissions.map(|all| all.iter().map(|p| DeviceCgroupPermission::from(&**p)).collect()))
            .build()
    })?;
    let tmpfs = f.try_many("tmpfs", |f| {
        Tmpfs::builder()
            .set_container_path(f.text("containerPath"))
            .set_mount_options(f.texts("mountOptions"))
            .set_size(f.number("size"))
            .build()
    })?;
    Ok(LinuxParameters::builder()
        .set_capabilities(capabilities)
        .set_devices(devices)
        .set_init_process_enabled(f.truth("initProcessEnabled"))
        .set_max_swap(f.number("maxSwap"))
        .set_shared_memory_size(f.number("sharedMemorySize"))
        .set_swappiness(f.number("swappiness"))
        .set_tmpfs(tmpfs)
        .build())
}

fn log(f: Fields<'_>) -> Result<LogConfiguration, BuildError> {
    LogConfiguration::builder()
        .set_log_driver(f.choice::<LogDriver>("logDriver"))
        .set_options(f.map("options"))
        .set_secret_options(f.try_many("secretOptions", secret)?)
        .build()
}

fn port_mapping(f: Fields<'_>) -> PortMapping {
    PortMapping::builder()
        .set_app_protocol(f.choice::<ApplicationProtocol>("appProtocol"))
        .set_container_port(f.number("containerPort"))
        .set_container_port_range(f.text("containerPortRange"))
        .set_host_port(f.number("hostPort"))
        .set_name(f.text("name"))
        .set_protocol(f.choice::<TransportProtocol>("protocol"))
        .build()
}

fn restart_policy(f: Fields<'_>) -> Result<ContainerRestartPolicy, BuildError> {
    let codes =
        f.0.get("ignoredExitCodes")
            .and_then(Json::as_array)
            .map(|codes| codes.iter().filter_map(|n| n.as_i64().and_then(|n| i32::try_from(n).ok())).collect());
    ContainerRestartPolicy::builder()
        .set_enabled(f.truth("enabled"))
        .set_ignored_exit_codes(codes)
        .set_restart_attempt_period(f.number("restartAttemptPeriod"))
        .build()
}

fn secret(f: Fields<'_>) -> Result<Secret, BuildError> {
    Secret::builder().set_name(f.text("name")).set_value_from(f.text("valueFrom")).build()
}

/// An object of the fields that have a value.
fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    Json::Object(given.map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>())
}

/// A list, if the API gave one.
fn list<T>(all: Option<&Vec<T>>, one: impl Fn(&T) -> Json) -> Json {
    all.map_or(Json::Null, |all| Json::Array(all.iter().map(one).collect()))
}

fn container_json(c: &ContainerDefinition) -> Json {
    let pair = |p: &KeyValuePair| object([("name", json!(p.name)), ("value", json!(p.value))]);
    object([
        ("command", json!(c.command)),
        ("cpu", json!(c.cpu)),
        ("credentialSpecs", json!(c.credential_specs)),
        (
            "dependsOn",
            list(c.depends_on.as_ref(), |d| {
                object([("condition", json!(d.condition.as_str())), ("containerName", json!(d.container_name))])
            }),
        ),
        ("disableNetworking", json!(c.disable_networking)),
        ("dnsSearchDomains", json!(c.dns_search_domains)),
        ("dnsServers", json!(c.dns_servers)),
        ("dockerLabels", json!(c.docker_labels)),
        ("dockerSecurityOptions", json!(c.docker_security_options)),
        ("entryPoint", json!(c.entry_point)),
        ("environment", list(c.environment.as_ref(), pair)),
        (
            "environmentFiles",
            list(c.environment_files.as_ref(), |e| {
                object([("type", json!(e.r#type.as_str())), ("value", json!(e.value))])
            }),
        ),
        ("essential", json!(c.essential)),
        (
            "extraHosts",
            list(c.extra_hosts.as_ref(), |h| {
                object([("hostname", json!(h.hostname)), ("ipAddress", json!(h.ip_address))])
            }),
        ),
        (
            "firelensConfiguration",
            c.firelens_configuration
                .as_ref()
                .map_or(Json::Null, |f| object([("options", json!(f.options)), ("type", json!(f.r#type.as_str()))])),
        ),
        ("healthCheck", c.health_check.as_ref().map_or(Json::Null, health_check_json)),
        ("hostname", json!(c.hostname)),
        ("image", json!(c.image)),
        ("interactive", json!(c.interactive)),
        ("links", json!(c.links)),
        ("linuxParameters", c.linux_parameters.as_ref().map_or(Json::Null, linux_json)),
        (
            "logConfiguration",
            c.log_configuration.as_ref().map_or(Json::Null, |l| {
                object([
                    ("logDriver", json!(l.log_driver.as_str())),
                    ("options", json!(l.options)),
                    ("secretOptions", list(l.secret_options.as_ref(), secret_json)),
                ])
            }),
        ),
        ("memory", json!(c.memory)),
        ("memoryReservation", json!(c.memory_reservation)),
        (
            "mountPoints",
            list(c.mount_points.as_ref(), |m| {
                object([
                    ("containerPath", json!(m.container_path)),
                    ("readOnly", json!(m.read_only)),
                    ("sourceVolume", json!(m.source_volume)),
                ])
            }),
        ),
        ("name", json!(c.name)),
        ("portMappings", list(c.port_mappings.as_ref(), port_mapping_json)),
        ("privileged", json!(c.privileged)),
        ("pseudoTerminal", json!(c.pseudo_terminal)),
        ("readonlyRootFilesystem", json!(c.readonly_root_filesystem)),
        (
            "repositoryCredentials",
            c.repository_credentials
                .as_ref()
                .map_or(Json::Null, |r| object([("credentialsParameter", json!(r.credentials_parameter))])),
        ),
        (
            "resourceRequirements",
            list(c.resource_requirements.as_ref(), |r| {
                object([("type", json!(r.r#type.as_str())), ("value", json!(r.value))])
            }),
        ),
        (
            "restartPolicy",
            c.restart_policy.as_ref().map_or(Json::Null, |r| {
                object([
                    ("enabled", json!(r.enabled)),
                    ("ignoredExitCodes", json!(r.ignored_exit_codes)),
                    ("restartAttemptPeriod", json!(r.restart_attempt_period)),
                ])
            }),
        ),
        ("secrets", list(c.secrets.as_ref(), secret_json)),
        ("startTimeout", json!(c.start_timeout)),
        ("stopTimeout", json!(c.stop_timeout)),
        (
            "systemControls",
            list(c.system_controls.as_ref(), |s| {
                object([("namespace", json!(s.namespace)), ("value", json!(s.value))])
            }),
        ),
        (
            "ulimits",
            list(c.ulimits.as_ref(), |u| {
                object([
                    ("hardLimit", json!(u.hard_limit)),
                    ("name", json!(u.name.as_str())),
                    ("softLimit", json!(u.soft_limit)),
                ])
            }),
        ),
        ("user", json!(c.user)),
        ("versionConsistency", json!(c.version_consistency.as_ref().map(VersionConsistency::as_str))),
        (
            "volumesFrom",
            list(c.volumes_from.as_ref(), |v| {
                object([("readOnly", json!(v.read_only)), ("sourceContainer", json!(v.source_container))])
            }),
        ),
        ("workingDirectory", json!(c.working_directory)),
    ])
}

fn secret_json(s: &Secret) -> Json {
    object([("name", json!(s.name)), ("valueFrom", json!(s.value_from))])
}

fn health_check_json(h: &HealthCheck) -> Json {
    object([
        ("command", json!(h.command)),
        ("interval", json!(h.interval)),
        ("retries", json!(h.retries)),
        ("startPeriod", json!(h.start_period)),
        ("timeout", json!(h.timeout)),
    ])
}

fn linux_json(l: &LinuxParameters) -> Json {
    object([
        (
            "capabilities",
            l.capabilities.as_ref().map_or(Json::Null, |c| object([("add", json!(c.add)), ("drop", json!(c.drop))])),
        ),
        (
            "devices",
            list(l.devices.as_ref(), |d| {
                let permissions = d.permissions.as_ref();
                object([
                    ("containerPath", json!(d.container_path)),
                    ("hostPath", json!(d.host_path)),
                    ("permissions", list(permissions, |p| json!(p.as_str()))),
                ])
            }),
        ),
        ("initProcessEnabled", json!(l.init_process_enabled)),
        ("maxSwap", json!(l.max_swap)),
        ("sharedMemorySize", json!(l.shared_memory_size)),
        ("swappiness", json!(l.swappiness)),
        (
            "tmpfs",
            list(l.tmpfs.as_ref(), |t| {
                object([
                    ("containerPath", json!(t.container_path)),
                    ("mountOptions", json!(t.mount_options)),
                    ("size", json!(t.size)),
                ])
            }),
        ),
    ])
}

fn port_mapping_json(p: &PortMapping) -> Json {
    object([
        ("appProtocol", json!(p.app_protocol.as_ref().map(ApplicationProtocol::as_str))),
        ("containerPort", json!(p.container_port)),
        ("containerPortRange", json!(p.container_port_range)),
        ("hostPort", json!(p.host_port)),
        ("name", json!(p.name)),
        ("protocol", json!(p.protocol.as_ref().map(TransportProtocol::as_str))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field that the API knows.
    const ALL: &str = r#"[{"command":["a"],"cpu":10,"credentialSpecs":["s"],"dependsOn":[{"condition":"START","containerName":"b"}],"disableNetworking":false,"dnsSearchDomains":["d"],"dnsServers":["1.1.1.1"],"dockerLabels":{"k":"v"},"dockerSecurityOptions":["o"],"entryPoint":["sh"],"environment":[{"name":"A","value":"1"}],"environmentFiles":[{"type":"s3","value":"arn"}],"essential":true,"extraHosts":[{"hostname":"h","ipAddress":"1.2.3.4"}],"firelensConfiguration":{"options":{"x":"y"},"type":"fluentbit"},"healthCheck":{"command":["CMD","true"],"interval":7,"retries":2,"startPeriod":1,"timeout":3},"hostname":"h","image":"i","interactive":true,"links":["l"],"linuxParameters":{"capabilities":{"add":["A"],"drop":["B"]},"devices":[{"containerPath":"c","hostPath":"h","permissions":["read"]}],"initProcessEnabled":true,"maxSwap":1,"sharedMemorySize":2,"swappiness":3,"tmpfs":[{"containerPath":"t","mountOptions":["ro"],"size":5}]},"logConfiguration":{"logDriver":"awslogs","options":{"a":"b"},"secretOptions":[{"name":"n","valueFrom":"f"}]},"memory":128,"memoryReservation":64,"mountPoints":[{"containerPath":"/x","readOnly":true,"sourceVolume":"v"}],"name":"app","portMappings":[{"appProtocol":"http","containerPort":80,"containerPortRange":"1-2","hostPort":81,"name":"p","protocol":"tcp"}],"privileged":true,"pseudoTerminal":true,"readonlyRootFilesystem":true,"repositoryCredentials":{"credentialsParameter":"c"},"resourceRequirements":[{"type":"GPU","value":"1"}],"restartPolicy":{"enabled":true,"ignoredExitCodes":[0,137],"restartAttemptPeriod":60},"secrets":[{"name":"S","valueFrom":"arn"}],"startTimeout":1,"stopTimeout":2,"systemControls":[{"namespace":"net","value":"1"}],"ulimits":[{"hardLimit":2,"name":"nofile","softLimit":1}],"user":"root","versionConsistency":"enabled","volumesFrom":[{"readOnly":true,"sourceContainer":"b"}],"workingDirectory":"/"}]"#;

    #[test]
    fn every_field_goes_to_the_api_and_comes_back() {
        let containers = to_api(ALL).unwrap_or_default();
        assert_eq!(from_api(&containers), ALL);
    }

    #[test]
    fn what_is_not_given_is_not_sent_and_empty_lists_stay() {
        let containers = to_api(r#"[{"name":"b","image":"i","environment":[]},{"Name":"a","unknown":1}]"#);
        assert_eq!(
            from_api(&containers.unwrap_or_default()),
            r#"[{"name":"a"},{"environment":[],"image":"i","name":"b"}]"#
        );
    }
}
