//! `aws_kms_alias`: its rules beyond the schema.

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_kms_alias`.
pub struct Rules;

/// What every alias begins with.
pub const PREFIX: &str = "alias/";

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        for name in ["name", "name_prefix"] {
            check.text(name, |key, text| {
                text.starts_with("alias/aws/")
                    .then(|| format!("{key:?} cannot begin with reserved AWS CMK prefix 'alias/aws/'"))
            });
            check.matches_or(name, "^alias/[0-9A-Za-z_/-]+$", |key, _| {
                format!("{key:?} must begin with 'alias/' and be comprised of only [0-9A-Za-z_/-]")
            });
        }
        check.conflict_with_each_other(&["name", "name_prefix"]);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["target_key_id"]) && same_key(old, new)
    }
}

/// Whether two texts name the same key: its id, or its ARN.
fn same_key(a: &str, b: &str) -> bool {
    let id = |text: &str| match text.rsplit_once(":key/") {
        Some((before, id)) if before.starts_with("arn:") => (id.to_string(), true),
        _ => (text.to_string(), false),
    };
    let ((a_id, a_full), (b_id, b_full)) = (id(a), id(b));
    a == b || (a_full != b_full && a_id == b_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_by_id_and_by_arn() {
        let arn = "arn:aws:kms:eu-west-1:123456789012:key/1-2";
        assert!(same_key(arn, "1-2"));
        assert!(same_key("1-2", arn));
        assert!(!same_key(arn, "1-3"));
        assert!(!same_key(arn, "arn:aws:kms:eu-west-2:123456789012:key/1-2"));
        assert!(!same_key("", arn));
    }
}
