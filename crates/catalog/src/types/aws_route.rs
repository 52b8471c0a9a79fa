//! `aws_route`: its rules beyond the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use crate::network::same_network;
use crate::validate::{Check, ipv4_network_error, ipv6_network_error};

/// The rules of `aws_route`.
pub struct Rules;

/// How long changes of routes, tables and associations may take.
pub(crate) const MINUTES: &[(&str, Duration)] = &[
    ("create", Duration::from_secs(5 * 60)),
    ("delete", Duration::from_secs(5 * 60)),
    ("update", Duration::from_secs(2 * 60)),
];

const DESTINATIONS: [&str; 3] = ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"];

/// What a route may lead to.
pub const TARGETS: [&str; 10] = [
    "carrier_gateway_id",
    "core_network_arn",
    "egress_only_gateway_id",
    "gateway_id",
    "local_gateway_id",
    "nat_gateway_id",
    "network_interface_id",
    "transit_gateway_id",
    "vpc_endpoint_id",
    "vpc_peering_connection_id",
];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        MINUTES
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.exactly_one_of(&DESTINATIONS);
        check.exactly_one_of(&TARGETS);
        check.conflicts("carrier_gateway_id", &["destination_ipv6_cidr_block"]);
        check.conflicts("egress_only_gateway_id", &["destination_cidr_block"]);
        check.conflicts("vpc_endpoint_id", &["destination_prefix_list_id"]);
        check.text("destination_cidr_block", |_, text| ipv4_network_error(text));
        check.text("destination_ipv6_cidr_block", |_, text| ipv6_network_error(text));
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["destination_ipv6_cidr_block"]) && !old.is_empty() && same_network(old, new)
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        let Some((table, destination)) = id.split_once('_').filter(|(t, d)| !t.is_empty() && !d.is_empty()) else {
            let summary = format!("unexpected format of ID ({id:?}), expected ROUTETABLEID_DESTINATION");
            return Err(Problem::error(summary, ""));
        };
        let name = match destination {
            d if d.contains(':') => "destination_ipv6_cidr_block",
            d if d.contains('.') => "destination_cidr_block",
            _ => "destination_prefix_list_id",
        };
        Ok(BTreeMap::from([("route_table_id", table.into()), (name, destination.into())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_id_is_a_table_and_a_destination() {
        for (id, name) in [
            ("rtb-1_10.0.0.0/8", "destination_cidr_block"),
            ("rtb-1_::/0", "destination_ipv6_cidr_block"),
            ("rtb-1_pl-1", "destination_prefix_list_id"),
        ] {
            let found = Rules.import(id).unwrap_or_default();
            assert_eq!(found.get("route_table_id").and_then(Value::as_str), Some("rtb-1"));
            assert!(found.contains_key(name), "{id}");
        }
        assert!(Rules.import("rtb-1").is_err());
    }
}
