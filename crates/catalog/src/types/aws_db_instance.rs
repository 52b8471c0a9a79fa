//! `aws_db_instance`: its rules beyond the schema.

mod validation;

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;
use serde_json::Value as Json;

use crate::validate::Check;

/// The rules of `aws_db_instance`.
pub struct Rules;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const TIMEOUTS: [(&str, Duration); 3] = [("create", minutes(50)), ("update", minutes(80)), ("delete", minutes(60))];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &TIMEOUTS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        validation::check(&mut Check::new(config, problems));
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        // What the configuration does not say is as it was.
        let said = |name: &str| around.proposed.get(name).filter(|v| !v.is_null() && !v.is_empty());
        let proposed = |name: &str| said(name).or_else(|| around.prior.get(name));
        let number = |name: &str| proposed(name).and_then(Value::as_i64).unwrap_or(0);
        let is_set = |name: &str| {
            let value = proposed(name).filter(|v| v.is_known() && !v.is_null());
            value.is_some_and(|v| !v.is_empty() && v.as_str() != Some(""))
        };
        match key.names {
            // Autoscaling has grown it.
            ["allocated_storage"] => {
                let (old, new) = (old.parse().unwrap_or(0), new.parse().unwrap_or(0));
                old > new && number("max_allocated_storage") > new
            }
            ["max_allocated_storage"] => old == "0" && new == number("allocated_storage").to_string(),
            ["replicate_source_db"] => same_source(old, new),
            ["character_set_name"] => {
                ["replicate_source_db", "snapshot_identifier", "restore_to_point_in_time"].into_iter().any(is_set)
            }
            _ => false,
        }
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        match key.names {
            ["engine"] | ["maintenance_window"] => Some(Value::string(value.as_str()?.to_lowercase())),
            _ => None,
        }
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        let refused = |summary: String| Err(vec![Problem::error(summary, "")]);
        let source = diff.new("replicate_source_db");
        let source = source.as_str().unwrap_or("");
        if diff.will().part("blue_green_update").is_some_and(|update| update.bool("enabled")) {
            // As it is written: the plan has it in lower case.
            let engine = diff.config.get("engine").filter(|e| !e.is_null()).cloned();
            let engine = engine.unwrap_or_else(|| diff.new("engine"));
            if engine.is_known() && !matches!(engine.as_str(), Some("mariadb" | "mysql" | "postgres")) {
                let engine = engine.as_str().unwrap_or("");
                return refused(format!("\"blue_green_update.enabled\" cannot be set when \"engine\" is {engine:?}."));
            }
            if !source.is_empty() {
                return refused(
                    "\"blue_green_update.enabled\" cannot be set when \"replicate_source_db\" is set.".into(),
                );
            }
        }
        let group_is_written = diff.config.get("db_subnet_group_name").is_some_and(|v| !v.is_null());
        if !source.is_empty() && !source.starts_with("arn:") && group_is_written {
            return refused("\"replicate_source_db\" must be an ARN when \"db_subnet_group_name\" is set.".into());
        }
        Ok(())
    }

    fn upgrade(&self, version: u64, attributes: &mut serde_json::Map<String, Json>) {
        if version == 0 {
            attributes.insert("delete_automated_backups".to_string(), Json::Bool(true));
        }
        if version <= 1
            && let Some(id) = attributes.get("resource_id").cloned()
        {
            attributes.insert("id".to_string(), id);
        }
    }

    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([
            ("skip_final_snapshot", Value::bool(true)),
            ("delete_automated_backups", Value::bool(true)),
        ]))
    }
}

/// Whether a replica's source is the same, once by ARN and once by identifier.
fn same_source(old: &str, new: &str) -> bool {
    let identifier = |source: &str| {
        let resource = source.splitn(6, ':').nth(5).filter(|_| source.starts_with("arn:"));
        resource.and_then(|r| r.strip_prefix("db:")).map(str::to_string)
    };
    match (identifier(old), identifier(new)) {
        (Some(old), None) => old == new,
        (None, Some(new)) => old == new,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use infra_value::{Path, Type};

    use super::*;

    fn suppressed(name: &str, old: &str, new: &str, proposed: &[(&'static str, Value)]) -> bool {
        let prior = Value::null(Type::Dynamic);
        let proposed = Value::object(proposed.iter().cloned());
        let path = Path::attribute(name);
        let key = Key { names: &[name], path: &path };
        Rules.suppress(key, old, new, Around { prior: &prior, proposed: &proposed })
    }

    #[test]
    fn storage_that_autoscaling_has_grown_is_no_change() {
        let most = [("max_allocated_storage", Value::from(100))];
        assert!(suppressed("allocated_storage", "40", "20", &most));
        assert!(!suppressed("allocated_storage", "20", "40", &most));
        assert!(!suppressed("allocated_storage", "40", "20", &[]));
        let (grew, silent) =
            (Value::object(most.clone()), Value::object([("max_allocated_storage", Value::null(Type::Number))]));
        let (path, around) = (Path::attribute("allocated_storage"), Around { prior: &grew, proposed: &silent });
        assert!(Rules.suppress(Key { names: &["allocated_storage"], path: &path }, "40", "20", around));
        let same = [("allocated_storage", Value::from(20))];
        assert!(suppressed("max_allocated_storage", "0", "20", &same));
        assert!(!suppressed("max_allocated_storage", "0", "30", &same));
    }

    #[test]
    fn a_source_is_the_same_by_arn_and_by_identifier() {
        let arn = "arn:aws:rds:eu-west-1:123456789012:db:main";
        assert!(suppressed("replicate_source_db", arn, "main", &[]));
        assert!(suppressed("replicate_source_db", "main", arn, &[]));
        assert!(!suppressed("replicate_source_db", arn, "other", &[]));
    }

    #[test]
    fn a_restored_database_keeps_its_character_set() {
        let from = [("snapshot_identifier", Value::string("s"))];
        assert!(suppressed("character_set_name", "a", "b", &from));
        assert!(!suppressed("character_set_name", "a", "b", &[]));
    }
}
