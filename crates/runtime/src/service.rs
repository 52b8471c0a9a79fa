//! The services with their deployments and tasks: a value that is told what has happened and what is wanted, and says
//! what to start and to stop. Neither starts nor stops anything itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::rollout::{BackOff, Moves, Seen, Situation, moves, threshold};
use crate::spec::{Service, Task};
use crate::status::{Deployment, Health, Rollout, ServiceStatus, TaskState, TaskStatus};
use crate::task::{End, Progress};

/// A task about whose health nobody can say anything is believed in after running for this long.
const BELIEVED: Duration = Duration::from_secs(1);

/// The longest that a balancer may take to let go of a task: ELB's longest usual deregistration delay, and some.
const LETTING_GO: Duration = Duration::from_secs(310);

/// How many stopped tasks of a service are remembered.
const REMEMBERED: usize = 5;

/// Failures in a row that are told as the reason why a service is not as it should be.
const TOLD: u32 = 3;

/// All services.
#[derive(Default)]
pub(crate) struct Services {
    services: BTreeMap<String, State>,
    tasks: BTreeMap<String, Entry>,
    target_health: BTreeMap<String, bool>,
    deployments: u64,
}

/// What has to be done now.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) start: Vec<Start>,
    /// Tasks that get their signal now, and why.
    pub(crate) stop: Vec<(String, String)>,
}

/// A task to be started; it is already in the list as pending.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) task: Task,
}

struct State {
    wanted: Option<Service>,
    name: String,
    /// The primary first.
    deployments: Vec<Running>,
    /// What to go back to.
    completed: Option<Task>,
    /// Why the deployment of what is wanted was given up.
    given_up: Option<String>,
    /// Whether the desired count has grown and is not reached yet.
    growing: bool,
}

struct Running {
    number: u64,
    task: Task,
    rollout: Rollout,
    reason: Option<String>,
    created: SystemTime,
    /// Failed tasks: all of them, and those since one was steady last.
    failed: u32,
    in_a_row: u32,
    back_off: BackOff,
    not_before: Option<Instant>,
    last_failure: Option<String>,
}

impl Running {
    fn id(&self) -> String {
        format!("ecs-svc/{}", self.number)
    }
}

struct Entry {
    status: TaskStatus,
    deployment: u64,
    /// Whether it has health checks of its own.
    checked: bool,
    running_since: Option<Instant>,
    steady_since: Option<Instant>,
    was_steady: bool,
    /// Why it stops, once it does.
    stopping: Option<String>,
    /// Until when the balancer may keep it; the signal has been given if there is none.
    let_go_by: Option<Instant>,
}

impl Services {
    /// Takes what is wanted.
    pub(crate) fn want(&mut self, wanted: &BTreeMap<String, Service>) {
        for (arn, state) in &mut self.services {
            if !wanted.contains_key(arn) {
                state.wanted = None;
            }
        }
        for (arn, service) in wanted {
            let state = self.services.entry(arn.clone()).or_insert_with(|| State {
                wanted: None,
                name: service.name.clone(),
                deployments: Vec::new(),
                completed: None,
                given_up: None,
                growing: false,
            });
            let before = state.wanted.replace(service.clone());
            let grows = before.as_ref().is_none_or(|before| before.desired_count < service.desired_count);
            state.growing = (state.growing || grows) && service.desired_count > 0;
            state.name.clone_from(&service.name);
            if before.is_none_or(|before| before.task != service.task) {
                self.deployments += 1;
                state.given_up = None;
                state.deployments.insert(0, Running::new(self.deployments, service.task.clone()));
            }
        }
    }

    /// Takes what balancers say of tasks.
    pub(crate) fn set_target_health(&mut self, health: BTreeMap<String, bool>) -> bool {
        let differs = self.target_health != health;
        self.target_health = health;
        differs
    }

    /// Takes how a task is doing.
    pub(crate) fn progress(&mut self, id: &str, progress: Progress) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        entry.status.ports = progress.ports;
        entry.status.health = progress.health;
        if progress.running && entry.status.state == TaskState::Pending {
            entry.set_state(TaskState::Running);
            entry.running_since = Some(Instant::now());
        }
    }

    /// Takes how a task ended.
    pub(crate) fn ended(&mut self, id: &str, end: &End) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let asked = entry.stopping.is_some();
        entry.set_state(TaskState::Stopped);
        entry.status.ports = BTreeMap::new();
        entry.status.exit_code = end.exit_code;
        entry.status.reason = Some(entry.stopping.clone().unwrap_or_else(|| end.reason.clone()));
        if !asked {
            let (service, deployment) = (entry.status.service.clone(), entry.deployment);
            let steady_for = entry.steady_since.map_or(Duration::ZERO, |since| since.elapsed());
            self.failed(&service, deployment, end.reason.clone(), end.not_started, steady_for);
        }
    }

    fn failed(&mut self, service: &str, deployment: u64, why: String, not_started: bool, steady_for: Duration) {
        let Some(state) = self.services.get_mut(service) else { return };
        let Some(running) = state.deployments.iter_mut().find(|d| d.number == deployment) else { return };
        running.failed += 1;
        running.in_a_row += 1;
        running.not_before = Some(Instant::now() + running.back_off.failed(steady_for));
        running.last_failure = (not_started || running.in_a_row >= TOLD).then_some(why.clone());
        let Some(wanted) = &state.wanted else { return };
        let Some(roll_back) = wanted.circuit_breaker else { return };
        let primary = state.deployments.first().is_some_and(|d| d.number == deployment);
        let Some(running) = state.deployments.iter_mut().find(|d| d.number == deployment) else { return };
        if !primary || running.rollout != Rollout::InProgress || running.failed < threshold(wanted.desired_count) {
            return;
        }
        let reason =
            format!("the circuit breaker gave {} up after {} failed tasks: {why}", running.id(), running.failed);
        running.rollout = Rollout::Failed;
        running.reason = Some(reason.clone());
        let back = state.completed.clone().filter(|task| roll_back && *task != running.task);
        match back {
            None => state.given_up = Some(reason),
            Some(task) => {
                state.given_up = Some(format!("{reason}; going back to {}", task.definition));
                let still_there = state.deployments.iter().position(|d| d.task == task);
                let target = match still_there {
                    Some(at) => state.deployments.remove(at),
                    None => {
                        self.deployments += 1;
                        Running::new(self.deployments, task)
                    }
                };
                state.deployments.insert(0, Running { rollout: Rollout::InProgress, not_before: None, ..target });
            }
        }
    }

    /// Decides what to do now.
    pub(crate) fn decide(&mut self) -> Orders {
        let now = Instant::now();
        self.judge(now);
        let mut orders = Orders::default();
        let arns: Vec<String> = self.services.keys().cloned().collect();
        for arn in arns {
            self.settle(&arn);
            self.roll(&arn, now, &mut orders);
            self.settle(&arn);
            self.forget(&arn);
        }
        self.let_go(now, &mut orders);
        orders
    }

    /// Looks which tasks are steady, and which have to go.
    fn judge(&mut self, now: Instant) {
        let mut sick = Vec::new();
        for (id, entry) in &mut self.tasks {
            let Some(wanted) = self.services.get(&entry.status.service).and_then(|s| s.wanted.as_ref()) else {
                continue;
            };
            let Some(running_for) = entry.running_since.map(|since| now - since) else { continue };
            if entry.status.state != TaskState::Running {
                continue;
            }
            let (registered, grace_period) = (wanted.registered, wanted.health_check_grace_period);
            let target = self.target_health.get(id).copied();
            let known = entry.checked || registered;
            let steady = (!entry.checked || entry.status.health == Health::Healthy)
                && (!registered || target == Some(true))
                && (known || running_for >= BELIEVED);
            let newly = steady && entry.steady_since.is_none();
            entry.steady_since = if steady { entry.steady_since.or(Some(now)) } else { None };
            entry.was_steady |= steady;
            if newly
                && let Some(state) = self.services.get_mut(&entry.status.service)
                && let Some(running) = state.deployments.iter_mut().find(|d| d.number == entry.deployment)
            {
                running.in_a_row = 0;
                running.last_failure = None;
            }
            if steady {
                continue;
            }
            if running_for < grace_period {
                continue;
            }
            if entry.status.health == Health::Unhealthy {
                sick.push((id.clone(), "failed its container health checks"));
            } else if registered && target == Some(false) {
                sick.push((id.clone(), "failed the health checks of its target group"));
            }
        }
        for (id, why) in sick {
            let Some(entry) = self.tasks.get(&id) else { continue };
            let (service, deployment) = (entry.status.service.clone(), entry.deployment);
            self.stop(&id, why.to_string());
            self.failed(&service, deployment, format!("a task {why}"), false, Duration::ZERO);
        }
    }

    /// Ends rollouts that have come to their end, and drops deployments without tasks.
    fn settle(&mut self, arn: &str) {
        let Some(state) = self.services.get_mut(arn) else { return };
        let live = |deployment: u64| {
            self.tasks.values().filter(move |t| t.deployment == deployment && t.status.state < TaskState::Stopping)
        };
        let mut first = true;
        state.deployments.retain(|d| std::mem::take(&mut first) || live(d.number).next().is_some());
        let old = state.deployments.len() > 1;
        let (Some(wanted), Some(primary)) = (&state.wanted, state.deployments.first_mut()) else { return };
        let steady = live(primary.number).filter(|t| t.steady_since.is_some()).count();
        let reached =
            steady >= wanted.desired_count as usize && live(primary.number).count() <= wanted.desired_count as usize;
        if reached {
            state.growing = false;
        }
        if reached && !old && primary.rollout == Rollout::InProgress {
            primary.rollout = Rollout::Completed;
            primary.last_failure = None;
            state.completed = Some(primary.task.clone());
        }
    }

    /// Starts and stops tasks of a service.
    fn roll(&mut self, arn: &str, now: Instant, orders: &mut Orders) {
        let Some(state) = self.services.get(arn) else { return };
        let mut live: Vec<(&String, &Entry)> = self.tasks.iter().filter(|(_, t)| t.status.service == arn).collect();
        live.retain(|(_, t)| t.status.state < TaskState::Stopping);
        live.sort_by_key(|(_, t)| (t.status.since, t.deployment));
        let (Some(wanted), Some(primary)) = (&state.wanted, state.deployments.first()) else {
            let gone: Vec<String> = live.into_iter().map(|(id, _)| id.clone()).collect();
            for id in gone {
                self.stop(&id, "the service is gone".to_string());
            }
            return;
        };
        let waits = primary.not_before.is_some_and(|then| now < then);
        let situation = Situation {
            desired: wanted.desired_count,
            minimum_healthy_percent: wanted.minimum_healthy_percent,
            maximum_percent: wanted.maximum_percent,
            may_start: primary.rollout != Rollout::Failed && !waits,
            tasks: live
                .into_iter()
                .map(|(id, t)| Seen {
                    id: id.clone(),
                    primary: t.deployment == primary.number,
                    steady: t.steady_since.is_some(),
                    was_steady: t.was_steady,
                })
                .collect(),
        };
        let Moves { start, stop } = moves(&situation);
        let (number, failed, task) = (primary.number, primary.failed, primary.task.clone());
        let name = state.name.clone();
        for id in stop {
            let old = situation.tasks.iter().any(|t| t.id == id && !t.primary);
            self.stop(&id, if old { "replaced by a newer deployment" } else { "not desired any more" }.to_string());
        }
        for _ in 0..start {
            let id = uuid::Uuid::new_v4().simple().to_string();
            let entry = Entry::new(&id, arn, &task, number, failed);
            self.tasks.insert(id.clone(), entry);
            orders.start.push(Start { id, service: name.clone(), task: task.clone() });
        }
    }

    /// Marks a task as one that stops. It gets its signal as soon as no balancer sends it requests any more.
    fn stop(&mut self, id: &str, why: String) {
        let healthy = self.target_health.get(id) == Some(&true);
        let Some(entry) = self.tasks.get_mut(id).filter(|t| t.status.state < TaskState::Stopping) else { return };
        entry.set_state(TaskState::Stopping);
        entry.status.reason = Some(why.clone());
        entry.stopping = Some(why);
        entry.let_go_by = Some(if healthy { Instant::now() + LETTING_GO } else { Instant::now() });
    }

    /// Gives the signal to those that stop and that balancers have let go of.
    fn let_go(&mut self, now: Instant, orders: &mut Orders) {
        for (id, entry) in &mut self.tasks {
            let kept = self.target_health.get(id) == Some(&true);
            if entry.status.state == TaskState::Stopping && entry.let_go_by.is_some_and(|by| !kept || by <= now) {
                entry.let_go_by = None;
                orders.stop.push((id.clone(), entry.stopping.clone().unwrap_or_default()));
            }
        }
    }

    /// Forgets old stopped tasks, and services that are gone.
    fn forget(&mut self, arn: &str) {
        let own = |t: &Entry| t.status.service == arn;
        let mut stopped: Vec<(SystemTime, String)> = self
            .tasks
            .iter()
            .filter(|(_, t)| own(t) && t.status.state == TaskState::Stopped)
            .map(|(id, t)| (t.status.since, id.clone()))
            .collect();
        let gone = self.services.get(arn).is_some_and(|s| s.wanted.is_none())
            && self.tasks.values().filter(|t| own(t)).count() == stopped.len();
        if gone {
            self.services.remove(arn);
        }
        stopped.sort();
        let keep = if gone { 0 } else { REMEMBERED };
        for (_, id) in stopped.iter().take(stopped.len().saturating_sub(keep)) {
            self.tasks.remove(id);
        }
    }

    /// Whether something will have to be decided soon though nothing happens.
    pub(crate) fn is_restless(&self) -> bool {
        let unsettled = |t: &Entry| match t.status.state {
            TaskState::Stopped => false,
            TaskState::Running => t.steady_since.is_none(),
            _ => true,
        };
        let waits =
            |s: &State| s.deployments.first().is_some_and(|d| d.not_before.is_some_and(|then| then > Instant::now()));
        self.tasks.values().any(unsettled) || self.services.values().any(waits)
    }

    /// Whether there is nothing but stopped tasks.
    pub(crate) fn is_quiet(&self) -> bool {
        self.tasks.values().all(|t| t.status.state == TaskState::Stopped)
    }

    pub(crate) fn tasks(&self) -> Vec<TaskStatus> {
        self.tasks.values().map(|t| t.status.clone()).collect()
    }

    pub(crate) fn statuses(&self) -> BTreeMap<String, ServiceStatus> {
        let wanted = self.services.iter().filter_map(|(arn, s)| s.wanted.as_ref().map(|w| (arn, s, w)));
        wanted.map(|(arn, state, wanted)| (arn.clone(), self.status(state, wanted))).collect()
    }

    fn status(&self, state: &State, wanted: &Service) -> ServiceStatus {
        let count = |number: u64, state: TaskState| {
            let own = self.tasks.values().filter(|t| t.deployment == number && t.status.state == state);
            u32::try_from(own.count()).unwrap_or(u32::MAX)
        };
        let deployment = |(at, running): (usize, &Running)| Deployment {
            id: running.id(),
            primary: at == 0,
            definition: running.task.definition.clone(),
            desired: if at == 0 { wanted.desired_count } else { 0 },
            running: count(running.number, TaskState::Running),
            pending: count(running.number, TaskState::Pending),
            failed: running.failed,
            rollout: running.rollout,
            reason: running.reason.clone().or_else(|| running.last_failure.clone()),
            created: running.created,
        };
        let deployments: Vec<Deployment> = state.deployments.iter().enumerate().map(deployment).collect();
        let primary = deployments.first();
        let rollout = match (primary.map(|d| d.rollout), &state.given_up) {
            (_, Some(_)) => Rollout::Failed,
            (Some(Rollout::Completed), None) if state.growing => Rollout::InProgress,
            (rollout, None) => rollout.unwrap_or(Rollout::InProgress),
        };
        ServiceStatus {
            name: state.name.clone(),
            desired: wanted.desired_count,
            running: deployments.iter().map(|d| d.running).sum(),
            pending: deployments.iter().map(|d| d.pending).sum(),
            rollout,
            reason: state.given_up.clone().or_else(|| primary.and_then(|d| d.reason.clone())),
            deployments,
        }
    }
}

impl Running {
    fn new(number: u64, task: Task) -> Running {
        Running {
            number,
            task,
            rollout: Rollout::InProgress,
            reason: None,
            created: SystemTime::now(),
            failed: 0,
            in_a_row: 0,
            back_off: BackOff::default(),
            not_before: None,
            last_failure: None,
        }
    }
}

impl Entry {
    fn new(id: &str, service: &str, task: &Task, deployment: u64, restarts: u32) -> Entry {
        let checked = task.containers.iter().any(|c| c.essential && c.health_check.is_some());
        Entry {
            status: pending(id, service, task, restarts),
            deployment,
            checked,
            running_since: None,
            steady_since: None,
            was_steady: false,
            stopping: None,
            let_go_by: None,
        }
    }

    fn set_state(&mut self, state: TaskState) {
        self.status.state = state;
        self.status.since = SystemTime::now();
        if state != TaskState::Running {
            self.steady_since = self.steady_since.filter(|_| state == TaskState::Stopped);
        }
    }
}

/// The status of a task that is about to be started.
pub(crate) fn pending(id: &str, service: &str, task: &Task, restarts: u32) -> TaskStatus {
    TaskStatus {
        id: id.to_string(),
        service: service.to_string(),
        definition: task.definition.clone(),
        images: task.containers.iter().map(|container| container.image.clone()).collect(),
        state: TaskState::Pending,
        health: Health::Unknown,
        since: SystemTime::now(),
        restarts,
        ports: BTreeMap::new(),
        reason: None,
        exit_code: None,
    }
}
