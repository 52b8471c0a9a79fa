//! `aws_route53_zone`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_route53_zone`.
pub struct Rules;

impl TypeRules for Rules {}
