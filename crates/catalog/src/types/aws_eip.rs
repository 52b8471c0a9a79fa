//! `aws_eip`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_eip`.
pub struct Rules;

impl TypeRules for Rules {}
