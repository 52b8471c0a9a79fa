//! `aws_ecs_cluster_capacity_providers`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_ecs_cluster_capacity_providers`.
pub struct Rules;

impl TypeRules for Rules {}
