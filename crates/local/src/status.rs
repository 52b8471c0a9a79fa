//! What runs on this machine for a project, as `infra local status` shows it.

use serde::{Deserialize, Serialize};

/// What runs. Holds no environment and no password.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The supervisor; `None` if none runs.
    pub supervisor: Option<Supervisor>,
    /// Balancers and where they listen.
    pub listeners: Vec<Listener>,
    /// Target groups with their targets.
    pub target_groups: Vec<TargetGroup>,
    /// ECS services.
    pub services: Vec<Service>,
    /// Databases.
    pub databases: Vec<Database>,
    /// How many objects are recorded.
    pub recorded: usize,
    /// What does not work here, or works otherwise than on AWS.
    pub notes: Vec<String>,
}

/// The process that keeps everything running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    /// Its process id.
    pub pid: u32,
    /// For how long, in seconds.
    pub up_seconds: u64,
}

/// A listener of a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// The balancer's name.
    pub balancer: String,
    /// The port that the configuration asks for.
    pub port: u16,
    /// Where it is reached: `http://localhost:8080`.
    pub url: String,
    /// Why it does not listen, if it does not.
    pub problem: Option<String>,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Healthy targets.
    pub healthy: usize,
    /// All targets.
    pub targets: usize,
    /// Requests since the supervisor started.
    pub requests: u64,
    /// Of these, answered with 5xx or not at all.
    pub failed: u64,
}

/// An ECS service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// `CLUSTER/NAME`
    pub name: String,
    /// `FAMILY:REVISION`
    pub definition: String,
    /// How many tasks there should be.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`
    pub rollout: String,
    /// Why it is not as it should be.
    pub problem: Option<String>,
    /// Its tasks.
    pub tasks: Vec<Task>,
}

/// A task of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// `PENDING`, `RUNNING`, `STOPPING`, `STOPPED`
    pub state: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`
    pub health: String,
    /// For how long it is in this state, in seconds.
    pub seconds: u64,
    /// `FAMILY:REVISION`
    pub definition: String,
    /// Where its container ports are reached.
    pub addresses: Vec<String>,
    /// Why it stopped.
    pub reason: Option<String>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// The DB instance identifier.
    pub name: String,
    /// `available`, `starting`, `stopped`, `failed`, `recorded only`
    pub state: String,
    /// The server's version.
    pub version: Option<String>,
    /// `localhost:5432`
    pub address: Option<String>,
    /// Why no server runs, or what is other than asked for.
    pub problem: Option<String>,
}
