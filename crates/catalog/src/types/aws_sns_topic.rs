//! `aws_sns_topic`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_sns_topic`.
pub struct Rules;

impl TypeRules for Rules {}
