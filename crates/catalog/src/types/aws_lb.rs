//! `aws_lb`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules, with_member};
use infra_value::{Type, Value};

use crate::validate::Check;

/// The rules of `aws_lb`.
pub struct Rules;

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

const APPLICATION_ONLY: [&str; 10] = [
    "client_keep_alive",
    "desync_mitigation_mode",
    "drop_invalid_header_fields",
    "enable_http2",
    "enable_tls_version_and_cipher_suite_headers",
    "enable_waf_fail_open",
    "enable_xff_client_port",
    "idle_timeout",
    "preserve_host_header",
    "xff_header_processing_mode",
];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[("create", TEN_MINUTES), ("delete", TEN_MINUTES), ("update", TEN_MINUTES)]
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.text("name", name_error);
        check.text("name_prefix", prefix_error);
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.exactly_one_of(&["subnets", "subnet_mapping"]);
        check.one_of("load_balancer_type", &["application", "network", "gateway"]);
        check.one_of("ip_address_type", &["ipv4", "dualstack", "dualstack-without-public-ipv4"]);
        check.one_of("desync_mitigation_mode", &["monitor", "defensive", "strictest"]);
        check.one_of("xff_header_processing_mode", &["append", "preserve", "remove"]);
        check.one_of(
            "dns_record_client_routing_policy",
            &["availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone"],
        );
        check.one_of("enforce_security_group_inbound_rules_on_private_link_traffic", &["on", "off"]);
        check.each("subnet_mapping", |check| {
            check.ipv4_address("private_ipv4_address");
            check.ipv6_address("ipv6_address");
        });
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        let Some((&name, inner)) = key.names.split_first() else { return false };
        let kind = text(around.proposed, "load_balancer_type");
        let (application, network) = (kind == "application", kind == "network");
        match name {
            "access_logs" | "connection_logs" => match inner {
                [] => old == "1" && new == "0",
                ["bucket" | "prefix"] => !logs_enabled(around.proposed, name),
                _ => false,
            },
            "dns_record_client_routing_policy" | "enforce_security_group_inbound_rules_on_private_link_traffic" => {
                !network
            }
            "enable_cross_zone_load_balancing" => application,
            "enable_zonal_shift" | "minimum_load_balancer_capacity" => !application && !network,
            "ipam_pools" => !application,
            _ => APPLICATION_ONLY.contains(&name) && !application,
        }
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        if diff.is_create() {
            return Ok(());
        }
        let given = |name: &str| diff.config.get(name).filter(|v| !v.is_null());
        let subnets = given("subnets").is_some() && diff.has_change("subnets");
        let mapping = given("subnet_mapping").is_some_and(|v| !v.is_empty()) && diff.has_change("subnet_mapping");
        match text(&diff.planned, "load_balancer_type").as_str() {
            "application" => application(diff, mapping),
            "network" => network(diff, subnets, mapping),
            _ => return Ok(()),
        }
        // Each tells the other: what AWS makes of it is known afterwards.
        if subnets {
            diff.set_new_computed("subnet_mapping");
        }
        if mapping {
            diff.set_new_computed("subnets");
        }
        Ok(())
    }
}

/// Which moves of subnet mappings an application load balancer makes in place: to as many others always.
fn application(diff: &mut Diff<'_>, mapping: bool) {
    if !mapping || !is_written(diff, "subnet_mapping") {
        return;
    }
    let (old, new) = (mapped_subnets(&diff.old("subnet_mapping")), mapped_subnets(&diff.new("subnet_mapping")));
    let in_place = match old.len().cmp(&new.len()) {
        std::cmp::Ordering::Equal => true,
        std::cmp::Ordering::Less => old.iter().all(|m| new.contains(m)),
        std::cmp::Ordering::Greater => new.iter().all(|m| old.contains(m)),
    };
    if !in_place {
        diff.force_new_attribute("subnet_mapping");
    }
    compared_again(diff);
}

/// Which moves a network load balancer makes in place: it only grows, or has as many other mappings.
fn network(diff: &mut Diff<'_>, subnets: bool, mapping: bool) {
    let (old, new) = (mapped_subnets(&diff.old("subnet_mapping")), mapped_subnets(&diff.new("subnet_mapping")));
    if mapping
        && is_written(diff, "subnet_mapping")
        && new.len() != old.len()
        && (new.len() < old.len() || !old.iter().all(|m| new.contains(m)))
    {
        diff.force_new_attribute("subnet_mapping");
    }
    if mapping {
        compared_again(diff);
    }
    if subnets && is_written(diff, "subnets") && diff.new("subnets").len() <= diff.old("subnets").len() {
        diff.force_new_attribute("subnets");
    }
    let (old, new) = (diff.old("security_groups"), diff.new("security_groups"));
    let some = |v: &Value| v.len().unwrap_or(0) > 0;
    if new.is_known() && some(&old) != some(&new) {
        diff.force_new_attribute("security_groups");
    }
}

/// Whether what the configuration says is known in all its parts: of the rest nobody can tell whether it replaces.
fn is_written(diff: &Diff<'_>, name: &str) -> bool {
    diff.config.get(name).is_some_and(Value::is_wholly_known)
}

/// A replacement that is asked for where there are as many mappings as before comes to nothing, but everything is written
/// out once more: what AWS tells of the mappings is not known, and one of nothing stands for each that goes.
fn compared_again(diff: &mut Diff<'_>) {
    let (was, will) = (diff.old("subnet_mapping"), diff.new("subnet_mapping"));
    let (Some(before), Some(after)) = (was.elements(), will.elements()) else { return };
    if !is_written(diff, "subnet_mapping") || before.len() != after.len() {
        return;
    }
    let (old, new) = (mapped_subnets(&was), mapped_subnets(&will));
    let gone = old.iter().filter(|m| !new.contains(m)).count();
    if gone == 0 {
        return;
    }
    let Some(ty) = will.ty().element().cloned() else { return };
    let open = || Value::unknown(Type::String);
    let told = after.iter().map(|m| with_member(m, "outpost_id", open()));
    let nothing = Value::object(
        ["allocation_id", "ipv6_address", "outpost_id", "private_ipv4_address", "subnet_id"]
            .map(|name| (name, if name == "outpost_id" { open() } else { Value::null(Type::String) })),
    );
    let all: Vec<Value> = told.chain(std::iter::repeat_n(nothing, gone)).collect();
    diff.set_new("subnet_mapping", Value::set(ty, all));
}

/// The settable parts of subnet mappings, as texts to compare.
fn mapped_subnets(mappings: &Value) -> Vec<[String; 4]> {
    let one =
        |m: &Value| ["subnet_id", "allocation_id", "ipv6_address", "private_ipv4_address"].map(|name| text(m, name));
    mappings.elements().unwrap_or(&[]).iter().map(one).collect()
}

fn logs_enabled(object: &Value, name: &str) -> bool {
    let logs = object.get(name).and_then(|v| v.elements()?.first()?.get("enabled").cloned());
    logs.is_some_and(|v| v.as_bool() == Some(true))
}

fn text(object: &Value, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or("").to_string()
}

/// What is wrong with the name of a load balancer; `""` is taken for "not given".
fn name_error(key: &str, name: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    if let Some(error) = name_form_error(key, name, 32) {
        return Some(error);
    }
    if name.starts_with("internal-") {
        return Some(format!("{key:?} cannot begin with \"internal-\": {name:?}"));
    }
    name.ends_with('-').then(|| format!("{key:?} cannot end with a hyphen: {name:?}"))
}

fn prefix_error(key: &str, prefix: &str) -> Option<String> {
    name_form_error(key, prefix, 6)
}

/// What names of load balancers and target groups have in common.
pub(super) fn name_form_error(key: &str, name: &str, longest: usize) -> Option<String> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        Some(format!("only alphanumeric characters and hyphens allowed in {key:?}: {name:?}"))
    } else if name.len() > longest {
        Some(format!("{key:?} cannot be longer than {longest} characters: {name:?}"))
    } else if name.starts_with('-') {
        Some(format!("{key:?} cannot begin with a hyphen: {name:?}"))
    } else {
        None
    }
}
