//! Starting and stopping a colour's service.

use std::time::Duration;

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service as Described};
use infra_provider::Failure;

use super::AwsFleet;
use super::members::{Service, is_same_definition};
use super::standing::definition as definition_of;
use crate::error::Doing;
use crate::types::aws_ecs_service::{NEEDS, needs_time};
use crate::wait::{Seen, Wait, retry};

/// How long ECS may take to show what it was just told.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

impl AwsFleet {
    /// A service as ECS has it.
    pub(super) async fn describe(&self, service: &Service) -> Result<Described, Failure> {
        let doing = || format!("reading the service {}", service.name);
        let request = self.ecs.describe_services().cluster(&service.cluster).services(&service.arn);
        let answer = request.send().await.doing(doing())?;
        let found = answer.services.unwrap_or_default().into_iter().find(|found| found.status() == Some("ACTIVE"));
        found.ok_or_else(|| Failure::new(doing(), "there is no such service"))
    }

    pub(super) async fn start_service(&self, colour: &str, definition: &str, count: u32) -> Result<(), Failure> {
        let service = self.service(colour)?;
        let doing = || format!("starting {colour}");
        let before = self.describe(service).await?;
        let same = is_same_definition(&definition_of(&before), definition);
        // A deployment that ECS has given up is not taken up again for the same version, unless that is asked for.
        let given_up = same && primary(&before).is_some_and(is_failed);
        // A version that the service has already is not named: it may have been deregistered since, and is still good
        // for the service that has it.
        let named = (!same || given_up).then(|| definition.to_string());
        let request = self
            .ecs
            .update_service()
            .cluster(&service.cluster)
            .service(&service.arn)
            .set_task_definition(named)
            .desired_count(i32::try_from(count).unwrap_or(i32::MAX))
            .set_force_new_deployment(given_up.then_some(true));
        retry(NEEDS, needs_time, || async { request.clone().send().await.doing(doing()) }).await?;
        self.seen().told.insert(colour.to_string(), definition.to_string());
        // What was there before is not to be taken for how the new version stands.
        let wait = Wait::new(format!("waiting for {} to be told its version", service.name), SHOWN_WITHIN);
        let failed = primary(&before).filter(|_| given_up).and_then(Deployment::id);
        wait.until(|| async {
            let now = self.describe(service).await?;
            let anew = failed.is_none() || primary(&now).and_then(Deployment::id) != failed;
            let told = is_same_definition(&definition_of(&now), definition) && anew;
            Ok(if told { Seen::Target(()) } else { Seen::Pending("the version before".to_string()) })
        })
        .await
    }

    pub(super) async fn stop_service(&self, colour: &str) -> Result<(), Failure> {
        let service = self.service(colour)?;
        let request = self.ecs.update_service().cluster(&service.cluster).service(&service.arn).desired_count(0);
        request.send().await.doing(format!("stopping {colour}")).map(|_| ())
    }
}

/// The newest deployment of a service.
pub(super) fn primary(service: &Described) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// Whether ECS has given a deployment up.
pub(super) fn is_failed(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Failed)
}
