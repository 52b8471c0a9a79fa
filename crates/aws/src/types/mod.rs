//! One file a resource type: what it does on the AWS API.
//!
//! A type's file has `pub(crate) struct Api;` and its `impl ResourceType for Api`; `aws_vpc.rs` is the model. It is added
//! by its name in the list below. How one is written:
//!
//! - Clients: `aws.ec2()`, `aws.rds()`, …; an error becomes a failure with `.doing("creating EC2 VPC")?`
//!   ([`crate::error::Doing`]); `failure.is(&["VpcLimitExceeded"])` asks for its code, [`crate::error::ignoring`] lets
//!   codes pass.
//! - `read` gets many objects and answers in order: look the keys up with [`crate::batch::in_chunks`], or with a
//!   [`crate::batch::Loader`] in `aws.shared::<YourReads>()` where several types need the same answer, then
//!   `answers.fill(objects, |o| o.id(), |o, found| …)`. A missing key means that the object is gone. Attributes that the
//!   API does not tell stay as they are.
//! - `create` sets `id`, calls `(cx.checkpoint)(object)`, waits with [`crate::wait::Wait`]; tags are `cx.tags`, time limits
//!   `cx.timeouts.of("create")`. The object is read afterwards by the caller.
//! - `update` compares with [`crate::resource::changed`]; tags are changed by `tag`, which the caller calls.
//! - `delete` takes "not found" as done.

use crate::resource::ResourceType;

macro_rules! types {
    ($($name:ident),* $(,)?) => {
        $(pub(crate) mod $name;)*

        /// The code of a resource type.
        pub(crate) fn find(ty: &str) -> Option<&'static dyn ResourceType> {
            match ty {
                $(stringify!($name) => Some(&$name::Api),)*
                _ => None,
            }
        }
    };
}

types! {
    aws_acm_certificate,
    aws_route53_record,
    aws_route53_zone,
    aws_db_instance,
    aws_appautoscaling_policy,
    aws_appautoscaling_target,
    aws_cloudwatch_log_group,
    aws_cloudwatch_metric_alarm,
    aws_db_parameter_group,
    aws_db_snapshot,
    aws_db_subnet_group,
    aws_ecs_cluster,
    aws_ecs_cluster_capacity_providers,
    aws_ecs_service,
    aws_ecs_task_definition,
    aws_eip,
    aws_iam_policy,
    aws_iam_role,
    aws_iam_role_policy,
    aws_iam_role_policy_attachment,
    aws_internet_gateway,
    aws_kms_alias,
    aws_kms_key,
    aws_lb,
    aws_lb_listener,
    aws_lb_listener_rule,
    aws_lb_target_group,
    aws_lb_target_group_attachment,
    aws_nat_gateway,
    aws_route,
    aws_route_table,
    aws_route_table_association,
    aws_secretsmanager_secret,
    aws_secretsmanager_secret_version,
    aws_security_group,
    aws_security_group_rule,
    aws_sns_topic,
    aws_ssm_parameter,
    aws_subnet,
    aws_vpc,
    aws_vpc_security_group_egress_rule,
    aws_vpc_security_group_ingress_rule,
}
