//! `aws_lb_listener`: its rules beyond the schema.

mod action;

use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use crate::validate::Check;
pub(super) use action::{Actions, check_actions};

/// The rules of `aws_lb_listener`.
pub struct Rules;

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
const ACTIONS: Actions = Actions("default_action");

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[("create", FIVE_MINUTES), ("update", FIVE_MINUTES)]
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.arn("load_balancer_arn");
        check.arn("certificate_arn");
        check.port("port");
        check.one_of_ignoring_case("protocol", &["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE"]);
        check.one_of_ignoring_case(
            "alpn_policy",
            &["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"],
        );
        check.range("tcp_idle_timeout_seconds", 60..=6000);
        check.each("mutual_authentication", |check| {
            check.one_of_ignoring_case("mode", &["off", "verify", "passthrough"]);
            check.one_of("advertise_trust_store_ca_names", &["on", "off"]);
            check.arn("trust_store_arn");
        });
        check_actions(&mut check, ACTIONS);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        // As it is written: of `https` these are taken for another protocol's.
        let protocol = around.proposed.get("protocol").and_then(Value::as_str).unwrap_or("");
        match key.names {
            ["tcp_idle_timeout_seconds"] => !matches!(protocol, "TCP" | "GENEVE"),
            [name] if name.starts_with("routing_http_response_") => !matches!(protocol, "HTTP" | "HTTPS"),
            [name] if name.starts_with("routing_http_request_") => protocol != "HTTPS",
            _ => ACTIONS.suppress(key, old, new, around),
        }
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        match key.names {
            ["protocol"] => Some(Value::string(value.as_str()?.to_uppercase())),
            _ => None,
        }
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        ACTIONS.check_combinations(diff.config)
    }
}
