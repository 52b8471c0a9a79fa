//! `aws_appautoscaling_policy`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_appautoscaling_policy`.
pub struct Rules;

impl TypeRules for Rules {}
