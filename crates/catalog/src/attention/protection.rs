//! What guards an object, or stands in for it, and is switched off.

use infra_provider::{Remark, Weight};

use super::{Change, remark};

pub(super) const OFF: &str = "protection-off";

/// Type, attribute, the value that protects less, what that does.
pub(super) const SWITCHES: &[(&str, &str, bool, &str)] = &[
    ("aws_cloudwatch_log_group", "skip_destroy", false, "would lose its log events when it is destroyed from now on"),
    ("aws_db_instance", "deletion_protection", false, "switches deletion_protection off"),
    ("aws_db_instance", "skip_final_snapshot", true, "would be destroyed without a final snapshot from now on"),
    ("aws_db_instance", "delete_automated_backups", true, "would take its automated backups with it from now on"),
    ("aws_db_instance", "multi_az", false, "gives up its standby in another zone (multi_az)"),
    ("aws_db_instance", "storage_encrypted", false, "is not encrypted any more (storage_encrypted)"),
    ("aws_kms_key", "enable_key_rotation", false, "switches the rotation of its material off (enable_key_rotation)"),
    ("aws_lb", "enable_deletion_protection", false, "switches enable_deletion_protection off"),
    (
        "aws_route53_zone",
        "force_destroy",
        true,
        "would take records made elsewhere with it from now on (force_destroy)",
    ),
];

pub(super) fn remarks(change: &Change<'_>) -> Vec<Remark> {
    let mut found: Vec<&str> = Vec::new();
    let switched = SWITCHES.iter().filter(|(ty, name, worse, _)| change.is(ty) && change.becomes(name, *worse));
    found.extend(switched.map(|(_, _, _, what)| what));
    if change.is("aws_secretsmanager_secret")
        && let Some((1.., 0)) = change.numbers("recovery_window_in_days")
    {
        found.push("would be destroyed without a way back from now on (recovery_window_in_days = 0)");
    }
    if change.is("aws_lb_listener") && change.stays() {
        let plain = |protocol: &str| matches!(protocol, "HTTP" | "TCP" | "UDP");
        let encrypted = |protocol: &str| matches!(protocol, "HTTPS" | "TLS");
        if encrypted(change.before.str("protocol")) && plain(change.after.str("protocol")) {
            found.push("does not encrypt any more (protocol)");
        }
    }
    if change.is("aws_ecs_service") && change.stays() && change.after.raw("deployment_circuit_breaker").is_known() {
        let rolls_back = |service: infra_provider::Part<'_>| {
            service.part("deployment_circuit_breaker").is_some_and(|b| b.bool("enable") && b.bool("rollback"))
        };
        if rolls_back(change.before) && !rolls_back(change.after) {
            found.push("does not roll a failed deployment back by itself any more (deployment_circuit_breaker)");
        }
    }
    found.into_iter().map(|what| remark(Weight::Weakened, OFF, what)).collect()
}
