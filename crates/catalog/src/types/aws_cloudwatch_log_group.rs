//! `aws_cloudwatch_log_group`: its rules beyond the schema.

use std::collections::BTreeMap;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_cloudwatch_log_group`.
pub struct Rules;

const RETENTIONS: [i64; 23] =
    [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
const CHARACTERS: &str = "^[0-9A-Za-z_./#-]+$";

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        for (name, longest) in [("name", 512), ("name_prefix", 483)] {
            check.text(name, |key, text| {
                (text.len() > longest).then(|| format!("{key:?} cannot be longer than {longest} characters: {text:?}"))
            });
            check.matches_or(name, CHARACTERS, |key, text| {
                format!("{key:?} can only have letters, digits and _ . / # -: {text:?}")
            });
        }
        check.conflict_with_each_other(&["name", "name_prefix"]);
        check.one_of_numbers("retention_in_days", &RETENTIONS);
        check.one_of("log_group_class", &["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]);
    }

    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::from([("skip_destroy", Value::bool(false))]))
    }
}
