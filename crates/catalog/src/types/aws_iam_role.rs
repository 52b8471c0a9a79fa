//! `aws_iam_role`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use crate::policy;
use crate::validate::Check;

/// The rules of `aws_iam_role`.
pub struct Rules;

/// What names of roles and policies are made of.
pub(super) const CHARACTERS: &str = "^[0-9A-Za-z_+=,.@-]*$";
/// How that is said.
pub(super) const CHARACTERS_SAID: &str = r"must match [\w+=,.@-]";

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("name", 1..=64);
        check.length("name_prefix", 1..=38);
        check.matches("name", CHARACTERS, CHARACTERS_SAID);
        check.matches("name_prefix", CHARACTERS, CHARACTERS_SAID);
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.iam_policy("assume_role_policy");
        check.length("description", 0..=1000);
        check.matches_not("description", "[“‘]", "cannot contain specially formatted single or double quotes: [“‘]");
        check.range("max_session_duration", 3600..=43200);
        check.length("path", 0..=512);
        check.arn("permissions_boundary");
        check.arn("managed_policy_arns");
        check.each("inline_policy", |check| {
            check.not_empty("name");
            check.length("name", 1..=128);
            check.matches("name", CHARACTERS, CHARACTERS_SAID);
            check.iam_policy("policy");
        });
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        (key.is(&["assume_role_policy"]) || key.is(&["inline_policy", "policy"])) && policy::same(old, new)
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        let text = value.as_str()?;
        match key.names {
            ["assume_role_policy"] => Some(Value::string(policy::normalise(text))),
            ["inline_policy", "policy"] => Some(Value::string(policy::legacy_form(text))),
            _ => None,
        }
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        // A set of which nothing is known counts as none.
        let new = diff.new("inline_policy");
        if !diff.is_create()
            && (new.is_wholly_known() || !new.is_known())
            && same_policies(&policies(&diff.old("inline_policy")), &policies(&new))
        {
            diff.keep("inline_policy");
        }
        Ok(())
    }

    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("force_detach_policies", Value::bool(false))]))
    }
}

/// The inline policies of an `inline_policy` value: document by name. A block without name counts as one.
pub fn policies(value: &Value) -> BTreeMap<String, String> {
    let text = |element: &Value, name: &str| element.get(name).and_then(Value::as_str).unwrap_or("").to_string();
    value.elements().unwrap_or(&[]).iter().map(|e| (text(e, "name"), text(e, "policy"))).collect()
}

/// Whether a set of inline policies means the same as the one that there was. One block without a name and a document says
/// that there are none, and one without a document was none.
pub fn same_policies(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> bool {
    let none = |policies: &BTreeMap<String, String>| match policies.len() {
        0 => true,
        1 => policies.values().all(|document| matches!(document.trim(), "" | "{}")),
        _ => false,
    };
    (none(a) && none(b) && b.keys().all(String::is_empty))
        || (a.len() == b.len()
            && a.iter().all(|(name, document)| b.get(name).is_some_and(|other| policy::equivalent(document, other))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_policies_are_the_same_by_names_and_documents() {
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, document)| (name.to_string(), document.to_string())).collect()
        };
        let (long, short) = (r#"{"Statement":[{"Action":["a"]}]}"#, r#"{"Statement":{"Action":"a"}}"#);
        assert!(same_policies(&of(&[]), &of(&[("", "")])));
        assert!(same_policies(&of(&[("p", long)]), &of(&[("p", short)])));
        assert!(!same_policies(&of(&[("p", long)]), &of(&[("q", long)])));
        assert!(!same_policies(&of(&[("p", long)]), &of(&[])));
    }
}
