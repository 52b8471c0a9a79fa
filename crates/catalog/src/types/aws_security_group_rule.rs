//! `aws_security_group_rule`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_security_group_rule`.
pub struct Rules;

impl TypeRules for Rules {}
