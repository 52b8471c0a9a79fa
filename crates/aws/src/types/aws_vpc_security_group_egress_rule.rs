//! `aws_vpc_security_group_egress_rule` on the EC2 API.

use crate::ec2::permissions::Direction;
use crate::ec2::single_rule::SingleRule;

#[allow(non_upper_case_globals, reason = "the list of types names it so")]
pub(crate) static Api: SingleRule = SingleRule(Direction::Egress);
