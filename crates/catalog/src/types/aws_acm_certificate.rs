//! `aws_acm_certificate`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_acm_certificate`.
pub struct Rules;

impl TypeRules for Rules {}
