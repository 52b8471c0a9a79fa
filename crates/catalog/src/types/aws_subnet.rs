//! `aws_subnet`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_subnet`.
pub struct Rules;

const TIMEOUTS: &[(&str, Duration)] =
    &[("create", Duration::from_secs(10 * 60)), ("delete", Duration::from_secs(20 * 60))];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        TIMEOUTS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.ipv4_network("cidr_block");
        check.ipv6_network("ipv6_cidr_block");
        check.conflict_with_each_other(&["availability_zone", "availability_zone_id"]);
        check.required_with("customer_owned_ipv4_pool", &["map_customer_owned_ip_on_launch", "outpost_arn"]);
        check.required_with("map_customer_owned_ip_on_launch", &["customer_owned_ipv4_pool", "outpost_arn"]);
        check.int("enable_lni_at_device_index", |key, n| {
            (n == 0).then(|| format!("expected {key} to not be any of [0], got {n}"))
        });
        check.arn("outpost_arn");
        check.one_of("private_dns_hostname_type_on_launch", &["ip-name", "resource-name"]);
    }

    fn upgrade(&self, version: u64, attributes: &mut serde_json::Map<String, serde_json::Value>) {
        if version == 0 {
            attributes.entry("assign_ipv6_address_on_creation").or_insert(false.into());
        }
    }
}
