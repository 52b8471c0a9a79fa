//! `aws_appautoscaling_policy`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_appautoscaling_policy`.
pub struct Rules;

const TARGET_TRACKING: &str = "target_tracking_scaling_policy_configuration";

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("name", 0..=255);
        check.each(TARGET_TRACKING, |check| {
            check.conflict_with_each_other(&["customized_metric_specification", "predefined_metric_specification"]);
            check.each("predefined_metric_specification", |check| check.length("resource_label", 0..=1023));
            check.each("customized_metric_specification", |check| {
                check.one_of("statistic", &["Average", "Minimum", "Maximum", "SampleCount", "Sum"]);
                for name in ["metric_name", "namespace", "statistic", "dimensions", "unit"] {
                    check.conflicts(name, &["metrics"]);
                }
                check.conflicts("metrics", &["dimensions", "metric_name", "namespace", "statistic", "unit"]);
                check.each("metrics", |check| {
                    check.length("id", 1..=255);
                    check.length("expression", 1..=2047);
                    check.length("label", 1..=2047);
                    check.each("metric_stat", |check| check.length("stat", 1..=100));
                });
            });
        });
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        let Some((resource, dimension, name)) = split_id(id) else {
            return Err(Problem::error(
                format!(
                    "unexpected format ({id}), expected \
                     <service-namespace>/<resource-id>/<scalable-dimension>/<policy-name>"
                ),
                "",
            ));
        };
        let (namespace, resource) = resource.split_once('/').unwrap_or((resource.as_str(), ""));
        Ok(BTreeMap::from([
            ("id", Value::string(&name)),
            ("name", Value::string(&name)),
            ("service_namespace", Value::string(namespace)),
            ("resource_id", Value::string(resource)),
            ("scalable_dimension", Value::string(&dimension)),
        ]))
    }
}

/// Namespace and resource, dimension, name. Names of policies of DynamoDB tables may hold slashes: what comes before
/// them has a known number of parts.
fn split_id(id: &str) -> Option<(String, String, String)> {
    let parts: Vec<&str> = id.split('/').collect();
    if parts.len() < 4 || parts.iter().any(|p| p.is_empty()) {
        return None;
    }
    let resource = match parts[..] {
        ["dynamodb", "table", _, "index", _, ..] if parts.len() > 6 => 5,
        ["dynamodb", ..] => 3,
        _ => parts.len() - 2,
    };
    let name = parts.get(resource + 1..)?.join("/");
    (!name.is_empty()).then(|| (parts[..resource].join("/"), parts[resource].to_string(), name))
}
