//! `aws_lb_target_group_attachment`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

/// The rules of `aws_lb_target_group_attachment`.
pub struct Rules;

impl TypeRules for Rules {
    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Err(Problem::error(
            "resource aws_lb_target_group_attachment doesn't support import",
            "An attachment has no identity of its own in AWS. Registering the same target again changes nothing: \
             leave the import out and apply.",
        ))
    }
}
