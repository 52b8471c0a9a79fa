//! `aws_secretsmanager_secret`: its rules beyond the schema.

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use crate::policy;
use crate::validate::Check;

/// The rules of `aws_secretsmanager_secret`.
pub struct Rules;

const CHARACTERS: &str = "^[0-9A-Za-z/_+=.@-]+$";

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        for (name, longest) in [("name", 512), ("name_prefix", 486)] {
            check.text(name, |key, text| {
                (text.len() > longest).then(|| format!("{key:?} cannot be longer than {longest} characters"))
            });
            check.matches_or(name, CHARACTERS, |key, _| {
                format!("{key:?} can only have letters, digits and / _ + = . @ -")
            });
        }
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.json("policy");
        let window = check.known("recovery_window_in_days").and_then(Value::as_i64);
        if window.is_some_and(|days| days != 0 && !(7..=30).contains(&days)) {
            check.range("recovery_window_in_days", 7..=30);
            check.one_of_numbers("recovery_window_in_days", &[0]);
        }
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["policy"]) && policy::same(old, new)
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        key.is(&["policy"]).then(|| value.as_str().map(|text| Value::string(policy::normalise(text))))?
    }

    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        let text = |name: &str| Value::string(element.get(name).and_then(Value::as_str).unwrap_or(""));
        (names == ["replica"]).then(|| Value::tuple([text("kms_key_id"), text("region")]))
    }
}
