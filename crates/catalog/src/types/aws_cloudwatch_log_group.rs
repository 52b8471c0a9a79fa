//! `aws_cloudwatch_log_group`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_cloudwatch_log_group`.
pub struct Rules;

impl TypeRules for Rules {}
