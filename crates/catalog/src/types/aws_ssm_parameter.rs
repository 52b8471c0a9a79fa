//! `aws_ssm_parameter`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_ssm_parameter`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("name", 1..=2048);
        check.length("description", 0..=1024);
        check.length("allowed_pattern", 0..=1024);
        check.one_of("type", &["String", "StringList", "SecureString"]);
        check.one_of("tier", &["Standard", "Advanced", "Intelligent-Tiering"]);
        check.one_of("data_type", &["aws:ec2:image", "aws:ssm:integration", "text"]);
        check.exactly_one_of(&["insecure_value", "value", "value_wo"]);
        check.required_with("value_wo", &["value_wo_version"]);
        check.required_with("value_wo_version", &["value_wo"]);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        // AWS then decides for itself which of the other two it is.
        key.is(&["tier"]) && !old.is_empty() && new == "Intelligent-Tiering"
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        if diff.was().str("tier") == "Advanced" && diff.will().str("tier") == "Standard" {
            diff.force_new_attribute("tier");
        }
        if diff.has_change("value") {
            diff.set_new_computed("version");
        }
        // Each of the two is forgotten over a change of the other: so the second follows the first.
        if diff.has_change("insecure_value") {
            diff.set_new_computed("value");
        }
        if diff.has_change("value") {
            diff.set_new_computed("insecure_value");
        }
        if diff.has_change("value_wo_version") {
            diff.set_new_computed("has_value_wo");
        }
        Ok(())
    }

    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("has_value_wo", Value::bool(false))]))
    }
}
