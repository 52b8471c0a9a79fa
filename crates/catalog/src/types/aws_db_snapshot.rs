//! `aws_db_snapshot`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::plan::TypeRules;

/// The rules of `aws_db_snapshot`.
pub struct Rules;

const LIMIT: Duration = Duration::from_secs(20 * 60);

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[("create", LIMIT)]
    }
}
