//! `aws_secretsmanager_secret_version`: the value of a secret, by version or stage.

use async_trait::async_trait;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::Doing;
use crate::resource::DataSource;
use crate::types::aws_secretsmanager_secret_version::{CURRENT, fill_in, is_gone};

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let secret = object.str("secret_id").to_string();
        let version = object.opt_str("version_id");
        let stage = object.opt_str("version_stage").unwrap_or_else(|| CURRENT.to_string());
        let id = format!("{secret}|{}", version.as_ref().unwrap_or(&stage));
        let doing = format!("reading Secrets Manager Secret Version ({id})");
        let call = aws.secrets().get_secret_value().secret_id(secret);
        let call = match version {
            Some(version) => call.version_id(version),
            None => call.version_stage(&stage),
        };
        let found = match call.send().await.doing(&doing) {
            Err(failure) if is_gone(&failure) => return Err(Failure::new(doing, "couldn't find resource")),
            answer => answer?,
        };
        object.set("id", id);
        fill_in(object, &found);
        object.set("version_stage", stage);
        Ok(())
    }
}
