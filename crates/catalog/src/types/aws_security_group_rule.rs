//! `aws_security_group_rule`: its rules beyond the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use super::aws_security_group::{check_networks, check_rule_description};
use crate::network::protocol;
use crate::validate::Check;

/// The rules of `aws_security_group_rule`.
pub struct Rules;

const TIMEOUTS: &[(&str, Duration)] = &[("create", Duration::from_secs(5 * 60))];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        TIMEOUTS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.one_of("type", &["egress", "ingress"]);
        check.at_least_one_of(&[
            "cidr_blocks",
            "ipv6_cidr_blocks",
            "prefix_list_ids",
            "self",
            "source_security_group_id",
        ]);
        check.conflicts("cidr_blocks", &["source_security_group_id", "self"]);
        check.conflicts("ipv6_cidr_blocks", &["source_security_group_id", "self"]);
        check.conflicts("self", &["cidr_blocks", "ipv6_cidr_blocks", "source_security_group_id"]);
        check.conflicts("source_security_group_id", &["cidr_blocks", "ipv6_cidr_blocks", "self"]);
        check.text("prefix_list_ids", |key, text| {
            text.is_empty().then(|| format!("{key} must not be empty, got {text}"))
        });
        check_networks(&mut check);
        check_rule_description(&mut check);
    }

    /// With "all protocols" ports mean nothing.
    fn suppress(&self, key: Key<'_>, old: &str, _new: &str, around: Around<'_>) -> bool {
        let all = around.proposed.get("protocol").and_then(Value::as_str).is_some_and(|p| protocol(p) == "-1");
        (key.is(&["from_port"]) || key.is(&["to_port"])) && all && old == "0" && !around.prior.is_null()
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        key.is(&["protocol"]).then(|| value.as_str().map(|text| Value::string(protocol(text)))).flatten()
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        parse(id).map_err(|why| {
            let form = "SECURITYGROUPID_TYPE_PROTOCOL_FROMPORT_TOPORT_SOURCE[_SOURCE]*";
            Problem::error(format!("unexpected format of import string ({id}), expected {form}: {why}"), "")
        })
    }
}

/// `sg-1_ingress_tcp_80_443_10.0.0.0/8_self`
fn parse(id: &str) -> Result<BTreeMap<&'static str, Value>, String> {
    let parts: Vec<&str> = id.split('_').collect();
    let [group, direction, protocol_text, from, to, sources @ ..] = &parts[..] else {
        return Err("too few parts".into());
    };
    if sources.is_empty() {
        return Err("no source".into());
    }
    if !group.starts_with("sg-") {
        return Err(format!("{group:?} is not the id of a security group"));
    }
    if !["ingress", "egress"].contains(direction) {
        return Err(format!("{direction:?} is neither ingress nor egress"));
    }
    let protocol = protocol(protocol_text);
    let port = |text: &str| text.parse::<i64>().map_err(|_| format!("{text:?} is not a port"));
    let (from, to) = (port(from)?, port(to)?);
    let is_icmp = protocol.starts_with("icmp");
    if is_icmp && !((-1..=255).contains(&from) && (-1..=255).contains(&to)) {
        return Err("ICMP type and code are from -1 to 255".into());
    }
    if !is_icmp && to < from {
        return Err(format!("the last port ({to}) is less than the first ({from})"));
    }
    let (mut v4, mut v6, mut lists, mut own, mut other) = (Vec::new(), Vec::new(), Vec::new(), false, None);
    for source in sources {
        match *source {
            "self" => own = true,
            group if group.contains("sg-") => other = Some(group),
            list if list.starts_with("pl-") => lists.push(list),
            network if network.contains(':') => v6.push(network),
            network if network.contains('.') => v4.push(network),
            strange => return Err(format!("{strange:?} is not a source")),
        }
    }
    let mut all = BTreeMap::from([
        ("security_group_id", Value::string(group)),
        ("type", Value::string(direction)),
        ("protocol", Value::string(protocol)),
        ("from_port", Value::from(from)),
        ("to_port", Value::from(to)),
        ("self", Value::bool(own)),
        ("cidr_blocks", Value::strings(v4)),
        ("ipv6_cidr_blocks", Value::strings(v6)),
        ("prefix_list_ids", Value::strings(lists)),
    ]);
    if let Some(other) = other {
        all.insert("source_security_group_id", Value::string(other));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_id_says_all_of_the_rule() {
        let found = parse("sg-1_ingress_6_80_81_10.0.0.0/8_2001:db8::/32_pl-1_self").unwrap_or_default();
        assert_eq!(found.get("protocol"), Some(&Value::string("tcp")));
        assert_eq!(found.get("cidr_blocks"), Some(&Value::strings(["10.0.0.0/8"])));
        assert_eq!(found.get("ipv6_cidr_blocks"), Some(&Value::strings(["2001:db8::/32"])));
        assert_eq!(found.get("prefix_list_ids"), Some(&Value::strings(["pl-1"])));
        assert_eq!(found.get("self"), Some(&Value::bool(true)));
        for wrong in
            ["sg-1_ingress_tcp_80_80", "sg-1_in_tcp_80_80_self", "sg-1_ingress_tcp_81_80_self", "x_egress_tcp_1_1_self"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
