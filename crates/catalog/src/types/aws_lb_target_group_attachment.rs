//! `aws_lb_target_group_attachment`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_lb_target_group_attachment`.
pub struct Rules;

impl TypeRules for Rules {}
