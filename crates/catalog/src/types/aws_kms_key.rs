//! `aws_kms_key`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_kms_key`.
pub struct Rules;

impl TypeRules for Rules {}
