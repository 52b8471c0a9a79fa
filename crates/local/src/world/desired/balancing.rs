//! Load balancers, their listeners and rules, and target groups.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use infra_balancer::spec::{Action, Balancer, Condition, HealthCheck, Listener, Rule, TargetGroup, Weighted};
use infra_provider::{Object, Part};

use super::Desired;
use super::tasks::seconds;
use crate::world::World;
use crate::world::types::is_application;

/// Adds all load balancers and target groups.
pub(super) fn add(world: &World, desired: &mut Desired) {
    for balancer in world.all("aws_lb") {
        let arn = balancer.id();
        if !is_application(balancer) {
            let kind = balancer.str("load_balancer_type");
            desired.notes.push(format!("{arn}: nothing listens for a {kind} load balancer here"));
            continue;
        }
        let listeners = world.all("aws_lb_listener").filter(|listener| listener.str("load_balancer_arn") == arn);
        let listeners = listeners.filter_map(|listener| {
            Some((listener.id().to_string(), self::listener(world, listener, &mut desired.notes)?))
        });
        let spec = Balancer {
            name: balancer.str("name").to_string(),
            idle_timeout: seconds(balancer.int("idle_timeout")),
            listeners: listeners.collect(),
        };
        desired.balancers.balancers.insert(arn.to_string(), spec);
    }
    for group in world.all("aws_lb_target_group") {
        let arn = group.id().to_string();
        match (group.str("target_type"), group.str("protocol")) {
            ("lambda" | "alb", _) => {
                let kind = group.str("target_type");
                desired.notes.push(format!("{arn}: targets of type {kind} are only recorded here"));
            }
            (_, "HTTP" | "HTTPS") => {
                let targets = targets(world, group, &mut desired.notes);
                desired.balancers.target_groups.insert(arn, target_group(group, targets));
            }
            (_, protocol) => desired.notes.push(format!("{arn}: nothing is balanced with {protocol} here")),
        }
    }
}

fn listener(world: &World, listener: &Object, notes: &mut Vec<String>) -> Option<Listener> {
    let arn = listener.id();
    let bind = *world.facts.addresses.get(arn)?;
    let port = u16::try_from(listener.int("port")).unwrap_or_default();
    if bind.port() != port {
        notes.push(format!("{arn}: port {port} is at localhost:{}", bind.port()));
    }
    let https = listener.str("protocol") == "HTTPS";
    let rules = world.all("aws_lb_listener_rule").filter(|rule| rule.str("listener_arn") == arn);
    let rules = rules.filter_map(|rule| {
        Some(Rule {
            priority: u32::try_from(rule.int("priority")).ok()?,
            conditions: rule.parts("condition").into_iter().flat_map(conditions).collect(),
            action: action(rule.id(), &rule.parts("action"), notes)?,
        })
    });
    let mut rules: Vec<Rule> = rules.collect();
    rules.sort_by_key(|rule| rule.priority);
    let default = action(arn, &listener.parts("default_action"), notes)?;
    Some(Listener { port, bind, tls_names: https.then(|| names(world, listener)), rules, default })
}

/// The names that a listener has a certificate for.
fn names(world: &World, listener: &Object) -> Vec<String> {
    let certificate = world.get("aws_acm_certificate", listener.str("certificate_arn"));
    let mut names = certificate.map(|c| c.strings("subject_alternative_names")).unwrap_or_default();
    names.retain(|name| !name.is_empty());
    if !names.iter().any(|name| name == "localhost") {
        names.push("localhost".to_string());
    }
    names
}

fn conditions(part: Part<'_>) -> Vec<Condition> {
    let values = |name: &str| part.part(name).map(|inner| inner.strings("values"));
    let header = part.part("http_header").map(|header| Condition::HttpHeader {
        name: header.str("http_header_name").to_string(),
        values: header.strings("values"),
    });
    let pair = |pair: Part<'_>| (pair.opt_str("key"), pair.str("value").to_string());
    let pairs: Vec<_> = part.parts("query_string").into_iter().map(pair).collect();
    let all = [
        values("host_header").map(Condition::HostHeader),
        values("path_pattern").map(Condition::PathPattern),
        header,
        values("http_request_method").map(Condition::HttpRequestMethod),
        Some(pairs).filter(|pairs| !pairs.is_empty()).map(Condition::QueryString),
        values("source_ip").map(Condition::SourceIp),
    ];
    all.into_iter().flatten().collect()
}

/// What is done in the end; authentication before it does nothing here.
fn action(owner: &str, parts: &[Part<'_>], notes: &mut Vec<String>) -> Option<Action> {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|part| part.int("order"));
    let mut last = None;
    for part in parts {
        match part.str("type") {
            kind if kind.starts_with("authenticate") => notes.push(format!("{owner}: {kind} does nothing here")),
            "forward" => last = Some(forward(part)),
            "redirect" => last = part.part("redirect").map(redirect),
            "fixed-response" => last = part.part("fixed_response").map(fixed),
            kind => notes.push(format!("{owner}: {kind} does nothing here")),
        }
    }
    last
}

fn forward(part: Part<'_>) -> Action {
    let Some(list) = part.part("forward") else {
        let group = part.str("target_group_arn").to_string();
        return Action::Forward { groups: vec![Weighted { group, weight: 1 }], stickiness: None };
    };
    let groups = list.parts("target_group").into_iter().map(|group| {
        // A weight that is not set is 1, as the schema says too.
        let weight = group.raw("weight").as_i64().unwrap_or(1);
        Weighted { group: group.str("arn").to_string(), weight: u32::try_from(weight).unwrap_or_default() }
    });
    let stickiness = list.part("stickiness").filter(|stickiness| stickiness.bool("enabled"));
    Action::Forward { groups: groups.collect(), stickiness: stickiness.map(|s| seconds(s.int("duration"))) }
}

fn redirect(part: Part<'_>) -> Action {
    let or = |name: &str, default: &str| part.opt_str(name).unwrap_or_else(|| default.to_string());
    Action::Redirect {
        protocol: or("protocol", "#{protocol}"),
        host: or("host", "#{host}"),
        port: or("port", "#{port}"),
        path: or("path", "/#{path}"),
        // An empty query is one that is dropped; one that is not written is kept.
        query: part.raw("query").as_str().unwrap_or("#{query}").to_string(),
        status: if part.str("status_code") == "HTTP_302" { 302 } else { 301 },
    }
}

fn fixed(part: Part<'_>) -> Action {
    Action::Fixed {
        status: part.str("status_code").parse().unwrap_or(200),
        content_type: part.str("content_type").to_string(),
        body: part.str("message_body").to_string(),
    }
}

fn target_group(group: &Object, targets: BTreeMap<String, SocketAddr>) -> TargetGroup {
    let sticky = group.part("stickiness").filter(|s| s.bool("enabled") && s.str("type") == "lb_cookie");
    TargetGroup {
        name: group.str("name").to_string(),
        https: group.str("protocol") == "HTTPS",
        health_check: health_check(group),
        deregistration_delay: seconds(group.str("deregistration_delay").parse().unwrap_or(300)),
        least_outstanding: group.str("load_balancing_algorithm_type") == "least_outstanding_requests",
        stickiness: sticky.map(|sticky| seconds(sticky.int("cookie_duration"))),
        targets,
    }
}

fn health_check(group: &Object) -> HealthCheck {
    let parts = group.parts("health_check");
    let part = parts.first();
    let text = |name: &str| part.map_or("", |part| part.str(name)).to_string();
    let number = |name: &str, default: i64| part.map(|part| part.int(name)).filter(|n| *n > 0).unwrap_or(default);
    let count = |name: &str, default: i64| u32::try_from(number(name, default)).unwrap_or(1);
    HealthCheck {
        enabled: part.is_none_or(|part| part.bool("enabled")),
        tcp_only: text("protocol") == "TCP",
        path: Some(text("path")).filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_string()),
        // `traffic-port` is the target's own.
        port: text("port").parse().ok(),
        matcher: Some(text("matcher")).filter(|matcher| !matcher.is_empty()).unwrap_or_else(|| "200".to_string()),
        interval: seconds(number("interval", 30)),
        timeout: seconds(number("timeout", 5)),
        healthy_threshold: count("healthy_threshold", 5),
        unhealthy_threshold: count("unhealthy_threshold", 2),
    }
}

/// Targets that were attached by hand: those that are on this machine.
fn targets(world: &World, group: &Object, notes: &mut Vec<String>) -> BTreeMap<String, SocketAddr> {
    let mut found = BTreeMap::new();
    for attachment in world.all("aws_lb_target_group_attachment") {
        if attachment.str("target_group_arn") != group.id() {
            continue;
        }
        let target = attachment.str("target_id");
        let port = [attachment.int("port"), group.int("port")].into_iter().find(|port| *port != 0).unwrap_or(80);
        let here = target.parse::<IpAddr>().ok().filter(IpAddr::is_loopback);
        let address = here.zip(u16::try_from(port).ok()).map(SocketAddr::from);
        match target.parse::<SocketAddr>().ok().or(address) {
            Some(address) => {
                found.insert(address.to_string(), address);
            }
            None => notes.push(format!("{}: target {target} is not on this machine", group.id())),
        }
    }
    found
}
