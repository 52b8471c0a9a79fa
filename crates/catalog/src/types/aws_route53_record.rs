//! `aws_route53_record`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_route53_record`.
pub struct Rules;

impl TypeRules for Rules {}
