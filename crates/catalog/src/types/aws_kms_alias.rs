//! `aws_kms_alias`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_kms_alias`.
pub struct Rules;

impl TypeRules for Rules {}
