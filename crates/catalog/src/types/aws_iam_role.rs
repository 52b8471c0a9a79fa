//! `aws_iam_role`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_iam_role`.
pub struct Rules;

impl TypeRules for Rules {}
