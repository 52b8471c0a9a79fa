//! What an instance says of itself, as attributes.

use aws_sdk_rds::types::{DbInstance, DomainMembership, Endpoint};
use infra_provider::Object;
use infra_value::Value;

use crate::time::rfc3339;
use crate::{Aws, ids, rds};

/// Sets every attribute that the API tells.
pub(super) fn fill(aws: &Aws, object: &mut Object, instance: &DbInstance) {
    names(object, instance);
    engine(object, instance);
    storage(object, instance);
    network(object, instance);
    backups(object, instance);
    monitoring(object, instance);
    domain(object, instance.domain_memberships().first());
    replication(aws, object, instance);
    object.set("tags_all", rds::tags(instance.tag_list()));
}

fn names(object: &mut Object, instance: &DbInstance) {
    let identifier = instance.db_instance_identifier().unwrap_or_default();
    object.set("id", instance.dbi_resource_id());
    object.set("resource_id", instance.dbi_resource_id());
    object.set("arn", instance.db_instance_arn());
    object.set("identifier", identifier);
    object.set("identifier_prefix", ids::prefix_of(identifier));
    object.set("status", instance.db_instance_status());
    object.set("instance_class", instance.db_instance_class());
    object.set("username", instance.master_username());
    object.set("db_name", instance.db_name());
    object.set("deletion_protection", instance.deletion_protection());
    object.set("custom_iam_instance_profile", instance.custom_iam_instance_profile());
    object.set("iam_database_authentication_enabled", instance.iam_database_authentication_enabled());
    let secret = instance.master_user_secret().map(|secret| {
        let text = |text: Option<&str>| text.map(Value::string);
        [
            ("kms_key_id", text(secret.kms_key_id())),
            ("secret_arn", text(secret.secret_arn())),
            ("secret_status", text(secret.secret_status())),
        ]
    });
    object.set("master_user_secret", secret.into_iter().collect::<Vec<_>>());
}

fn engine(object: &mut Object, instance: &DbInstance) {
    let actual = instance.engine_version().unwrap_or_default();
    let pending = instance.pending_modified_values().and_then(|pending| pending.engine_version());
    if !keeps_version(object.str("engine_version"), actual, pending) {
        object.set("engine_version", actual);
    }
    object.set("engine_version_actual", actual);
    object.set("engine", instance.engine());
    object.set("engine_lifecycle_support", instance.engine_lifecycle_support());
    object.set("auto_minor_version_upgrade", instance.auto_minor_version_upgrade());
    object.set("license_model", instance.license_model());
    object.set("character_set_name", instance.character_set_name());
    object.set("nchar_character_set_name", instance.nchar_character_set_name());
    object.set("timezone", instance.timezone());
    if let Some(group) = instance.option_group_memberships().first() {
        object.set("option_group_name", group.option_group_name());
    }
    if let Some(group) = instance.db_parameter_groups().first() {
        object.set("parameter_group_name", group.db_parameter_group_name());
    }
}

/// Whether the version that is known stays: it waits for the maintenance window, or says less than the actual one
/// (`16` for `16.3`).
fn keeps_version(known: &str, actual: &str, pending: Option<&str>) -> bool {
    let is_part = actual.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'));
    !known.is_empty() && (pending == Some(known) || is_part)
}

fn storage(object: &mut Object, instance: &DbInstance) {
    object.set("allocated_storage", instance.allocated_storage());
    object.set("max_allocated_storage", instance.max_allocated_storage());
    object.set("storage_type", instance.storage_type());
    object.set("storage_throughput", instance.storage_throughput());
    object.set("storage_encrypted", instance.storage_encrypted());
    object.set("iops", instance.iops());
    object.set("kms_key_id", instance.kms_key_id());
    object.set("dedicated_log_volume", instance.dedicated_log_volume());
}

fn network(object: &mut Object, instance: &DbInstance) {
    object.set("availability_zone", instance.availability_zone());
    object.set("multi_az", instance.multi_az());
    object.set("publicly_accessible", instance.publicly_accessible());
    object.set("network_type", instance.network_type());
    object.set("ca_cert_identifier", instance.ca_certificate_identifier());
    object.set("customer_owned_ip_enabled", instance.customer_owned_ip_enabled());
    if let Some(group) = instance.db_subnet_group() {
        object.set("db_subnet_group_name", group.db_subnet_group_name());
    }
    let groups = instance.vpc_security_groups().iter();
    let groups = groups.filter_map(|group| group.vpc_security_group_id().map(str::to_string));
    object.set("vpc_security_group_ids", groups.collect::<Vec<_>>());
    object.set("port", instance.db_instance_port());
    if let Some(endpoint) = instance.endpoint() {
        let (address, port) = (endpoint.address().unwrap_or_default(), endpoint.port().unwrap_or_default());
        object.set("address", address);
        object.set("endpoint", format!("{address}:{port}"));
        object.set("hosted_zone_id", endpoint.hosted_zone_id());
        object.set("port", port);
    }
    let listener = instance.listener_endpoint().map(|endpoint: &Endpoint| {
        [
            ("address", endpoint.address().map(Value::string)),
            ("hosted_zone_id", endpoint.hosted_zone_id().map(Value::string)),
            ("port", endpoint.port().map(Value::from)),
        ]
    });
    object.set("listener_endpoint", listener.into_iter().collect::<Vec<_>>());
}

fn backups(object: &mut Object, instance: &DbInstance) {
    object.set("backup_retention_period", instance.backup_retention_period());
    object.set("backup_target", instance.backup_target());
    object.set("backup_window", instance.preferred_backup_window());
    object.set("maintenance_window", instance.preferred_maintenance_window());
    object.set("copy_tags_to_snapshot", instance.copy_tags_to_snapshot());
    object.set("latest_restorable_time", instance.latest_restorable_time().map(rfc3339));
}

fn monitoring(object: &mut Object, instance: &DbInstance) {
    object.set("monitoring_interval", instance.monitoring_interval());
    object.set("monitoring_role_arn", instance.monitoring_role_arn());
    object.set("database_insights_mode", instance.database_insights_mode().map(|mode| mode.as_str()));
    object.set("performance_insights_enabled", instance.performance_insights_enabled());
    object.set("performance_insights_kms_key_id", instance.performance_insights_kms_key_id());
    object.set("performance_insights_retention_period", instance.performance_insights_retention_period());
    object.set("enabled_cloudwatch_logs_exports", instance.enabled_cloudwatch_logs_exports());
}

fn domain(object: &mut Object, domain: Option<&DomainMembership>) {
    object.set("domain", domain.and_then(DomainMembership::domain));
    object.set("domain_auth_secret_arn", domain.and_then(DomainMembership::auth_secret_arn));
    object.set("domain_dns_ips", domain.map(DomainMembership::dns_ips));
    object.set("domain_fqdn", domain.and_then(DomainMembership::fqdn));
    object.set("domain_iam_role_name", domain.and_then(DomainMembership::iam_role_name));
    object.set("domain_ou", domain.and_then(DomainMembership::ou));
}

fn replication(aws: &Aws, object: &mut Object, instance: &DbInstance) {
    object.set("replica_mode", instance.replica_mode().map(|mode| mode.as_str()));
    object.set("replicas", instance.read_replica_db_instance_identifiers());
    let source = instance.read_replica_source_db_instance_identifier().unwrap_or_default();
    // A source of the same region is told by its identifier alone.
    let by_arn = object.str("replicate_source_db").starts_with("arn:");
    let source = match source {
        "" => String::new(),
        name if by_arn && !name.starts_with("arn:") => aws.arn("rds", &format!("db:{name}")),
        source => source.to_string(),
    };
    object.set("replicate_source_db", source);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_says_less_or_is_pending_stays() {
        assert!(keeps_version("16", "16.3", None));
        assert!(keeps_version("16.3", "16.3.1", None));
        assert!(keeps_version("16.4", "16.3", Some("16.4")));
        for (known, actual) in [("16.3", "16.3"), ("1", "16.3"), ("16.4", "16.3"), ("", "16.3")] {
            assert!(!keeps_version(known, actual, None), "{known} {actual}");
        }
    }
}
