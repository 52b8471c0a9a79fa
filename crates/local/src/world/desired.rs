//! What is to run for the records.

mod balancing;
mod databases;
mod secrets;
mod tasks;

pub(super) use tasks::task;

use std::collections::BTreeMap;

use super::World;

/// What is to run.
#[derive(Clone, Default)]
pub struct Desired {
    /// Services and databases.
    pub runtime: infra_runtime::Spec,
    /// Load balancers. Targets are only those that were attached by hand.
    pub balancers: infra_balancer::Spec,
    /// Which tasks are targets too.
    pub registrations: Vec<Registration>,
    /// What is recorded but does nothing here, or is elsewhere than asked for.
    pub notes: Vec<String>,
    /// Why a service cannot run, by its ARN. It is not in `runtime` then.
    pub problems: BTreeMap<String, String>,
}

/// A service's `load_balancer` block: running tasks of the service are targets of the group, at the address that the
/// container's port was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The service's ARN.
    pub service: String,
    /// The target group's ARN.
    pub group: String,
    /// The container's name.
    pub container: String,
    /// The port that it listens on.
    pub port: u16,
}

impl World {
    /// What is to run for these records.
    pub fn desired(&self) -> Desired {
        let mut desired = Desired::default();
        tasks::add(self, &mut desired);
        balancing::add(self, &mut desired);
        databases::add(self, &mut desired);
        desired
    }
}
