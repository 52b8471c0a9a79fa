//! `aws_db_instance`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_db_instance`.
pub struct Rules;

impl TypeRules for Rules {}
