//! `aws_vpc`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_vpc`.
pub struct Rules;

impl TypeRules for Rules {}
