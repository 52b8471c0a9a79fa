//! `aws_appautoscaling_target`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_appautoscaling_target`.
pub struct Rules;

impl TypeRules for Rules {}
