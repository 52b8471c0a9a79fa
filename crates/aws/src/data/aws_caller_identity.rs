//! `aws_caller_identity`: whose credentials are used.

use async_trait::async_trait;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::client::Caller;
use crate::connect::caller;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let Caller { account, arn, user_id } = match aws.caller() {
            known if !known.arn.is_empty() => known.clone(),
            _ => caller(aws).await.map_err(|error| crate::error::failure("reading STS Caller Identity", &error))?,
        };
        object.set("id", &account);
        object.set("account_id", account);
        object.set("arn", arn);
        object.set("user_id", user_id);
        Ok(())
    }
}
