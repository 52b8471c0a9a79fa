//! `aws_route53_record`: its rules beyond the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use crate::dns;
use crate::validate::Check;

/// The rules of `aws_route53_record`.
pub struct Rules;

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

const TYPES: [&str; 17] = [
    "SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS", "TLSA", "SSHFP", "SVCB",
    "HTTPS",
];

/// The ways of choosing between records of one name; each excludes the others.
const ROUTING: [&str; 7] = [
    "cidr_routing_policy",
    "failover_routing_policy",
    "geolocation_routing_policy",
    "geoproximity_routing_policy",
    "latency_routing_policy",
    "multivalue_answer_routing_policy",
    "weighted_routing_policy",
];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[("create", HALF_AN_HOUR), ("update", HALF_AN_HOUR), ("delete", HALF_AN_HOUR)]
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.one_of("type", &TYPES);
        check.not_empty("zone_id");
        check.exactly_one_of(&["alias", "records"]);
        check.conflicts("alias", &["ttl"]);
        check.conflicts("ttl", &["alias"]);
        check.required_with("ttl", &["records"]);
        check.conflict_with_each_other(&ROUTING);
        for name in ROUTING {
            check.required_with(name, &["set_identifier"]);
        }
        check.each("alias", |check| {
            check.length("name", 1..=1024);
            check.length("zone_id", 1..=32);
        });
        check.each("failover_routing_policy", |check| check.one_of("type", &["PRIMARY", "SECONDARY"]));
        check.each("geoproximity_routing_policy", |check| check.range("bias", -99..=99));
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["alias", "name"]) && old.eq_ignore_ascii_case(new)
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        match key.names {
            ["name"] | ["alias", "name"] => Some(Value::string(dns::bare(value.as_str()?))),
            _ => None,
        }
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        let Some(parts) = RecordId::parse(id) else {
            return Err(Problem::error(
                format!(
                    "unexpected format of ID ({id}), expected ZONEID_RECORDNAME_TYPE_SET-IDENTIFIER (e.g. \
                     Z4KAPRWWNC7JR_dev.example.com_NS_dev), where SET-IDENTIFIER is optional"
                ),
                "",
            ));
        };
        let mut attributes = BTreeMap::from([
            ("zone_id", Value::string(parts.zone)),
            ("name", Value::string(parts.name)),
            ("type", Value::string(parts.ty)),
        ]);
        if !parts.set_identifier.is_empty() {
            attributes.insert("set_identifier", Value::string(parts.set_identifier));
        }
        Ok(attributes)
    }
}

/// The parts of a record's id.
#[derive(Debug, PartialEq, Eq)]
struct RecordId {
    zone: String,
    name: String,
    ty: String,
    set_identifier: String,
}

impl RecordId {
    /// The first part that is a record type ends the name: both the name and the set identifier may hold `_`.
    fn parse(id: &str) -> Option<RecordId> {
        let (zone, rest) = id.split_once('_')?;
        let parts: Vec<&str> = rest.split('_').collect();
        let at = (1..parts.len()).find(|i| TYPES.contains(&parts[*i]))?;
        let (name, set_identifier) = (parts[..at].join("_"), parts[at + 1..].join("_"));
        (!zone.is_empty()).then(|| RecordId {
            zone: zone.to_string(),
            // The case is kept: what is planned is in lower case, and so another name.
            name: name.strip_suffix('.').unwrap_or(&name).to_string(),
            ty: parts[at].to_string(),
            set_identifier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_zone_name_type_and_perhaps_a_set_identifier() {
        let parse = |id: &str| RecordId::parse(id).map(|r| [r.zone, r.name, r.ty, r.set_identifier]);
        assert_eq!(parse("Z1_www_A"), Some(["Z1", "www", "A", ""].map(String::from)));
        assert_eq!(parse("Z1__A"), Some(["Z1", "", "A", ""].map(String::from)));
        assert_eq!(parse("Z1__x.example.com_CNAME"), Some(["Z1", "_x.example.com", "CNAME", ""].map(String::from)));
        assert_eq!(parse("Z1_a_b_A_blue_1"), Some(["Z1", "a_b", "A", "blue_1"].map(String::from)));
        assert_eq!(parse("Z1_A.Example.com._A"), Some(["Z1", "A.Example.com", "A", ""].map(String::from)));
        assert_eq!(parse("Z1_www"), None);
    }
}
