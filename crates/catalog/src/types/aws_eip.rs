//! `aws_eip`: its rules beyond the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::TypeRules;
use infra_value::Value;

use crate::validate::Check;

/// The rules of `aws_eip`.
pub struct Rules;

const TIMEOUTS: &[(&str, Duration)] = &[
    ("delete", Duration::from_secs(3 * 60)),
    ("read", Duration::from_secs(15 * 60)),
    ("update", Duration::from_secs(5 * 60)),
];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        TIMEOUTS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.one_of("domain", &["vpc", "standard"]);
        check.conflict_with_each_other(&["domain", "vpc"]);
    }

    fn import(&self, id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        if id.starts_with("eipalloc-") {
            return Ok(BTreeMap::new());
        }
        let detail = format!("{id:?} is not the allocation id of an address (eipalloc-...).");
        Err(Problem::error("Unexpected form of an import id", detail))
    }
}
