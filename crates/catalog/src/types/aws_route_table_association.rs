//! `aws_route_table_association`: its rules beyond the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use super::aws_route::MINUTES;
use crate::validate::Check;

/// The rules of `aws_route_table_association`.
pub struct Rules;

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        MINUTES
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        Check::new(config, problems).exactly_one_of(&["subnet_id", "gateway_id"]);
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        match id.split('/').collect::<Vec<_>>()[..] {
            [target, table] if !target.is_empty() && !table.is_empty() => {
                let name = if target.starts_with("subnet-") { "subnet_id" } else { "gateway_id" };
                Ok(BTreeMap::from([("route_table_id", table.into()), (name, target.into())]))
            }
            _ => {
                let summary = format!(
                    "unexpected format of ID ({id:?}), expected SUBNETID/ROUTETABLEID or GATEWAYID/ROUTETABLEID"
                );
                Err(Problem::error(summary, ""))
            }
        }
    }
}
