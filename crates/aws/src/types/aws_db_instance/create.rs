//! Making an instance: new, as a replica, or from a backup.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::DbInstance;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use infra_catalog::OpContext;
use infra_provider::{Failure, Object, Part};

use super::given::given;
use super::modify::send;
use crate::error::Doing;
use crate::iam::PROPAGATION;
use crate::wait::retry;
use crate::{Aws, ids, rds};

/// What only a change after the creation can set.
pub(super) struct Later {
    pub(super) call: ModifyDBInstanceFluentBuilder,
    pub(super) needed: bool,
    restart: bool,
}

impl Later {
    fn new(aws: &Aws, name: &str) -> Later {
        let call = aws.rds().modify_db_instance().db_instance_identifier(name).apply_immediately(true);
        Later { call, needed: false, restart: false }
    }

    fn set(&mut self, needed: bool, set: impl FnOnce(ModifyDBInstanceFluentBuilder) -> ModifyDBInstanceFluentBuilder) {
        if needed {
            self.call = set(self.call.clone());
            self.needed = true;
        }
    }

    /// The password, and who manages it.
    fn set_password(&mut self, object: &Object, password: Option<String>) {
        self.set(object.bool("manage_master_user_password"), |call| call.manage_master_user_password(true));
        self.set(object.is_set("master_user_secret_kms_key_id"), |call| {
            call.set_master_user_secret_kms_key_id(object.opt_str("master_user_secret_kms_key_id"))
        });
        self.set(password.is_some(), |call| call.set_master_user_password(password));
    }
}

pub(super) async fn create(aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
    let name = ids::name(object.str("identifier"), object.str("identifier_prefix"), &cx.token);
    let doing = format!("creating RDS DB Instance ({name})");
    let mut later = Later::new(aws, &name);
    let asked = &as_written(object, cx);
    let made = match () {
        () if !object.str("replicate_source_db").is_empty() => replica(aws, asked, cx, &name, &mut later).await?,
        () if object.part("s3_import").is_some() => from_s3(aws, asked, cx, &name).await?,
        () if !object.str("snapshot_identifier").is_empty() => {
            from_snapshot(aws, asked, cx, &name, &mut later).await?
        }
        () if object.part("restore_to_point_in_time").is_some() => {
            from_point_in_time(aws, asked, cx, &name, &mut later).await?
        }
        () => plain(aws, asked, cx, &name, &mut later).await?,
    };
    let id = made.and_then(|i| i.dbi_resource_id).ok_or_else(|| Failure::new(&doing, "empty answer"))?;
    object.set("id", &id);
    object.set("resource_id", &id);
    object.set("identifier", &name);
    (cx.checkpoint)(object);

    rds::wait_available(aws, &name, "create", cx.timeouts.of("create")).await?;
    if later.needed {
        send(later.call, &name, cx.timeouts.of("update")).await?;
        rds::wait_available(aws, &id, "update", cx.timeouts.of("update")).await?;
    }
    if later.restart {
        let call = aws.rds().reboot_db_instance().db_instance_identifier(&name);
        call.send().await.doing(format!("rebooting RDS DB Instance ({name})"))?;
        rds::wait_available(aws, &id, "update", cx.timeouts.of("update")).await?;
    }
    Ok(())
}

/// What is asked for with the texts that are planned in lower case as the configuration writes them: so they are sent.
pub(super) fn as_written(object: &Object, cx: &OpContext<'_>) -> Object {
    let mut asked = object.clone();
    for name in ["engine", "maintenance_window"] {
        if let Some(text) = Part::new(cx.config).opt_str(name) {
            asked.set(name, text);
        }
    }
    asked
}

/// The password as given, or from the argument that is never stored.
pub(super) fn password(object: &Object, cx: &OpContext<'_>) -> Option<String> {
    Part::new(cx.config).opt_str("password_wo").or_else(|| object.opt_str("password"))
}

/// A new role is not known everywhere at once.
fn role_not_known(failure: &Failure) -> bool {
    let says = |code: &str, text: &str| failure.is(&[code]) && failure.message.contains(text);
    says("InvalidParameterValue", "ENHANCED_MONITORING")
        || says("ValidationError", "RDS couldn't fetch the role from instance profile")
}

/// A new role or bucket is not known everywhere at once.
fn bucket_not_known(failure: &Failure) -> bool {
    let texts = [
        "S3_SNAPSHOT_INGESTION",
        "S3 bucket cannot be found",
        "Files from the specified Amazon S3 bucket cannot be downloaded",
    ];
    role_not_known(failure)
        || (failure.is(&["InvalidParameterValue"]) && texts.iter().any(|text| failure.message.contains(text)))
}

/// What a new instance has to say of itself.
fn complete(object: &Object, name: &str) -> Result<(), Failure> {
    for required in ["allocated_storage", "engine", "username"] {
        if object.int(required) == 0 && object.str(required).is_empty() {
            let doing = format!("creating RDS DB Instance ({name})");
            return Err(Failure::new(doing, format!("{required:?}: required field is not set")));
        }
    }
    Ok(())
}

/// The arguments of a request that every way of making an instance knows.
macro_rules! common {
    ($call:expr, $object:expr, $cx:expr) => {
        given!($call, $object;
            set_auto_minor_version_upgrade: truth "auto_minor_version_upgrade",
            set_availability_zone: text "availability_zone",
            set_copy_tags_to_snapshot: truth "copy_tags_to_snapshot",
            set_db_instance_class: text "instance_class",
            set_db_subnet_group_name: text "db_subnet_group_name",
            set_dedicated_log_volume: yes "dedicated_log_volume",
            set_deletion_protection: truth "deletion_protection",
            set_enable_cloudwatch_logs_exports: list "enabled_cloudwatch_logs_exports",
            set_enable_iam_database_authentication: yes "iam_database_authentication_enabled",
            set_network_type: text "network_type",
            set_option_group_name: text "option_group_name",
            set_port: number "port",
            set_publicly_accessible: truth "publicly_accessible",
            set_vpc_security_group_ids: list "vpc_security_group_ids",
        )
        .set_tags(rds::sdk_tags(&$cx.tags))
    };
}

/// The directory that an instance belongs to.
macro_rules! domain {
    ($call:expr, $object:expr) => {
        given!($call, $object;
            set_domain: text "domain",
            set_domain_auth_secret_arn: text "domain_auth_secret_arn",
            set_domain_dns_ips: list "domain_dns_ips",
            set_domain_fqdn: text "domain_fqdn",
            set_domain_iam_role_name: text "domain_iam_role_name",
            set_domain_ou: text "domain_ou",
            set_custom_iam_instance_profile: text "custom_iam_instance_profile",
        )
    };
}

/// Monitoring and fast storage.
macro_rules! performance {
    ($call:expr, $object:expr) => {
        given!($call, $object;
            set_database_insights_mode: insights "database_insights_mode",
            set_enable_performance_insights: yes "performance_insights_enabled",
            set_iops: number "iops",
            set_monitoring_interval: number "monitoring_interval",
            set_monitoring_role_arn: text "monitoring_role_arn",
            set_multi_az: yes "multi_az",
            set_performance_insights_kms_key_id: text "performance_insights_kms_key_id",
            set_performance_insights_retention_period: number "performance_insights_retention_period",
            set_storage_throughput: number "storage_throughput",
            set_storage_type: text "storage_type",
        )
    };
}

async fn plain(
    aws: &Aws,
    object: &Object,
    cx: &OpContext<'_>,
    name: &str,
    later: &mut Later,
) -> Result<Option<DbInstance>, Failure> {
    complete(object, name)?;
    let call = performance!(domain!(common!(aws.rds().create_db_instance(), object, cx), object), object);
    let call = given!(call, object;
        set_backup_target: text "backup_target",
        set_character_set_name: text "character_set_name",
        set_enable_customer_owned_ip: yes "customer_owned_ip_enabled",
        set_db_parameter_group_name: text "parameter_group_name",
        set_engine_lifecycle_support: text "engine_lifecycle_support",
        set_kms_key_id: text "kms_key_id",
        set_license_model: text "license_model",
        set_manage_master_user_password: yes "manage_master_user_password",
        set_master_user_secret_kms_key_id: text "master_user_secret_kms_key_id",
        set_max_allocated_storage: number "max_allocated_storage",
        set_nchar_character_set_name: text "nchar_character_set_name",
        set_preferred_backup_window: text "backup_window",
        set_preferred_maintenance_window: text "maintenance_window",
        set_timezone: text "timezone",
    )
    .db_instance_identifier(name)
    .allocated_storage(object.i32("allocated_storage"))
    .backup_retention_period(object.i32("backup_retention_period"))
    .db_name(object.str("db_name"))
    .engine(object.str("engine"))
    .engine_version(object.str("engine_version"))
    .master_username(object.str("username"))
    .storage_encrypted(object.bool("storage_encrypted"))
    .set_master_user_password(password(object, cx));
    let doing = format!("creating RDS DB Instance ({name})");
    let answer = retry(PROPAGATION, role_not_known, || async { call.clone().send().await.doing(&doing) }).await?;
    let made = answer.db_instance;
    let certificate = made.as_ref().and_then(|i| i.ca_certificate_identifier()).unwrap_or_default();
    let wanted = object.opt_str("ca_cert_identifier").filter(|wanted| wanted != certificate);
    later.set(wanted.is_some(), |call| call.set_ca_certificate_identifier(wanted));
    Ok(made)
}

async fn replica(
    aws: &Aws,
    object: &Object,
    cx: &OpContext<'_>,
    name: &str,
    later: &mut Later,
) -> Result<Option<DbInstance>, Failure> {
    let source = object.str("replicate_source_db");
    let region = source.split(':').nth(3).filter(|_| source.starts_with("arn:"));
    let call = aws.rds().create_db_instance_read_replica();
    let call = performance!(domain!(common!(call, object, cx), object), object);
    let call = given!(call, object;
        set_kms_key_id: text "kms_key_id",
        set_replica_mode: replica_mode "replica_mode",
        set_upgrade_storage_config: yes "upgrade_storage_config",
    )
    .db_instance_identifier(name)
    .source_db_instance_identifier(source);
    let elsewhere = region.is_some_and(|region| region != aws.meta().region);
    let group = object.opt_str("parameter_group_name").filter(|_| elsewhere);
    let doing = format!("creating RDS DB Instance (read replica) ({name})");
    let send = |group: Option<String>| {
        let call = call.clone().set_db_parameter_group_name(group);
        let doing = &doing;
        async move { retry(PROPAGATION, role_not_known, || async { call.clone().send().await.doing(doing) }).await }
    };
    let answer = match send(group.clone()).await {
        Err(failure) if group.is_some() && without_group(&failure) => send(None).await?,
        answer => answer?,
    };
    let made = answer.db_instance.unwrap_or_else(|| DbInstance::builder().build());
    let number = |wanted: Option<i32>, has: Option<i32>| wanted.filter(|wanted| Some(*wanted) != has);
    let text = |wanted: Option<String>, has: Option<&str>| wanted.filter(|wanted| Some(&**wanted) != has);

    let days = number(object.opt_i32("backup_retention_period"), made.backup_retention_period());
    later.set(days.is_some(), |call| call.set_backup_retention_period(days));
    let window = text(object.opt_str("backup_window"), made.preferred_backup_window());
    later.set(window.is_some(), |call| call.set_preferred_backup_window(window));
    let certificate = text(object.opt_str("ca_cert_identifier"), made.ca_certificate_identifier());
    later.set(certificate.is_some(), |call| call.set_ca_certificate_identifier(certificate));
    let window = text(object.opt_str("maintenance_window"), made.preferred_maintenance_window());
    later.set(window.is_some(), |call| call.set_preferred_maintenance_window(window));
    let most = number(object.opt_i32("max_allocated_storage"), made.max_allocated_storage());
    later.set(most.is_some(), |call| call.set_max_allocated_storage(most));
    let has = made.db_parameter_groups().first().and_then(|g| g.db_parameter_group_name());
    let group = text(object.opt_str("parameter_group_name"), has);
    later.restart = group.is_some();
    later.set(group.is_some(), |call| call.set_db_parameter_group_name(group));
    later
        .set(object.is_set("replica_mode"), |call| given!(call, object; set_replica_mode: replica_mode "replica_mode"));
    later.set_password(object, password(object, cx));
    later.call = later
        .call
        .clone()
        .set_allow_major_version_upgrade(object.opt_bool("allow_major_version_upgrade").filter(|allowed| *allowed));
    Ok(Some(made))
}

fn without_group(failure: &Failure) -> bool {
    failure.is(&["InvalidParameterCombination"])
        && failure
            .message
            .contains("A parameter group can't be specified during Read Replica creation for the following DB engine")
}

async fn from_s3(aws: &Aws, object: &Object, cx: &OpContext<'_>, name: &str) -> Result<Option<DbInstance>, Failure> {
    complete(object, name)?;
    let call = performance!(common!(aws.rds().restore_db_instance_from_s3(), object, cx), object);
    let call = given!(call, object;
        set_db_name: text "db_name",
        set_db_parameter_group_name: text "parameter_group_name",
        set_engine_lifecycle_support: text "engine_lifecycle_support",
        set_kms_key_id: text "kms_key_id",
        set_license_model: text "license_model",
        set_manage_master_user_password: yes "manage_master_user_password",
        set_master_user_secret_kms_key_id: text "master_user_secret_kms_key_id",
        set_max_allocated_storage: number "max_allocated_storage",
        set_preferred_backup_window: text "backup_window",
        set_preferred_maintenance_window: text "maintenance_window",
    )
    .db_instance_identifier(name)
    .allocated_storage(object.i32("allocated_storage"))
    .backup_retention_period(object.i32("backup_retention_period"))
    .engine(object.str("engine"))
    .engine_version(object.str("engine_version"))
    .master_username(object.str("username"))
    .storage_encrypted(object.bool("storage_encrypted"))
    .set_master_user_password(password(object, cx));
    let call = match object.part("s3_import") {
        Some(from) => call
            .s3_bucket_name(from.str("bucket_name"))
            .s3_ingestion_role_arn(from.str("ingestion_role"))
            .s3_prefix(from.str("bucket_prefix"))
            .source_engine(from.str("source_engine"))
            .source_engine_version(from.str("source_engine_version")),
        None => call,
    };
    let doing = format!("creating RDS DB Instance (restore from S3) ({name})");
    let answer = retry(PROPAGATION, bucket_not_known, || async { call.clone().send().await.doing(&doing) }).await?;
    Ok(answer.db_instance)
}

async fn from_snapshot(
    aws: &Aws,
    object: &Object,
    cx: &OpContext<'_>,
    name: &str,
    later: &mut Later,
) -> Result<Option<DbInstance>, Failure> {
    let engine = object.str("engine").to_lowercase();
    let named = !matches!(&*engine, "mysql" | "postgres" | "mariadb");
    let mirrored = engine.starts_with("sqlserver");
    let call = aws.rds().restore_db_instance_from_db_snapshot();
    let call = domain!(common!(call, object, cx), object);
    let call = given!(call, object;
        set_backup_target: text "backup_target",
        set_enable_customer_owned_ip: yes "customer_owned_ip_enabled",
        set_db_parameter_group_name: text "parameter_group_name",
        set_engine_lifecycle_support: text "engine_lifecycle_support",
        set_license_model: text "license_model",
    )
    .db_instance_identifier(name)
    .db_snapshot_identifier(object.str("snapshot_identifier"))
    .set_db_name(object.opt_str("db_name").filter(|_| named))
    .set_engine(Some(engine).filter(|engine| !engine.is_empty()))
    .set_multi_az(object.opt_bool("multi_az").filter(|on| *on && !mirrored));
    later.set(mirrored && object.bool("multi_az"), |call| call.multi_az(true));

    let fluent = [
        "allocated_storage",
        "backup_window",
        "engine_version",
        "iops",
        "maintenance_window",
        "max_allocated_storage",
        "monitoring_role_arn",
        "storage_throughput",
        "storage_type",
    ];
    let any = fluent.iter().any(|name| object.int(name) != 0 || !object.str(name).is_empty());
    later.set(any, |call| {
        given!(call, object;
            set_allocated_storage: number "allocated_storage",
            set_preferred_backup_window: text "backup_window",
            set_engine_version: text "engine_version",
            set_iops: number "iops",
            set_preferred_maintenance_window: text "maintenance_window",
            set_max_allocated_storage: number "max_allocated_storage",
            set_monitoring_role_arn: text "monitoring_role_arn",
            set_storage_throughput: number "storage_throughput",
            set_storage_type: text "storage_type",
        )
        .set_allow_major_version_upgrade(object.opt_bool("allow_major_version_upgrade").filter(|allowed| *allowed))
    });
    later.set(object.is_set("backup_retention_period"), |call| {
        call.backup_retention_period(object.i32("backup_retention_period"))
    });
    later.set(object.int("monitoring_interval") != 0, |call| {
        call.monitoring_interval(object.i32("monitoring_interval"))
    });
    later.set(object.bool("performance_insights_enabled"), |call| {
        given!(call, object;
            set_enable_performance_insights: yes "performance_insights_enabled",
            set_performance_insights_kms_key_id: text "performance_insights_kms_key_id",
            set_performance_insights_retention_period: number "performance_insights_retention_period",
        )
    });
    later.set_password(object, password(object, cx));

    let doing = format!("creating RDS DB Instance (restore from snapshot) ({name})");
    let send = |call: aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder| {
        let doing = &doing;
        async move { retry(PROPAGATION, role_not_known, || async { call.clone().send().await.doing(doing) }).await }
    };
    let unmirrored = |failure: &Failure| {
        failure.is(&["InvalidParameterValue"])
            && failure.message.contains("Mirroring cannot be applied to instances with backup retention set to zero")
    };
    match send(call.clone()).await {
        Err(failure) if unmirrored(&failure) => {
            later.set(true, |call| call.multi_az(true));
            Ok(send(call.multi_az(false)).await?.db_instance)
        }
        answer => Ok(answer?.db_instance),
    }
}

async fn from_point_in_time(
    aws: &Aws,
    object: &Object,
    cx: &OpContext<'_>,
    name: &str,
    later: &mut Later,
) -> Result<Option<DbInstance>, Failure> {
    let call = aws.rds().restore_db_instance_to_point_in_time();
    let call = domain!(common!(call, object, cx), object);
    let mut call = given!(call, object;
        set_backup_target: text "backup_target",
        set_db_name: text "db_name",
        set_db_parameter_group_name: text "parameter_group_name",
        set_enable_customer_owned_ip: yes "customer_owned_ip_enabled",
        set_engine: text "engine",
        set_engine_lifecycle_support: text "engine_lifecycle_support",
        set_iops: number "iops",
        set_license_model: text "license_model",
        set_max_allocated_storage: number "max_allocated_storage",
        set_multi_az: yes "multi_az",
        set_storage_type: text "storage_type",
    )
    .target_db_instance_identifier(name);
    let doing = format!("creating RDS DB Instance (restore to point in time) ({name})");
    if let Some(from) = object.part("restore_to_point_in_time") {
        let time = match from.opt_str("restore_time") {
            Some(text) => Some(
                DateTime::from_str(&text, Format::DateTimeWithOffset)
                    .map_err(|_| Failure::new(&doing, format!("{text} is not a time such as 2026-01-02T03:04:05Z")))?,
            ),
            None => None,
        };
        call = given!(call, from;
            set_source_db_instance_automated_backups_arn: text "source_db_instance_automated_backups_arn",
            set_source_db_instance_identifier: text "source_db_instance_identifier",
            set_source_dbi_resource_id: text "source_dbi_resource_id",
            set_use_latest_restorable_time: yes "use_latest_restorable_time",
        )
        .set_restore_time(time);
    }
    later.set(object.int("monitoring_interval") != 0, |call| {
        call.monitoring_interval(object.i32("monitoring_interval"))
    });
    later.set(object.is_set("monitoring_role_arn"), |call| {
        call.set_monitoring_role_arn(object.opt_str("monitoring_role_arn"))
    });
    later.set_password(object, password(object, cx));
    let answer = retry(PROPAGATION, role_not_known, || async { call.clone().send().await.doing(&doing) }).await?;
    Ok(answer.db_instance)
}
