//! Keeping autoscaling still: it would take tasks from the colour that has to be able to take the traffic back, and give
//! some to the one that is to have none.
//!
//! Nothing is remembered. All three kinds of scaling suspended is the mark of a release; only that is taken back. A target
//! of which somebody has suspended one or two kinds himself is left as it is. A colour that has been stopped stays
//! suspended until it is live again: the least count of its target would start it.
//!
//! Terraform sees no change in this, as long as the configuration has no `suspended_state` of its own: the block is
//! computed then.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace, SuspendedState};
use infra_provider::Failure;

use super::AwsFleet;
use super::members::Service;
use crate::error::Doing;

const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;

/// How much of a target is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    /// By somebody's own wish.
    Some,
    Everything,
}

impl AwsFleet {
    pub(super) async fn suspend_scaling(&self) -> Result<(), Failure> {
        for (service, target) in self.targets().await? {
            match held(&target) {
                Held::Nothing => self.suspend(service, true).await?,
                Held::Some => tracing::warn!(
                    service = service.name,
                    "a part of its scaling is suspended already; the release leaves that as it is"
                ),
                Held::Everything => {}
            }
        }
        Ok(())
    }

    pub(super) async fn resume_scaling(&self) -> Result<(), Failure> {
        for (service, target) in self.targets().await? {
            if held(&target) == Held::Everything && self.describe(service).await?.desired_count() > 0 {
                self.suspend(service, false).await?;
            }
        }
        Ok(())
    }

    /// The services that are scaled, with what is known of that.
    async fn targets(&self) -> Result<Vec<(&Service, ScalableTarget)>, Failure> {
        let services: Vec<&Service> = self.services.values().collect();
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .autoscaling
                .describe_scalable_targets()
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(DIMENSION)
                .set_resource_ids(Some(services.iter().map(|service| service.scalable()).collect()))
                .set_next_token(token);
            let answer = request.send().await.doing("reading what scales the services of the release")?;
            for target in answer.scalable_targets.unwrap_or_default() {
                let service = services.iter().find(|service| service.scalable() == target.resource_id());
                found.extend(service.map(|service| (*service, target)));
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn suspend(&self, service: &Service, suspended: bool) -> Result<(), Failure> {
        let state = SuspendedState::builder()
            .dynamic_scaling_in_suspended(suspended)
            .dynamic_scaling_out_suspended(suspended)
            .scheduled_scaling_suspended(suspended)
            .build();
        // What is not given stays: the least and the most count.
        let request = self
            .autoscaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(DIMENSION)
            .resource_id(service.scalable())
            .suspended_state(state);
        let what = if suspended { "suspending" } else { "resuming" };
        request.send().await.doing(format!("{what} the scaling of {}", service.name)).map(|_| ())
    }
}

fn held(target: &ScalableTarget) -> Held {
    let state = target.suspended_state();
    let flags = [
        state.and_then(SuspendedState::dynamic_scaling_in_suspended),
        state.and_then(SuspendedState::dynamic_scaling_out_suspended),
        state.and_then(SuspendedState::scheduled_scaling_suspended),
    ];
    match flags.iter().filter(|flag| **flag == Some(true)).count() {
        0 => Held::Nothing,
        3 => Held::Everything,
        _ => Held::Some,
    }
}
