//! `aws_vpc_security_group_ingress_rule`: its rules beyond the schema, which are those of egress rules too.

use infra_provider::Problem;
use infra_provider::plan::{Diff, PluginKind, TypeRules};
use infra_value::{Path, Value};

use crate::validate::{Check, ipv4_network_error, ipv6_network_error};

/// The rules of `aws_vpc_security_group_ingress_rule`.
pub struct Rules;

const SOURCES: [&str; 4] = ["cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"];

impl TypeRules for Rules {
    fn kind(&self) -> PluginKind {
        PluginKind::Framework
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        for name in ["from_port", "to_port"] {
            if let Some(port) = check.known(name).and_then(Value::as_i64)
                && !(-1..=65535).contains(&port)
            {
                let detail = format!("Attribute {name} value must be between -1 and 65535, got: {port}");
                check.problem(name, Problem::error("Invalid Attribute Value", detail));
            }
        }
        for (name, version, error) in [
            ("cidr_ipv4", "IPv4", ipv4_network_error as fn(&str) -> Option<String>),
            ("cidr_ipv6", "IPv6", ipv6_network_error),
        ] {
            let text = check.known(name).and_then(Value::as_str);
            if let Some(text) = text.filter(|text| error(text).is_some()) {
                let wanted = format!("must be a valid {version} CIDR that represents a network address");
                let detail = format!("Attribute {name} value {wanted}, got: {text}");
                check.problem(name, Problem::error("Invalid Attribute Value", detail));
            }
        }
        let unknown = SOURCES.iter().any(|name| check.is_unknown(name));
        let detail = format!("Exactly one of these attributes must be configured: [{}]", SOURCES.join(","));
        let given: Vec<&str> = SOURCES.into_iter().filter(|name| check.known(name).is_some()).collect();
        match given[..] {
            [] if !unknown => check.block_problem(Problem::error("Missing Attribute Configuration", detail)),
            [first, _, ..] => {
                check.problem(first, Problem::error("Invalid Attribute Combination", detail));
            }
            _ => {}
        }
    }

    /// Another kind of source makes another rule.
    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        if diff.is_create() {
            return Ok(());
        }
        // An unknown source counts as one.
        let source = |object: &Value| SOURCES.into_iter().find(|name| object.get(name).is_some_and(|v| !v.is_null()));
        let (was, will) = (source(diff.prior), source(&diff.planned));
        if was != will {
            for name in [was, will].into_iter().flatten() {
                diff.force_new(Path::attribute(name));
            }
        }
        Ok(())
    }

    fn keeps_state(&self, names: &[&str]) -> bool {
        matches!(names, ["arn" | "id" | "security_group_rule_id"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sources_are_too_many_whatever_else_is_not_known_yet() {
        let text = || Value::string("x");
        let unknown = || Value::unknown(infra_value::Type::String);
        let summaries = |sources: Vec<(&str, Value)>| {
            let mut problems = Vec::new();
            Rules.validate(&Value::object(sources), &mut problems);
            problems.into_iter().map(|p| p.summary).collect::<Vec<_>>()
        };
        let (list, group) = ("prefix_list_id", "referenced_security_group_id");
        assert_eq!(summaries(vec![]), ["Missing Attribute Configuration"]);
        assert_eq!(summaries(vec![("cidr_ipv4", unknown())]), [""; 0]);
        assert_eq!(summaries(vec![("cidr_ipv4", unknown()), (group, text())]), [""; 0]);
        let both = vec![("cidr_ipv4", unknown()), (list, text()), (group, text())];
        assert_eq!(summaries(both), ["Invalid Attribute Combination"]);
    }
}
