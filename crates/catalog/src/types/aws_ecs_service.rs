//! `aws_ecs_service`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_ecs_service`.
pub struct Rules;

impl TypeRules for Rules {}
