//! Listeners of load balancers and their rules.

use infra_provider::{Failure, Object, Part};
use infra_value::{Kind as ValueKind, Value};

use super::balancers::is_application;
use super::target_groups::groups_of;
use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const ACTIONS: &str = "default_action";

pub(in crate::world) struct Listener;

impl Kind for Listener {
    fn untold(&self) -> &'static [&'static str] {
        &[
            "alpn_policy",
            "certificate_arn",
            "routing_http_request_x_amzn_mtls_clientcert_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_issuer_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_leaf_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_subject_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_validity_header_name",
            "routing_http_request_x_amzn_tls_cipher_suite_header_name",
            "routing_http_request_x_amzn_tls_version_header_name",
            "routing_http_response_access_control_allow_credentials_header_value",
            "routing_http_response_access_control_allow_headers_header_value",
            "routing_http_response_access_control_allow_methods_header_value",
            "routing_http_response_access_control_allow_origin_header_value",
            "routing_http_response_access_control_expose_headers_header_value",
            "routing_http_response_access_control_max_age_header_value",
            "routing_http_response_content_security_policy_header_value",
            "routing_http_response_server_enabled",
            "routing_http_response_strict_transport_security_header_value",
            "routing_http_response_x_content_type_options_header_value",
            "routing_http_response_x_frame_options_header_value",
            "tcp_idle_timeout_seconds",
        ]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let balancer = object.str("load_balancer_arn").to_string();
        let found = world.need("aws_lb", &balancer, "LoadBalancerNotFound", "One or more load balancers not found")?;
        let (suffix, application) = (found.str("arn_suffix").to_string(), is_application(found));
        if application && object.str("protocol").is_empty() {
            object.set("protocol", if object.str("certificate_arn").is_empty() { "HTTP" } else { "HTTPS" });
        }
        check(world, object, &balancer)?;
        let arn = world.arn("elasticloadbalancing", &format!("listener/{suffix}/{}", ids::hex(cx, 16)));
        object.set("id", &arn);
        object.set("arn", &arn);
        set_policy(object);
        set_actions(object, ACTIONS, cx.config);
        check_groups(world, object, ACTIONS, &balancer)?;
        if application { world.bind(&arn, object, cx) } else { Ok(()) }
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let balancer = object.str("load_balancer_arn").to_string();
        check(world, object, &balancer)?;
        if prior.str("protocol") != object.str("protocol") && prior.str("ssl_policy") == object.str("ssl_policy") {
            object.unset("ssl_policy");
        }
        set_policy(object);
        set_actions(object, ACTIONS, cx.config);
        check_groups(world, object, ACTIONS, &balancer)?;
        if prior.int("port") == object.int("port") || !world.facts.addresses.contains_key(object.id()) {
            return Ok(());
        }
        let arn = object.id().to_string();
        world.unbind(&arn, &balancer, cx);
        world.bind(&arn, object, cx)
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        world.drop_listener(object.id(), cx);
        Ok(())
    }
}

fn check(world: &World, object: &Object, balancer: &str) -> Result<(), Failure> {
    let same = |other: &Object| {
        other.str("load_balancer_arn") == balancer
            && other.int("port") == object.int("port")
            && other.id() != object.id()
    };
    if object.int("port") != 0 && world.all("aws_lb_listener").any(same) {
        let message = format!("A listener already exists on this port for this load balancer '{balancer}'");
        return refuse("DuplicateListener", message);
    }
    let certificate = object.str("certificate_arn");
    if world.owns(certificate) && certificate.contains(":acm:") {
        let message = format!("Certificate '{certificate}' not found");
        world.need("aws_acm_certificate", certificate, "CertificateNotFound", message)?;
    }
    if matches!(object.str("protocol"), "HTTPS" | "TLS") && certificate.is_empty() {
        let protocol = object.str("protocol");
        return refuse("ValidationError", format!("A certificate must be specified for {protocol} listeners"));
    }
    Ok(())
}

fn check_groups(world: &World, object: &Object, block: &str, balancer: &str) -> Result<(), Failure> {
    for group in groups_of(object, block) {
        if world.owns(&group) {
            let message = format!("Target groups '{group}' not found");
            world.need("aws_lb_target_group", &group, "TargetGroupNotFound", message)?;
        }
        if world.balancers_of(&group).any(|other| other != balancer) {
            let message =
                format!("The following target groups cannot be associated with more than one load balancer: {group}");
            return refuse("TargetGroupAssociationLimit", message);
        }
    }
    Ok(())
}

fn set_policy(object: &mut Object) {
    if matches!(object.str("protocol"), "HTTPS" | "TLS") && object.str("ssl_policy").is_empty() {
        object.set("ssl_policy", "ELBSecurityPolicy-2016-08");
    }
}

/// Actions as they are stored: numbered, and without `forward` blocks that the configuration does not have (a plan keeps
/// those, since their coming and going alone is no change).
fn set_actions(object: &mut Object, block: &str, config: &Value) {
    let written = config.get(block).and_then(Value::elements).unwrap_or(&[]);
    let planned = object.raw(block).elements().unwrap_or(&[]);
    let one = |(i, action): (usize, &Value)| {
        let is_listed = |v: &Value| v.get("forward").is_some_and(|f| f.len().is_some_and(|n| n > 0));
        let drop = written.get(i).is_some_and(|w| !is_listed(w));
        let members = action.members().into_iter().flatten().map(|(name, value)| {
            let value = match (&**name, value.kind()) {
                ("order", ValueKind::Null(_)) => Value::from(i64::try_from(i + 1).unwrap_or(i64::MAX)),
                ("forward", ValueKind::List(ty, _)) if drop => Value::list(ty.clone(), []),
                _ => value.clone(),
            };
            (name.clone(), value)
        });
        Value::object(members)
    };
    let actions: Vec<Value> = planned.iter().enumerate().map(one).collect();
    object.set(block, actions);
}

impl World {
    /// Gives a listener an address on this machine. The balancer's own is for the listener of port 80, and as long as
    /// there is none for the first one with HTTP.
    fn bind(&mut self, arn: &str, listener: &Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let balancer = listener.str("load_balancer_arn");
        let port = u16::try_from(listener.int("port")).ok();
        let main = self.facts.addresses.get(balancer).copied();
        let holder = self
            .all("aws_lb_listener")
            .find(|other| other.id() != arn && main.is_some() && self.facts.addresses.get(other.id()).copied() == main);
        let holder = holder.map(|holder| (holder.id().to_string(), u16::try_from(holder.int("port")).ok()));
        match (main, holder) {
            (Some(main), None) if listener.str("protocol") == "HTTP" => {
                self.facts.addresses.insert(arn.to_string(), main);
            }
            (Some(main), Some((holder, wanted))) if port == Some(80) => {
                self.reserve(&holder, wanted, cx)?;
                self.facts.addresses.insert(arn.to_string(), main);
            }
            _ => {
                self.reserve(arn, port, cx)?;
            }
        }
        Ok(())
    }

    /// Takes a listener's address away; the balancer's own stays the balancer's.
    fn unbind(&mut self, arn: &str, balancer: &str, cx: &mut Cx<'_>) {
        let main = self.facts.addresses.get(balancer).copied();
        if self.facts.addresses.get(arn).copied() == main {
            self.facts.addresses.remove(arn);
        } else {
            self.release(arn, cx);
        }
    }

    /// Removes what belongs to a listener: its address and its rules.
    pub(super) fn drop_listener(&mut self, arn: &str, cx: &mut Cx<'_>) {
        let balancer = self.get("aws_lb_listener", arn).map(|listener| listener.str("load_balancer_arn").to_string());
        self.unbind(arn, &balancer.unwrap_or_default(), cx);
        let rules = self.records.entry("aws_lb_listener_rule".into()).or_default();
        rules.retain(|_, rule| rule.str("listener_arn") != arn);
    }
}

pub(in crate::world) struct Rule;

impl Kind for Rule {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let listener = object.str("listener_arn").to_string();
        let found = world.need("aws_lb_listener", &listener, "ListenerNotFound", "One or more listeners not found")?;
        let balancer = found.str("load_balancer_arn").to_string();
        if object.int("priority") == 0 {
            let rules = world.all("aws_lb_listener_rule").filter(|rule| rule.str("listener_arn") == listener);
            object.set("priority", rules.map(|rule| rule.int("priority")).max().unwrap_or(0) + 1);
        }
        check_rule(world, object)?;
        let id = format!("{}/{}", listener.replacen(":listener/", ":listener-rule/", 1), ids::hex(cx, 16));
        object.set("id", &id);
        object.set("arn", id);
        set_actions(object, "action", cx.config);
        check_groups(world, object, "action", &balancer)
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        check_rule(world, object)?;
        set_actions(object, "action", cx.config);
        let listener = world.get("aws_lb_listener", object.str("listener_arn"));
        let balancer = listener.map(|listener| listener.str("load_balancer_arn").to_string()).unwrap_or_default();
        check_groups(world, object, "action", &balancer)
    }
}

fn check_rule(world: &World, object: &Object) -> Result<(), Failure> {
    let same = |other: &Object| {
        other.str("listener_arn") == object.str("listener_arn")
            && other.int("priority") == object.int("priority")
            && other.id() != object.id()
    };
    if world.all("aws_lb_listener_rule").any(same) {
        return refuse("PriorityInUse", format!("Priority '{}' is currently in use", object.int("priority")));
    }
    const CONDITIONS: [&str; 6] =
        ["host_header", "http_header", "http_request_method", "path_pattern", "query_string", "source_ip"];
    let given = |part: &Part<'_>| CONDITIONS.iter().filter(|name| !part.parts(name).is_empty()).count();
    if object.parts("condition").iter().any(|part| given(part) != 1) {
        let names = CONDITIONS.join(", ");
        return Err(Failure::new("", format!("exactly one of {names} must be set in a condition block")));
    }
    Ok(())
}
