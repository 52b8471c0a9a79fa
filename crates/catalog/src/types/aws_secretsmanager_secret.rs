//! `aws_secretsmanager_secret`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_secretsmanager_secret`.
pub struct Rules;

impl TypeRules for Rules {}
