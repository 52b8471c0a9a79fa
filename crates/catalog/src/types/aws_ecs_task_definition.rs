//! `aws_ecs_task_definition`: its rules beyond the schema.

pub mod containers;
mod shape;

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use crate::validate::Check;
use containers::Containers;

/// The rules of `aws_ecs_task_definition`.
pub struct Rules;

const SYSTEMS: [&str; 8] = [
    "WINDOWS_SERVER_2019_FULL",
    "WINDOWS_SERVER_2019_CORE",
    "WINDOWS_SERVER_2016_FULL",
    "WINDOWS_SERVER_2004_CORE",
    "WINDOWS_SERVER_2022_CORE",
    "WINDOWS_SERVER_2022_FULL",
    "WINDOWS_SERVER_20H2_CORE",
    "LINUX",
];

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("family", 1..=255);
        check.matches("family", "^[0-9A-Za-z_-]+$", "only letters, digits, hyphens and underscores");
        check.text("container_definitions", |_, text| {
            let error = Containers::parse(text).and_then(|containers| containers.check()).err()?;
            Some(format!("ECS Task Definition container_definitions is invalid: {error}"))
        });
        check.arn("execution_role_arn");
        check.arn("task_role_arn");
        check.one_of("network_mode", &["bridge", "host", "awsvpc", "none"]);
        check.one_of("pid_mode", &["host", "task"]);
        check.one_of("ipc_mode", &["host", "task", "none"]);
        check.one_of("requires_compatibilities", &["EC2", "FARGATE", "EXTERNAL"]);
        check.each("ephemeral_storage", |check| check.range("size_in_gib", 21..=200));
        check.each("runtime_platform", |check| {
            check.one_of("cpu_architecture", &["X86_64", "ARM64"]);
            check.one_of("operating_system_family", &SYSTEMS);
        });
        check.each("placement_constraints", |check| check.one_of("type", &["memberOf"]));
        check.each("proxy_configuration", |check| check.one_of("type", &["APPMESH"]));
        check.each("volume", |check| {
            check.each("docker_volume_configuration", |check| check.one_of("scope", &["task", "shared"]));
            check.each("efs_volume_configuration", |check| {
                check.one_of("transit_encryption", &["ENABLED", "DISABLED"]);
                check.port_or_zero("transit_encryption_port");
                check.each("authorization_config", |check| check.one_of("iam", &["ENABLED", "DISABLED"]));
            });
            check.each("fsx_windows_file_server_volume_configuration", |check| {
                check.each("authorization_config", |check| check.arn("credentials_parameter"));
            });
        });
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        let awsvpc = around.proposed.get("network_mode").and_then(Value::as_str) == Some("awsvpc");
        key.is(&["container_definitions"]) && !old.is_empty() && containers::equivalent(old, new, awsvpc)
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        match key.names {
            ["container_definitions"] => containers::planned_form(value.as_str()?).map(Value::string),
            _ => None,
        }
    }

    /// Docker's driver and scope that are not given are the defaults.
    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        if names != ["volume"] {
            return None;
        }
        let first = |name: &str| element.get(name).and_then(|v| v.elements()?.first());
        let part = |of: Option<&Value>, name: &str, default: &str| {
            let value = of.and_then(|v| v.get(name));
            let text = match value.map(|v| (v.as_str(), v.as_bool(), v.as_i64())) {
                Some((Some(text), ..)) => text.to_string(),
                Some((_, Some(b), _)) => b.to_string(),
                Some((.., Some(n))) if n != 0 => n.to_string(),
                _ => String::new(),
            };
            Value::string(if text.is_empty() { default } else { &text })
        };
        let map = |of: Option<&Value>, name: &str| {
            let members = of.and_then(|v| v.get(name)?.members());
            Value::object(members.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())))
        };
        let inner = |of: Option<&'_ Value>, name: &str| of.and_then(|v| v.get(name)?.elements()?.first().cloned());
        let mut identity = vec![
            part(Some(element), "name", ""),
            part(Some(element), "host_path", ""),
            part(Some(element), "configure_at_launch", "false"),
        ];
        let docker = first("docker_volume_configuration");
        identity.push(Value::bool(docker.is_some()));
        if docker.is_some() {
            identity.extend([
                part(docker, "autoprovision", "false"),
                part(docker, "driver", "local"),
                part(docker, "scope", "task"),
                map(docker, "driver_opts"),
                map(docker, "labels"),
            ]);
        }
        let efs = first("efs_volume_configuration");
        identity.push(Value::bool(efs.is_some()));
        if efs.is_some() {
            let access = inner(efs, "authorization_config");
            identity.extend([
                part(efs, "file_system_id", ""),
                part(efs, "root_directory", "/"),
                part(efs, "transit_encryption", ""),
                part(efs, "transit_encryption_port", ""),
                part(access.as_ref(), "access_point_id", ""),
                part(access.as_ref(), "iam", ""),
            ]);
        }
        let fsx = first("fsx_windows_file_server_volume_configuration");
        identity.push(Value::bool(fsx.is_some()));
        if fsx.is_some() {
            let access = inner(fsx, "authorization_config");
            identity.extend([
                part(fsx, "file_system_id", ""),
                part(fsx, "root_directory", ""),
                part(access.as_ref(), "credentials_parameter", ""),
                part(access.as_ref(), "domain", ""),
            ]);
        }
        Some(Value::tuple(identity))
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        let resource = id.split(':').collect::<Vec<_>>();
        if let ["arn", _, "ecs", _, _, family, revision] = resource[..]
            && let Some(family) = family.strip_prefix("task-definition/")
            && revision.parse::<u64>().is_ok()
        {
            let known =
                [("id", Value::string(family)), ("arn", Value::string(id)), ("track_latest", Value::bool(false))];
            return Ok(BTreeMap::from(known));
        }
        Err(Problem::error(
            format!(
                "Expected ID in format of arn:PARTITION:ecs:REGION:ACCOUNTID:task-definition/FAMILY:REVISION and \
                 provided: {id}"
            ),
            "",
        ))
    }
}
