//! Changing an instance in place.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use infra_catalog::OpContext;
use infra_provider::{Failure, Object};

use super::create::{as_written, password};
use super::given::given;
use super::{blue_green, role_not_usable};
use crate::error::Doing;
use crate::resource::{changed, differ};
use crate::wait::retry;
use crate::{Aws, rds};

/// Arguments whose change alone sends nothing to the instance.
const OWN: [&str; 7] = [
    "allow_major_version_upgrade",
    "delete_automated_backups",
    "final_snapshot_identifier",
    "replicate_source_db",
    "skip_final_snapshot",
    "tags",
    "tags_all",
];

pub(super) async fn update(aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
    let (id, limit) = (object.id().to_string(), cx.timeouts.of("update"));
    let identifier = prior.str("identifier").to_string();
    if changed(prior, object, &["replicate_source_db"]) {
        promote(aws, prior, object, limit).await?;
    }
    let names = changes(prior, object);
    if names.is_empty() {
        return Ok(());
    }
    let by_copy = object.part("blue_green_update").is_some_and(|update| update.bool("enabled"))
        && names.iter().any(|name| !matches!(&**name, "deletion_protection" | "password"));
    if by_copy {
        return blue_green::update(aws, prior, object, cx).await;
    }
    let call = aws
        .rds()
        .modify_db_instance()
        .db_instance_identifier(&identifier)
        .apply_immediately(object.bool("apply_immediately"))
        .deletion_protection(object.bool("deletion_protection"));
    let call = arguments(call, prior, object, cx);
    let call = versions(call, prior, object);
    if let Err(failure) = send(call, &identifier, limit).await {
        object.set("manage_master_user_password", prior.raw("manage_master_user_password").clone());
        return Err(failure);
    }
    let changed = match object.bool("apply_immediately") {
        true => rds::wait_available(aws, &id, "update", limit).await,
        false => rds::wait_scheduled(aws, &id, limit).await,
    };
    changed.map(drop)
}

/// The arguments that differ and that an instance is changed for.
fn changes(prior: &Object, object: &Object) -> Vec<String> {
    let arguments = object.block().attributes.iter().filter(|(name, a)| a.optional && !OWN.contains(&&***name));
    let changed = arguments.filter(|(name, _)| differ(prior.raw(name), object.raw(name)));
    changed.map(|(name, _)| name.to_string()).collect()
}

pub(super) async fn send(
    call: ModifyDBInstanceFluentBuilder,
    identifier: &str,
    limit: std::time::Duration,
) -> Result<(), Failure> {
    let doing = format!("updating RDS DB Instance ({identifier})");
    let not_yet = |failure: &Failure| {
        let optimizing = failure.is(&["InvalidParameterCombination"])
            && failure.message.contains("previous storage change is being optimized");
        role_not_usable(failure) || optimizing || failure.is(&["InvalidDBClusterStateFault"])
    };
    retry(limit, not_yet, || async { call.clone().send().await.doing(&doing) }).await.map(drop)
}

async fn promote(aws: &Aws, prior: &Object, object: &Object, limit: std::time::Duration) -> Result<(), Failure> {
    let identifier = prior.str("identifier");
    let doing = format!("promoting RDS DB Instance ({identifier})");
    if !object.str("replicate_source_db").is_empty() {
        return Err(Failure::new(doing, "cannot elect new source database for replication"));
    }
    let call = aws
        .rds()
        .promote_read_replica()
        .db_instance_identifier(identifier)
        .backup_retention_period(object.i32("backup_retention_period"))
        .set_preferred_backup_window(object.opt_str("backup_window"));
    call.send().await.doing(doing)?;
    rds::wait_available(aws, object.id(), "update", limit).await.map(drop)
}

/// Gives a request those arguments of a list that differ, whatever they are now.
macro_rules! differing {
    ($call:expr, $prior:expr, $object:expr; $($setter:ident: $get:ident $name:literal),* $(,)?) => {{
        let call = $call;
        $(let call = if changed($prior, $object, &[$name]) { call.$setter($object.$get($name)) } else { call };)*
        call
    }};
}

/// Engine version and parameter group, which a blue/green update gives to the copy when it is made.
fn versions(call: ModifyDBInstanceFluentBuilder, prior: &Object, object: &Object) -> ModifyDBInstanceFluentBuilder {
    let call = differing!(call, prior, object; db_parameter_group_name: str "parameter_group_name");
    if !changed(prior, object, &["engine_version"]) {
        return call;
    }
    call.engine_version(object.str("engine_version"))
        .allow_major_version_upgrade(object.bool("allow_major_version_upgrade"))
}

/// All other arguments that differ.
pub(super) fn arguments(
    call: ModifyDBInstanceFluentBuilder,
    prior: &Object,
    object: &Object,
    cx: &OpContext<'_>,
) -> ModifyDBInstanceFluentBuilder {
    let differs = |names: &[&str]| changed(prior, object, names);
    let mut call = storage(call, prior, object);
    call = differing!(call, prior, object;
        auto_minor_version_upgrade: bool "auto_minor_version_upgrade",
        backup_retention_period: i32 "backup_retention_period",
        preferred_backup_window: str "backup_window",
        copy_tags_to_snapshot: bool "copy_tags_to_snapshot",
        ca_certificate_identifier: str "ca_cert_identifier",
        enable_customer_owned_ip: bool "customer_owned_ip_enabled",
        db_subnet_group_name: str "db_subnet_group_name",
        dedicated_log_volume: bool "dedicated_log_volume",
        enable_iam_database_authentication: bool "iam_database_authentication_enabled",
        new_db_instance_identifier: str "identifier",
        db_instance_class: str "instance_class",
        license_model: str "license_model",
        manage_master_user_password: bool "manage_master_user_password",
        monitoring_interval: i32 "monitoring_interval",
        monitoring_role_arn: str "monitoring_role_arn",
        multi_az: bool "multi_az",
        network_type: str "network_type",
        option_group_name: str "option_group_name",
        db_port_number: i32 "port",
        publicly_accessible: bool "publicly_accessible",
    );
    if differs(&["maintenance_window"]) {
        call = call.preferred_maintenance_window(as_written(object, cx).str("maintenance_window"));
    }
    if differs(&["replica_mode"]) {
        call = given!(call, object; set_replica_mode: replica_mode "replica_mode");
    }
    if differs(&["master_user_secret_kms_key_id"]) && object.opt_str("master_user_secret_kms_key_id").is_some() {
        call = call
            .set_master_user_secret_kms_key_id(object.opt_str("master_user_secret_kms_key_id"))
            .manage_master_user_password(object.bool("manage_master_user_password"));
    }
    if differs(&["password", "password_wo_version"]) {
        call = call.set_master_user_password(password(object, cx));
    }
    if differs(&["vpc_security_group_ids"]) {
        call = given!(call, object; set_vpc_security_group_ids: list "vpc_security_group_ids");
    }
    if differs(&["enabled_cloudwatch_logs_exports"]) {
        call = call.cloudwatch_logs_export_configuration(log_exports(prior, object));
    }
    domain(insights(call, prior, object), prior, object)
}

fn storage(mut call: ModifyDBInstanceFluentBuilder, prior: &Object, object: &Object) -> ModifyDBInstanceFluentBuilder {
    let differs = |names: &[&str]| changed(prior, object, names);
    let (size, iops) = (object.i32("allocated_storage"), object.i32("iops"));
    let below = object.str("storage_type") == "gp3" && below_threshold(object.str("engine"), size);
    if differs(&["allocated_storage", "iops"]) {
        call = call.allocated_storage(size);
        if differs(&["iops"]) || !below {
            call = call.set_iops(Some(iops).filter(|n| *n != 0 || differs(&["iops"])));
        }
    }
    if differs(&["storage_throughput"]) {
        call = call.storage_throughput(object.i32("storage_throughput")).allocated_storage(size).iops(iops);
    }
    if differs(&["storage_type"]) {
        call = call.storage_type(object.str("storage_type"));
        if matches!(object.str("storage_type"), "io1" | "io2") || (object.str("storage_type") == "gp3" && !below) {
            call = call.allocated_storage(size).iops(iops);
        }
    }
    if differs(&["max_allocated_storage"]) {
        // The same as the present size switches growing off.
        call = call.max_allocated_storage(object.opt_i32("max_allocated_storage").unwrap_or(size));
    }
    call
}

/// Below these sizes the speed of gp3 storage is fixed.
fn below_threshold(engine: &str, size: i32) -> bool {
    match engine {
        "mariadb" | "mysql" | "postgres" => size < 400,
        "oracle-ee" | "oracle-ee-cdb" | "oracle-se2" | "oracle-se2-cdb" => size < 200,
        "db2-ae" | "db2-se" => size < 100,
        _ => false,
    }
}

fn insights(mut call: ModifyDBInstanceFluentBuilder, prior: &Object, object: &Object) -> ModifyDBInstanceFluentBuilder {
    if changed(prior, object, &["database_insights_mode"]) {
        call = given!(call, object;
            set_database_insights_mode: insights "database_insights_mode",
            set_enable_performance_insights: truth "performance_insights_enabled",
            set_performance_insights_kms_key_id: text "performance_insights_kms_key_id",
        )
        .performance_insights_retention_period(object.i32("performance_insights_retention_period"));
    }
    let names =
        ["performance_insights_enabled", "performance_insights_kms_key_id", "performance_insights_retention_period"];
    if changed(prior, object, &names) {
        call = given!(call, object;
            set_enable_performance_insights: truth "performance_insights_enabled",
            set_performance_insights_kms_key_id: text "performance_insights_kms_key_id",
            set_performance_insights_retention_period: number "performance_insights_retention_period",
        );
    }
    call
}

fn domain(call: ModifyDBInstanceFluentBuilder, prior: &Object, object: &Object) -> ModifyDBInstanceFluentBuilder {
    if changed(prior, object, &["domain", "domain_iam_role_name"]) {
        return call.domain(object.str("domain")).domain_iam_role_name(object.str("domain_iam_role_name"));
    }
    if changed(prior, object, &["domain_auth_secret_arn", "domain_dns_ips", "domain_fqdn", "domain_ou"]) {
        return call
            .domain_auth_secret_arn(object.str("domain_auth_secret_arn"))
            .set_domain_dns_ips(Some(object.strings("domain_dns_ips")))
            .domain_fqdn(object.str("domain_fqdn"))
            .domain_ou(object.str("domain_ou"));
    }
    call
}

fn log_exports(prior: &Object, object: &Object) -> CloudwatchLogsExportConfiguration {
    let name = "enabled_cloudwatch_logs_exports";
    let (old, new) = (prior.strings(name), object.strings(name));
    let without = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|t| !those.contains(t)).cloned().collect()
    };
    CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types(Some(without(&new, &old)))
        .set_disable_log_types(Some(without(&old, &new)))
        .build()
}
