//! `aws_subnet`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_subnet`.
pub struct Rules;

impl TypeRules for Rules {}
