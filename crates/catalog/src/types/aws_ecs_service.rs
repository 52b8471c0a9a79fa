//! `aws_ecs_service`: its rules beyond the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;
use serde_json::Value as Json;

use super::aws_ecs_cluster_capacity_providers::check_strategy;
use crate::validate::Check;

/// The rules of `aws_ecs_service`.
pub struct Rules;

const TWENTY_MINUTES: Duration = Duration::from_secs(20 * 60);
const STRATEGY: &str = "capacity_provider_strategy";

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[("create", TWENTY_MINUTES), ("delete", TWENTY_MINUTES), ("update", TWENTY_MINUTES)]
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.one_of("launch_type", &["EC2", "FARGATE", "EXTERNAL"]);
        check.one_of("scheduling_strategy", &["REPLICA", "DAEMON"]);
        check.one_of("propagate_tags", &["TASK_DEFINITION", "SERVICE", "NONE"]);
        check.one_of("availability_zone_rebalancing", &["ENABLED", "DISABLED"]);
        check.range("health_check_grace_period_seconds", 0..=2_147_483_647);
        check.each("deployment_controller", |check| check.one_of("type", &["ECS", "CODE_DEPLOY", "EXTERNAL"]));
        check.each(STRATEGY, check_strategy);
        check.each("load_balancer", |check| {
            check.range("container_port", 0..=65536);
            check.arn("target_group_arn");
        });
        check.each("placement_constraints", |check| check.one_of("type", &["distinctInstance", "memberOf"]));
        check.each("ordered_placement_strategy", |check| check.one_of("type", &["random", "spread", "binpack"]));
        check.each("service_registries", |check| {
            check.range("container_port", 0..=65536);
            check.range("port", 0..=65536);
            check.arn("registry_arn");
        });
        check.each("service_connect_configuration", service_connect);
        check.each("volume_configuration", |check| {
            check.each("managed_ebs_volume", |check| {
                check.arn("role_arn");
                check.one_of("file_system_type", &["ext3", "ext4", "xfs", "ntfs"]);
                check.range("throughput", 0..=1000);
                check.each("tag_specifications", |check| {
                    check.one_of("resource_type", &["volume"]);
                    check.one_of("propagate_tags", &["TASK_DEFINITION", "SERVICE", "NONE"]);
                });
            });
        });
        check.each("vpc_lattice_configurations", |check| {
            check.length("port_name", 1..=64);
            check.matches(
                "port_name",
                "^[a-z0-9_][a-z0-9_-]*$",
                "only lowercase letters, digits, underscores and hyphens, and no hyphen at the beginning",
            );
            check.arn("role_arn");
            check.arn("target_group_arn");
        });
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        let daemon = || around.proposed.get("scheduling_strategy").and_then(Value::as_str) == Some("DAEMON");
        match key.names {
            ["alarms" | "deployment_circuit_breaker" | "deployment_controller"] => old == "1" && new == "0",
            ["desired_count"] => daemon(),
            ["deployment_maximum_percent"] => new == "200" && daemon(),
            ["deployment_minimum_healthy_percent"] => new == "100" && daemon(),
            ["propagate_tags"]
            | ["volume_configuration", "managed_ebs_volume", "tag_specifications", "propagate_tags"] => {
                old == "NONE" && new.is_empty()
            }
            ["ordered_placement_strategy", "field"] => {
                old.eq_ignore_ascii_case(new)
                    || (old.eq_ignore_ascii_case("instanceId") && new.eq_ignore_ascii_case("host"))
            }
            _ => false,
        }
    }

    /// ECS stores `host` as `instanceId`.
    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        (key.is(&["ordered_placement_strategy", "field"]) && value.as_str() == Some("host"))
            .then(|| Value::string("instanceId"))
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        let forced = diff.planned.get("force_new_deployment").and_then(Value::as_bool) == Some(true);
        if !diff.is_create() && !same_strategy(&diff.old(STRATEGY), &diff.new(STRATEGY)) {
            let some = |v: &Value| v.len().is_some_and(|n| n > 0);
            if !forced || some(&diff.old(STRATEGY)) != some(&diff.new(STRATEGY)) {
                diff.force_new_attribute(STRATEGY);
            }
        }
        triggers(diff, forced);
        Ok(())
    }

    fn upgrade(&self, version: u64, attributes: &mut serde_json::Map<String, Json>) {
        if version > 0 {
            return;
        }
        let volumes = attributes.get_mut("volume_configuration").and_then(Json::as_array_mut);
        for volume in volumes.into_iter().flatten() {
            let managed = volume.get_mut("managed_ebs_volume").and_then(Json::as_array_mut);
            for managed in managed.into_iter().flatten().filter_map(Json::as_object_mut) {
                if let Some(Json::String(text)) = managed.get("throughput") {
                    let throughput = text.parse::<i64>().unwrap_or(0);
                    managed.insert("throughput".to_string(), throughput.into());
                }
            }
        }
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        match id.split('/').collect::<Vec<_>>()[..] {
            [cluster, name] if !cluster.is_empty() && !name.is_empty() => {
                Ok(BTreeMap::from([("cluster", Value::string(cluster)), ("name", Value::string(name))]))
            }
            _ => Err(Problem::error(
                format!("wrong format of resource: {id}, expecting 'cluster-name/service-name'"),
                "",
            )),
        }
    }
}

fn service_connect(check: &mut Check<'_>) {
    const DRIVERS: [&str; 8] =
        ["json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens"];
    check.each("log_configuration", |check| check.one_of("log_driver", &DRIVERS));
    check.each("service", |check| {
        check.each("client_alias", |check| check.range("port", 0..=65535));
        check.range("ingress_port_override", 0..=65535);
        check.each("timeout", |check| {
            check.range("idle_timeout_seconds", 0..=2_147_483_647);
            check.range("per_request_timeout_seconds", 0..=2_147_483_647);
        });
        check.each("tls", |check| {
            check.arn("role_arn");
            check.each("issuer_cert_authority", |check| check.arn("aws_pca_authority_arn"));
        });
    });
}

/// Whether two capacity provider strategies say the same; weights and bases that are not given are 0. One that is not
/// known yet counts as none.
fn same_strategy(old: &Value, new: &Value) -> bool {
    let items = |v: &Value| -> Option<Vec<(String, i64, i64)>> {
        let mut items = Vec::new();
        for item in v.elements().unwrap_or(&[]) {
            let number = |name: &str| item.get(name).and_then(Value::as_i64).unwrap_or(0);
            items.push((item.get("capacity_provider")?.as_str()?.to_string(), number("weight"), number("base")));
        }
        items.sort();
        Some(items)
    };
    let (old, new) = (items(old), items(new));
    old.is_some() && old == new
}

/// Triggers count only together with `force_new_deployment`, and not when all of them are removed.
fn triggers(diff: &mut Diff<'_>, forced: bool) {
    let (old, new) = (diff.old("triggers"), diff.new("triggers"));
    // What is not known yet does not count as one, but where nothing is forced it is no change either.
    let none = |v: &Value| v.members().is_none_or(|ms| ms.values().all(|v| !v.is_known()));
    let is_open = diff.config.get("triggers").is_some_and(|v| !v.is_wholly_known());
    if old == new || (none(&old) && none(&new) && (forced || !is_open)) {
        return;
    }
    if !forced || (!none(&old) && none(&new)) {
        diff.clear("triggers");
    }
}
