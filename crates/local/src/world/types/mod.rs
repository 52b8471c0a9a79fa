//! The types, by family: what each computes, refuses and makes beside itself.

mod balancers;
mod certificates;
mod clusters;
mod databases;
mod dns;
mod egress;
mod iam;
mod keys;
mod listeners;
mod observability;
mod parameters;
mod routing;
mod scaling;
mod secrets;
mod security_groups;
mod services;
mod single_rules;
mod target_groups;
mod task_definitions;
mod vpcs;

use super::kind::Kind;

pub(super) use balancers::is_application;
pub(super) use clusters::name_of;
pub(super) use secrets::CURRENT;
pub(super) use vpcs::{zone_ids, zones};

/// The code of a type.
pub(super) fn find(ty: &str) -> Option<&'static dyn Kind> {
    Some(match ty {
        "aws_acm_certificate" => &certificates::Certificate,
        "aws_appautoscaling_policy" => &scaling::Policy,
        "aws_appautoscaling_target" => &scaling::Target,
        "aws_cloudwatch_log_group" => &observability::LogGroup,
        "aws_cloudwatch_metric_alarm" => &observability::Alarm,
        "aws_db_instance" => &databases::Instance,
        "aws_db_parameter_group" => &databases::ParameterGroup,
        "aws_db_snapshot" => &databases::Snapshot,
        "aws_db_subnet_group" => &databases::SubnetGroup,
        "aws_ecs_cluster" => &clusters::Cluster,
        "aws_ecs_cluster_capacity_providers" => &clusters::CapacityProviders,
        "aws_ecs_service" => &services::Service,
        "aws_ecs_task_definition" => &task_definitions::TaskDefinition,
        "aws_eip" => &egress::Address,
        "aws_iam_policy" => &iam::Policy,
        "aws_iam_role" => &iam::Role,
        "aws_iam_role_policy" => &iam::RolePolicy,
        "aws_iam_role_policy_attachment" => &iam::Attachment,
        "aws_internet_gateway" => &egress::InternetGateway,
        "aws_kms_alias" => &keys::Alias,
        "aws_kms_key" => &keys::Key,
        "aws_lb" => &balancers::Balancer,
        "aws_lb_listener" => &listeners::Listener,
        "aws_lb_listener_rule" => &listeners::Rule,
        "aws_lb_target_group" => &target_groups::TargetGroup,
        "aws_lb_target_group_attachment" => &target_groups::Attachment,
        "aws_nat_gateway" => &egress::NatGateway,
        "aws_route" => &routing::Route,
        "aws_route53_record" => &dns::Record,
        "aws_route53_zone" => &dns::Zone,
        "aws_route_table" => &routing::Table,
        "aws_route_table_association" => &routing::Association,
        "aws_secretsmanager_secret" => &secrets::Secret,
        "aws_secretsmanager_secret_version" => &secrets::Version,
        "aws_security_group" => &security_groups::Group,
        "aws_security_group_rule" => &security_groups::Rules,
        "aws_sns_topic" => &observability::Topic,
        "aws_ssm_parameter" => &parameters::Parameter,
        "aws_subnet" => &vpcs::Subnet,
        "aws_vpc" => &vpcs::Vpc,
        "aws_vpc_security_group_egress_rule" => &single_rules::SingleRule { egress: true },
        "aws_vpc_security_group_ingress_rule" => &single_rules::SingleRule { egress: false },
        _ => return None,
    })
}
