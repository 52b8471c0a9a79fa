//! `aws_lb_listener`: listeners of load balancers.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::operation::create_listener::builders::CreateListenerFluentBuilder;
use aws_sdk_elasticloadbalancingv2::types::{
    AdvertiseTrustStoreCaNamesEnum, Certificate, Listener, ListenerAttribute, MutualAuthenticationAttributes,
    ProtocolEnum,
};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part};
use infra_value::{Type, Value};

use crate::Aws;
use crate::batch::Answers;
use crate::elb::{self, NOT_FOUND, TagsOf, action};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed, differ};
use crate::wait::{Seen, Wait, retry_on};

const KIND: &str = "ELBv2 Listener";
const ACTIONS: &str = "default_action";
const TCP_IDLE: (&str, &str) = ("tcp_idle_timeout_seconds", "tcp.idle_timeout.seconds");

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let arns: Vec<String> = objects.iter().map(|o| o.id().to_string()).collect();
        let (found, tags) = tokio::join!(elb::look_up(arns, |arns| describe(aws, arns)), elb::tags(aws, &objects));
        let reads = objects.into_iter().map(|object| read_one(aws, object, &found, &tags));
        stream::iter(reads).buffered(elb::AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let timeout = cx.timeouts.of("create");
        let doing = format!("creating {KIND}");
        action::as_written(object, ACTIONS, cx.config);
        let request = create_request(aws, object);
        let arn = elb::created_with_tags(aws, KIND, &cx.tags, |tags| {
            let request = request.clone().set_tags(tags);
            let doing = doing.clone();
            async move {
                let create = || async { request.clone().send().await.doing(doing.clone()) };
                let answer = retry_on(timeout, &["CertificateNotFound"], create).await?;
                let arn = answer.listeners().first().and_then(Listener::listener_arn);
                arn.map(str::to_string).ok_or_else(|| Failure::new(doing.clone(), "empty answer"))
            }
        })
        .await?;
        object.set("id", &*arn);
        (cx.checkpoint)(object);
        wait_seen(aws, &arn, timeout).await?;
        let protocol = object.str("protocol").to_string();
        let written = |name: &str| cx.config.get(name).is_some_and(|v| !v.is_null());
        let attributes: Vec<_> = attributes_of(&protocol).filter(|(name, _)| written(name)).collect();
        modify(aws, &arn, texts(object, attributes)).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        // A balancer has one listener at a port.
        let balancer = planned.str("load_balancer_arn");
        let pages = aws.elb().describe_listeners().load_balancer_arn(balancer).into_paginator().items();
        let all: Result<Vec<Listener>, _> = pages.send().collect().await;
        let all = match all.doing(format!("reading {KIND}s of {balancer}")) {
            Err(failure) if failure.is(&["LoadBalancerNotFound"]) => return Ok(Some(Vec::new())),
            all => all?,
        };
        let same = all.iter().filter(|listener| listener.port() == planned.opt_i32("port"));
        let made = same.filter_map(Listener::listener_arn).map(|arn| {
            let mut made = planned.clone();
            made.set("id", arn);
            made.set("arn", arn);
            made
        });
        Ok(Some(made.collect()))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id().to_string();
        action::as_written(object, ACTIONS, cx.config);
        if changed_beside_attributes(prior, object) {
            let mut request = aws
                .elb()
                .modify_listener()
                .listener_arn(&arn)
                .set_alpn_policy(object.opt_str("alpn_policy").map(|policy| vec![policy]))
                .set_certificates(certificates(object))
                .set_port(object.opt_i32("port"))
                .set_protocol(object.opt_str("protocol").map(|p| ProtocolEnum::from(&*p)))
                .set_ssl_policy(object.opt_str("ssl_policy"));
            if changed(prior, object, &[ACTIONS]) {
                request = request.set_default_actions(Some(action::to_api(object, ACTIONS)));
            }
            if changed(prior, object, &["mutual_authentication"]) {
                request = request.set_mutual_authentication(object.part("mutual_authentication").map(mutual));
            }
            retry_on(cx.timeouts.of("update"), &["CertificateNotFound"], || async {
                request.clone().send().await.doing(format!("modifying {KIND} ({arn})"))
            })
            .await?;
        }
        let protocol = object.str("protocol").to_string();
        let differs = |name: &str| differ(prior.raw(name), object.raw(name));
        let attributes: Vec<_> = attributes_of(&protocol).filter(|(name, _)| differs(name)).collect();
        modify(aws, &arn, texts(object, attributes)).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        elb::change_tags(aws, KIND, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let answer = aws.elb().delete_listener().listener_arn(arn).send().await;
        ignoring(answer.doing(format!("deleting {KIND} ({arn})")), &NOT_FOUND)
    }
}

fn create_request(aws: &Aws, object: &Object) -> CreateListenerFluentBuilder {
    let balancer = object.str("load_balancer_arn");
    let protocol = match object.str("protocol") {
        "" if balancer.contains("loadbalancer/app/") && object.str("certificate_arn").is_empty() => "HTTP",
        "" if balancer.contains("loadbalancer/app/") => "HTTPS",
        given => given,
    };
    aws.elb()
        .create_listener()
        .load_balancer_arn(balancer)
        .set_alpn_policy(object.opt_str("alpn_policy").map(|policy| vec![policy]))
        .set_certificates(certificates(object))
        .set_default_actions(Some(action::to_api(object, ACTIONS)))
        .set_mutual_authentication(object.part("mutual_authentication").map(mutual))
        .set_port(object.opt_i32("port"))
        .set_protocol(Some(protocol).filter(|p| !p.is_empty()).map(ProtocolEnum::from))
        .set_ssl_policy(object.opt_str("ssl_policy"))
}

fn certificates(object: &Object) -> Option<Vec<Certificate>> {
    let arn = object.opt_str("certificate_arn")?;
    Some(vec![Certificate::builder().certificate_arn(arn).build()])
}

fn mutual(part: Part<'_>) -> MutualAuthenticationAttributes {
    let mode = part.str("mode");
    let all = MutualAuthenticationAttributes::builder().mode(mode);
    match mode {
        "passthrough" => all.trust_store_arn(part.str("trust_store_arn")),
        "verify" => {
            let advertise = part.opt_str("advertise_trust_store_ca_names");
            all.ignore_client_certificate_expiry(part.bool("ignore_client_certificate_expiry"))
                .trust_store_arn(part.str("trust_store_arn"))
                .set_advertise_trust_store_ca_names(advertise.map(|v| AdvertiseTrustStoreCaNamesEnum::from(&*v)))
        }
        _ => all,
    }
    .build()
}

/// The arguments that are attributes of a listener of a protocol, with their keys in the API.
fn attributes_of(protocol: &str) -> impl Iterator<Item = (&'static str, String)> {
    let requests = protocol == "HTTPS";
    let responses = matches!(protocol, "HTTP" | "HTTPS");
    let own = ROUTING.into_iter().filter(move |name| match name.starts_with("routing_http_request_") {
        true => requests,
        false => responses,
    });
    // A listener of a gateway load balancer has no protocol to be given.
    let tcp = matches!(protocol, "TCP" | "GENEVE" | "").then(|| (TCP_IDLE.0, TCP_IDLE.1.to_string()));
    own.map(|name| (name, routing_key(name))).chain(tcp)
}

/// The arguments about the headers of requests and responses.
const ROUTING: [&str; 19] = [
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
];

/// `routing_http_response_server_enabled` is `routing.http.response.server.enabled`.
fn routing_key(name: &str) -> String {
    let (side, rest) = match name.strip_prefix("routing_http_request_") {
        Some(rest) => ("request", rest),
        None => ("response", name.strip_prefix("routing_http_response_").unwrap_or(name)),
    };
    let end = ["header_name", "header_value", "enabled"].into_iter().find_map(|end| {
        let middle = rest.strip_suffix(end)?.strip_suffix('_')?;
        Some(format!("routing.http.{side}.{middle}.{end}"))
    });
    end.unwrap_or_else(|| format!("routing.http.{side}.{rest}"))
}

/// The attributes that have a value, as the API wants them.
fn texts(object: &Object, attributes: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    let text = |name: &str| {
        let raw = object.raw(name);
        let other = || raw.as_bool().map(|b| b.to_string()).or_else(|| raw.as_i64().map(|n| n.to_string()));
        object.opt_str(name).or_else(other)
    };
    attributes.into_iter().filter_map(|(name, key)| Some((key, text(name)?))).collect()
}

fn changed_beside_attributes(prior: &Object, object: &Object) -> bool {
    const OTHERS: [&str; 7] =
        ["alpn_policy", "certificate_arn", ACTIONS, "mutual_authentication", "port", "protocol", "ssl_policy"];
    changed(prior, object, &OTHERS)
}

async fn describe(aws: &Aws, arns: Vec<String>) -> Result<Vec<(String, Listener)>, Failure> {
    let answer = aws.elb().describe_listeners().set_listener_arns(Some(arns)).send().await;
    let found = answer.doing("reading ELBv2 Listeners")?.listeners.unwrap_or_default();
    Ok(found.into_iter().filter_map(|l| Some((l.listener_arn()?.to_string(), l))).collect())
}

async fn wait_seen(aws: &Aws, arn: &str, timeout: Duration) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for {KIND} ({arn}) create"), timeout).tolerate(u32::MAX - 1);
    wait.until(|| async {
        let found = elb::look_up([arn.to_string()], |arns| describe(aws, arns)).await;
        Ok(if found.get(arn)?.is_some() { Seen::Target(()) } else { Seen::Missing })
    })
    .await
}

async fn modify(aws: &Aws, arn: &str, attributes: Vec<(String, String)>) -> Result<(), Failure> {
    if attributes.is_empty() {
        return Ok(());
    }
    let attributes = attributes.into_iter().map(|(k, v)| ListenerAttribute::builder().key(k).value(v).build());
    let request = aws.elb().modify_listener_attributes().listener_arn(arn);
    let answer = request.set_attributes(Some(attributes.collect())).send().await;
    answer.doing(format!("modifying {KIND} ({arn}) attributes")).map(|_| ())
}

async fn read_one(
    aws: &Aws,
    mut object: Object,
    found: &Answers<Listener>,
    tags: &TagsOf,
) -> Result<Option<Object>, Failure> {
    let arn = object.id().to_string();
    let Some(listener) = found.get(&arn)? else { return Ok(None) };
    let mut attributes = None;
    let needed = object.needs_any(&ROUTING) || object.needs_any(&[TCP_IDLE.0]);
    if needed && listener.protocol() != Some(&ProtocolEnum::Tls) {
        let answer = aws.elb().describe_listener_attributes().listener_arn(&arn).send().await;
        let all = match answer.doing(format!("reading {KIND} ({arn}) attributes")) {
            Err(failure) if failure.is(&NOT_FOUND) => return Ok(None),
            answer => answer?.attributes.unwrap_or_default(),
        };
        attributes = Some(all.into_iter().filter_map(|a| Some((a.key?, a.value.unwrap_or_default()))).collect());
    } else if needed {
        attributes = Some(BTreeMap::new());
    }
    fill(&mut object, listener);
    if let Some(attributes) = attributes {
        fill_attributes(&mut object, &attributes);
    }
    object.set("tags_all", tags.of(&object)?);
    Ok(Some(object))
}

fn fill(object: &mut Object, listener: &Listener) {
    object.set("arn", listener.listener_arn());
    object.set("load_balancer_arn", listener.load_balancer_arn());
    object.set("port", listener.port());
    object.set("protocol", listener.protocol().map(ProtocolEnum::as_str));
    object.set("ssl_policy", listener.ssl_policy());
    // Of several the API does not say which is meant.
    if let [certificate] = listener.certificates() {
        object.set("certificate_arn", certificate.certificate_arn());
    }
    if let [policy] = listener.alpn_policy() {
        object.set("alpn_policy", policy.as_str());
    }
    let mutual = listener.mutual_authentication().map(|m| {
        let off = m.mode() == Some("off");
        let shown = |value: Option<Value>| value.filter(|_| !off);
        vec![[
            (
                "advertise_trust_store_ca_names",
                shown(m.advertise_trust_store_ca_names().map(|v| Value::from(v.as_str()))),
            ),
            ("ignore_client_certificate_expiry", shown(m.ignore_client_certificate_expiry().map(Value::from))),
            ("mode", m.mode().map(Value::from)),
            ("trust_store_arn", shown(m.trust_store_arn().map(Value::from))),
        ]]
    });
    object.set("mutual_authentication", mutual);
    action::fill(object, ACTIONS, listener.default_actions(), true);
}

fn fill_attributes(object: &mut Object, attributes: &BTreeMap<String, String>) {
    let all = ROUTING.iter().map(|name| (*name, routing_key(name))).chain([(TCP_IDLE.0, TCP_IDLE.1.to_string())]);
    for (name, key) in all {
        match (attributes.get(&key), object.block().attributes.get(name).map(|a| a.ty.clone())) {
            // What is not answered stays as it was.
            (None, _) => {}
            (Some(text), Some(Type::Bool)) => object.set(name, text == "true"),
            (Some(text), Some(Type::Number)) => object.set(name, text.parse::<i64>().unwrap_or(0)),
            (Some(text), _) => object.set(name, text.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_underscores_in_the_middle() {
        for (name, key) in [
            (
                "routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name",
                "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
            ),
            ("routing_http_response_server_enabled", "routing.http.response.server.enabled"),
            (
                "routing_http_response_x_frame_options_header_value",
                "routing.http.response.x_frame_options.header_value",
            ),
        ] {
            assert_eq!(routing_key(name), key);
        }
    }

    #[test]
    fn what_is_an_attribute_depends_on_the_protocol() {
        let count = |protocol: &str| attributes_of(protocol).count();
        assert_eq!((count("HTTPS"), count("HTTP"), count("TCP"), count("TLS")), (19, 11, 1, 0));
    }
}
