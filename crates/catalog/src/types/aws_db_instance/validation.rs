//! What the configuration of a database instance may say.

use infra_provider::Problem;

use crate::validate::Check;

const LOG_EXPORTS: [&str; 13] = [
    "agent",
    "alert",
    "audit",
    "diag.log",
    "error",
    "general",
    "iam-db-auth-error",
    "listener",
    "notify.log",
    "oemagent",
    "postgresql",
    "slowquery",
    "trace",
];

const TIME: &str = "(?i)^(([0-1][0-9]|2[0-3]):[0-5][0-9]-([0-1][0-9]|2[0-3]):[0-5][0-9]|)$";
const DAY_TIME: &str = "(?i)^((sun|mon|tue|wed|thu|fri|sat):([0-1][0-9]|2[0-3]):[0-5][0-9]-\
                        (sun|mon|tue|wed|thu|fri|sat):([0-1][0-9]|2[0-3]):[0-5][0-9]|)$";
const UTC_TIME: &str = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$";

pub(super) fn check(check: &mut Check<'_>) {
    names(check);
    relations(check);
    check.range("backup_retention_period", 0..=35);
    check.matches_or("backup_window", TIME, |_, text| {
        format!("({text}) must satisfy the format of \"hh24:mi-hh24:mi\"")
    });
    check.matches_or("maintenance_window", DAY_TIME, |_, text| {
        format!("({text}) must satisfy the format of \"ddd:hh24:mi-ddd:hh24:mi\"")
    });
    check.one_of("backup_target", &["outposts", "region"]);
    check.matches("custom_iam_instance_profile", "^AWSRDSCustom.*$", "must begin with AWSRDSCustom");
    check.one_of("database_insights_mode", &["standard", "advanced"]);
    let extended = ["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"];
    check.one_of("engine_lifecycle_support", &extended);
    let exports: Vec<&str> = LOG_EXPORTS.into_iter().chain(["upgrade"]).collect();
    check.one_of("enabled_cloudwatch_logs_exports", &exports);
    check.one_of_numbers("monitoring_interval", &[0, 1, 5, 10, 15, 30, 60]);
    check.one_of("network_type", &["DUAL", "IPV4"]);
    check.one_of("replica_mode", &["open-read-only", "mounted"]);
    check.int("performance_insights_retention_period", |key, days| {
        let good = days == 7 || days == 731 || days % 31 == 0;
        (!good).then(|| format!("expected {key} to be 7, 731 or divisible by 31, got: {days}"))
    });
    for name in ["kms_key_id", "monitoring_role_arn", "performance_insights_kms_key_id", "domain_auth_secret_arn"] {
        check.arn(name);
    }
    check.text("master_user_secret_kms_key_id", |key, text| match text.len() {
        0 => Some(format!("{key:?} cannot be shorter than 1 character")),
        1..=2048 => None,
        _ => Some(format!("{key:?} cannot be longer than 2048 characters")),
    });
    check.ip_address("domain_dns_ips");
    if let Some(addresses) = check.known("domain_dns_ips").filter(|v| v.is_wholly_known()).and_then(|v| v.len())
        && addresses != 2
    {
        let (summary, limit) = if addresses < 2 { ("Not enough", "minimum") } else { ("Too many", "maximum") };
        let detail = format!("Attribute domain_dns_ips requires 2 item {limit}, but config has {addresses} declared.");
        let problem = Problem::error(format!("{summary} list items"), detail);
        check.problem("domain_dns_ips", problem);
    }
    check.each("restore_to_point_in_time", |check| {
        check.matches_or("restore_time", UTC_TIME, |key, text| {
            format!("expected {key:?} to be a valid RFC3339 date, got {text:?}")
        });
        check.conflict_with_each_other(&["restore_time", "use_latest_restorable_time"]);
    });
}

fn names(check: &mut Check<'_>) {
    for name in ["identifier", "identifier_prefix"] {
        check.matches_or(name, "^[0-9a-z-]+$", |key, _| {
            format!("only lowercase alphanumeric characters and hyphens allowed in {key:?}")
        });
        check.matches_or(name, "^[a-z]", |key, _| format!("first character of {key:?} must be a letter"));
        check.text(name, |key, text| {
            text.contains("--").then(|| format!("{key:?} cannot contain two consecutive hyphens"))
        });
    }
    check.text("identifier", |key, text| text.ends_with('-').then(|| format!("{key:?} cannot end in a hyphen")));
    let snapshot = "final_snapshot_identifier";
    check.matches(snapshot, "^[A-Za-z]", "must begin with alphabetic character");
    check.matches(snapshot, "^[0-9A-Za-z-]+$", "must only contain alphanumeric characters and hyphens");
    check.matches_not(snapshot, "--", "cannot contain two consecutive hyphens");
    check.matches_not(snapshot, "-$", "cannot end in a hyphen");
}

fn relations(check: &mut Check<'_>) {
    check.conflict_with_each_other(&["identifier", "identifier_prefix"]);
    check.conflicts("db_name", &["replicate_source_db"]);
    check.conflicts("username", &["replicate_source_db"]);
    check.conflicts("restore_to_point_in_time", &["s3_import", "snapshot_identifier", "replicate_source_db"]);
    check.conflicts("s3_import", &["snapshot_identifier", "replicate_source_db"]);
    for name in ["backup_target", "character_set_name", "timezone"] {
        check.conflicts(name, &["s3_import"]);
    }
    check.conflict_with_each_other(&["manage_master_user_password", "password", "password_wo"]);
    check.required_with("password_wo", &["password_wo_version"]);
    check.required_with("password_wo_version", &["password_wo"]);
    let (managed, own) =
        (["domain", "domain_iam_role_name"], ["domain_auth_secret_arn", "domain_dns_ips", "domain_fqdn", "domain_ou"]);
    for name in managed {
        check.conflicts(name, &own);
    }
    for name in own {
        check.conflicts(name, &managed);
    }
}
