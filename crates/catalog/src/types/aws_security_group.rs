//! `aws_security_group`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::plan::{Key, TypeRules, with_member};
use infra_provider::{Part, Problem};
use infra_value::Value;

use crate::network::protocol;
use crate::validate::{Check, ipv4_network_error, ipv6_network_error};

/// The rules of `aws_security_group`.
pub struct Rules;

const TIMEOUTS: &[(&str, Duration)] =
    &[("create", Duration::from_secs(10 * 60)), ("delete", Duration::from_secs(15 * 60))];

/// What the description of a rule may have in it.
const DESCRIPTION: &str = r"^[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]*$";

/// Checks the description of a rule.
pub(crate) fn check_rule_description(check: &mut Check<'_>) {
    check.text("description", |key, text| {
        (text.len() > 255).then(|| format!("{key:?} cannot be longer than 255 characters: {text:?}"))
    });
    check.matches_or("description", DESCRIPTION, |key, text| {
        format!("{key:?} doesn't comply with restrictions ({DESCRIPTION:?}): {text:?}")
    });
}

/// Checks networks; `""` counts as none.
pub(crate) fn check_networks(check: &mut Check<'_>) {
    check.text("cidr_blocks", |_, text| ipv4_network_error(text));
    check.text("ipv6_cidr_blocks", |_, text| ipv6_network_error(text));
}

/// Whether a rule is what AWS gives every new group: everything may leave.
fn allows_all(rule: &Part<'_>) -> bool {
    let only = |name: &str, all: &str| rule.strings(name).iter().all(|source| source == all);
    let other = ["prefix_list_ids", "security_groups"].iter().any(|name| !rule.strings(name).is_empty());
    rule.str("protocol") == "-1"
        && rule.str("description").is_empty()
        && only("cidr_blocks", "0.0.0.0/0")
        && only("ipv6_cidr_blocks", "::/0")
        && !other
        && !rule.bool("self")
}

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        TIMEOUTS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.length("name", 0..=255);
        check.matches_not("name", "^sg-", "cannot begin with sg-");
        check.length("name_prefix", 0..=229);
        check.matches_not("name_prefix", "^sg-", "cannot begin with sg-");
        check.length("description", 0..=255);
        for direction in ["egress", "ingress"] {
            check.each(direction, |check| {
                for name in ["from_port", "protocol", "to_port"] {
                    if check.value().get(name).is_some_and(Value::is_null) {
                        let detail =
                            format!("The argument {:?} is required, but no definition was found.", check.key(name));
                        check.problem(name, Problem::error("Missing required argument", detail));
                    }
                }
                check_networks(check);
                check_rule_description(check);
            });
        }
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        let is_protocol = key.is(&["ingress", "protocol"]) || key.is(&["egress", "protocol"]);
        is_protocol.then(|| value.as_str().map(|text| Value::string(protocol(text)))).flatten()
    }

    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        if !matches!(names, ["ingress" | "egress"]) {
            return None;
        }
        let rule = Part::new(element);
        let sorted = |name: &str| {
            let mut sources = rule.strings(name);
            sources.sort();
            Value::strings(sources)
        };
        Some(Value::tuple([
            Value::from(rule.int("from_port")),
            Value::from(rule.int("to_port")),
            Value::string(protocol(rule.str("protocol"))),
            Value::bool(rule.bool("self")),
            sorted("cidr_blocks"),
            sorted("ipv6_cidr_blocks"),
            sorted("prefix_list_ids"),
            sorted("security_groups"),
            Value::string(rule.str("description")),
        ]))
    }

    fn member_default(&self, names: &[&str]) -> Option<Value> {
        matches!(names, ["ingress" | "egress", "self"]).then(|| Value::bool(false))
    }

    fn finished(&self, config: &Value, object: &Value) -> Option<Value> {
        let is_wanted = config.get("egress").is_some_and(|egress| !egress.is_null() && !egress.is_empty());
        let egress = object.get("egress").filter(|egress| !is_wanted && !egress.is_empty())?;
        let none = Value::set(egress.ty().element()?.clone(), Vec::new());
        Part::new(object).parts("egress").iter().all(allows_all).then(|| with_member(object, "egress", none))
    }

    fn upgrade(&self, version: u64, attributes: &mut serde_json::Map<String, serde_json::Value>) {
        if version == 0 {
            attributes.entry("revoke_rules_on_delete").or_insert(false.into());
        }
    }
}
