//! The one-off task of a release: started once for its token, waited for, and judged by its exit code.

use std::time::Duration;

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{
    Container, ContainerOverride, Failure as Refusal, LaunchType, PropagateTags, Service as Described, Task,
    TaskOverride,
};
use infra_provider::Failure;
use infra_provider::fleet::TaskEnd;
use tokio::time::{Instant, sleep};

use super::AwsFleet;
use super::members::Service;
use crate::error::Doing;

const BETWEEN_LOOKS: Duration = Duration::from_secs(3);
/// How long a new task may be missing from what ECS says.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);
/// What the API takes as the name of who started a task.
const STARTED_BY: usize = 128;

impl AwsFleet {
    pub(super) async fn run_once(&self, token: &str, definition: &str, command: &[String]) -> Result<TaskEnd, Failure> {
        let service = self.idle().await?;
        let container = self.main_container(service, definition).await?;
        let request = self.request(&self.describe(service).await?, service, definition)?;
        let request = request.client_token(token).started_by(started_by(token));
        let request = match command {
            [] => request,
            command => request.overrides(
                TaskOverride::builder()
                    .container_overrides(
                        ContainerOverride::builder().name(&container).set_command(Some(command.to_vec())).build(),
                    )
                    .build(),
            ),
        };
        let task = match request.send().await {
            // Started before with the same token, by a run that was cut off; what it was asked for differed a little.
            Err(error) if known_tasks(&error).is_some() => known_tasks(&error).unwrap_or_default(),
            answer => started(answer.doing(format!("running a task of {definition}"))?)?,
        };
        let ended = self.ended(service, &task).await?;
        let main = ended.containers().iter().find(|c| c.name() == Some(container.as_str()));
        Ok(TaskEnd { task, exit_code: main.and_then(Container::exit_code), reason: end(&ended, main) })
    }

    /// Ends the task of a token, wherever it is by now.
    pub(super) async fn stop_once(&self, token: &str) -> Result<(), Failure> {
        let Some(service) = self.services.values().next() else { return Ok(()) };
        let request = self.ecs.list_tasks().cluster(&service.cluster).started_by(started_by(token));
        let found = request.send().await.doing("finding the task of the release")?;
        for arn in found.task_arns() {
            let request = self.ecs.stop_task().cluster(&service.cluster).task(arn).reason("the release is taken back");
            request.send().await.doing(format!("stopping the task {arn}"))?;
        }
        Ok(())
    }

    /// The service of the colour that has no requests: its network is the task's.
    async fn idle(&self) -> Result<&Service, Failure> {
        let none = || Failure::new("running a task", "the release has no service");
        if self.traffic.is_none() {
            return self.services.values().next().ok_or_else(none);
        }
        let weights = self.present_weights().await?;
        let idle = weights.iter().min_by_key(|(_, weight)| **weight).map(|(colour, _)| colour.as_str());
        self.service(idle.unwrap_or_default())
    }

    /// The container whose command is replaced and whose end counts: the one that gets the service's requests, or else
    /// the first that the task cannot do without.
    async fn main_container(&self, service: &Service, definition: &str) -> Result<String, Failure> {
        let request = self.ecs.describe_task_definition().task_definition(definition);
        let answer = request.send().await.doing(format!("reading the task definition {definition}"))?;
        let containers = answer.task_definition.and_then(|found| found.container_definitions).unwrap_or_default();
        let named = containers.iter().find(|c| c.name().is_some() && c.name() == service.container.as_deref());
        let first = || containers.iter().find(|c| c.essential() != Some(false));
        let main = named.or_else(first).and_then(|c| c.name());
        let none = || Failure::new(format!("running a task of {definition}"), "it has no essential container");
        main.map(str::to_string).ok_or_else(none)
    }

    /// A task where the service's own tasks run. What it does not say, the task would not have: ECS gives it nothing of
    /// the service.
    fn request(
        &self,
        described: &Described,
        service: &Service,
        definition: &str,
    ) -> Result<RunTaskFluentBuilder, Failure> {
        let strategy = described.capacity_provider_strategy().to_vec();
        let launch_type = described.launch_type().cloned().filter(|_| strategy.is_empty());
        let platform = described.platform_version().filter(|_| launch_type != Some(LaunchType::Ec2));
        let tags = described.propagate_tags().is_some_and(|tags| *tags != PropagateTags::None);
        let network = described.network_configuration().filter(|n| n.awsvpc_configuration().is_some());
        Ok(self
            .ecs
            .run_task()
            .cluster(&service.cluster)
            .task_definition(definition)
            .count(1)
            .set_capacity_provider_strategy(Some(strategy).filter(|items| !items.is_empty()))
            .set_launch_type(launch_type)
            .set_platform_version(platform.map(str::to_string))
            .set_propagate_tags(tags.then_some(PropagateTags::TaskDefinition))
            .set_network_configuration(network.cloned()))
    }

    async fn ended(&self, service: &Service, arn: &str) -> Result<Task, Failure> {
        let doing = || format!("waiting for the task {arn}");
        let mut seen = Instant::now();
        loop {
            let request = self.ecs.describe_tasks().cluster(&service.cluster).tasks(arn);
            let answer = request.send().await.doing(doing())?;
            match answer.tasks.unwrap_or_default().into_iter().next() {
                Some(task) if task.last_status() == Some("STOPPED") => return Ok(task),
                Some(_) => seen = Instant::now(),
                None if seen.elapsed() < SHOWN_WITHIN => {}
                None => {
                    let why = "ECS does not know it (any more). How it ended cannot be found out.";
                    return Err(Failure::new(doing(), why));
                }
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }
}

/// The task that was started, or why none was: ECS answers well in both cases.
fn started(answer: aws_sdk_ecs::operation::run_task::RunTaskOutput) -> Result<String, Failure> {
    let task = answer.tasks().first().and_then(Task::task_arn);
    let why = || {
        let refusals: Vec<String> = answer.failures().iter().map(refusal).collect();
        Failure::new("running a task", format!("ECS started none: {}", refusals.join("; ")))
    };
    task.map(str::to_string).ok_or_else(why)
}

fn refusal(failure: &Refusal) -> String {
    let parts = [failure.reason(), failure.detail()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The task that a token stands for already.
fn known_tasks<R>(error: &aws_smithy_runtime_api::client::result::SdkError<RunTaskError, R>) -> Option<String> {
    match error.as_service_error() {
        Some(RunTaskError::ConflictException(conflict)) => conflict.resource_ids().first().cloned(),
        _ => None,
    }
}

/// How a task ended, for people: what ECS says of it, and of the container that matters (or else of each).
pub(super) fn end(task: &Task, main: Option<&Container>) -> String {
    let containers = match main {
        Some(main) => std::slice::from_ref(main),
        None => task.containers(),
    };
    let exit = |c: &Container| match (c.exit_code(), c.reason()) {
        (Some(0) | None, None) => None,
        (Some(code), None) => Some(format!("{} exited with {code}", c.name().unwrap_or_default())),
        (_, Some(reason)) => Some(reason.to_string()),
    };
    let said = task.stopped_reason().map(str::to_string);
    let all: Vec<String> = said.into_iter().chain(containers.iter().filter_map(exit)).collect();
    all.join("; ")
}

/// A token in the characters that the API takes.
fn started_by(token: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
    format!("infra/{token}").chars().filter(allowed).take(STARTED_BY).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::run_task::RunTaskOutput;

    use super::*;

    #[test]
    fn an_answer_without_a_task_is_a_failure_whatever_its_status() {
        let refused = Refusal::builder().reason("RESOURCE:ENI").detail("subnet-1 is full").build();
        let none = started(RunTaskOutput::builder().failures(refused).build());
        let message = none.map_err(|failure| failure.message);
        assert_eq!(message, Err("ECS started none: RESOURCE:ENI, subnet-1 is full".to_string()));
        let task = Task::builder().task_arn("arn:t").build();
        assert_eq!(started(RunTaskOutput::builder().tasks(task).build()), Ok("arn:t".to_string()));
    }

    #[test]
    fn the_end_of_a_task_says_what_ecs_and_its_container_say() {
        let container = |code: Option<i32>, reason: Option<&str>| {
            Container::builder().name("api").set_exit_code(code).set_reason(reason.map(str::to_string)).build()
        };
        let stopped = "Essential container in task exited";
        for (code, reason, wanted) in [
            (Some(0), None, stopped.to_string()),
            (Some(3), None, format!("{stopped}; api exited with 3")),
            (Some(137), Some("OutOfMemoryError"), format!("{stopped}; OutOfMemoryError")),
            (None, Some("CannotPullContainerError"), format!("{stopped}; CannotPullContainerError")),
        ] {
            let main = container(code, reason);
            let task = Task::builder().stopped_reason(stopped).containers(main.clone()).build();
            assert_eq!(end(&task, Some(&main)), wanted);
            assert_eq!(end(&task, None), wanted);
        }
    }

    #[test]
    fn who_started_a_task_is_written_in_the_characters_that_ecs_takes() {
        assert_eq!(started_by("0af-before shift!"), "infra/0af-beforeshift");
        assert_eq!(started_by(&"x".repeat(200)).len(), STARTED_BY);
    }
}
