//! Brings what runs to what is recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infra_balancer::{HealthStatus, Spec as Balancing, TargetHealth};
use infra_runtime::{TaskState, TaskStatus};

use super::{Shared, held};
use crate::world::{Desired, Registration};

/// Looks again at the latest after this long: target health changes without a word.
const TICK: Duration = Duration::from_millis(250);

/// Reconciles whenever something has changed.
pub(super) async fn forever(shared: Arc<Shared>) {
    let mut changed = shared.runtime.changed();
    loop {
        tokio::select! {
            _ = changed.changed() => {}
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        shared.reconcile().await;
    }
}

impl Shared {
    /// Tells the runtime and the balancers what there should be, and the runtime how its tasks do as targets.
    pub(super) async fn reconcile(&self) {
        let _one = self.reconciling.lock().await;
        let (desired, sockets) = held(&self.kept).desired();
        self.runtime.apply(desired.runtime.clone()).await;
        let tasks = self.runtime.tasks();
        let spec = with_tasks(&desired, &tasks);
        let listening = self.balancers.apply_with(spec, sockets).await;
        *held(&self.listening) = listening;
        self.runtime.set_target_health(target_health(&desired.registrations, &tasks, &self.balancers.health()));
    }
}

/// The balancers with the running tasks as targets. Tasks that are to stop are not: they get no new request.
fn with_tasks(desired: &Desired, tasks: &[TaskStatus]) -> Balancing {
    let mut spec = desired.balancers.clone();
    for Registration { service, group, port, .. } in &desired.registrations {
        let Some(group) = spec.target_groups.get_mut(group) else { continue };
        for task in tasks.iter().filter(|t| t.service == *service && t.state == TaskState::Running) {
            if let Some(address) = task.ports.get(port) {
                group.targets.insert(task.id.clone(), *address);
            }
        }
    }
    spec
}

/// What the balancers know of tasks: whether each is a healthy target in every group that it is in. A task whose first
/// checks are not in is left out; one that still finishes requests is told as healthy, so that it is not stopped before.
fn target_health(
    registrations: &[Registration],
    tasks: &[TaskStatus],
    health: &BTreeMap<String, BTreeMap<String, TargetHealth>>,
) -> BTreeMap<String, bool> {
    let verdict =
        |task: &TaskStatus, group: &str| match health.get(group).and_then(|g| g.get(&task.id)).map(|h| &h.status) {
            Some(HealthStatus::Healthy | HealthStatus::Draining | HealthStatus::Unused) => Some(true),
            Some(HealthStatus::Unhealthy { .. }) => Some(false),
            Some(HealthStatus::Initial) | None => None,
        };
    let mut answer = BTreeMap::new();
    for task in tasks {
        let groups = registrations.iter().filter(|r| r.service == task.service);
        let verdicts: Vec<Option<bool>> = groups.map(|r| verdict(task, &r.group)).collect();
        if verdicts.contains(&Some(false)) {
            answer.insert(task.id.clone(), false);
        } else if !verdicts.is_empty() && verdicts.iter().all(|v| *v == Some(true)) {
            answer.insert(task.id.clone(), true);
        }
    }
    answer
}
