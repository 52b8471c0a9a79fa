//! `aws_appautoscaling_target`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

/// The rules of `aws_appautoscaling_target`.
pub struct Rules;

impl TypeRules for Rules {
    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        let parts: Vec<&str> = id.split('/').collect();
        match &parts[..] {
            [namespace, resource @ .., dimension] if !resource.is_empty() && parts.iter().all(|p| !p.is_empty()) => {
                let resource = resource.join("/");
                Ok(BTreeMap::from([
                    ("id", Value::string(&resource)),
                    ("resource_id", Value::string(&resource)),
                    ("service_namespace", Value::string(namespace)),
                    ("scalable_dimension", Value::string(dimension)),
                ]))
            }
            _ => Err(Problem::error(
                format!(
                    "unexpected format of ID ({id}), expected <service-namespace>/<resource-id>/<scalable-dimension>"
                ),
                "",
            )),
        }
    }
}
