//! The runtime with real processes, containers and servers.

mod databases;
mod docker;
mod hello;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infra_runtime::spec::{Container, Service, Task};
use infra_runtime::{Runtime, Settings, Spec, TaskState, TaskStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The ARN of the service in these tests.
pub(crate) const WEB: &str = "arn:aws:ecs:eu-west-1:000000000000:service/main/web";

/// How long anything may take before a test gives up.
const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn start(folder: &Path) -> Runtime {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_infra-runtime-hello"));
    let settings = Settings { data_dir: folder.join("local"), program, project: folder.display().to_string() };
    Runtime::start(settings).await.expect("the runtime starts")
}

/// A container of the sample image that listens on port 8080.
pub(crate) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        image: "infra/hello:v1".into(),
        essential: true,
        command: Vec::new(),
        entry_point: Vec::new(),
        working_directory: None,
        user: None,
        environment: BTreeMap::from([("COLOUR".into(), "blue".into())]),
        ports: vec![8080],
        cpu: 0,
        memory: 0,
        health_check: None,
        depends_on: Vec::new(),
        stop_timeout: Duration::from_secs(10),
        read_only: false,
    }
}

pub(crate) fn task(containers: Vec<Container>) -> Task {
    Task {
        definition: "arn:aws:ecs:eu-west-1:000000000000:task-definition/web:1".into(),
        generation: 0,
        cpu: 0,
        memory: 0,
        containers,
    }
}

pub(crate) fn service(desired_count: u32, task: Task) -> Service {
    Service {
        name: "main/web".into(),
        task,
        desired_count,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        health_check_grace_period: Duration::ZERO,
        registered: false,
        circuit_breaker: None,
    }
}

pub(crate) fn spec(service: Service) -> Spec {
    Spec { services: BTreeMap::from([(WEB.to_string(), service)]), ..Spec::default() }
}

/// Waits until something is so.
pub(crate) async fn until<T>(runtime: &Runtime, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut changed = runtime.changed();
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            let _ = tokio::time::timeout(Duration::from_millis(50), changed.changed()).await;
        }
    };
    match tokio::time::timeout(LONG, looking).await {
        Ok(found) => found,
        Err(_) => panic!("{what}: {:#?} {:#?} {:#?}", runtime.services(), runtime.tasks(), runtime.databases()),
    }
}

pub(crate) fn in_state(runtime: &Runtime, state: TaskState) -> Vec<TaskStatus> {
    runtime.tasks().into_iter().filter(|task| task.state == state).collect()
}

/// What a task answers on its port 8080: status and body.
pub(crate) async fn get(task: &TaskStatus, path: &str) -> Option<(u16, String)> {
    let mut stream = tokio::net::TcpStream::connect(task.ports.get(&8080)?).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    let status = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, text.split_once("\r\n\r\n")?.1.to_string()))
}

/// Waits until a task answers.
pub(crate) async fn answer(task: &TaskStatus) -> String {
    for _ in 0..600 {
        if let Some((200, body)) = get(task, "/").await {
            return body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no answer from {task:?}")
}
