//! One file an ephemeral resource type: what it reads when it is opened. None of them has anything to renew or close.

use crate::resource::DataSource;

mod aws_kms_secrets;
mod aws_secretsmanager_random_password;
mod aws_secretsmanager_secret_version;
mod aws_ssm_parameter;

/// The code of an ephemeral resource type.
pub(crate) fn find(ty: &str) -> Option<&'static dyn DataSource> {
    match ty {
        "aws_kms_secrets" => Some(&aws_kms_secrets::Api),
        "aws_secretsmanager_random_password" => Some(&aws_secretsmanager_random_password::Api),
        "aws_secretsmanager_secret_version" => Some(&aws_secretsmanager_secret_version::Api),
        "aws_ssm_parameter" => Some(&aws_ssm_parameter::Api),
        _ => None,
    }
}
