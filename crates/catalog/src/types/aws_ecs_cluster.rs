//! `aws_ecs_cluster`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_ecs_cluster`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check_cluster_name(&mut check, "name");
        check.each("setting", |check| check.one_of("name", &["containerInsights"]));
        check.each("service_connect_defaults", |check| check.arn("namespace"));
        check.each("configuration", |check| {
            check.each("execute_command_configuration", |check| {
                check.one_of("logging", &["NONE", "DEFAULT", "OVERRIDE"]);
            });
        });
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("name", Value::string(id))]))
    }
}

/// Checks the name of a cluster.
pub(super) fn check_cluster_name(check: &mut Check<'_>, name: &str) {
    check.length(name, 1..=255);
    check.matches(
        name,
        "^[0-9A-Za-z_-]+$",
        "The cluster name must consist of alphanumerics, hyphens, and underscores.",
    );
}
