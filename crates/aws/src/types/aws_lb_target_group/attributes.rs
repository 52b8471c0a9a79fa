//! The attributes of a target group: texts by key on the wire, blocks and single arguments in the resource.

use std::collections::BTreeMap;

use infra_provider::{Object, Part};
use infra_value::{Type, Value};

use crate::resource::{changed, differ};

type Attributes = Vec<(String, String)>;

/// Arguments that are one attribute each.
const SINGLES: [(&str, &str); 8] = [
    ("deregistration_delay", "deregistration_delay.timeout_seconds"),
    ("connection_termination", "deregistration_delay.connection_termination.enabled"),
    ("load_balancing_algorithm_type", "load_balancing.algorithm.type"),
    ("load_balancing_anomaly_mitigation", "load_balancing.algorithm.anomaly_mitigation"),
    ("load_balancing_cross_zone_enabled", "load_balancing.cross_zone.enabled"),
    ("preserve_client_ip", "preserve_client_ip.enabled"),
    ("proxy_protocol_v2", "proxy_protocol_v2.enabled"),
    ("slow_start", "slow_start.duration_seconds"),
];
const LAMBDA: (&str, &str) = ("lambda_multi_value_headers_enabled", "lambda.multi_value_headers.enabled");

const FAILOVER: [(&str, &str); 2] =
    [("on_deregistration", "target_failover.on_deregistration"), ("on_unhealthy", "target_failover.on_unhealthy")];
/// The blocks of the health of the group as a whole.
const HEALTH: [&str; 2] = ["dns_failover", "unhealthy_state_routing"];
const COUNT: &str = "minimum_healthy_targets_count";
const PERCENTAGE: &str = "minimum_healthy_targets_percentage";
const TERMINATION: &str = "enable_unhealthy_connection_termination";

/// The attributes to be set on a new group.
pub(super) fn of_new(object: &Object) -> Attributes {
    let mut all = Vec::new();
    if is_balanced(object) {
        all.extend(blocks(object, |_| true));
    }
    for (name, key) in singles(object) {
        let value = text(object.raw(name));
        let nothing = match *name {
            // Texts that stand for numbers and truth values: "0" and "false" say something.
            "deregistration_delay" | "preserve_client_ip" | "load_balancing_cross_zone_enabled" => value.is_empty(),
            _ => value.is_empty() || value == "false" || value == "0",
        };
        if !nothing {
            all.push(((*key).to_string(), value));
        }
    }
    all
}

/// The attributes to be set where the plan differs from what is.
pub(super) fn of_changed(prior: &Object, object: &Object) -> Attributes {
    let mut all = Vec::new();
    if is_balanced(object) {
        all.extend(blocks(object, |name| changed(prior, object, &[name]) || is_untold(prior, name)));
    }
    for (name, key) in singles(object) {
        if differ(prior.raw(name), object.raw(name)) {
            let value = text(object.raw(name));
            let is_truth = object.block().attributes.get(*name).is_some_and(|a| a.ty == Type::Bool);
            all.push(((*key).to_string(), if value.is_empty() && is_truth { "false".to_string() } else { value }));
        }
    }
    all
}

/// Whether the API has not told something that any change then sets to its default.
pub(super) fn has_untold(object: &Object) -> bool {
    is_balanced(object) && !blocks(object, |name| is_untold(object, name)).is_empty()
}

/// Whether the API has not told a part of what a block says of the health of the group as a whole, or of its targets.
fn is_untold(object: &Object, name: &str) -> bool {
    let Some(health) = object.part(name) else { return false };
    let lacks = |part: Part<'_>, names: &[&str]| names.iter().any(|name| !part.is_set(name));
    match name {
        "target_group_health" => {
            HEALTH.iter().filter_map(|block| health.part(block)).any(|part| lacks(part, &[COUNT, PERCENTAGE]))
        }
        "target_health_state" => lacks(health, &[TERMINATION]),
        _ => false,
    }
}

/// Whether the group's targets are instances or addresses.
fn is_balanced(object: &Object) -> bool {
    matches!(object.str("target_type"), "instance" | "ip")
}

fn singles(object: &Object) -> &'static [(&'static str, &'static str)] {
    match object.str("target_type") {
        "instance" | "ip" => &SINGLES,
        "lambda" => const { &[LAMBDA] },
        _ => &[],
    }
}

fn text(value: &Value) -> String {
    match (value.as_str(), value.as_bool(), value.as_i64()) {
        (Some(text), ..) => text.to_string(),
        (_, Some(b), _) => b.to_string(),
        (.., Some(n)) => n.to_string(),
        _ => String::new(),
    }
}

/// The attributes of the blocks that `wanted` asks for.
fn blocks(object: &Object, wanted: impl Fn(&str) -> bool) -> Attributes {
    let mut all = Vec::new();
    let mut put = |key: &str, value: String| all.push((key.to_string(), value));
    let protocol = object.str("protocol");
    if let Some(part) = object.part("stickiness").filter(|_| wanted("stickiness")) {
        put("stickiness.enabled", part.bool("enabled").to_string());
        put("stickiness.type", part.str("type").to_string());
        match (protocol, part.str("type")) {
            ("HTTP" | "HTTPS", "lb_cookie") => {
                put("stickiness.lb_cookie.duration_seconds", part.int("cookie_duration").to_string());
            }
            ("HTTP" | "HTTPS", "app_cookie") => {
                put("stickiness.app_cookie.duration_seconds", part.int("cookie_duration").to_string());
                put("stickiness.app_cookie.cookie_name", part.str("cookie_name").to_string());
            }
            _ => {}
        }
    }
    if let Some(part) = object.part("target_failover").filter(|_| protocol == "GENEVE" && wanted("target_failover")) {
        for (name, key) in FAILOVER {
            put(key, part.str(name).to_string());
        }
    }
    if let Some(part) =
        object.part("target_group_health").filter(|_| protocol != "GENEVE" && wanted("target_group_health"))
    {
        for block in HEALTH {
            let Some(inner) = part.part(block) else { continue };
            for (name, key) in [(COUNT, "count"), (PERCENTAGE, "percentage")] {
                let value = match (&*text(inner.raw(name)), block, key) {
                    ("", "unhealthy_state_routing", "count") => "1".to_string(),
                    ("", ..) => "off".to_string(),
                    (value, ..) => value.to_string(),
                };
                put(&format!("target_group_health.{block}.minimum_healthy_targets.{key}"), value);
            }
        }
    }
    if let Some(part) = object
        .part("target_health_state")
        .filter(|_| matches!(protocol, "TCP" | "TLS") && wanted("target_health_state"))
    {
        put("target_health_state.unhealthy.connection_termination.enabled", part.bool(TERMINATION).to_string());
        if let Some(seconds) = draining(part) {
            put("target_health_state.unhealthy.draining_interval_seconds", seconds);
        }
    }
    all
}

/// The interval, where one is given, or 0 where the API has told nothing of the state: then all of it is set.
fn draining(part: Part<'_>) -> Option<String> {
    let is_sent = part.is_set("unhealthy_draining_interval") || !part.is_set(TERMINATION);
    is_sent.then(|| part.int("unhealthy_draining_interval").to_string())
}

/// Stores what the API says. What it does not say of a kind of group, or what that kind has no argument for, stays as
/// it is; in blocks it is null.
pub(super) fn fill(object: &mut Object, attributes: &BTreeMap<String, String>) {
    for (name, key) in singles(object) {
        let Some(text) = attributes.get(*key) else { continue };
        match object.block().attributes.get(*name).map(|a| a.ty.clone()) {
            Some(Type::Bool) => object.set(name, text == "true"),
            Some(Type::Number) => object.set(name, text.parse::<i64>().unwrap_or(0)),
            _ => object.set(name, text.as_str()),
        }
    }
    let get = |key: &str| attributes.get(key).map(String::as_str);
    let string = |key: &str| Some(get(key).map_or_else(|| Value::null(Type::String), Value::from));
    let number = |key: &str| {
        let number = get(key).and_then(|text| text.parse::<i64>().ok());
        Some(number.map_or_else(|| Value::null(Type::Number), Value::from))
    };
    object.set("stickiness", vec![stickiness(object.str("protocol"), attributes)]);
    object.set("target_failover", vec![FAILOVER.map(|(name, key)| (name, string(key)))]);
    let dns = "target_group_health.dns_failover.minimum_healthy_targets";
    let routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
    let one = |members: [(&'static str, Option<Value>); 2]| {
        let members = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Some(Value::tuple([Value::object(members)]))
    };
    object.set(
        "target_group_health",
        vec![[
            (
                "dns_failover",
                one([(COUNT, string(&format!("{dns}.count"))), (PERCENTAGE, string(&format!("{dns}.percentage")))]),
            ),
            (
                "unhealthy_state_routing",
                one([
                    (COUNT, number(&format!("{routing}.count"))),
                    (PERCENTAGE, string(&format!("{routing}.percentage"))),
                ]),
            ),
        ]],
    );
    let state = "target_health_state.unhealthy";
    let termination = get(&format!("{state}.connection_termination.enabled"));
    object.set(
        "target_health_state",
        vec![[
            (
                TERMINATION,
                Some(termination.map_or_else(|| Value::null(Type::Bool), |text| Value::bool(text == "true"))),
            ),
            ("unhealthy_draining_interval", number(&format!("{state}.draining_interval_seconds"))),
        ]],
    );
}

fn stickiness(protocol: &str, attributes: &BTreeMap<String, String>) -> [(&'static str, Option<Value>); 4] {
    let get = |key: &str| attributes.get(key).map(String::as_str);
    let kind = get("stickiness.type");
    let seconds = |key: &str| get(key).and_then(|text| text.parse::<i64>().ok()).map(Value::from);
    let (duration, name) = match (protocol, kind) {
        ("HTTP" | "HTTPS", Some("lb_cookie")) => (seconds("stickiness.lb_cookie.duration_seconds"), None),
        ("HTTP" | "HTTPS", Some("app_cookie")) => (
            seconds("stickiness.app_cookie.duration_seconds"),
            get("stickiness.app_cookie.cookie_name").map(Value::from),
        ),
        _ => (None, None),
    };
    [
        ("cookie_duration", duration),
        ("cookie_name", name),
        ("enabled", get("stickiness.enabled").map(|text| Value::bool(text == "true"))),
        ("type", kind.map(Value::from)),
    ]
}

#[cfg(test)]
mod tests {
    use infra_catalog::catalog;

    use super::*;

    fn group(members: &[(&str, Value)]) -> Object {
        let block = catalog().resources["aws_lb_target_group"].block().clone();
        let mut object = Object::new(block.clone(), &block.empty());
        for (name, value) in members {
            object.set(name, value.clone());
        }
        object
    }

    fn keys(attributes: &Attributes) -> Vec<String> {
        attributes.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn a_new_group_gets_what_is_not_nothing() {
        let group = group(&[
            ("target_type", Value::from("ip")),
            ("protocol", Value::from("HTTP")),
            ("deregistration_delay", Value::from("0")),
            ("proxy_protocol_v2", Value::bool(false)),
            ("slow_start", Value::from(0)),
            ("load_balancing_algorithm_type", Value::from("round_robin")),
            ("load_balancing_cross_zone_enabled", Value::from("false")),
        ]);
        assert_eq!(
            keys(&of_new(&group)),
            [
                "deregistration_delay.timeout_seconds=0",
                "load_balancing.algorithm.type=round_robin",
                "load_balancing.cross_zone.enabled=false",
            ]
        );
    }

    #[test]
    fn what_the_api_has_not_told_is_set_to_its_default_by_a_change_of_tags() {
        let mut group = group(&[("target_type", Value::from("ip")), ("protocol", Value::from("HTTP"))]);
        assert!(!has_untold(&group), "nothing was read yet");
        fill(&mut group, &BTreeMap::new());
        assert!(has_untold(&group));
        let sent = of_changed(&group, &group);
        assert_eq!(
            keys(&sent),
            [
                "target_group_health.dns_failover.minimum_healthy_targets.count=off",
                "target_group_health.dns_failover.minimum_healthy_targets.percentage=off",
                "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count=1",
                "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage=off",
            ]
        );
        fill(&mut group, &sent.into_iter().collect());
        assert!(!has_untold(&group));
    }

    #[test]
    fn a_change_sends_what_changed_even_if_it_is_nothing_now() {
        let base = [("target_type", Value::from("ip")), ("protocol", Value::from("HTTP"))];
        let mut prior = group(&base);
        prior.set("slow_start", 30);
        prior.set("proxy_protocol_v2", true);
        let mut planned = group(&base);
        planned.set("slow_start", 0);
        assert_eq!(
            keys(&of_changed(&prior, &planned)),
            ["proxy_protocol_v2.enabled=false", "slow_start.duration_seconds=0"]
        );
    }
}
