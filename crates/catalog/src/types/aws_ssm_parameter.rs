//! `aws_ssm_parameter`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_ssm_parameter`.
pub struct Rules;

impl TypeRules for Rules {}
