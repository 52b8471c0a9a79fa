//! `aws_vpc_security_group_ingress_rule`: its rules beyond the schema.

use infra_provider::plan::TypeRules;

/// The rules of `aws_vpc_security_group_ingress_rule`.
pub struct Rules;

impl TypeRules for Rules {}
