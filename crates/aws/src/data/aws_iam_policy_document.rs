//! `aws_iam_policy_document`: a policy document from blocks and other documents. Nobody is asked.

use async_trait::async_trait;
use infra_catalog::policy;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, _aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        policy::write_document(object)
    }
}
