//! `aws_ecs_cluster_capacity_providers`: which capacity providers a cluster has. It is one part of the cluster.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::types::CapacityProviderStrategyItem;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ecs;
use crate::error::Doing;
use crate::resource::ResourceType;
use crate::wait::retry;

const KIND: &str = "ECS Cluster Capacity Providers";
const STRATEGY: &str = "default_capacity_provider_strategy";
const NEW_CLUSTER: Duration = Duration::from_secs(30);

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = ecs::clusters(aws, objects.iter().map(|o| o.id().to_string()).collect()).await;
        found.fill(
            objects,
            |o| o.id(),
            |object, cluster| {
                object.set("cluster_name", cluster.cluster_name());
                object.set("capacity_providers", cluster.capacity_providers());
                let items = cluster.default_capacity_provider_strategy();
                object.set(STRATEGY, items.iter().map(ecs::strategy_item).collect::<Vec<_>>());
            },
        )
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("cluster_name").to_string();
        let (providers, strategy) = (object.strings("capacity_providers"), ecs::strategy(object, STRATEGY)?);
        // A cluster that was just made is not known everywhere.
        let unseen = |failure: &Failure| aws.lags() && failure.is(&["ClusterNotFoundException"]);
        retry(NEW_CLUSTER, unseen, || put(aws, &name, providers.clone(), strategy.clone())).await?;
        object.set("id", &*name);
        (cx.checkpoint)(object);
        ecs::wait_active(aws, &name, "update").await
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        // It is part of its cluster: what was done to that shows as what it is.
        let mut made = planned.clone();
        made.set("id", planned.str("cluster_name"));
        Ok(Some(vec![made]))
    }

    async fn update(
        &self,
        aws: &Aws,
        _prior: &Object,
        object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        let name = object.id();
        put(aws, name, object.strings("capacity_providers"), ecs::strategy(object, STRATEGY)?).await?;
        ecs::wait_active(aws, name, "update").await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.id();
        match put(aws, name, Vec::new(), Vec::new()).await {
            Err(failure) if failure.is(&["ClusterNotFoundException"]) => Ok(()),
            Err(failure) => Err(failure),
            Ok(()) => ecs::wait_active(aws, name, "update").await,
        }
    }
}

/// Overwrites all that the cluster has. Waits while the cluster is busy with another change.
async fn put(
    aws: &Aws,
    cluster: &str,
    providers: Vec<String>,
    strategy: Vec<CapacityProviderStrategyItem>,
) -> Result<(), Failure> {
    let busy = |failure: &Failure| {
        failure.is(&["ResourceInUseException", "UpdateInProgressException"])
            || (failure.is(&["ClientException"]) && failure.message.contains("Cluster was not ACTIVE"))
    };
    let request = aws
        .ecs()
        .put_cluster_capacity_providers()
        .cluster(cluster)
        .set_capacity_providers(Some(providers))
        .set_default_capacity_provider_strategy(Some(strategy));
    retry(ecs::CLUSTER_CHANGE, busy, || async {
        request.clone().send().await.doing(format!("updating {KIND} ({cluster})")).map(|_| ())
    })
    .await
}
