//! `aws_db_parameter_group`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_db_parameter_group`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.text("name", |key, text| name_error(key, text, true));
        check.text("name", |key, text| {
            text.ends_with('-').then(|| format!("parameter group {key:?} cannot end with a hyphen"))
        });
        check.text("name_prefix", |key, text| name_error(key, text, false));
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.each("parameter", |check| check.one_of_ignoring_case("apply_method", &["immediate", "pending-reboot"]));
    }

    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("skip_destroy", Value::bool(false))]))
    }

    /// Names and ways of applying are the same in any case; values are not.
    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        if names != ["parameter"] {
            return None;
        }
        let text = |name: &str| element.get(name).and_then(Value::as_str);
        let method = text("apply_method").unwrap_or("immediate").to_lowercase();
        Some(Value::strings([text("name")?.to_lowercase(), method, text("value")?.to_string()]))
    }
}

fn name_error(key: &str, name: &str, dots: bool) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || (dots && b == b'.');
    let characters = if dots { "characters, periods, and hyphens" } else { "characters and hyphens" };
    if name.is_empty() || !name.bytes().all(allowed) {
        Some(format!("only lowercase alphanumeric {characters} allowed in parameter group {key:?}"))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some(format!("first character of parameter group {key:?} must be a letter"))
    } else if name.contains("--") {
        Some(format!("parameter group {key:?} cannot contain two consecutive hyphens"))
    } else {
        (name.len() > 255).then(|| format!("parameter group {key:?} cannot be greater than 255 characters"))
    }
}

#[cfg(test)]
mod tests {
    use infra_value::Type;

    use super::*;

    #[test]
    fn parameters_are_the_same_in_any_case_but_of_the_value() {
        let identity = |name: &str, value: &str, method: Value| {
            let members = [("name", Value::string(name)), ("value", Value::string(value)), ("apply_method", method)];
            Rules.set_identity(&["parameter"], &Value::object(members))
        };
        let unset = || Value::null(Type::String);
        assert_eq!(
            identity("Max_Connections", "5", Value::string("IMMEDIATE")),
            identity("max_connections", "5", unset())
        );
        assert_ne!(identity("a", "ON", unset()), identity("a", "on", unset()));
    }
}
