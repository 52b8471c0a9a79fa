//! `aws_iam_role_policy_attachment`: a managed policy of a role.

use async_trait::async_trait;
use futures::future::join_all;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::{Doing, ignoring};
use crate::iam::{self, BUSY, Fact, GONE, PROPAGATION};
use crate::resource::ResourceType;
use crate::wait::retry_on;

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let facts = iam::facts(aws, objects.iter().map(|o| iam::attached_key(o.str("role"))).collect()).await;
        join_all(objects.into_iter().map(|object| async {
            let listed = match facts.get(&iam::attached_key(object.str("role")))? {
                Some(Fact::Attached(arns)) => arns.iter().any(|arn| arn == object.str("policy_arn")),
                _ => return Ok(None),
            };
            // The account's list may lag behind.
            if listed { Ok(Some(object)) } else { self.read_new(aws, object).await }
        }))
        .await
    }

    async fn read_new(&self, aws: &Aws, object: Object) -> Result<Option<Object>, Failure> {
        let arns = iam::attached(aws.iam(), object.str("role")).await?;
        let is_attached = arns.is_some_and(|arns| arns.iter().any(|arn| arn == object.str("policy_arn")));
        Ok(is_attached.then_some(object))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (role, arn) = (object.str("role").to_string(), object.str("policy_arn").to_string());
        let doing = format!("attaching IAM Policy ({arn}) to IAM Role ({role})");
        let call =
            || async { aws.iam().attach_role_policy().role_name(&role).policy_arn(&arn).send().await.doing(&doing) };
        iam::change(aws, call).await?;
        object.set("id", crate::ids::made(&format!("{role}-"), &cx.token));
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", crate::ids::made(&format!("{}-", planned.str("role")), &trace.token));
        Ok(Some(vec![made]))
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let (role, arn) = (object.str("role"), object.str("policy_arn"));
        let doing = format!("detaching IAM Policy ({arn}) from IAM Role ({role})");
        let call =
            || async { aws.iam().detach_role_policy().role_name(role).policy_arn(arn).send().await.doing(&doing) };
        ignoring(retry_on(PROPAGATION, BUSY, call).await, GONE)
    }
}
