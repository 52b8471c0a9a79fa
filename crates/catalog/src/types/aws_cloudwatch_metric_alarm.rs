//! `aws_cloudwatch_metric_alarm`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_cloudwatch_metric_alarm`.
pub struct Rules;

impl TypeRules for Rules {}
