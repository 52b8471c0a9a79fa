//! `aws_vpc`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_vpc`.
pub struct Rules;

const IPV6_BITS: [u8; 5] = [44, 48, 52, 56, 60];

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.cidr_network("cidr_block", 16..=28);
        check.one_of("instance_tenancy", &["default", "dedicated"]);
        check.range("ipv4_netmask_length", 16..=28);
        check.one_of_numbers("ipv6_netmask_length", &IPV6_BITS.map(i64::from));
        check.conflicts("cidr_block", &["ipv4_netmask_length"]);
        check.conflicts("ipv4_netmask_length", &["cidr_block"]);
        check.required_with("ipv4_netmask_length", &["ipv4_ipam_pool_id"]);
        check.conflicts("assign_generated_ipv6_cidr_block", &["ipv6_ipam_pool_id"]);
        check.conflicts("ipv6_cidr_block", &["ipv6_netmask_length", "assign_generated_ipv6_cidr_block"]);
        check.required_with("ipv6_cidr_block", &["ipv6_ipam_pool_id"]);
        check.required_with("ipv6_cidr_block_network_border_group", &["assign_generated_ipv6_cidr_block"]);
        check.conflicts("ipv6_ipam_pool_id", &["assign_generated_ipv6_cidr_block"]);
        check.conflicts("ipv6_netmask_length", &["ipv6_cidr_block"]);
        check.required_with("ipv6_netmask_length", &["ipv6_ipam_pool_id"]);
        // One of five lengths: each that it is not is said, if it is none of them.
        let tried: Vec<Vec<Problem>> = IPV6_BITS
            .map(|bits| {
                let mut found = Vec::new();
                Check::new(config, &mut found).cidr_network("ipv6_cidr_block", bits..=bits);
                found
            })
            .into();
        if tried.iter().all(|found| !found.is_empty()) {
            problems.extend(tried.into_iter().flatten());
        }
    }

    fn suppress(&self, key: Key<'_>, _old: &str, _new: &str, around: Around<'_>) -> bool {
        let length = around.proposed.get("ipv4_netmask_length").and_then(Value::as_i64).unwrap_or(0);
        key.is(&["cidr_block"]) && !around.prior.is_null() && length != 0
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        if diff.has_change("assign_generated_ipv6_cidr_block") {
            diff.set_new_computed("ipv6_association_id");
            diff.set_new_computed("ipv6_cidr_block");
        }
        // A dedicated VPC can become a default one, not the other way round.
        let (was, will) = (diff.was(), diff.will());
        if !(was.str("instance_tenancy") == "dedicated" && will.str("instance_tenancy") == "default") {
            diff.force_new_attribute("instance_tenancy");
        }
        Ok(())
    }

    fn upgrade(&self, version: u64, attributes: &mut serde_json::Map<String, serde_json::Value>) {
        if version == 0 {
            attributes.entry("assign_generated_ipv6_cidr_block").or_insert(false.into());
        }
    }

    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("assign_generated_ipv6_cidr_block", Value::bool(false))]))
    }
}
