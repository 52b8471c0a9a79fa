//! `aws_iam_role_policy`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use super::aws_iam_role::{CHARACTERS, CHARACTERS_SAID};
use crate::policy;
use crate::validate::{Check, arn_error};

/// The rules of `aws_iam_role_policy`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("name", 1..=128);
        check.length("name_prefix", 1..=102);
        check.matches("name", CHARACTERS, CHARACTERS_SAID);
        check.matches("name_prefix", CHARACTERS, CHARACTERS_SAID);
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.iam_policy("policy");
        check.length("role", 1..=128);
        check.matches("role", "[0-9A-Za-z_+=,.@-]+", "");
        check.text("role", |key, text| {
            arn_error(key, text).is_none().then(|| format!("{key:?} must be the role's name not its ARN"))
        });
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["policy"]) && policy::same(old, new)
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        key.is(&["policy"]).then(|| value.as_str().map(|text| Value::string(policy::legacy_form(text))))?
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        match id.split_once(':') {
            Some((role, name)) => Ok(BTreeMap::from([("role", Value::string(role)), ("name", Value::string(name))])),
            None => Err(Problem::error("role_policy id must be of the form <role name>:<role policy name>", "")),
        }
    }
}
