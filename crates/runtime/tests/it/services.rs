//! Services of the sample image as processes.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use futures::StreamExt;
use infra_runtime::spec::ContainerHealthCheck;
use infra_runtime::{Health, Rollout, Runtime, Spec, TaskState};

use crate::{WEB, answer, container, get, in_state, service, spec, start, task, until};

/// An image name that no engine has: the sample image is a process.
const TAG: &str = "infra/hello:only-as-a-process";

fn sample() -> infra_runtime::spec::Container {
    infra_runtime::spec::Container { image: TAG.into(), ..container("app") }
}

async fn completed(runtime: &Runtime) {
    until(runtime, "completed", || (runtime.services()[WEB].rollout == Rollout::Completed).then_some(())).await;
}

/// The process that listens for a task.
fn process(data: &std::path::Path, task: &str) -> u32 {
    let text = std::fs::read_to_string(data.join(format!("local/run/{task}-app.pid"))).expect("remembered");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json["id"].as_u64().expect("a number") as u32
}

fn runs(id: u32) -> bool {
    Command::new("kill")
        .args(["-0", &id.to_string()])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn desired_tasks_run_answer_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    runtime.apply(spec(service(2, task(vec![sample()])))).await;
    assert_eq!(runtime.services()[WEB].rollout, Rollout::InProgress);
    completed(&runtime).await;
    let tasks = in_state(&runtime, TaskState::Running);
    assert_eq!(tasks.len(), 2);
    let mut ids = Vec::new();
    for task in &tasks {
        let body: serde_json::Value = serde_json::from_str(&answer(task).await).expect("JSON");
        assert_eq!(body, serde_json::json!({"version": "only-as-a-process", "colour": "blue", "task": task.id}));
        assert_eq!(get(task, "/health").await.map(|a| a.0), Some(200));
        ids.push(process(folder.path(), &task.id));
    }
    let lines: Vec<_> = runtime.logs(Some("web"), false).await.collect().await;
    assert!(
        lines.iter().all(|l| l.service == "main/web" && l.container == "app" && l.text.contains("listens on")),
        "{lines:?}"
    );
    runtime.shutdown(false).await;
    assert!(ids.iter().all(|id| !runs(*id)));
    let left: Vec<_> = std::fs::read_dir(folder.path().join("local")).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_task_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    runtime.apply(spec(service(1, task(vec![sample()])))).await;
    completed(&runtime).await;
    let first = in_state(&runtime, TaskState::Running).remove(0);
    assert!(
        Command::new("kill")
            .args(["-9", &process(folder.path(), &first.id).to_string()])
            .status()
            .expect("kill")
            .success()
    );
    let second =
        until(&runtime, "replaced", || in_state(&runtime, TaskState::Running).into_iter().find(|t| t.id != first.id))
            .await;
    assert_eq!(second.restarts, 1);
    let stopped = in_state(&runtime, TaskState::Stopped).remove(0);
    assert_eq!((stopped.id, stopped.exit_code), (first.id, Some(137)));
    answer(&second).await;
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_starts_new_tasks_first_and_waits_for_balancers() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    let version = |generation: u64| {
        let mut service = service(1, task(vec![sample()]));
        service.task.generation = generation;
        service.registered = true;
        spec(service)
    };
    runtime.apply(version(1)).await;
    let old = until(&runtime, "running", || in_state(&runtime, TaskState::Running).pop()).await;
    assert_eq!(runtime.services()[WEB].rollout, Rollout::InProgress);
    runtime.set_target_health(BTreeMap::from([(old.id.clone(), true)]));
    completed(&runtime).await;

    runtime.apply(version(2)).await;
    let new =
        until(&runtime, "new", || in_state(&runtime, TaskState::Running).into_iter().find(|t| t.id != old.id)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        in_state(&runtime, TaskState::Running).len(),
        2,
        "the old one stays until the new one is a healthy target"
    );
    runtime.set_target_health(BTreeMap::from([(old.id.clone(), true), (new.id.clone(), true)]));
    until(&runtime, "stopping", || in_state(&runtime, TaskState::Stopping).pop()).await;
    completed(&runtime).await;
    answer(&old).await;
    runtime.set_target_health(BTreeMap::from([(new.id.clone(), true)]));
    until(&runtime, "stopped", || in_state(&runtime, TaskState::Stopped).into_iter().find(|t| t.id == old.id)).await;
    let status = runtime.services()[WEB].clone();
    assert_eq!((status.running, status.deployments.len(), status.rollout), (1, 1, Rollout::Completed));
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_circuit_breaker_goes_back_to_what_worked() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    let mut works = service(1, task(vec![sample()]));
    works.circuit_breaker = Some(true);
    runtime.apply(spec(works.clone())).await;
    completed(&runtime).await;
    let first = in_state(&runtime, TaskState::Running).remove(0);
    let mut broken = works.clone();
    broken.task.definition = broken.task.definition.replace(":1", ":2");
    broken.task.containers[0].command = vec!["exit".into(), "3".into()];
    runtime.apply(spec(broken.clone())).await;
    let status =
        until(&runtime, "given up", || Some(runtime.services()[WEB].clone()).filter(|s| s.rollout == Rollout::Failed))
            .await;
    let reason = status.reason.unwrap_or_default();
    assert!(
        reason.contains("exit code 3") && reason.contains("going back to") && reason.ends_with("web:1"),
        "{reason}"
    );
    assert_eq!(in_state(&runtime, TaskState::Running).remove(0).id, first.id, "the one that worked was never touched");
    runtime.apply(spec(broken)).await;
    assert_eq!(runtime.services()[WEB].rollout, Rollout::Failed, "the same again is not tried again");
    runtime.apply(spec(works)).await;
    completed(&runtime).await;
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_start_in_order_and_health_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    let mut first = sample();
    first.name = "migrate".into();
    first.essential = false;
    first.command = vec!["sleep".into(), "0.3".into()];
    first.ports.clear();
    let mut app = sample();
    app.depends_on = vec![("migrate".into(), "SUCCESS".into())];
    app.health_check = Some(ContainerHealthCheck {
        command: vec!["CMD-SHELL".into(), "curl -f http://localhost:8080/health || exit 1".into()],
        interval: Duration::from_millis(200),
        timeout: Duration::from_secs(2),
        retries: 2,
        start_period: Duration::ZERO,
    });
    runtime.apply(spec(service(1, task(vec![app.clone(), first])))).await;
    completed(&runtime).await;
    let healthy = in_state(&runtime, TaskState::Running).remove(0);
    assert_eq!(healthy.health, Health::Healthy);

    app.depends_on.clear();
    app.environment.insert("UNHEALTHY".into(), "true".into());
    runtime.apply(spec(service(1, task(vec![app])))).await;
    let sick = until(&runtime, "sick", || in_state(&runtime, TaskState::Stopped).pop()).await;
    assert_eq!(sick.reason.as_deref(), Some("failed its container health checks"));
    assert!(in_state(&runtime, TaskState::Running).iter().any(|t| t.id == healthy.id), "the healthy one stays");
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_off_tasks_end_once_for_each_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    let exit = |code: &str| {
        let mut container = sample();
        container.command = vec!["exit".into(), code.into()];
        task(vec![container])
    };
    let (first, second) = tokio::join!(runtime.run_task("a", exit("7")), runtime.run_task("a", exit("8")));
    assert_eq!((first, second), (Ok(7), Ok(7)));
    assert_eq!(runtime.tasks().len(), 1);
    runtime.shutdown(true).await;
    drop(runtime);
    let runtime = start(folder.path()).await;
    assert_eq!(runtime.run_task("a", exit("9")).await, Ok(7), "also for the next supervisor");
    assert_eq!(runtime.run_task("b", exit("0")).await, Ok(0));
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_from_the_specification_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    runtime.apply(spec(service(1, task(vec![sample()])))).await;
    completed(&runtime).await;
    runtime.apply(Spec::default()).await;
    until(&runtime, "gone", || runtime.tasks().is_empty().then_some(())).await;
    assert!(runtime.services().is_empty());
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_runtime_takes_its_processes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    runtime.apply(spec(service(1, task(vec![sample()])))).await;
    completed(&runtime).await;
    let id = process(folder.path(), &in_state(&runtime, TaskState::Running).remove(0).id);
    drop(runtime);
    for _ in 0..600 {
        if !runs(id) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} still runs");
}
