//! `aws_db_subnet_group`: its rules beyond the schema.

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_db_subnet_group`.
pub struct Rules;

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        for (name, longest) in [("name", 255), ("name_prefix", 229)] {
            check.text(name, |key, text| {
                let good = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_ .-".contains(&b));
                (text.is_empty() || !good).then(|| {
                    format!(
                        "only lowercase alphanumeric characters, hyphens, underscores, periods, and spaces allowed in {key:?}"
                    )
                })
            });
            check.text(name, |key, text| {
                (text.len() > longest).then(|| format!("{key:?} cannot be longer than {longest} characters"))
            });
        }
        check.text("name", |key, text| {
            text.eq_ignore_ascii_case("default").then(|| format!("{text:?} is not allowed as {key:?}"))
        });
        check.conflict_with_each_other(&["name", "name_prefix"]);
    }
}
