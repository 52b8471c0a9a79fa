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
        let stage = object.opt_str("version_stage");
        let stage = stage.or_else(|| version.is_none().then(|| CURRENT.to_string()));
        let doing = format!("reading Secrets Manager Secret Version ({secret})");
        let call = aws.secrets().get_secret_value().secret_id(secret);
        let call = call.set_version_id(version).set_version_stage(stage.clone());
        let found = match call.send().await.doing(&doing) {
            Err(failure) if is_gone(&failure) => return Err(Failure::new(doing, "couldn't find resource")),
            answer => answer?,
        };
        fill_in(object, &found);
        object.set("version_stage", stage);
        Ok(())
    }
}
