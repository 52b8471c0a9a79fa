//! `aws_lb_target_group`: its rules beyond the schema.

use std::ops::RangeInclusive;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use super::aws_lb::name_form_error;
use crate::validate::Check;

/// The rules of `aws_lb_target_group`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.text("name", name_error);
        check.text("name_prefix", |key, prefix| name_form_error(key, prefix, 6));
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.range("port", 1..=65535);
        check.one_of("protocol", &["GENEVE", "HTTP", "HTTPS", "TCP", "TCP_UDP", "TLS", "UDP"]);
        check.one_of_ignoring_case("protocol_version", &["GRPC", "HTTP1", "HTTP2"]);
        check.one_of("target_type", &["instance", "ip", "lambda", "alb"]);
        check.one_of("ip_address_type", &["ipv4", "ipv6"]);
        check.number_text("deregistration_delay", 0..=3600);
        if check.known("slow_start").and_then(Value::as_i64).is_some_and(|n| n != 0 && !(30..=900).contains(&n)) {
            check.range("slow_start", 0..=0);
            check.range("slow_start", 30..=900);
        }
        check
            .one_of("load_balancing_algorithm_type", &["round_robin", "least_outstanding_requests", "weighted_random"]);
        check.one_of("load_balancing_anomaly_mitigation", &["on", "off"]);
        check.one_of("load_balancing_cross_zone_enabled", &["true", "false", "use_load_balancer_configuration"]);
        check.text("preserve_client_ip", |key, text| {
            (!text.is_empty() && truth(text).is_none())
                .then(|| format!("{key:?} ({text:?}) has to be \"true\", \"false\" or \"\""))
        });
        check.each("health_check", health_check);
        check.each("stickiness", |check| {
            check.range("cookie_duration", 0..=604_800);
            check.one_of(
                "type",
                &["lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"],
            );
        });
        check.each("target_failover", |check| {
            check.one_of("on_deregistration", &["rebalance", "no_rebalance"]);
            check.one_of("on_unhealthy", &["rebalance", "no_rebalance"]);
        });
        check.each("target_group_health", |check| {
            check.each("dns_failover", |check| {
                off_or("minimum_healthy_targets_count", i64::MIN..=i64::MAX, check);
                off_or("minimum_healthy_targets_percentage", 1..=100, check);
            });
            check.each("unhealthy_state_routing", |check| {
                off_or("minimum_healthy_targets_percentage", 1..=100, check);
            });
        });
        check.each("target_health_state", |check| check.range("unhealthy_draining_interval", 0..=360_000));
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        let of = |name: &str| around.proposed.get(name).and_then(Value::as_str).unwrap_or("").to_string();
        let exists = !around.prior.is_null();
        let lambda = exists && of("target_type") == "lambda";
        match key.names {
            ["port" | "protocol" | "vpc_id"] | ["health_check", "port" | "protocol"] if lambda => true,
            ["protocol_version"] => exists && !matches!(of("protocol").as_str(), "HTTP" | "HTTPS"),
            ["stickiness", "cookie_duration"] => {
                matches!(of("protocol").as_str(), "TCP" | "UDP" | "TCP_UDP" | "TLS" | "GENEVE")
            }
            ["preserve_client_ip"] => perhaps(old) == perhaps(new),
            _ => false,
        }
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        match key.names {
            ["protocol_version"] | ["health_check", "protocol"] => Some(Value::string(value.as_str()?.to_uppercase())),
            _ => None,
        }
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        match combination(diff.config, &diff.planned) {
            Some(detail) => Err(vec![Problem::error("Invalid Attribute Combination", detail)]),
            None => Ok(()),
        }
    }
}

/// What does not go together. The first thing found is said. Of a health check counts what it will say, also what it has
/// from before.
fn combination(config: &Value, planned: &Value) -> Option<String> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or("");
    // A type that is not known yet is not taken for a Lambda function's.
    let target_type = match config.get("target_type") {
        Some(target_type) if !target_type.is_null() => target_type.as_str().unwrap_or(""),
        _ => "instance",
    };
    let first = |object: &Value| object.get("health_check").and_then(|v| v.elements()?.first().cloned());
    let (written, health_check) = (first(config), first(planned));
    let checked = |name: &str| health_check.as_ref().and_then(|h| h.get(name)?.as_str()).unwrap_or("");
    let protocol = written.as_ref().and_then(|h| h.get("protocol")?.as_str()).unwrap_or("");
    let tcp_check = protocol.eq_ignore_ascii_case("TCP");
    if target_type == "lambda" {
        return tcp_check.then(|| {
            "Attribute \"health_check[0].protocol\" cannot have value \"TCP\" when \"target_type\" is \"lambda\"."
                .to_string()
        });
    }
    for name in ["port", "protocol", "vpc_id"] {
        if config.get(name).is_none_or(Value::is_null) {
            return Some(format!("Attribute {name:?} must be specified when \"target_type\" is {target_type:?}."));
        }
    }
    if !tcp_check {
        return None;
    }
    for name in ["matcher", "path"] {
        if !checked(name).is_empty() {
            return Some(format!(
                "Attribute \"health_check[0].{name}\" cannot be specified when \"health_check[0].protocol\" is {protocol:?}."
            ));
        }
    }
    matches!(text("protocol"), "HTTP" | "HTTPS").then(|| {
        format!(
            "Attribute \"health_check[0].protocol\" cannot have value {protocol:?} when \"protocol\" is {:?}.",
            text("protocol")
        )
    })
}

fn health_check(check: &mut Check<'_>) {
    check.range("healthy_threshold", 2..=10);
    check.range("unhealthy_threshold", 2..=10);
    check.range("interval", 5..=300);
    check.range("timeout", 2..=120);
    check.one_of_ignoring_case("protocol", &["HTTP", "HTTPS", "TCP"]);
    check.text("path", |key, path| {
        if path.is_empty() || path.len() > 1024 {
            Some(format!("expected length of {key} to be in the range (1 - 1024), got {path}"))
        } else {
            (!path.starts_with('/')).then(|| format!("{key:?} must begin with a '/' character: {path:?}"))
        }
    });
    check.text("port", |key, port| {
        let good = port == "traffic-port" || port.parse().is_ok_and(|n: i64| (1..=65536).contains(&n));
        (!good).then(|| format!("{key:?} must be a valid port number (1-65536) or \"traffic-port\", got {port}"))
    });
}

/// `off`, or a whole number.
fn off_or(name: &str, range: RangeInclusive<i64>, check: &mut Check<'_>) {
    check.text(name, |key, text| {
        let good = text == "off" || text.parse().is_ok_and(|n: i64| range.contains(&n));
        (!good).then(|| match (*range.start(), *range.end()) {
            (i64::MIN, i64::MAX) => format!("expected {key} to be \"off\" or a whole number, got {text}"),
            (least, most) => {
                format!("expected {key} to be \"off\" or a whole number from {least} to {most}, got {text}")
            }
        })
    });
}

/// A truth value that is written as a text.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A truth value that is written as a text, or nothing where none is. What is not known yet counts as false.
fn perhaps(text: &str) -> Option<bool> {
    (!text.is_empty()).then(|| truth(text) == Some(true))
}

fn name_error(key: &str, name: &str) -> Option<String> {
    name_form_error(key, name, 32)
        .or_else(|| name.ends_with('-').then(|| format!("{key:?} cannot end with a hyphen: {name:?}")))
}
