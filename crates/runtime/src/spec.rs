//! What is to run, as plain values. Names and limits are those of ECS and RDS.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that is to run. Applied as a whole: what is missing from it is stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// ECS services, by ARN.
    pub services: BTreeMap<String, Service>,
    /// Databases, by DB instance identifier.
    pub databases: BTreeMap<String, Database>,
    /// Other servers on this machine's loopback that the environment of tasks may name, such as balancers' listeners.
    /// Together with the databases' addresses these are what containers can reach of the machine (see `addresses`).
    #[serde(default)]
    pub servers: BTreeSet<SocketAddr>,
}

/// An ECS service: so many tasks of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// `CLUSTER/NAME`, for logs and status.
    pub name: String,
    /// What each task is.
    pub task: Task,
    /// How many there should be.
    pub desired_count: u32,
    /// Least and most tasks while updating, in percent of the desired count (100 and 200 unless configured).
    pub minimum_healthy_percent: u32,
    /// See above.
    pub maximum_percent: u32,
    /// How long a new task's failing health, as a target and by its own checks, is overlooked.
    pub health_check_grace_period: Duration,
    /// Whether its tasks are targets of a balancer: then a task is steady only while its targets are healthy, and before
    /// it is told to stop, the balancer lets go of it (see `Runtime::set_target_health`).
    #[serde(default)]
    pub registered: bool,
    /// Stops a deployment whose tasks keep failing, and goes back to the last one that worked if the second is set.
    pub circuit_breaker: Option<bool>,
}

/// A task: containers that start and stop together. A change of any part makes a new deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The task definition's ARN (`…:task-definition/FAMILY:REVISION`).
    pub definition: String,
    /// Changes with `force_new_deployment`.
    pub generation: u64,
    /// Limits of the whole task: CPU units (1,024 are one CPU) and MiB. 0: none.
    pub cpu: u32,
    /// See above.
    pub memory: u32,
    /// In the order of the definition.
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Unique in the task.
    pub name: String,
    /// Image name with tag.
    pub image: String,
    /// The task stops when an essential container does.
    pub essential: bool,
    /// Replaces the image's own, if not empty.
    pub command: Vec<String>,
    /// Replaces the image's own, if not empty.
    pub entry_point: Vec<String>,
    /// Where the command starts.
    pub working_directory: Option<String>,
    /// User (and group).
    pub user: Option<String>,
    /// Plain values and secrets together. Secrets are resolved; never logged, never in a status.
    pub environment: BTreeMap<String, String>,
    /// Ports that the container listens on. Each task gets an address on loopback for each.
    pub ports: Vec<u16>,
    /// CPU units and MiB of this container. 0: none.
    pub cpu: u32,
    /// Hard limit in MiB.
    pub memory: u32,
    /// `CMD`/`CMD-SHELL …`: run inside the container.
    pub health_check: Option<ContainerHealthCheck>,
    /// Containers that have to be `START`ed, `COMPLETE`, `SUCCESS` or `HEALTHY` before: (name, condition).
    pub depends_on: Vec<(String, String)>,
    /// How long it has between SIGTERM and SIGKILL; 30 s unless configured.
    pub stop_timeout: Duration,
    /// Whether the root file system is read-only.
    pub read_only: bool,
}

/// A container's own health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerHealthCheck {
    /// With its leading `CMD` or `CMD-SHELL`.
    pub command: Vec<String>,
    /// Between two checks; 30 s unless configured.
    pub interval: Duration,
    /// For one; 5 s unless configured.
    pub timeout: Duration,
    /// Failures in a row that make it unhealthy; 3 unless configured.
    pub retries: u32,
    /// Failures in the beginning that do not count.
    pub start_period: Duration,
}

/// A PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// `16`, `16.3`: what the configuration asks for. What is on the machine may be another; the status says so.
    pub engine_version: String,
    /// Where clients connect: an address on loopback that was found free.
    pub bind: SocketAddr,
    /// The master user.
    pub username: String,
    /// The master user's password. Never logged, never in a status; set again when it changes.
    pub password: String,
    /// A database made at first start, if given.
    pub database: Option<String>,
    /// Server parameters from the parameter group. Those that PostgreSQL does not know (`rds.*`) are left out.
    pub parameters: BTreeMap<String, String>,
    /// A backup (file name under the data folder) that it starts from instead of empty, if given.
    pub restore_from: Option<String>,
    /// `stopped` databases keep their data and do not run.
    pub running: bool,
}
