//! The parts of a service, in the API's form.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    AssignPublicIp, AvailabilityZoneRebalancing, AwsVpcConfiguration, DeploymentAlarms, DeploymentCircuitBreaker,
    DeploymentConfiguration, EbsResourceType, EbsTagSpecification, LoadBalancer, LogConfiguration, LogDriver,
    NetworkConfiguration, PlacementConstraint, PlacementConstraintType, PlacementStrategy, PlacementStrategyType,
    PropagateTags, Secret, ServiceConnectClientAlias, ServiceConnectConfiguration, ServiceConnectService,
    ServiceConnectTlsCertificateAuthority, ServiceConnectTlsConfiguration, ServiceManagedEbsVolumeConfiguration,
    ServiceRegistry, ServiceVolumeConfiguration, Tag, TaskFilesystemType, TimeoutConfiguration,
    VpcLatticeConfiguration,
};
use infra_provider::{Failure, Object, Part};

use crate::error::Doing;

/// The arguments that make up the deployment configuration.
pub(super) const EVERYTHING: [&str; 4] =
    ["alarms", "deployment_circuit_breaker", "deployment_maximum_percent", "deployment_minimum_healthy_percent"];

/// The parts of the deployment configuration that are asked for.
pub(super) fn deployment(object: &Object, parts: &[&str]) -> Result<DeploymentConfiguration, Failure> {
    let mut all = DeploymentConfiguration::builder();
    if let Some(part) = object.part("alarms").filter(|_| parts.contains(&"alarms")) {
        let alarms = DeploymentAlarms::builder()
            .set_alarm_names(Some(part.strings("alarm_names")))
            .enable(part.bool("enable"))
            .rollback(part.bool("rollback"));
        all = all.alarms(alarms.build().doing("describing the alarms of a service")?);
    }
    let breaker = object.part("deployment_circuit_breaker");
    if let Some(part) = breaker.filter(|_| parts.contains(&"deployment_circuit_breaker")) {
        let breaker = DeploymentCircuitBreaker::builder().enable(part.bool("enable")).rollback(part.bool("rollback"));
        all = all.deployment_circuit_breaker(breaker.build());
    }
    if parts.contains(&"deployment_maximum_percent") || parts.contains(&"deployment_minimum_healthy_percent") {
        let (most, least) =
            (object.i32("deployment_maximum_percent"), object.i32("deployment_minimum_healthy_percent"));
        if object.str("scheduling_strategy") != "DAEMON" {
            all = all.maximum_percent(most).minimum_healthy_percent(least);
        } else if least != 100 {
            all = all.minimum_healthy_percent(least);
        }
    }
    Ok(all.build())
}

pub(super) fn rebalancing(object: &Object) -> Option<AvailabilityZoneRebalancing> {
    object.opt_str("availability_zone_rebalancing").map(|v| AvailabilityZoneRebalancing::from(&*v))
}

pub(super) fn load_balancers(object: &Object) -> Vec<LoadBalancer> {
    let one = |part: Part<'_>| {
        LoadBalancer::builder()
            .set_container_name(part.opt_str("container_name"))
            .set_container_port(part.opt_i32("container_port"))
            .set_load_balancer_name(part.opt_str("elb_name"))
            .set_target_group_arn(part.opt_str("target_group_arn"))
            .build()
    };
    object.parts("load_balancer").into_iter().map(one).collect()
}

pub(super) fn network(object: &Object) -> Result<Option<NetworkConfiguration>, Failure> {
    let Some(part) = object.part("network_configuration") else { return Ok(None) };
    let public = if part.bool("assign_public_ip") { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
    let vpc = AwsVpcConfiguration::builder()
        .assign_public_ip(public)
        .set_security_groups(Some(part.strings("security_groups")))
        .set_subnets(Some(part.strings("subnets")))
        .build()
        .doing("describing the network of a service")?;
    Ok(Some(NetworkConfiguration::builder().awsvpc_configuration(vpc).build()))
}

pub(super) fn constraints(object: &Object) -> Result<Vec<PlacementConstraint>, Failure> {
    let one = |part: Part<'_>| {
        let (kind, expression) = (part.str("type"), part.opt_str("expression"));
        if kind == "memberOf" && expression.is_none() {
            let message = "Expression cannot be nil for 'memberOf' type";
            return Err(Failure::new("describing a placement constraint", message));
        }
        let kind = PlacementConstraintType::from(kind);
        Ok(PlacementConstraint::builder().r#type(kind).set_expression(expression).build())
    };
    object.parts("placement_constraints").into_iter().map(one).collect()
}

pub(super) fn placement(object: &Object) -> Result<Vec<PlacementStrategy>, Failure> {
    let one = |part: Part<'_>| {
        let (kind, field) = (part.str("type"), part.str("field"));
        let wrong = match kind {
            "random" if !field.is_empty() => Some("takes no field".to_string()),
            "binpack" if !matches!(field, "cpu" | "memory") => Some(format!("takes cpu or memory, not {field:?}")),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Failure::new("describing a placement strategy", format!("the strategy '{kind}' {wrong}")));
        }
        let kind = PlacementStrategyType::from(kind);
        Ok(PlacementStrategy::builder().r#type(kind).set_field(part.opt_str("field")).build())
    };
    object.parts("ordered_placement_strategy").into_iter().map(one).collect()
}

pub(super) fn registries(object: &Object) -> Vec<ServiceRegistry> {
    let one = |part: Part<'_>| {
        ServiceRegistry::builder()
            .registry_arn(part.str("registry_arn"))
            .set_container_name(part.opt_str("container_name"))
            .set_container_port(part.opt_i32("container_port"))
            .set_port(part.opt_i32("port"))
            .build()
    };
    object.parts("service_registries").into_iter().map(one).collect()
}

pub(super) fn connect(object: &Object) -> Result<Option<ServiceConnectConfiguration>, Failure> {
    let Some(part) = object.part("service_connect_configuration") else { return Ok(None) };
    let services = part.parts("service").into_iter().map(connect_service).collect::<Result<Vec<_>, _>>()?;
    let connect = ServiceConnectConfiguration::builder()
        .enabled(part.bool("enabled"))
        .set_namespace(part.opt_str("namespace"))
        .set_services(Some(services).filter(|all| !all.is_empty()))
        .set_log_configuration(part.part("log_configuration").map(log).transpose()?);
    Ok(Some(connect.build()))
}

fn log(part: Part<'_>) -> Result<LogConfiguration, Failure> {
    let doing = "describing the log of service connect";
    let secret = |part: Part<'_>| {
        Secret::builder().name(part.str("name")).value_from(part.str("value_from")).build().doing(doing)
    };
    let secrets = part.parts("secret_option").into_iter().map(secret).collect::<Result<Vec<_>, _>>()?;
    let options = Some(part.map("options")).filter(|options| !options.is_empty());
    LogConfiguration::builder()
        .log_driver(LogDriver::from(part.str("log_driver")))
        .set_options(options.map(|options| options.into_iter().collect()))
        .set_secret_options(Some(secrets).filter(|all| !all.is_empty()))
        .build()
        .doing(doing)
}

fn connect_service(part: Part<'_>) -> Result<ServiceConnectService, Failure> {
    let doing = "describing a service of service connect";
    let alias = |part: Part<'_>| {
        let alias = ServiceConnectClientAlias::builder().port(part.i32("port"));
        alias.set_dns_name(part.opt_str("dns_name")).build().doing(doing)
    };
    let aliases = part.parts("client_alias").into_iter().map(alias).collect::<Result<Vec<_>, _>>()?;
    let timeout = |part: Part<'_>| {
        let seconds = |name: &str| part.is_set(name).then(|| part.i32(name));
        TimeoutConfiguration::builder()
            .set_idle_timeout_seconds(seconds("idle_timeout_seconds"))
            .set_per_request_timeout_seconds(seconds("per_request_timeout_seconds"))
            .build()
    };
    let tls = |part: Part<'_>| {
        let authority = part.part("issuer_cert_authority").map(|authority| {
            let arn = authority.opt_str("aws_pca_authority_arn");
            ServiceConnectTlsCertificateAuthority::builder().set_aws_pca_authority_arn(arn).build()
        });
        ServiceConnectTlsConfiguration::builder()
            .set_issuer_certificate_authority(authority)
            .set_kms_key(part.opt_str("kms_key"))
            .set_role_arn(part.opt_str("role_arn"))
            .build()
    };
    ServiceConnectService::builder()
        .port_name(part.str("port_name"))
        .set_discovery_name(part.opt_str("discovery_name"))
        .set_ingress_port_override(part.opt_i32("ingress_port_override"))
        .set_client_aliases(Some(aliases).filter(|all| !all.is_empty()))
        .set_timeout(part.part("timeout").map(timeout))
        .set_tls(part.part("tls").map(tls))
        .build()
        .doing(doing)
}

pub(super) fn volumes(object: &Object) -> Result<Vec<ServiceVolumeConfiguration>, Failure> {
    let one = |part: Part<'_>| {
        let managed = part.part("managed_ebs_volume").map(managed_volume).transpose()?;
        let volume = ServiceVolumeConfiguration::builder().name(part.str("name")).set_managed_ebs_volume(managed);
        volume.build().doing("describing a volume of a service")
    };
    object.parts("volume_configuration").into_iter().map(one).collect()
}

fn managed_volume(part: Part<'_>) -> Result<ServiceManagedEbsVolumeConfiguration, Failure> {
    let doing = "describing a managed volume of a service";
    let tags = |tags: BTreeMap<String, String>| {
        let tags: Vec<Tag> = tags.into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        Some(tags).filter(|tags| !tags.is_empty())
    };
    let specification = |part: Part<'_>| {
        EbsTagSpecification::builder()
            .resource_type(EbsResourceType::from(part.str("resource_type")))
            .set_propagate_tags(part.opt_str("propagate_tags").map(|v| PropagateTags::from(&*v)))
            .set_tags(tags(part.map("tags")))
            .build()
            .doing(doing)
    };
    let specifications =
        part.parts("tag_specifications").into_iter().map(specification).collect::<Result<Vec<_>, _>>()?;
    ServiceManagedEbsVolumeConfiguration::builder()
        .role_arn(part.str("role_arn"))
        .set_encrypted(part.opt_bool("encrypted"))
        .set_filesystem_type(part.opt_str("file_system_type").map(|v| TaskFilesystemType::from(&*v)))
        .set_iops(part.opt_i32("iops"))
        .set_kms_key_id(part.opt_str("kms_key_id"))
        .set_size_in_gib(part.opt_i32("size_in_gb"))
        .set_snapshot_id(part.opt_str("snapshot_id"))
        .set_throughput(part.opt_i32("throughput"))
        .set_volume_initialization_rate(part.opt_i32("volume_initialization_rate"))
        .set_volume_type(part.opt_str("volume_type"))
        .set_tag_specifications(Some(specifications).filter(|all| !all.is_empty()))
        .build()
        .doing(doing)
}

pub(super) fn lattice(object: &Object) -> Result<Vec<VpcLatticeConfiguration>, Failure> {
    let one = |part: Part<'_>| {
        let lattice = VpcLatticeConfiguration::builder().port_name(part.str("port_name"));
        let lattice = lattice.role_arn(part.str("role_arn")).target_group_arn(part.str("target_group_arn"));
        lattice.build().doing("describing a VPC Lattice target of a service")
    };
    object.parts("vpc_lattice_configurations").into_iter().map(one).collect()
}
