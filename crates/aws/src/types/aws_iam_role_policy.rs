//! `aws_iam_role_policy`: an inline policy of a role.

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace, policy};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::error::{Doing, ignoring};
use crate::iam::{self, BUSY, Fact, GONE, PROPAGATION};
use crate::ids;
use crate::resource::ResourceType;
use crate::wait::retry_on;

pub(crate) struct Api;

/// How many policies are asked for at the same time where a list is in doubt.
const AT_ONCE: usize = 8;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let key = |object: &Object| {
            let (role, name) = names(object);
            iam::inline_key(&role, &name)
        };
        let facts = &iam::facts(aws, objects.iter().map(key).collect()).await;
        let reads = objects.into_iter().map(|object| async move {
            let Some(Fact::InlinePolicy(document)) = facts.get(&key(&object))? else { return Ok(None) };
            let found = filled(object.clone(), document);
            // The account's list lags behind: a document that is not the known one is asked for.
            let in_doubt = aws.lags() && found.str("policy") != object.str("policy");
            if in_doubt { self.read_new(aws, object).await } else { Ok(Some(found)) }
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn read_new(&self, aws: &Aws, object: Object) -> Result<Option<Object>, Failure> {
        let (role, name) = names(&object);
        let document = iam::inline_policy(aws.iam(), &role, &name).await?;
        Ok(document.map(|document| filled(object, &document)))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let role = object.str("role").to_string();
        put(aws, &role, &name, object.str("policy")).await?;
        object.set("id", format!("{role}:{name}"));
        object.set("name", name);
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = ids::name(planned.str("name"), planned.str("name_prefix"), &trace.token);
        made.set("id", format!("{}:{name}", planned.str("role")));
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(
        &self,
        aws: &Aws,
        _prior: &Object,
        object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        let (role, name) = names(object);
        put(aws, &role, &name, object.str("policy")).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let (role, name) = names(object);
        let doing = format!("deleting IAM Role Policy ({role}:{name})");
        let call =
            || async { aws.iam().delete_role_policy().role_name(&role).policy_name(&name).send().await.doing(&doing) };
        ignoring(retry_on(PROPAGATION, BUSY, call).await, GONE)
    }
}

/// The role and the policy that the id names.
fn names(object: &Object) -> (String, String) {
    let (role, name) = object.id().split_once(':').unwrap_or((object.str("role"), object.str("name")));
    (role.to_string(), name.to_string())
}

fn filled(mut object: Object, document: &str) -> Object {
    let (role, name) = names(&object);
    object.set("policy", policy::legacy_to_store(object.str("policy"), document));
    object.set("name_prefix", ids::prefix_of(&name));
    object.set("name", name);
    object.set("role", role);
    object
}

async fn put(aws: &Aws, role: &str, name: &str, document: &str) -> Result<(), Failure> {
    let call = aws.iam().put_role_policy().role_name(role).policy_name(name);
    let call = call.policy_document(policy::legacy_form(document));
    let doing = format!("putting IAM Role Policy ({role}:{name})");
    iam::change(aws, || async { call.clone().send().await.doing(&doing) }).await.map(drop)
}
