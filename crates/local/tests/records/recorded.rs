//! Against recorded states: what is made here has the form of what AWS's emulator made, and wants no change.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;

use super::provider::Machine;

/// Placeholders of the recording with what they stand for in this run.
type Bound = BTreeMap<String, String>;

/// Where this machine differs from the emulator, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("aws_cloudwatch_log_group.log_group_class", "AWS tells the class that is not asked for"),
    ("aws_db_instance.address", "it really runs here"),
    ("aws_db_instance.backup_target", "AWS tells it"),
    ("aws_db_instance.database_insights_mode", "AWS tells it"),
    ("aws_db_instance.engine_lifecycle_support", "AWS tells it"),
    ("aws_db_instance.hosted_zone_id", "AWS tells it"),
    ("aws_db_instance.latest_restorable_time", "without backups there is none"),
    ("aws_db_instance.network_type", "AWS tells it"),
    ("aws_db_subnet_group.supported_network_types", "AWS tells them"),
    ("aws_ecs_service.availability_zone_rebalancing", "AWS tells it"),
    ("aws_ecs_service.platform_version", "AWS tells it"),
    ("aws_ecs_service.deployment_circuit_breaker", "AWS tells that it is off"),
    ("aws_eip.network_border_group", "AWS tells it"),
    ("aws_eip.public_ipv4_pool", "AWS tells it"),
    ("aws_lb.security_groups", "AWS puts a balancer without a group into the default one"),
    ("aws_lb_listener.ssl_policy", "the emulator tells one for HTTP"),
    ("aws_lb_listener.tcp_idle_timeout_seconds", "the emulator tells it for HTTP"),
    ("aws_lb_listener_rule.condition", "the recording sorts sets by their text"),
    ("aws_lb_target_group.load_balancing_anomaly_mitigation", "AWS tells it"),
    ("aws_lb_target_group.target_group_health", "AWS tells the defaults"),
];

/// The text with its placeholders filled in.
fn filled(json: &Json, bound: &Bound) -> Json {
    match json {
        Json::String(text) => {
            Json::String(bound.iter().fold(text.clone(), |text, (name, value)| text.replace(name, value)))
        }
        Json::Array(elements) => elements.iter().map(|e| filled(e, bound)).collect(),
        Json::Object(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), filled(v, bound))).collect()),
        other => other.clone(),
    }
}

/// Compares forms, and learns what placeholders stand for.
fn compare(at: &str, wanted: &Json, found: &Json, bound: &mut Bound, wrong: &mut Vec<String>) {
    match (wanted, found) {
        (Json::String(w), Json::String(f)) => {
            if w.is_empty() != f.is_empty() {
                wrong.push(format!("{at}: {w:?} became {f:?}"));
            }
            learn(w, f, bound);
        }
        (Json::Object(w), Json::Object(f)) => {
            for (name, wanted) in w {
                compare(&format!("{at}.{name}"), wanted, f.get(name).unwrap_or(&Json::Null), bound, wrong);
            }
        }
        (Json::Array(w), Json::Array(f)) => {
            if w.len() != f.len() {
                wrong.push(format!("{at}: {wanted} became {found}"));
            }
            for (w, f) in w.iter().zip(f) {
                compare(&format!("{at}[]"), w, f, bound, wrong);
            }
        }
        (w, f) if std::mem::discriminant(w) == std::mem::discriminant(f) => {}
        (w, f) => wrong.push(format!("{at}: {w} became {f}")),
    }
}

fn learn(wanted: &str, found: &str, bound: &mut Bound) {
    let placeholder = Regex::new("<[a-z]+:[^<>]*>").expect("a pattern");
    let names: Vec<&str> = placeholder.find_iter(wanted).map(|m| m.as_str()).collect();
    if names.is_empty() {
        return;
    }
    let literal: Vec<String> = placeholder.split(wanted).map(regex::escape).collect();
    let pattern = Regex::new(&format!("^{}$", literal.join("(.+?)"))).expect("a pattern");
    if let Some(captures) = pattern.captures(found) {
        for (name, value) in names.iter().zip(captures.iter().skip(1).flatten()) {
            bound.entry(name.to_string()).or_insert_with(|| value.as_str().to_string());
        }
    }
}

#[tokio::test]
async fn what_is_recorded_is_made_in_the_same_form_and_wants_no_change() {
    // Another recording can be named.
    let text = match std::env::var_os("RECORDED") {
        Some(path) => std::fs::read_to_string(path).expect("a file"),
        None => include_str!("../data/recorded.json").to_string(),
    };
    let all: BTreeMap<String, Vec<Json>> = serde_json::from_str(&text).expect("JSON");
    let mut wrong = Vec::new();
    for (scenario, records) in &all {
        let machine = Machine::new("123456789012").await;
        let mut bound = Bound::new();
        let mut made = Vec::new();
        for record in records {
            let (ty, address) = (record["type"].as_str().unwrap_or_default(), &record["address"]);
            let at = format!("{scenario} {address}");
            let stored = match machine.create(ty, &filled(&record["config"], &bound)).await {
                Ok(stored) => stored,
                Err(why) => {
                    wrong.push(format!("{at}: {why}"));
                    continue;
                }
            };
            let mut different = Vec::new();
            compare(ty, &record["state"], &stored.json(), &mut bound, &mut different);
            different.retain(|line| !DIFFERENT.iter().any(|(at, _)| line.starts_with(at)));
            wrong.extend(different.into_iter().map(|line| format!("{scenario} {line}")));
            made.push(stored);
        }
        for stored in &made {
            let at = format!("{scenario} {} {}", stored.ty, stored.id());
            let Some(now) = machine.refreshed(stored).await else {
                wrong.push(format!("{at}: is gone"));
                continue;
            };
            let planned = machine.planned(&stored.ty, &now, &stored.config).await;
            if planned != now {
                for (name, value) in planned.members().into_iter().flatten() {
                    if now.get(name) != Some(value) {
                        wrong.push(format!("{at}: {name} would change from {:?} to {value:?}", now.get(name)));
                    }
                }
            }
        }
        for stored in made.iter().rev() {
            if let Err(why) = machine.delete(stored).await {
                wrong.push(format!("{scenario} {}: {why}", stored.ty));
            }
        }
        let kept = machine.local.kept.lock().expect("no panic");
        if !kept.0.is_empty() || !kept.1.taken.is_empty() {
            wrong.push(format!("{scenario}: {} records and {:?} are left", kept.0.len(), kept.1.taken));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
