//! What runs on this machine for a project, as `infra local status` shows it.

use infra_balancer::spec;
use serde::{Deserialize, Serialize};

use crate::world::{Desired, World};

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

impl Status {
    /// What is recorded, while nothing runs.
    pub(crate) fn stopped(world: &World) -> Status {
        let desired = world.desired();
        let mut status = Status { recorded: world.len(), notes: desired.notes.clone(), ..Status::default() };
        for balancer in desired.balancers.balancers.values() {
            status.listeners.extend(balancer.listeners.values().map(|listener| Listener {
                balancer: balancer.name.clone(),
                port: listener.port,
                url: url(listener, listener.bind.port()),
                problem: Some("stopped".into()),
            }));
        }
        status.target_groups.extend(desired.balancers.target_groups.iter().map(|(arn, group)| TargetGroup {
            name: group.name.clone(),
            arn: arn.clone(),
            healthy: 0,
            targets: 0,
            requests: 0,
            failed: 0,
        }));
        status.services.extend(desired.runtime.services.values().map(|service| Service {
            name: service.name.clone(),
            definition: short(&service.task.definition).to_string(),
            desired: service.desired_count,
            running: 0,
            rollout: "STOPPED".into(),
            problem: None,
            tasks: Vec::new(),
        }));
        status.services.extend(impossible(&desired));
        status.databases.extend(desired.runtime.databases.iter().map(|(name, database)| Database {
            name: name.clone(),
            state: "stopped".into(),
            version: None,
            address: Some(format!("localhost:{}", database.bind.port())),
            problem: None,
        }));
        status
    }

    /// What has been started and may still come up, as a sentence names it: a database that does not accept connections
    /// yet, a service without all of its tasks. What says why it does not come up is left out.
    pub fn coming_up(&self) -> Vec<String> {
        let databases = self.databases.iter().filter(|database| database.state == "starting");
        let services =
            self.services.iter().filter(|service| service.rollout == "IN_PROGRESS" && service.problem.is_none());
        let databases = databases.map(|database| format!("the database {}", database.name));
        databases.chain(services.map(|service| format!("the service {}", service.name))).collect()
    }

    /// What does not work as it should, and why.
    pub fn problems(&self) -> Vec<String> {
        let listeners = self.listeners.iter().filter_map(|l| Some((&l.balancer, l.problem.as_ref()?)));
        let databases = self.databases.iter().filter_map(|d| Some((&d.name, d.problem.as_ref()?)));
        let services = self.services.iter().filter_map(|s| Some((&s.name, s.problem.as_ref()?)));
        let all = listeners.chain(databases).chain(services);
        all.map(|(name, problem)| format!("{name}: {problem}")).collect()
    }
}

/// Services that cannot run as they are recorded.
pub(crate) fn impossible(desired: &Desired) -> impl Iterator<Item = Service> {
    desired.problems.iter().map(|(arn, why)| Service {
        name: arn.split_once(":service/").map_or(arn.as_str(), |(_, name)| name).to_string(),
        definition: String::new(),
        desired: 0,
        running: 0,
        rollout: "FAILED".into(),
        problem: Some(why.clone()),
        tasks: Vec::new(),
    })
}

/// Where a listener is reached at this port.
pub(crate) fn url(listener: &spec::Listener, port: u16) -> String {
    let (scheme, usual) = if listener.tls_names.is_some() { ("https", 443) } else { ("http", 80) };
    if port == usual { format!("{scheme}://localhost") } else { format!("{scheme}://localhost:{port}") }
}

/// `FAMILY:REVISION` of a task definition's ARN.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
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
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`; `STOPPED` while nothing runs
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
    /// The images of its containers.
    #[serde(default)]
    pub images: Vec<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn service(rollout: &str, problem: Option<&str>) -> Service {
        Service {
            name: "main/web".into(),
            definition: "web:1".into(),
            desired: 2,
            running: 1,
            rollout: rollout.into(),
            problem: problem.map(str::to_string),
            tasks: Vec::new(),
        }
    }

    fn database(state: &str) -> Database {
        Database { name: "shop".into(), state: state.into(), version: None, address: None, problem: None }
    }

    #[test]
    fn what_may_still_come_up_is_waited_for_and_what_cannot_is_not() {
        for (rollout, problem, state, expected) in [
            ("IN_PROGRESS", None, "starting", &["the database shop", "the service main/web"][..]),
            ("IN_PROGRESS", Some("no image"), "available", &[]),
            ("COMPLETED", None, "starting", &["the database shop"]),
            ("FAILED", Some("given up"), "failed", &[]),
            ("COMPLETED", None, "recorded only", &[]),
            ("STOPPED", None, "stopped", &[]),
        ] {
            let status = Status {
                services: vec![service(rollout, problem)],
                databases: vec![database(state)],
                ..Status::default()
            };
            assert_eq!(status.coming_up(), expected, "{rollout} {problem:?} {state}");
        }
    }
}
