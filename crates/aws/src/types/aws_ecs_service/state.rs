//! A service of the API, as it is stored.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    AssignPublicIp, LaunchType, LoadBalancer, LogConfiguration, PlacementConstraint, PlacementStrategy, PropagateTags,
    SchedulingStrategy, Secret, Service, ServiceConnectConfiguration, ServiceConnectService,
    ServiceManagedEbsVolumeConfiguration, ServiceRegistry, ServiceVolumeConfiguration, VpcLatticeConfiguration,
};
use infra_provider::{IntoAttribute, Object};
use infra_value::Value;

use crate::ecs::{self, name_of};

type One = Option<Value>;

/// Stores what the API tells. Several texts keep the form in which they were given: ARN or name.
pub(super) fn fill(object: &mut Object, service: &Service) {
    if !object.id().starts_with("arn:") {
        // An import: `CLUSTER/NAME`. From now on by ARN.
        object.set("cluster", service.cluster_arn());
    }
    object.set("id", service.service_arn());
    object.set("name", service.service_name());
    let cluster = service.cluster_arn().unwrap_or("");
    let by_arn = object.str("cluster").starts_with("arn:");
    object.set("cluster", if by_arn { cluster } else { name_of(cluster) });
    let definition = service.task_definition().unwrap_or("");
    let by_arn = object.str("task_definition").starts_with("arn:");
    object.set("task_definition", if by_arn { definition } else { name_of(definition) });
    if let Some(role) = service.role_arn() {
        let by_arn = object.str("iam_role").starts_with("arn:");
        object.set("iam_role", if by_arn { role } else { role_name(role) });
    }
    let rebalancing = service.availability_zone_rebalancing().map(|v| v.as_str());
    object.set("availability_zone_rebalancing", rebalancing);
    object.set("desired_count", service.desired_count());
    object.set("enable_ecs_managed_tags", service.enable_ecs_managed_tags());
    object.set("enable_execute_command", service.enable_execute_command());
    object.set("health_check_grace_period_seconds", service.health_check_grace_period_seconds());
    object.set("launch_type", service.launch_type().map(LaunchType::as_str));
    object.set("platform_version", service.platform_version());
    object.set("propagate_tags", service.propagate_tags().map(PropagateTags::as_str));
    object.set("scheduling_strategy", service.scheduling_strategy().map(SchedulingStrategy::as_str));
    let strategy = service.capacity_provider_strategy();
    object.set("capacity_provider_strategy", strategy.iter().map(ecs::strategy_item).collect::<Vec<_>>());
    let controller = service.deployment_controller().map_or("ECS", |c| c.r#type().as_str());
    object.set("deployment_controller", vec![[("type", Some(Value::from(controller)))]]);
    deployment_configuration(object, service);
    if let Some(balancers) = &service.load_balancers {
        object.set("load_balancer", balancers.iter().map(load_balancer).collect::<Vec<_>>());
    }
    object.set("network_configuration", network(service));
    object.set("ordered_placement_strategy", service.placement_strategy().iter().map(placement).collect::<Vec<_>>());
    object.set("placement_constraints", service.placement_constraints().iter().map(constraint).collect::<Vec<_>>());
    object.set("service_registries", service.service_registries().iter().map(registry).collect::<Vec<_>>());
    primary_deployment(object, service);
    object.set("tags_all", ecs::tags_of(service.tags()));
}

/// The name in a role's ARN, with its path if it has one.
fn role_name(arn: &str) -> &str {
    match arn.split_once(":role/") {
        Some((_, name)) if !name.contains('/') => name,
        Some((before, _)) => &arn[before.len() + ":role".len()..],
        None => arn,
    }
}

fn deployment_configuration(object: &mut Object, service: &Service) {
    let Some(configuration) = service.deployment_configuration() else { return };
    object.set("deployment_maximum_percent", configuration.maximum_percent());
    object.set("deployment_minimum_healthy_percent", configuration.minimum_healthy_percent());
    let alarms = configuration.alarms().map(|alarms| {
        vec![[
            ("alarm_names", alarms.alarm_names().into_attribute()),
            ("enable", Some(Value::bool(alarms.enable()))),
            ("rollback", Some(Value::bool(alarms.rollback()))),
        ]]
    });
    object.set("alarms", alarms);
    let breaker = configuration.deployment_circuit_breaker().map(|breaker| {
        vec![[("enable", Some(Value::bool(breaker.enable()))), ("rollback", Some(Value::bool(breaker.rollback())))]]
    });
    object.set("deployment_circuit_breaker", breaker);
}

/// What only deployments tell. What they leave out stays as it was.
fn primary_deployment(object: &mut Object, service: &Service) {
    let primary = service.deployments().iter().find(|d| d.status() == Some("PRIMARY"));
    if let Some(connect) = primary.and_then(|d| d.service_connect_configuration()) {
        object.set("service_connect_configuration", vec![connect_value(connect)]);
    }
    if let Some(volume) = primary.and_then(|d| d.volume_configurations().first()) {
        object.set("volume_configuration", vec![volume_value(volume)]);
    }
    let lattice = primary.map(|d| d.vpc_lattice_configurations()).unwrap_or_default();
    object.set("vpc_lattice_configurations", lattice.iter().map(lattice_value).collect::<Vec<_>>());
}

fn load_balancer(balancer: &LoadBalancer) -> [(&'static str, One); 4] {
    [
        ("container_name", balancer.container_name().map(Value::from)),
        ("container_port", balancer.container_port().map(Value::from)),
        ("elb_name", balancer.load_balancer_name().map(Value::from)),
        ("target_group_arn", balancer.target_group_arn().map(Value::from)),
    ]
}

fn network(service: &Service) -> Option<Vec<[(&'static str, One); 3]>> {
    let vpc = service.network_configuration()?.awsvpc_configuration()?;
    Some(vec![[
        ("assign_public_ip", Some(Value::bool(vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)))),
        ("security_groups", vpc.security_groups().into_attribute()),
        ("subnets", vpc.subnets().into_attribute()),
    ]])
}

fn placement(strategy: &PlacementStrategy) -> [(&'static str, One); 2] {
    let field = strategy.field().map(|field| match field {
        "MEMORY" | "CPU" => Value::from(field.to_lowercase()),
        other => Value::from(other),
    });
    [("field", field), ("type", strategy.r#type().map(|t| Value::from(t.as_str())))]
}

fn constraint(constraint: &PlacementConstraint) -> [(&'static str, One); 2] {
    [
        ("expression", constraint.expression().map(Value::from)),
        ("type", constraint.r#type().map(|t| Value::from(t.as_str()))),
    ]
}

fn registry(registry: &ServiceRegistry) -> [(&'static str, One); 4] {
    [
        ("container_name", registry.container_name().map(Value::from)),
        ("container_port", registry.container_port().map(Value::from)),
        ("port", registry.port().map(Value::from)),
        ("registry_arn", registry.registry_arn().map(Value::from)),
    ]
}

fn connect_value(connect: &ServiceConnectConfiguration) -> [(&'static str, One); 4] {
    let log = connect.log_configuration().map(|log| vec![log_value(log)]);
    [
        ("enabled", Some(Value::bool(connect.enabled()))),
        ("log_configuration", log.into_attribute()),
        ("namespace", connect.namespace().map(Value::from)),
        ("service", connect.services().iter().map(connect_service).collect::<Vec<_>>().into_attribute()),
    ]
}

fn log_value(log: &LogConfiguration) -> [(&'static str, One); 3] {
    let options: Option<BTreeMap<String, String>> = log.options().map(|o| o.clone().into_iter().collect());
    let secret = |secret: &Secret| {
        [("name", Some(Value::from(secret.name()))), ("value_from", Some(Value::from(secret.value_from())))]
    };
    [
        ("log_driver", Some(Value::from(log.log_driver().as_str()))),
        ("options", options.into_attribute()),
        ("secret_option", log.secret_options().iter().map(secret).collect::<Vec<_>>().into_attribute()),
    ]
}

fn connect_service(service: &ServiceConnectService) -> [(&'static str, One); 6] {
    let aliases = service
        .client_aliases()
        .iter()
        .map(|alias| [("dns_name", alias.dns_name().map(Value::from)), ("port", Some(Value::from(alias.port())))]);
    let timeout = service.timeout().map(|timeout| {
        vec![[
            ("idle_timeout_seconds", timeout.idle_timeout_seconds().map(Value::from)),
            ("per_request_timeout_seconds", timeout.per_request_timeout_seconds().map(Value::from)),
        ]]
    });
    let tls = service.tls().map(|tls| {
        let authority = tls
            .issuer_certificate_authority()
            .map(|authority| vec![[("aws_pca_authority_arn", authority.aws_pca_authority_arn().map(Value::from))]]);
        vec![[
            ("issuer_cert_authority", authority.into_attribute()),
            ("kms_key", tls.kms_key().map(Value::from)),
            ("role_arn", tls.role_arn().map(Value::from)),
        ]]
    });
    [
        ("client_alias", aliases.collect::<Vec<_>>().into_attribute()),
        ("discovery_name", service.discovery_name().map(Value::from)),
        ("ingress_port_override", service.ingress_port_override().map(Value::from)),
        ("port_name", Some(Value::from(service.port_name()))),
        ("timeout", timeout.into_attribute()),
        ("tls", tls.into_attribute()),
    ]
}

fn volume_value(volume: &ServiceVolumeConfiguration) -> [(&'static str, One); 2] {
    let managed = volume.managed_ebs_volume().map(|managed| vec![managed_value(managed)]);
    [("managed_ebs_volume", managed.into_attribute()), ("name", Some(Value::from(volume.name())))]
}

fn managed_value(managed: &ServiceManagedEbsVolumeConfiguration) -> [(&'static str, One); 11] {
    let specifications = managed.tag_specifications().iter().map(|specification| {
        [
            ("propagate_tags", specification.propagate_tags().map(|v| Value::from(v.as_str()))),
            ("resource_type", Some(Value::from(specification.resource_type().as_str()))),
            ("tags", ecs::tags_of(specification.tags()).into_attribute()),
        ]
    });
    [
        ("encrypted", managed.encrypted().map(Value::from)),
        ("file_system_type", managed.filesystem_type().map(|v| Value::from(v.as_str()))),
        ("iops", managed.iops().map(Value::from)),
        ("kms_key_id", managed.kms_key_id().map(Value::from)),
        ("role_arn", Some(Value::from(managed.role_arn()))),
        ("size_in_gb", managed.size_in_gib().map(Value::from)),
        ("snapshot_id", managed.snapshot_id().map(Value::from)),
        ("tag_specifications", specifications.collect::<Vec<_>>().into_attribute()),
        ("throughput", managed.throughput().map(Value::from)),
        ("volume_initialization_rate", managed.volume_initialization_rate().map(Value::from)),
        ("volume_type", managed.volume_type().map(Value::from)),
    ]
}

fn lattice_value(lattice: &VpcLatticeConfiguration) -> [(&'static str, One); 3] {
    [
        ("port_name", Some(Value::from(lattice.port_name()))),
        ("role_arn", Some(Value::from(lattice.role_arn()))),
        ("target_group_arn", Some(Value::from(lattice.target_group_arn()))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_a_name_and_perhaps_a_path() {
        for (arn, wanted) in [
            ("arn:aws:iam::123456789012:role/plain", "plain"),
            (
                "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                "/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            ),
        ] {
            assert_eq!(role_name(arn), wanted);
        }
    }
}
