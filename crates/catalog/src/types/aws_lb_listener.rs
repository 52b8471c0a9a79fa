//! `aws_lb_listener`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_lb_listener`.
pub struct Rules;

impl TypeRules for Rules {}
