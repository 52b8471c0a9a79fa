//! `aws_lb`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_lb`.
pub struct Rules;

impl TypeRules for Rules {}
