//! `aws_route_table_association`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_route_table_association`.
pub struct Rules;

impl TypeRules for Rules {}
