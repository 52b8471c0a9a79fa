//! `aws_internet_gateway`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_internet_gateway`.
pub struct Rules;

impl TypeRules for Rules {}
