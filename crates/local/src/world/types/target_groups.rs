//! Target groups and the targets that are put into them by hand.

use infra_provider::{Failure, IntoAttribute, Object, Part};
use infra_value::{Type, Value};

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

pub(in crate::world) struct TargetGroup;

impl Kind for TargetGroup {
    fn untold(&self) -> &'static [&'static str] {
        &["connection_termination", "preserve_client_ip", "port", "protocol", "protocol_version", "vpc_id"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "tf-");
        if world.all("aws_lb_target_group").any(|other| other.str("name") == name) {
            let message = format!("A target group with the same name '{name}' exists, but with different settings");
            return refuse("DuplicateTargetGroupName", message);
        }
        let lambda = object.str("target_type") == "lambda";
        if !lambda {
            let vpc = object.str("vpc_id");
            world.need("aws_vpc", vpc, "ValidationError", format!("The VPC ID '{vpc}' is not found"))?;
        }
        let suffix = format!("targetgroup/{name}/{}", ids::hex(cx, 16));
        let arn = world.arn("elasticloadbalancing", &suffix);
        object.set("id", &arn);
        object.set("arn", arn);
        object.set("arn_suffix", suffix);
        let http = matches!(object.str("protocol"), "HTTP" | "HTTPS");
        let mut default = |name: &str, value: &str| {
            if object.raw(name).is_null() {
                object.set(name, value);
            }
        };
        if !lambda {
            default("ip_address_type", "ipv4");
        }
        if http {
            default("protocol_version", "HTTP1");
            default("load_balancing_algorithm_type", "round_robin");
            default("load_balancing_anomaly_mitigation", "off");
        }
        default("load_balancing_cross_zone_enabled", "use_load_balancer_configuration");
        complete(object, http, lambda);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let http = matches!(object.str("protocol"), "HTTP" | "HTTPS");
        complete(object, http, object.str("target_type") == "lambda");
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let named = |object: &Object, block: &str| groups_of(object, block).iter().any(|group| group == arn);
        let used = world.all("aws_lb_listener").any(|o| named(o, "default_action"))
            || world.all("aws_lb_listener_rule").any(|o| named(o, "action"));
        if used {
            return refuse(
                "ResourceInUse",
                format!("Target group '{arn}' is currently in use by a listener or a rule"),
            );
        }
        let attached = world.records.entry("aws_lb_target_group_attachment".into()).or_default();
        attached.retain(|_, attachment| attachment.str("target_group_arn") != arn);
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let mut balancers: Vec<String> = world.balancers_of(object.id()).map(str::to_string).collect();
        balancers.sort();
        balancers.dedup();
        object.set("load_balancer_arns", balancers);
        true
    }
}

/// The blocks with what AWS gives where they say nothing.
fn complete(object: &mut Object, http: bool, lambda: bool) {
    let health = health_check(object, http, lambda);
    object.set("health_check", vec![health]);
    let text = |text: &str| Some(Value::string(text));
    let none = |ty: Type| Some(Value::null(ty));
    let written = |block: &str| object.part("target_group_health")?.raw(block).elements()?.first().cloned();
    let inner = |block: &str, name: &str, default: Value| {
        let value = written(block).and_then(|written| written.get(name).cloned());
        Some(value.filter(|value| !value.is_null()).unwrap_or(default))
    };
    let (count, share) = ("minimum_healthy_targets_count", "minimum_healthy_targets_percentage");
    let (dns, routing) = ("dns_failover", "unhealthy_state_routing");
    let dns = [(count, inner(dns, count, "1".into())), (share, inner(dns, share, "off".into()))];
    let routing = [(count, inner(routing, count, 1_i64.into())), (share, inner(routing, share, "off".into()))];
    if !lambda {
        let health =
            [("dns_failover", vec![dns].into_attribute()), ("unhealthy_state_routing", vec![routing].into_attribute())];
        object.set("target_group_health", vec![health]);
    }
    if object.part("stickiness").is_none() {
        let (duration, kind) = if http { (86_400_i64, "lb_cookie") } else { (0, "source_ip") };
        let stickiness = [
            ("cookie_duration", Some(Value::from(duration))),
            ("cookie_name", text("")),
            ("enabled", Some(Value::bool(false))),
            ("type", text(kind)),
        ];
        object.set("stickiness", vec![stickiness]);
    }
    if object.part("target_failover").is_none() {
        let failover = [("on_deregistration", none(Type::String)), ("on_unhealthy", none(Type::String))];
        object.set("target_failover", vec![failover]);
    }
    if object.part("target_health_state").is_none() {
        let state = [
            ("enable_unhealthy_connection_termination", none(Type::Bool)),
            ("unhealthy_draining_interval", none(Type::Number)),
        ];
        object.set("target_health_state", vec![state]);
    }
}

fn health_check(object: &Object, http: bool, lambda: bool) -> [(&'static str, Option<Value>); 9] {
    let given = object.part("health_check");
    let or = |name: &str, default: Value| {
        let written = given.map(|part| part.raw(name).clone());
        let written =
            written.filter(|value| !value.is_null() && value.as_str() != Some("") && value.as_i64() != Some(0));
        Some(written.unwrap_or(default))
    };
    let protocol = given.and_then(|part| part.opt_str("protocol"));
    let protocol = protocol.unwrap_or_else(|| if http || lambda { "HTTP".into() } else { "TCP".into() });
    let tcp = protocol == "TCP";
    let grpc = object.str("protocol_version") == "GRPC";
    let matcher = match (tcp, grpc) {
        (true, _) => "",
        (_, true) => "12",
        (_, false) if http || lambda => "200",
        (_, false) => "200-399",
    };
    let path = match (tcp, grpc) {
        (true, _) => "",
        (_, true) => "/AWS.ALB/healthcheck",
        _ => "/",
    };
    let timeout = if lambda {
        30_i64
    } else if tcp {
        10
    } else {
        5
    };
    [
        ("enabled", Some(given.map_or(Value::bool(!lambda), |part| Value::bool(part.bool("enabled"))))),
        ("healthy_threshold", or("healthy_threshold", 5_i64.into())),
        ("interval", or("interval", if lambda { 35_i64 } else { 30 }.into())),
        ("matcher", or("matcher", matcher.into())),
        ("path", or("path", path.into())),
        ("port", or("port", if lambda { "" } else { "traffic-port" }.into())),
        ("protocol", Some(if lambda { "".into() } else { Value::string(protocol) })),
        ("timeout", or("timeout", timeout.into())),
        ("unhealthy_threshold", or("unhealthy_threshold", 2_i64.into())),
    ]
}

/// The target groups that actions send requests to.
pub(super) fn groups_of(object: &Object, block: &str) -> Vec<String> {
    let of = |action: Part<'_>| {
        let listed = action.part("forward").map(|forward| {
            forward.parts("target_group").iter().map(|group| group.str("arn").to_string()).collect::<Vec<_>>()
        });
        let mut groups = listed.unwrap_or_default();
        groups.extend(action.opt_str("target_group_arn"));
        groups
    };
    object.parts(block).into_iter().flat_map(of).collect()
}

impl World {
    /// The load balancers that send requests to a target group.
    pub(super) fn balancers_of(&self, group: &str) -> impl Iterator<Item = &str> {
        let named = move |object: &Object, block: &str| groups_of(object, block).iter().any(|g| g == group);
        let listeners = self.all("aws_lb_listener").filter(move |listener| named(listener, "default_action"));
        let rules = self.all("aws_lb_listener_rule").filter(move |rule| named(rule, "action"));
        let of_rules = rules.filter_map(|rule| self.get("aws_lb_listener", rule.str("listener_arn")));
        listeners.chain(of_rules).map(|listener| listener.str("load_balancer_arn"))
    }
}

pub(in crate::world) struct Attachment;

impl Kind for Attachment {
    fn untold(&self) -> &'static [&'static str] {
        &["availability_zone", "port", "id"]
    }

    fn key(&self, object: &Object) -> String {
        ["target_group_arn", "target_id", "port"]
            .map(|name| match object.raw(name).as_i64() {
                Some(port) => port.to_string(),
                None => object.str(name).to_string(),
            })
            .join(" ")
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let group = object.str("target_group_arn").to_string();
        if world.owns(&group) {
            let message = format!("Target groups '{group}' not found");
            world.need("aws_lb_target_group", &group, "TargetGroupNotFound", message)?;
        }
        object.set("id", ids::unique(cx, &format!("{group}-")));
        Ok(())
    }
}
