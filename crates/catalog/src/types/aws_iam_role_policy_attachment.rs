//! `aws_iam_role_policy_attachment`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_iam_role_policy_attachment`.
pub struct Rules;

impl TypeRules for Rules {}
