//! `aws_ecs_task_definition`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_ecs_task_definition`.
pub struct Rules;

impl TypeRules for Rules {}
