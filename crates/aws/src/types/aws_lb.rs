//! `aws_lb`: load balancers of all three types.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::types::{
    CapacityReservationStateEnum, EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum, IpAddressType, IpamPools,
    LoadBalancer, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, MinimumLoadBalancerCapacity,
    RemoveIpamPoolEnum, SubnetMapping,
};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part, Token};
use infra_value::Value;

use crate::Aws;
use crate::batch::Answers;
use crate::elb::{self, NOT_FOUND, TagsOf};
use crate::error::Doing;
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait};

const KIND: &str = "ELBv2 Load Balancer";

/// Load balancer types, as the SDK's texts.
const ANY: &[&str] = &["application", "network", "gateway"];
const APPLICATION: &[&str] = &["application"];

/// Attribute of the resource, key of the API, types of load balancers that have it.
const ATTRIBUTES: [(&str, &str, &[&str]); 14] = [
    ("client_keep_alive", "client_keep_alive.seconds", APPLICATION),
    ("enable_deletion_protection", "deletion_protection.enabled", ANY),
    ("dns_record_client_routing_policy", "dns_record.client_routing_policy", &["network"]),
    ("idle_timeout", "idle_timeout.timeout_seconds", APPLICATION),
    ("enable_cross_zone_load_balancing", "load_balancing.cross_zone.enabled", &["network", "gateway"]),
    ("desync_mitigation_mode", "routing.http.desync_mitigation_mode", APPLICATION),
    ("drop_invalid_header_fields", "routing.http.drop_invalid_header_fields.enabled", APPLICATION),
    ("preserve_host_header", "routing.http.preserve_host_header.enabled", APPLICATION),
    (
        "enable_tls_version_and_cipher_suite_headers",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        APPLICATION,
    ),
    ("enable_xff_client_port", "routing.http.xff_client_port.enabled", APPLICATION),
    ("xff_header_processing_mode", "routing.http.xff_header_processing.mode", APPLICATION),
    ("enable_http2", "routing.http2.enabled", APPLICATION),
    ("enable_waf_fail_open", "waf.fail_open.enabled", APPLICATION),
    ("enable_zonal_shift", "zonal_shift.config.enabled", &["application", "network"]),
];

const ENFORCE: &str = "enforce_security_group_inbound_rules_on_private_link_traffic";

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
        let name = name_of(object, &cx.token);
        refuse_existing(aws, &name, object.str("load_balancer_type")).await?;
        let arn = elb::created_with_tags(aws, KIND, &cx.tags, |tags| {
            let request = create_request(aws, object, &name).set_tags(tags);
            async {
                let answer = request.send().await.doing(format!("creating {KIND} ({name})"))?;
                let arn = answer.load_balancers().first().and_then(LoadBalancer::load_balancer_arn);
                arn.map(str::to_string).ok_or_else(|| Failure::new(format!("creating {KIND} ({name})"), "empty answer"))
            }
        })
        .await?;
        object.set("id", &*arn);
        (cx.checkpoint)(object);
        let timeout = cx.timeouts.of("create");
        wait_active(aws, &arn, "create", timeout).await?;
        if let Some(capacity) = object.part("minimum_load_balancer_capacity") {
            reserve(aws, &arn, Some(capacity), timeout).await?;
        }
        modify(aws, &arn, all_attributes(object)).await?;
        if object.str("load_balancer_type") == "network" && !object.str(ENFORCE).is_empty() {
            set_security_groups(aws, &arn, object).await?;
        }
        wait_active(aws, &arn, "create", timeout).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let name = name_of(planned, &trace.token);
        let answer =
            aws.elb().describe_load_balancers().names(&name).send().await.doing(format!("reading {KIND} ({name})"));
        let found = match answer {
            Err(failure) if failure.is(&["LoadBalancerNotFound"]) => return Ok(Some(Vec::new())),
            answer => answer?.load_balancers.unwrap_or_default(),
        };
        let likely =
            found.iter().filter(|lb| lb.created_time().is_none_or(|d| !crate::time::is_before(d, trace.began)));
        let made = likely.filter_map(LoadBalancer::load_balancer_arn).map(|arn| {
            let mut made = planned.clone();
            made.set("id", arn);
            made.set("arn", arn);
            made.set("name", &*name);
            made
        });
        Ok(Some(made.collect()))
    }

    async fn ready(&self, aws: &Aws, object: &Object, trace: &Trace) -> Result<(), Failure> {
        wait_active(aws, object.id(), "create", trace.timeouts.of("create")).await
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (arn, timeout) = (object.id().to_string(), cx.timeouts.of("update"));
        let doing = || format!("updating {KIND} ({arn})");
        modify(aws, &arn, changed_attributes(prior, object)).await?;
        if changed(prior, object, &["security_groups", ENFORCE]) {
            set_security_groups(aws, &arn, object).await?;
        }
        // The one of the two that the configuration sets: the other one only follows.
        let mapped = cx.config.get("subnet_mapping").is_some_and(|v| !v.is_empty());
        if changed(prior, object, &[if mapped { "subnet_mapping" } else { "subnets" }]) {
            let request = aws.elb().set_subnets().load_balancer_arn(&arn);
            let request = match mapped {
                true => request.set_subnet_mappings(Some(subnet_mappings(object))),
                false => request.set_subnets(Some(object.strings("subnets"))),
            };
            request.send().await.doing(doing())?;
        }
        if changed(prior, object, &["ip_address_type"]) {
            let kind = IpAddressType::from(object.str("ip_address_type"));
            aws.elb().set_ip_address_type().load_balancer_arn(&arn).ip_address_type(kind).send().await.doing(doing())?;
        }
        if changed(prior, object, &["ipam_pools"]) {
            let request = aws.elb().modify_ip_pools().load_balancer_arn(&arn);
            let request = match ipam_pools(object) {
                Some(pools) => request.ipam_pools(pools),
                None => request.remove_ipam_pools(RemoveIpamPoolEnum::Ipv4),
            };
            request.send().await.doing(doing())?;
        }
        if changed(prior, object, &["minimum_load_balancer_capacity"]) {
            reserve(aws, &arn, object.part("minimum_load_balancer_capacity"), timeout).await?;
        }
        wait_active(aws, &arn, "update", timeout).await
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

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let answer = aws.elb().delete_load_balancer().load_balancer_arn(arn).send().await;
        crate::error::ignoring(answer.doing(format!("deleting {KIND} ({arn})")), &NOT_FOUND)?;
        // As long as it shows, another one cannot have its name.
        wait_gone(aws, arn, cx.timeouts.of("delete")).await?;
        // Its network interfaces go later; until then they hold the subnets and security groups.
        if let Some((_, name)) = arn.split_once("loadbalancer/") {
            for (owner, minutes) in [("amazon-elb", 35), ("amazon-aws", 5)] {
                if let Err(failure) = wait_interfaces(aws, name, owner, Duration::from_secs(minutes * 60)).await {
                    tracing::warn!(
                        failure = failure.brief(),
                        "network interfaces of a deleted load balancer may be left"
                    );
                    break;
                }
            }
        }
        Ok(())
    }
}

fn create_request(
    aws: &Aws,
    object: &Object,
    name: &str,
) -> aws_sdk_elasticloadbalancingv2::operation::create_load_balancer::builders::CreateLoadBalancerFluentBuilder {
    let kind = LoadBalancerTypeEnum::from(object.str("load_balancer_type"));
    let some = |values: Vec<String>| Some(values).filter(|v| !v.is_empty());
    aws.elb()
        .create_load_balancer()
        .name(name)
        .r#type(kind)
        .set_scheme(object.bool("internal").then_some(LoadBalancerSchemeEnum::Internal))
        .set_ip_address_type(object.opt_str("ip_address_type").map(|v| IpAddressType::from(&*v)))
        .set_customer_owned_ipv4_pool(object.opt_str("customer_owned_ipv4_pool"))
        .set_ipam_pools(ipam_pools(object))
        .set_security_groups(some(object.strings("security_groups")))
        .set_subnets(some(object.strings("subnets")))
        .set_subnet_mappings(Some(subnet_mappings(object)).filter(|m| !m.is_empty()))
}

/// The API would silently give back a load balancer that is there already.
async fn refuse_existing(aws: &Aws, name: &str, kind: &str) -> Result<(), Failure> {
    let doing = format!("creating {KIND} ({name})");
    match aws.elb().describe_load_balancers().names(name).send().await.doing(doing.clone()) {
        Err(failure) if failure.is(&NOT_FOUND) => Ok(()),
        Err(failure) => Err(failure),
        Ok(answer) if answer.load_balancers().iter().any(|lb| lb.r#type().is_some_and(|t| t.as_str() == kind)) => {
            Err(Failure::new(doing, format!("{KIND} ({name}) already exists")))
        }
        Ok(_) => Ok(()),
    }
}

async fn describe(aws: &Aws, arns: Vec<String>) -> Result<Vec<(String, LoadBalancer)>, Failure> {
    let answer = aws.elb().describe_load_balancers().set_load_balancer_arns(Some(arns)).send().await;
    let found = answer.doing("reading ELBv2 Load Balancers")?.load_balancers.unwrap_or_default();
    Ok(found.into_iter().filter_map(|lb| Some((lb.load_balancer_arn()?.to_string(), lb))).collect())
}

async fn read_one(
    aws: &Aws,
    mut object: Object,
    found: &Answers<LoadBalancer>,
    tags: &TagsOf,
) -> Result<Option<Object>, Failure> {
    let arn = object.id().to_string();
    let Some(lb) = found.get(&arn)? else { return Ok(None) };
    let answer = aws.elb().describe_load_balancer_attributes().load_balancer_arn(&arn).send().await;
    let attributes = match answer.doing(format!("reading {KIND} ({arn}) attributes")) {
        Err(failure) if failure.is(&NOT_FOUND) => return Ok(None),
        answer => answer?.attributes.unwrap_or_default(),
    };
    let attributes: BTreeMap<String, String> =
        attributes.into_iter().filter_map(|a| Some((a.key?, a.value.unwrap_or_default()))).collect();
    // One more call, which few need: only where a capacity is reserved by us, or nothing is known yet.
    if object.part("minimum_load_balancer_capacity").is_some() || object.str("dns_name").is_empty() {
        let capacity = capacity(aws, &arn, lb).await?;
        object.set("minimum_load_balancer_capacity", capacity);
    }
    fill(&mut object, lb, &attributes);
    object.set("tags_all", tags.of(&object)?);
    Ok(Some(object))
}

fn fill(object: &mut Object, lb: &LoadBalancer, attributes: &BTreeMap<String, String>) {
    let arn = lb.load_balancer_arn().unwrap_or("");
    let kind = lb.r#type().map_or("", LoadBalancerTypeEnum::as_str);
    object.set("arn", arn);
    object.set("arn_suffix", arn.split_once("loadbalancer/").map_or("", |(_, suffix)| suffix));
    object.set("customer_owned_ipv4_pool", lb.customer_owned_ipv4_pool());
    object.set("dns_name", lb.dns_name());
    object.set(ENFORCE, lb.enforce_security_group_inbound_rules_on_private_link_traffic());
    object.set("internal", lb.scheme() == Some(&LoadBalancerSchemeEnum::Internal));
    object.set("ip_address_type", lb.ip_address_type().map(IpAddressType::as_str));
    object.set("load_balancer_type", kind);
    object.set("name", lb.load_balancer_name());
    object.set("name_prefix", crate::ids::prefix_of(lb.load_balancer_name().unwrap_or("")));
    object.set("security_groups", lb.security_groups());
    object.set("vpc_id", lb.vpc_id());
    object.set("zone_id", lb.canonical_hosted_zone_id());
    let zones = lb.availability_zones();
    object.set("subnets", zones.iter().filter_map(|z| z.subnet_id().map(str::to_string)).collect::<Vec<_>>());
    let mapping = |zone: &aws_sdk_elasticloadbalancingv2::types::AvailabilityZone| {
        let address = zone.load_balancer_addresses().first();
        [
            ("allocation_id", address.and_then(|a| a.allocation_id()).map(Value::from)),
            ("ipv6_address", address.and_then(|a| a.ipv6_address()).map(Value::from)),
            ("outpost_id", zone.outpost_id().map(Value::from)),
            ("private_ipv4_address", address.and_then(|a| a.private_ipv4_address()).map(Value::from)),
            ("subnet_id", zone.subnet_id().map(Value::from)),
        ]
    };
    object.set("subnet_mapping", zones.iter().map(mapping).collect::<Vec<_>>());
    let pool = lb.ipam_pools().and_then(IpamPools::ipv4_ipam_pool_id);
    object.set("ipam_pools", pool.map(|id| vec![[("ipv4_ipam_pool_id", Some(Value::from(id)))]]));
    object.set("access_logs", vec![logs("access_logs", attributes)]);
    object
        .set("connection_logs", if kind == "application" { vec![logs("connection_logs", attributes)] } else { vec![] });
    for (name, key, _) in ATTRIBUTES {
        if let Some(text) = attributes.get(key) {
            object.set(name, attribute_value(object, name, text));
        }
    }
}

/// An attribute's text as a value of the type that the schema has.
fn attribute_value(object: &Object, name: &str, text: &str) -> Value {
    match object.block().attributes.get(name).map(|a| &a.ty) {
        Some(infra_value::Type::Bool) => Value::bool(text == "true"),
        Some(infra_value::Type::Number) => Value::from(text.parse::<i64>().unwrap_or(0)),
        _ => Value::from(text),
    }
}

fn logs(block: &str, attributes: &BTreeMap<String, String>) -> [(&'static str, Option<Value>); 3] {
    let of = |name: &str| attributes.get(&format!("{block}.s3.{name}"));
    [
        ("bucket", of("bucket").map(|v| Value::from(v.as_str()))),
        ("enabled", of("enabled").map(|v| Value::bool(v == "true"))),
        ("prefix", of("prefix").map(|v| Value::from(v.as_str()))),
    ]
}

/// The text of an attribute as the API wants it; `None` where it is not set.
fn attribute_text(object: &Object, name: &str) -> Option<String> {
    let raw = object.raw(name);
    match raw.as_bool() {
        Some(b) => Some(b.to_string()),
        None => raw.as_i64().map(|n| n.to_string()).or_else(|| object.opt_str(name)),
    }
}

/// All attributes that a load balancer of its type has.
fn all_attributes(object: &Object) -> Vec<(String, String)> {
    let kind = object.str("load_balancer_type");
    let mut all = Vec::new();
    for block in log_blocks(kind) {
        all.extend(log_attributes(object, block, false));
    }
    let own = ATTRIBUTES.iter().filter(|(_, _, kinds)| kinds.contains(&kind));
    all.extend(own.filter_map(|(name, key, _)| Some(((*key).to_string(), attribute_text(object, name)?))));
    all
}

/// Those that differ.
fn changed_attributes(prior: &Object, object: &Object) -> Vec<(String, String)> {
    let kind = object.str("load_balancer_type");
    let mut all = Vec::new();
    for block in log_blocks(kind) {
        if changed(prior, object, &[block]) {
            all.extend(log_attributes(object, block, true));
        }
    }
    let own = ATTRIBUTES.iter().filter(|(name, _, kinds)| kinds.contains(&kind) && changed(prior, object, &[name]));
    all.extend(own.filter_map(|(name, key, _)| Some(((*key).to_string(), attribute_text(object, name)?))));
    all
}

fn log_blocks(kind: &str) -> &'static [&'static str] {
    match kind {
        "application" => &["access_logs", "connection_logs"],
        "network" => &["access_logs"],
        _ => &[],
    }
}

fn log_attributes(object: &Object, block: &str, with_empty: bool) -> Vec<(String, String)> {
    let logs = object.part(block).filter(|logs| logs.bool("enabled"));
    let mut all = vec![(format!("{block}.s3.enabled"), logs.is_some().to_string())];
    for name in ["bucket", "prefix"] {
        let text = logs.map(|logs| logs.str(name).to_string());
        if let Some(text) = text.filter(|text| with_empty || !text.is_empty()) {
            all.push((format!("{block}.s3.{name}"), text));
        }
    }
    all
}

async fn modify(aws: &Aws, arn: &str, attributes: Vec<(String, String)>) -> Result<(), Failure> {
    elb::modify_attributes(attributes, |attributes| async move {
        let attributes = attributes.into_iter().map(|(k, v)| LoadBalancerAttribute::builder().key(k).value(v).build());
        let request = aws.elb().modify_load_balancer_attributes().load_balancer_arn(arn);
        let answer = request.set_attributes(Some(attributes.collect())).send().await;
        answer.doing(format!("modifying {KIND} ({arn}) attributes")).map(|_| ())
    })
    .await
}

async fn set_security_groups(aws: &Aws, arn: &str, object: &Object) -> Result<(), Failure> {
    let enforce = object.opt_str(ENFORCE).filter(|_| object.str("load_balancer_type") == "network");
    let request = aws.elb().set_security_groups().load_balancer_arn(arn);
    let request = request.set_security_groups(Some(object.strings("security_groups")));
    let enforce = enforce.map(|v| EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum::from(&*v));
    let request = request.set_enforce_security_group_inbound_rules_on_private_link_traffic(enforce);
    request.send().await.doing(format!("setting {KIND} ({arn}) security groups")).map(|_| ())
}

fn subnet_mappings(object: &Object) -> Vec<SubnetMapping> {
    let one = |part: Part<'_>| {
        SubnetMapping::builder()
            .set_subnet_id(part.opt_str("subnet_id"))
            .set_allocation_id(part.opt_str("allocation_id"))
            .set_ipv6_address(part.opt_str("ipv6_address"))
            .set_private_ipv4_address(part.opt_str("private_ipv4_address"))
            .build()
    };
    // A plan can hold some of nothing.
    object.parts("subnet_mapping").into_iter().filter(|part| !part.str("subnet_id").is_empty()).map(one).collect()
}

fn ipam_pools(object: &Object) -> Option<IpamPools> {
    let pool = object.part("ipam_pools")?.opt_str("ipv4_ipam_pool_id")?;
    Some(IpamPools::builder().ipv4_ipam_pool_id(pool).build())
}

/// Reserves a capacity, or with `None` gives it back, and waits until that is done.
async fn reserve(aws: &Aws, arn: &str, capacity: Option<Part<'_>>, timeout: Duration) -> Result<(), Failure> {
    let doing = format!("modifying {KIND} ({arn}) capacity reservation");
    let request = aws.elb().modify_capacity_reservation().load_balancer_arn(arn);
    let request = match capacity {
        Some(capacity) => request.reset_capacity_reservation(false).minimum_load_balancer_capacity(
            MinimumLoadBalancerCapacity::builder().capacity_units(capacity.i32("capacity_units")).build(),
        ),
        None => request.reset_capacity_reservation(true),
    };
    request.send().await.doing(doing.clone())?;
    Wait::new(doing.clone(), timeout)
        .until(|| async {
            let answer = aws.elb().describe_capacity_reservation().load_balancer_arn(arn).send().await;
            let answer = answer.doing(doing.clone())?;
            let waiting = answer.capacity_reservation_state().iter().find(|zone| {
                let code = zone.state().and_then(|s| s.code());
                code.is_some_and(|code| *code != CapacityReservationStateEnum::Provisioned)
            });
            Ok(match waiting.and_then(|zone| zone.state()?.code()) {
                Some(code) => Seen::Pending(code.as_str().to_string()),
                None => Seen::Target(()),
            })
        })
        .await
}

/// The reserved capacity; none where it cannot be asked for.
async fn capacity(aws: &Aws, arn: &str, lb: &LoadBalancer) -> Result<Vec<[(&'static str, Option<Value>); 1]>, Failure> {
    if lb.r#type() == Some(&LoadBalancerTypeEnum::Gateway) {
        return Ok(Vec::new());
    }
    let answer = aws.elb().describe_capacity_reservation().load_balancer_arn(arn).send().await;
    let units = match answer.doing(format!("reading {KIND} ({arn}) capacity reservation")) {
        Ok(answer) => answer.minimum_load_balancer_capacity().and_then(|c| c.capacity_units()),
        Err(failure) if failure.is(&["AccessDenied", "AccessDeniedException", "InvalidAction", "UnknownOperation"]) => {
            None
        }
        Err(failure) => return Err(failure),
    };
    Ok(units.map(|n| [("capacity_units", Some(Value::from(n)))]).into_iter().collect())
}

async fn wait_active(aws: &Aws, arn: &str, operation: &str, timeout: Duration) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for {KIND} ({arn}) {operation}"), timeout);
    wait.until(|| async {
        let found = match describe(aws, vec![arn.to_string()]).await {
            Err(failure) if failure.is(&NOT_FOUND) => return Ok(Seen::Missing),
            answer => answer?,
        };
        let Some((_, lb)) = found.into_iter().next() else { return Ok(Seen::Missing) };
        let state = lb.state();
        let code = state.and_then(|s| s.code()).map_or("", |code| code.as_str());
        Ok(Seen::by_state((), code, &["provisioning"], &["active"]).because(state.and_then(|s| s.reason())))
    })
    .await
}

async fn wait_gone(aws: &Aws, arn: &str, timeout: Duration) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for {KIND} ({arn}) delete"), timeout);
    wait.until_gone(|| async {
        let found = elb::look_up([arn.to_string()], |arns| describe(aws, arns)).await;
        Ok(match found.get(arn)? {
            Some(_) => Seen::<()>::Pending("there".to_string()),
            None => Seen::Missing,
        })
    })
    .await
}

async fn wait_interfaces(aws: &Aws, name: &str, owner: &str, timeout: Duration) -> Result<(), Failure> {
    let wait = Wait::new(format!("waiting for network interfaces of {KIND} ({name})"), timeout);
    wait.until_gone(|| async {
        let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let request = aws.ec2().describe_network_interfaces();
        let request = request.filters(filter("attachment.instance-owner-id", owner));
        let request = request.filters(filter("description", &format!("ELB {name}")));
        let answer = request.send().await.doing("reading EC2 Network Interfaces")?;
        Ok(match answer.network_interfaces().len() {
            0 => Seen::Target(()),
            left => Seen::Pending(format!("{left} left")),
        })
    })
    .await
}

/// The name given, or one that is made.
fn name_of(object: &Object, token: &Token) -> String {
    crate::ids::name_or("tf-lb-", object.str("name"), object.str("name_prefix"), token)
}
