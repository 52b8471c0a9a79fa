//! `aws_ecs_cluster_capacity_providers`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use super::aws_ecs_cluster::check_cluster_name;
use crate::validate::Check;

/// The rules of `aws_ecs_cluster_capacity_providers`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check_cluster_name(&mut check, "cluster_name");
        check.each("default_capacity_provider_strategy", check_strategy);
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("cluster_name", Value::string(id))]))
    }
}

/// Checks an item of a capacity provider strategy.
pub(super) fn check_strategy(check: &mut Check<'_>) {
    check.range("base", 0..=100_000);
    check.range("weight", 0..=1000);
}
