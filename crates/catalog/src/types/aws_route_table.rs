//! `aws_route_table`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::plan::TypeRules;
use infra_provider::{Part, Problem};
use infra_value::Value;

use super::aws_route::{MINUTES, TARGETS};
use crate::network::canonical_v6;
use crate::validate::{Check, ipv4_network_error, ipv6_network_error};

/// The rules of `aws_route_table`.
pub struct Rules;

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        MINUTES
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        Check::new(config, problems).each("route", |check| {
            check.text("cidr_block", |_, text| ipv4_network_error(text));
            check.text("ipv6_cidr_block", |_, text| ipv6_network_error(text));
        });
    }

    /// A NAT gateway's interface is told by AWS too, and says nothing more.
    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        if names != ["route"] {
            return None;
        }
        let route = Part::new(element);
        let text = |name: &str| Value::string(route.str(name));
        let destinations = [
            Value::string(canonical_v6(route.str("ipv6_cidr_block"))),
            text("cidr_block"),
            text("destination_prefix_list_id"),
        ];
        let nat = !route.str("nat_gateway_id").is_empty();
        let targets = TARGETS.iter().filter(|name| !(nat && **name == "network_interface_id"));
        Some(Value::tuple(destinations.into_iter().chain(targets.map(|name| text(name)))))
    }
}
