//! What runs, as plain values that may be shown: no environment, no password.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// An ECS service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// `CLUSTER/NAME`
    pub name: String,
    /// How many tasks there should be.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are being started.
    pub pending: u32,
    /// The newest first, which is the primary; others are there while they have tasks.
    pub deployments: Vec<Deployment>,
    /// That of the primary deployment; `FAILED` also while the service goes back to the deployment before.
    pub rollout: Rollout,
    /// Why it is not as it should be: tasks that cannot start, or keep failing.
    pub reason: Option<String>,
}

/// A deployment: tasks of the same definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/` and a number.
    pub id: String,
    /// Whether it is the one that the service goes to (`PRIMARY`, otherwise `ACTIVE`).
    pub primary: bool,
    /// The task definition's ARN.
    pub definition: String,
    /// How many tasks it should have.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are being started.
    pub pending: u32,
    /// How many failed since it began.
    pub failed: u32,
    /// How far it is.
    pub rollout: Rollout,
    /// Why it is there.
    pub reason: Option<String>,
    /// When it began.
    pub created: SystemTime,
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rollout {
    /// New tasks are not all steady yet, or old ones are still there.
    InProgress,
    /// Has come to its end, once.
    Completed,
    /// Given up by the circuit breaker.
    Failed,
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rollout::InProgress => "IN_PROGRESS",
            Rollout::Completed => "COMPLETED",
            Rollout::Failed => "FAILED",
        })
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The service's ARN; empty for a one-off task.
    pub service: String,
    /// The task definition's ARN.
    pub definition: String,
    /// The images of its containers, in the order of the definition.
    pub images: Vec<String>,
    /// How far it is.
    pub state: TaskState,
    /// What its containers' health checks say.
    pub health: Health,
    /// Since when it is in this state.
    pub since: SystemTime,
    /// How many tasks of its deployment failed before it was started.
    pub restarts: u32,
    /// Where its container ports are reached.
    pub ports: BTreeMap<u16, SocketAddr>,
    /// Why it stops or stopped, or what it waits for.
    pub reason: Option<String>,
    /// The exit code of the container that ended it.
    pub exit_code: Option<i32>,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskState {
    /// Its containers are being started.
    Pending,
    /// All containers have been started.
    Running,
    /// To be stopped. A task of a balanced service finishes its requests first.
    Stopping,
    /// Gone. The last few of a service stay in the list.
    Stopped,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TaskState::Pending => "PENDING",
            TaskState::Running => "RUNNING",
            TaskState::Stopping => "STOPPING",
            TaskState::Stopped => "STOPPED",
        })
    }
}

/// What health checks say of a container or a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Health {
    /// There are no checks, or no verdict yet.
    Unknown,
    /// All essential containers with a check are healthy.
    Healthy,
    /// An essential container is not.
    Unhealthy,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Unknown => "UNKNOWN",
            Health::Healthy => "HEALTHY",
            Health::Unhealthy => "UNHEALTHY",
        })
    }
}

/// A database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// How it does.
    pub state: DatabaseState,
    /// The server's version, such as `16.3`.
    pub version: Option<String>,
    /// Where clients connect.
    pub address: Option<SocketAddr>,
    /// What is other than the configuration asks for: another version, parameters that were left out.
    pub notes: Vec<String>,
}

/// How a database does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseState {
    /// Being made, restored or started.
    Starting,
    /// Clients can connect.
    Available,
    /// Does not run, as asked.
    Stopped,
    /// Should run and does not. It is tried again.
    Failed {
        /// What is wrong.
        why: String,
    },
    /// No server can run on this machine.
    RecordedOnly {
        /// What is missing.
        why: String,
    },
}

/// What this machine can run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Engines {
    /// The Docker engine's version, or why it does not answer.
    pub docker: Result<String, String>,
    /// Where the engine is, or was looked for.
    pub docker_address: String,
    /// The PostgreSQL programs, newest first.
    pub postgres: Vec<PostgresPrograms>,
}

/// A folder with PostgreSQL's programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresPrograms {
    /// Has `postgres` and `initdb`.
    pub folder: PathBuf,
    /// Such as `16.3`.
    pub version: String,
}

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was read, as RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// `CLUSTER/NAME`; `database/NAME` for a database, empty for a one-off task.
    pub service: String,
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// Without the end of the line.
    pub text: String,
}
