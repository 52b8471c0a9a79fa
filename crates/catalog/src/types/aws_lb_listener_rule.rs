//! `aws_lb_listener_rule`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_lb_listener_rule`.
pub struct Rules;

impl TypeRules for Rules {}
