//! `aws_iam_role_policy_attachment`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_iam_role_policy_attachment`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        Check::new(config, problems).arn("policy_arn");
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        match id.split_once('/') {
            Some((role, arn)) if !role.is_empty() && !arn.is_empty() => Ok(BTreeMap::from([
                ("id", Value::string(format!("{role}-{arn}"))),
                ("role", Value::string(role)),
                ("policy_arn", Value::string(arn)),
            ])),
            _ => {
                let summary = format!("unexpected format of ID ({id:?}), expected <role-name>/<policy_arn>");
                Err(Problem::error(summary, ""))
            }
        }
    }
}
