//! `aws_ssm_parameter`: the value of a parameter, by its ARN.

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::Doing;
use crate::resource::DataSource;
use crate::types::aws_ssm_parameter::GONE;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let arn = object.str("arn").to_string();
        let doing = format!("reading SSM Parameter ({arn})");
        let decrypt = object.opt_bool("with_decryption").unwrap_or(true);
        let answer = aws.ssm().get_parameter().name(&arn).with_decryption(decrypt).send().await.doing(&doing);
        let found = match answer {
            Err(failure) if failure.is(GONE) => None,
            answer => answer?.parameter,
        };
        let Some(found) = found else { return Err(Failure::new(doing, "couldn't find resource")) };
        object.set("with_decryption", decrypt);
        object.set("arn", found.arn());
        object.set("name", found.name());
        object.set("type", found.r#type().map(ParameterType::as_str));
        object.set("value", found.value());
        object.set("version", found.version());
        Ok(())
    }
}
