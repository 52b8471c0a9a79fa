//! `aws_ecs_cluster`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_ecs_cluster`.
pub struct Rules;

impl TypeRules for Rules {}
