//! One file a data source: what it reads from the AWS API.
//!
//! A data source's file has `pub(crate) struct Api;` and its `impl DataSource for Api`, and is added by its name in the
//! list below.

pub(crate) mod together;

use crate::resource::DataSource;

macro_rules! data_sources {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// The code of a data source.
        pub(crate) fn find(ty: &str) -> Option<&'static dyn DataSource> {
            match ty {
                $(stringify!($name) => Some(&$name::Api),)*
                _ => None,
            }
        }
    };
}

data_sources! {
    aws_availability_zones,
    aws_caller_identity,
    aws_iam_policy_document,
    aws_partition,
    aws_region,
    aws_secretsmanager_secret_version,
    aws_ssm_parameter,
    aws_subnets,
    aws_vpc,
}
