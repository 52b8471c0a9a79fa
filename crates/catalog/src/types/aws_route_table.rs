//! `aws_route_table`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_route_table`.
pub struct Rules;

impl TypeRules for Rules {}
