//! `aws_secretsmanager_random_password`: a password that Secrets Manager makes up.

use async_trait::async_trait;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::Doing;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let call = aws
            .secrets()
            .get_random_password()
            .set_exclude_characters(object.opt_str("exclude_characters"))
            .set_exclude_lowercase(object.opt_bool("exclude_lowercase"))
            .set_exclude_numbers(object.opt_bool("exclude_numbers"))
            .set_exclude_punctuation(object.opt_bool("exclude_punctuation"))
            .set_exclude_uppercase(object.opt_bool("exclude_uppercase"))
            .set_include_space(object.opt_bool("include_space"))
            .set_password_length(object.opt_i32("password_length").map(i64::from))
            .set_require_each_included_type(object.opt_bool("require_each_included_type"));
        let answer = call.send().await.doing("reading Secrets Manager Random Password")?;
        object.set("random_password", answer.random_password());
        Ok(())
    }
}
