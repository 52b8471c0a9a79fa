//! `aws_route`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_route`.
pub struct Rules;

impl TypeRules for Rules {}
