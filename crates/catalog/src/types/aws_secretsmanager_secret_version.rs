//! `aws_secretsmanager_secret_version`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_secretsmanager_secret_version`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.conflict_with_each_other(&["secret_string", "secret_binary", "secret_string_wo"]);
        check.required_with("secret_string_wo", &["secret_string_wo_version"]);
        check.required_with("secret_string_wo_version", &["secret_string_wo"]);
        // The value is secret: it is not shown.
        let mut found = Vec::new();
        Check::new(config, &mut found).base64("secret_binary");
        if !found.is_empty() {
            check.error("secret_binary", "expected \"secret_binary\" to be a base64 string");
        }
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        match split_id(id) {
            Some((secret, version)) => Ok(BTreeMap::from([
                ("has_secret_string_wo", Value::bool(false)),
                ("secret_id", Value::string(secret)),
                ("version_id", Value::string(version)),
            ])),
            None => Err(Problem::error(format!("unexpected format of ID ({id}), expected SecretID|VersionID"), "")),
        }
    }
}

/// The secret and the version that an id stands for.
pub fn split_id(id: &str) -> Option<(&str, &str)> {
    let (secret, version) = id.split_once('|')?;
    (!secret.is_empty() && !version.is_empty() && !version.contains('|')).then_some((secret, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_secret_and_a_version() {
        for (id, wanted) in [
            ("db|v1", Some(("db", "v1"))),
            (
                "arn:aws:secretsmanager:eu-west-1:1:secret:a|v1",
                Some(("arn:aws:secretsmanager:eu-west-1:1:secret:a", "v1")),
            ),
            ("db", None),
            ("db|", None),
            ("|v1", None),
            ("db|v1|x", None),
        ] {
            assert_eq!(split_id(id), wanted, "{id}");
        }
        assert!(Rules.import("db").is_err());
    }

    #[test]
    fn a_binary_value_is_not_shown_when_it_is_wrong() {
        let config = Value::object([("secret_binary", Value::string("hidden!"))]);
        let mut problems = Vec::new();
        Rules.validate(&config, &mut problems);
        assert_eq!(problems.len(), 1);
        assert!(!problems[0].summary.contains("hidden"));
    }
}
