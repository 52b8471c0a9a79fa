//! `aws_secretsmanager_secret_version`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_secretsmanager_secret_version`.
pub struct Rules;

impl TypeRules for Rules {}
