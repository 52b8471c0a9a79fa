//! `aws_route53_zone`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Key, TypeRules};
use infra_value::Value;

use crate::dns;
use crate::validate::Check;

/// The rules of `aws_route53_zone`.
pub struct Rules;

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[("create", HALF_AN_HOUR), ("update", HALF_AN_HOUR), ("delete", HALF_AN_HOUR)]
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("name", 1..=1024);
        check.length("comment", 0..=256);
        check.length("delegation_set_id", 0..=32);
        check.conflict_with_each_other(&["delegation_set_id", "vpc"]);
        check.each("vpc", |check| check.not_empty("vpc_id"));
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        key.is(&["name"]).then(|| value.as_str().map(|name| Value::string(dns::zone(name))))?
    }

    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        (names == ["vpc"]).then(|| element.get("vpc_id").cloned())?
    }
}
