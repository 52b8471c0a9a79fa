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

const ALLOCATION: &str = "allocation_id";
const ALLOCATIONS: &str = "secondary_allocation_ids";
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
        let configured = |name: &str| diff.config.get(name).is_some_and(|v| !v.is_null() && v.is_known());
        let kind = diff.will().str("connectivity_type").to_string();
        let is_private = kind == "private";
        let refused = [
            (ALLOCATION, is_private && !diff.will().str(ALLOCATION).is_empty()),
            (ALLOCATIONS, is_private && !diff.will().strings(ALLOCATIONS).is_empty()),
            (COUNT, kind == "public" && configured(COUNT)),
        ];
        let problem = |name| Problem::error(format!("{name} is not supported with connectivity_type = {kind:?}"), "");
        let problems: Vec<Problem> =
            refused.into_iter().filter(|(_, is_refused)| *is_refused).map(|(name, _)| problem(name)).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        if diff.is_create() {
            return Ok(());
        }
        if is_private {
            if configured(COUNT) {
                diff.force_new_attribute(COUNT);
            }
            if diff.has_change(ADDRESSES) {
                diff.set_new_computed(COUNT);
            }
        }
        if kind == "public" && diff.has_change(ALLOCATIONS) {
            diff.set_new_computed(COUNT);
            if !configured(ADDRESSES) {
                diff.set_new_computed(ADDRESSES);
            }
        }
        Ok(())
    }
}
