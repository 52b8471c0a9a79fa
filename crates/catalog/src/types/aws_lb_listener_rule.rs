//! `aws_lb_listener_rule`: its rules beyond the schema.

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use super::aws_lb_listener::{Actions, check_actions};
use crate::validate::Check;

/// The rules of `aws_lb_listener_rule`.
pub struct Rules;

const ACTIONS: Actions = Actions("action");

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.arn("listener_arn");
        check.int("priority", |key, n| {
            (!(1..=50000).contains(&n) && n != 99999)
                .then(|| format!("{key:?} must be in the range 1-50000 for normal rule or 99999 for the default rule"))
        });
        check.each("condition", |check| {
            for name in ["host_header", "path_pattern"] {
                check.each(name, |check| {
                    check.length("values", 1..=128);
                    at_least_one_value(check);
                });
            }
            check.each("http_header", |check| {
                check.matches("http_header_name", r"^[0-9A-Za-z_!#$%&'*+,.^`|~-]{1,40}$", "");
                check.length("values", 1..=128);
            });
            check.each("http_request_method", |check| check.matches("values", r"^[A-Za-z-_]{1,40}$", ""));
            check.each("source_ip", |check| check.cidr_network("values", 0..=128));
        });
        check_actions(&mut check, ACTIONS);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        ACTIONS.suppress(key, old, new, around)
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        ACTIONS.check_combinations(diff.config)
    }
}

fn at_least_one_value(check: &mut Check<'_>) {
    if check.known("values").is_some_and(|values| values.elements().is_some_and(<[Value]>::is_empty)) {
        let key = check.key("values");
        let detail = format!("Attribute {key} requires 1 item minimum, but config has only 0 declared.");
        check.problem("values", Problem::error("Not enough list items", detail));
    }
}
