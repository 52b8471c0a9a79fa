//! `aws_vpc_security_group_egress_rule`: its rules beyond the schema are those of ingress rules.

pub use super::aws_vpc_security_group_ingress_rule::Rules;
