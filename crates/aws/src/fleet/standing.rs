//! How a colour stands: its service's tasks and the health of its targets.
//!
//! ECS says that a deployment is complete, too. That is neither needed (the tasks of the wanted version and the health of
//! their targets say more) nor enough (it does not come back when they fail later). That it has failed ends a wait early.

use aws_sdk_ecs::types::{DesiredStatus, Service as Described, Task};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthReasonEnum, TargetHealthStateEnum};
use infra_provider::Failure;
use infra_provider::fleet::Standing;

use super::AwsFleet;
use super::members::{Service, is_same_definition};
use super::services::{is_failed, primary};
use crate::error::Doing;

/// How many tasks a call describes.
const TASKS_PER_CALL: usize = 100;

impl AwsFleet {
    pub(super) async fn stands(&self, colour: &str) -> Result<Standing, Failure> {
        let service = self.service(colour)?;
        let described = self.describe(service).await?;
        let definition = definition(&described);
        let all = count(described.running_count());
        let of_it = described.deployments().iter().filter(|d| d.task_definition() == Some(&*definition));
        let mut standing = Standing {
            definition: service.form(&definition),
            desired: count(described.desired_count()),
            running: of_it.map(|d| count(d.running_count())).sum(),
            ..Standing::default()
        };
        let counted: u32 = described.deployments().iter().map(|d| count(d.running_count())).sum();
        if standing.running < standing.desired && counted < all {
            // The counts contradict each other, as they do on emulators: tasks run that no deployment counts. So they
            // are asked themselves; where there are none to be asked, the service's own count is all that there is.
            standing.running = self.running(service, &definition).await?.unwrap_or(all);
        }
        let others = all.saturating_sub(standing.running);
        self.targets_of(colour, others, &mut standing).await?;
        standing.failed = match self.given_up(colour, &described) {
            Some(why) if standing.desired > 0 => Some(match self.last_end(service).await {
                Some(end) => format!("{why}. A task ended: {end}"),
                None => why,
            }),
            _ => None,
        };
        Ok(standing)
    }

    /// Counts the targets of a colour. Behind no balancer, a task that runs is as good as healthy. `others` are tasks of
    /// the version before: their targets are healthy too, until they are gone.
    async fn targets_of(&self, colour: &str, others: u32, standing: &mut Standing) -> Result<(), Failure> {
        let mut targets = Vec::new();
        for group in self.groups_of(colour) {
            let answer = self.elb.describe_target_health().target_group_arn(&group).send().await;
            let answer = answer.doing(format!("reading the health of the targets of {colour}"))?;
            let mut healthy = 0_u32;
            for target in answer.target_health_descriptions() {
                let Some(health) = target.target_health() else { continue };
                match place(health.state(), health.reason()) {
                    Place::Healthy => healthy += 1,
                    Place::Initial => standing.initial += 1,
                    Place::Unhealthy => standing.unhealthy += 1,
                    Place::Draining => standing.draining += 1,
                    Place::Nowhere => {}
                }
            }
            targets.push(healthy.saturating_sub(others));
        }
        standing.healthy = targets.into_iter().min().unwrap_or(standing.running);
        Ok(())
    }

    /// Why ECS will not run what it was told to.
    fn given_up(&self, colour: &str, described: &Described) -> Option<String> {
        let (has, told) = (definition(described), self.seen().told.get(colour).cloned());
        if let Some(told) = told.filter(|told| !is_same_definition(told, &has)) {
            return Some(format!("the service was told to run {told}, and ECS runs {has}"));
        }
        let deployment = primary(described)?;
        if is_failed(deployment) {
            let reason = deployment.rollout_state_reason().unwrap_or("the deployment failed");
            return Some(reason.trim_end_matches('.').to_string());
        }
        let failed = count(deployment.failed_tasks());
        (failed >= too_many(count(deployment.desired_count()))).then(|| format!("{failed} tasks in a row have failed"))
    }

    /// How many tasks of a version run, by asking each task. `None` where no task is known.
    async fn running(&self, service: &Service, definition: &str) -> Result<Option<u32>, Failure> {
        let tasks = self.tasks(service, DesiredStatus::Running).await?;
        let runs = |task: &&Task| {
            task.last_status() == Some("RUNNING")
                && task.task_definition_arn().is_some_and(|has| is_same_definition(has, definition))
        };
        let count = u32::try_from(tasks.iter().filter(runs).count()).unwrap_or(u32::MAX);
        Ok((!tasks.is_empty()).then_some(count))
    }

    /// How the task that ended last did so, as far as that can be found out.
    async fn last_end(&self, service: &Service) -> Option<String> {
        let tasks = self.tasks(service, DesiredStatus::Stopped).await.ok()?;
        let last = tasks.into_iter().max_by_key(|task| task.stopped_at().map(aws_smithy_types::DateTime::secs))?;
        Some(super::tasks::end(&last, None)).filter(|end| !end.is_empty())
    }

    async fn tasks(&self, service: &Service, status: DesiredStatus) -> Result<Vec<Task>, Failure> {
        let doing = || format!("reading the tasks of {}", service.name);
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self.ecs.list_tasks().cluster(&service.cluster).service_name(&service.name);
            let request = request.desired_status(status.clone()).set_next_token(token);
            let answer = request.send().await.doing(doing())?;
            for arns in answer.task_arns().chunks(TASKS_PER_CALL) {
                let request = self.ecs.describe_tasks().cluster(&service.cluster).set_tasks(Some(arns.to_vec()));
                found.extend(request.send().await.doing(doing())?.tasks.unwrap_or_default());
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// The version that a service is to run: that of its newest deployment.
pub(super) fn definition(service: &Described) -> String {
    let newest = || primary(service).and_then(|deployment| deployment.task_definition());
    service.task_definition().or_else(newest).unwrap_or_default().to_string()
}

/// How many failures in a row end a deployment: as ECS itself counts for its circuit breaker, on or not.
fn too_many(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// How a target is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Healthy,
    Initial,
    Unhealthy,
    Draining,
    /// Not one of the colour's tasks, or not any more.
    Nowhere,
}

fn place(state: Option<&TargetHealthStateEnum>, reason: Option<&TargetHealthReasonEnum>) -> Place {
    match state {
        Some(TargetHealthStateEnum::Healthy) => Place::Healthy,
        Some(TargetHealthStateEnum::Initial) => Place::Initial,
        Some(TargetHealthStateEnum::Unhealthy) => Place::Unhealthy,
        Some(TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining) => Place::Draining,
        // No checks are made of it: that it is there is all that can be known.
        Some(TargetHealthStateEnum::Unavailable) if reason == Some(&TargetHealthReasonEnum::HealthCheckDisabled) => {
            Place::Healthy
        }
        Some(TargetHealthStateEnum::Unavailable) => Place::Initial,
        _ => Place::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_leave_or_are_in_no_use_are_not_counted_as_the_colours() {
        let disabled = TargetHealthReasonEnum::HealthCheckDisabled;
        for (state, reason, wanted) in [
            ("healthy", None, Place::Healthy),
            ("initial", None, Place::Initial),
            ("unhealthy", None, Place::Unhealthy),
            ("draining", None, Place::Draining),
            ("unhealthy.draining", None, Place::Draining),
            ("unused", None, Place::Nowhere),
            ("unavailable", Some(&disabled), Place::Healthy),
            ("unavailable", None, Place::Initial),
        ] {
            assert_eq!(place(Some(&TargetHealthStateEnum::from(state)), reason), wanted, "{state}");
        }
    }

    #[test]
    fn as_many_failures_end_a_deployment_as_ecs_says() {
        for (desired, wanted) in [(1, 3), (6, 3), (25, 13), (400, 200), (1000, 200)] {
            assert_eq!(too_many(desired), wanted);
        }
    }
}
