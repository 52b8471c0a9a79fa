//! `aws_nat_gateway`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Diff, TypeRules};
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_nat_gateway`.
pub struct Rules;

const TIMEOUTS: &[(&str, Duration)] = &[
    ("create", Duration::from_secs(10 * 60)),
    ("delete", Duration::from_secs(30 * 60)),
    ("update", Duration::from_secs(10 * 60)),
];

const COUNT: &str = "secondary_private_ip_address_count";
const ADDRESSES: &str = "secondary_private_ip_addresses";

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        TIMEOUTS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.one_of("connectivity_type", &["private", "public"]);
        check.ipv4_address("private_ip");
        check.conflict_with_each_other(&[COUNT, ADDRESSES]);
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        let written = |name: &str| diff.config.get(name).is_some_and(|v| !v.is_null() && v.is_known() && !v.is_empty());
        let kind = diff.will().str("connectivity_type").to_string();
        let refused: &[&str] = match kind.as_str() {
            "private" => &["allocation_id", "secondary_allocation_ids"],
            "public" => &[COUNT],
            _ => &[],
        };
        let refused = refused.iter().filter(|name| written(name));
        let problems: Vec<Problem> = refused
            .map(|name| Problem::error(format!("{name} is not supported with connectivity_type = {kind:?}"), ""))
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        if diff.is_create() {
            return Ok(());
        }
        if kind == "private" && diff.may_change(ADDRESSES) {
            diff.set_new_computed(COUNT);
        }
        if kind == "public" && diff.may_change("secondary_allocation_ids") {
            diff.set_new_computed(COUNT);
            if diff.config.get(ADDRESSES).is_none_or(|v| v.is_null() || !v.is_known()) {
                diff.set_new_computed(ADDRESSES);
            }
        }
        Ok(())
    }
}
