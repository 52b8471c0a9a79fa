//! The life of one task: its containers are started in the order of their dependencies, watched, and stopped together.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{join_all, select_all};
use tokio::sync::watch;

use crate::addresses;
use crate::container::{Place, Running, Starter, place};
use crate::docker::{Docker, Request};
use crate::health::Tally;
use crate::logs::Writer;
use crate::spec::{Container, Task};
use crate::status::Health;

/// What a task is run with.
pub(crate) struct Run {
    pub(crate) id: String,
    /// `CLUSTER/NAME`; empty for a one-off task.
    pub(crate) service: String,
    pub(crate) task: Task,
    pub(crate) starter: Arc<Starter>,
    pub(crate) docker: Result<Docker, String>,
    /// Ports of servers on this machine that the environment may name.
    pub(crate) servers: std::collections::BTreeSet<u16>,
}

/// How a task is doing, told whenever it changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Progress {
    /// Whether all containers have been started.
    pub(crate) running: bool,
    pub(crate) health: Health,
    pub(crate) ports: BTreeMap<u16, SocketAddr>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) reason: String,
    pub(crate) exit_code: Option<i32>,
    /// Whether it could not even be started as it should.
    pub(crate) not_started: bool,
}

/// How a container is doing.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Waiting,
    Started { health: Health, ports: BTreeMap<u16, SocketAddr>, network: Option<String> },
    Ended(i32),
    Failed(String),
}

impl Stage {
    fn is_over(&self) -> bool {
        matches!(self, Stage::Ended(_) | Stage::Failed(_))
    }

    /// Whether a dependency with this condition is satisfied; an error if it cannot be any more.
    fn satisfies(&self, condition: &str) -> Result<bool, String> {
        match (condition, self) {
            (_, Stage::Failed(why)) => Err(why.clone()),
            (_, Stage::Waiting) => Ok(false),
            ("COMPLETE", stage) => Ok(matches!(stage, Stage::Ended(_))),
            ("SUCCESS", Stage::Ended(0)) => Ok(true),
            ("SUCCESS", Stage::Ended(code)) => Err(format!("it ended with exit code {code}")),
            ("SUCCESS", _) => Ok(false),
            ("HEALTHY", Stage::Started { health: Health::Healthy, .. }) => Ok(true),
            ("HEALTHY", Stage::Started { health: Health::Unhealthy, .. }) => Err("it is unhealthy".to_string()),
            ("HEALTHY", Stage::Ended(code)) => Err(format!("it ended with exit code {code} before it was healthy")),
            ("HEALTHY", _) => Ok(false),
            // START, and what is not known: whatever has been started satisfies it.
            (_, _) => Ok(true),
        }
    }
}

/// In what order containers start, and whose network they use.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    /// Indexes of containers; dependencies come first.
    start: Vec<usize>,
    /// Whose network is the task's: the first to start of those that are not awaited to end.
    network: Option<usize>,
}

impl Order {
    fn of(containers: &[Container]) -> Result<Order, String> {
        let index = |name: &str| containers.iter().position(|c| c.name == name);
        for container in containers {
            for (name, _) in &container.depends_on {
                if index(name).is_none() {
                    return Err(format!(
                        "the container {} depends on {name}, which the task does not have",
                        container.name
                    ));
                }
            }
        }
        let mut start = Vec::new();
        while start.len() < containers.len() {
            let ready = |at: &usize| {
                !start.contains(at)
                    && containers[*at]
                        .depends_on
                        .iter()
                        .all(|(name, _)| index(name).is_some_and(|i| start.contains(&i)))
            };
            match (0..containers.len()).find(ready) {
                Some(at) => start.push(at),
                None => return Err("the containers of the task depend on each other in a circle".to_string()),
            }
        }
        let awaited = |name: &str| {
            let conditions = containers.iter().flat_map(|c| &c.depends_on).filter(|(n, _)| n == name);
            conditions.into_iter().any(|(_, condition)| condition == "COMPLETE" || condition == "SUCCESS")
        };
        let network = start.iter().copied().find(|at| !awaited(&containers[*at].name)).or(start.first().copied());
        Ok(Order { start, network })
    }

    /// Whether a container joins the task's network: those that start before it exists have their own.
    fn joins(&self, at: usize) -> bool {
        let place = |wanted: usize| self.start.iter().position(|i| *i == wanted);
        self.network.is_some_and(|owner| place(at) > place(owner))
    }
}

impl Run {
    /// Runs the task to its end. `stop` holds the reason once somebody wants it to stop.
    pub(crate) async fn run(self, mut stop: watch::Receiver<Option<String>>, report: impl Fn(Progress)) -> End {
        let not_started = |reason: String| End { reason, exit_code: None, not_started: true };
        let containers = &self.task.containers;
        let order = match Order::of(containers) {
            Ok(order) => order,
            Err(why) => return not_started(why),
        };
        let placing = join_all(containers.iter().map(|container| place(&container.image, &self.docker)));
        let places = tokio::select! {
            places = placing => places,
            reason = wanted(&mut stop) => return not_started(reason),
        };
        let places: Vec<Place> = match places.into_iter().collect() {
            Ok(places) => places,
            Err(why) => return not_started(why),
        };

        let stages: Vec<watch::Sender<Stage>> = containers.iter().map(|_| watch::channel(Stage::Waiting).0).collect();
        let (halt, halted) = watch::channel(false);
        let drives = (0..containers.len()).map(|at| self.drive(at, &order, &places[at], &stages, halted.clone()));
        let watching = self.watch(&stages, &mut stop, &halt, &report);
        let (_, end) = tokio::join!(join_all(drives), watching);
        end
    }

    /// Watches all containers until the task has to stop, and says why.
    async fn watch(
        &self,
        stages: &[watch::Sender<Stage>],
        stop: &mut watch::Receiver<Option<String>>,
        halt: &watch::Sender<bool>,
        report: &impl Fn(Progress),
    ) -> End {
        let mut changes: Vec<watch::Receiver<Stage>> = stages.iter().map(watch::Sender::subscribe).collect();
        let mut last = None;
        let end = loop {
            let now: Vec<Stage> = changes.iter_mut().map(|stage| stage.borrow_and_update().clone()).collect();
            let progress = self.progress(&now);
            if last.as_ref() != Some(&progress) {
                report(progress.clone());
                last = Some(progress);
            }
            if let Some(end) = self.ended(&now) {
                break end;
            }
            tokio::select! {
                _ = select_all(changes.iter_mut().map(|stage| Box::pin(stage.changed()))) => {}
                reason = wanted(stop) => break End { reason, exit_code: None, not_started: false },
            }
        };
        halt.send_replace(true);
        end
    }

    fn progress(&self, stages: &[Stage]) -> Progress {
        let mut ports = BTreeMap::new();
        let mut verdicts = Vec::new();
        for (container, stage) in self.task.containers.iter().zip(stages) {
            if let Stage::Started { health, ports: own, .. } = stage {
                ports.extend(own);
                if container.essential && container.health_check.is_some() {
                    verdicts.push(*health);
                }
            }
        }
        let health = if verdicts.contains(&Health::Unhealthy) {
            Health::Unhealthy
        } else if verdicts.is_empty() || verdicts.contains(&Health::Unknown) {
            Health::Unknown
        } else {
            Health::Healthy
        };
        Progress { running: !stages.contains(&Stage::Waiting), health, ports }
    }

    fn ended(&self, stages: &[Stage]) -> Option<End> {
        let all = || self.task.containers.iter().zip(stages);
        for (container, stage) in all() {
            match stage {
                Stage::Failed(why) => {
                    let reason = format!("the container {} could not be started: {why}", container.name);
                    return Some(End { reason, exit_code: None, not_started: true });
                }
                Stage::Ended(code) if container.essential => {
                    let reason = format!("essential container {} ended with exit code {code}", container.name);
                    return Some(End { reason, exit_code: Some(*code), not_started: false });
                }
                _ => {}
            }
        }
        if stages.iter().all(Stage::is_over) {
            let code = stages.iter().filter_map(|s| if let Stage::Ended(code) = s { Some(*code) } else { None }).max();
            return Some(End { reason: "all containers have ended".to_string(), exit_code: code, not_started: false });
        }
        None
    }

    /// The life of one container. `halted`: the task stops.
    async fn drive(
        &self,
        at: usize,
        order: &Order,
        place: &Place,
        stages: &[watch::Sender<Stage>],
        mut halted: watch::Receiver<bool>,
    ) {
        let container = &self.task.containers[at];
        let stage = &stages[at];
        let ready = tokio::select! {
            ready = self.dependencies(at, order, stages) => ready,
            _ = halted.wait_for(|halted| *halted) => {
                // Never started: nobody has to hear of it, and those that wait for its end may go on.
                stage.send_replace(Stage::Ended(0));
                return;
            }
        };
        let started = match ready {
            Ok(()) => self.start(at, order, place, stages).await,
            Err(why) => Err(why),
        };
        let running = match started {
            Ok(running) => running,
            Err(why) => {
                stage.send_replace(Stage::Failed(why));
                return;
            }
        };
        let shown = |health| Stage::Started {
            health,
            ports: running.ports.clone(),
            network: running.network().map(str::to_string),
        };
        stage.send_replace(shown(Health::Unknown));
        let code = tokio::select! {
            code = running.wait() => code,
            never = checks(&running, container, |health| { stage.send_replace(shown(health)); }) => match never {},
            () = self.may_stop(at, order, stages, &mut halted) => running.stop(container.stop_timeout).await,
        };
        running.remove().await;
        stage.send_replace(Stage::Ended(code));
    }

    /// Waits until everything that this container depends on is as it should be.
    async fn dependencies(&self, at: usize, order: &Order, stages: &[watch::Sender<Stage>]) -> Result<(), String> {
        let mut needs: Vec<(usize, &str)> = Vec::new();
        for (name, condition) in &self.task.containers[at].depends_on {
            needs.extend(self.task.containers.iter().position(|c| c.name == *name).map(|i| (i, condition.as_str())));
        }
        if order.joins(at) {
            needs.extend(order.network.map(|owner| (owner, "START")));
        }
        for (need, condition) in needs {
            let mut stage = stages[need].subscribe();
            loop {
                let now = stage.borrow_and_update().clone();
                match now.satisfies(condition) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(why) => return Err(format!("it waits for {}: {why}", self.task.containers[need].name)),
                }
                if stage.changed().await.is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits until the task stops, and those that depend on this container have stopped.
    async fn may_stop(
        &self,
        at: usize,
        order: &Order,
        stages: &[watch::Sender<Stage>],
        halted: &mut watch::Receiver<bool>,
    ) {
        let _ = halted.wait_for(|halted| *halted).await;
        let name = &self.task.containers[at].name;
        for (other, container) in self.task.containers.iter().enumerate() {
            let joined = order.network == Some(at) && order.joins(other);
            if joined || container.depends_on.iter().any(|(n, _)| n == name) {
                let _ = stages[other].subscribe().wait_for(Stage::is_over).await;
            }
        }
    }

    async fn start(
        &self,
        at: usize,
        order: &Order,
        place: &Place,
        stages: &[watch::Sender<Stage>],
    ) -> Result<Running, String> {
        let container = &self.task.containers[at];
        let writer = Writer { service: self.service.clone(), task: self.id.clone(), container: container.name.clone() };
        let docker = match place {
            Place::Process(tag) => return self.starter.process(tag, container, writer).await,
            Place::Docker(docker) => docker,
        };
        let network_of = match order.network {
            Some(owner) if order.joins(at) => match &*stages[owner].borrow() {
                Stage::Started { network, .. } => network.clone(),
                _ => None,
            },
            _ => None,
        };
        // The ports of all containers are published with the network that they share.
        let own = std::slice::from_ref(container);
        let publishing = if order.network == Some(at) { &self.task.containers } else { own };
        let request = Request {
            name: format!("infra-{}-{}", &self.id[..self.id.len().min(12)], container.name),
            service: self.service.clone(),
            task: self.id.clone(),
            image: container.image.clone(),
            command: container.command.clone(),
            entry_point: container.entry_point.clone(),
            working_directory: container.working_directory.clone(),
            user: container.user.clone(),
            environment: addresses::inside(&container.environment, &self.servers),
            ports: publishing.iter().flat_map(|c| &c.ports).map(|port| (*port, None)).collect(),
            cpu_shares: container.cpu,
            cpu_limit: self.task.cpu,
            memory: if container.memory == 0 { self.task.memory } else { container.memory },
            read_only: container.read_only,
            network_of,
            volumes: BTreeMap::new(),
        };
        self.starter.docker(docker, request, writer).await
    }
}

/// Waits until somebody wants the task to stop: the reason.
async fn wanted(stop: &mut watch::Receiver<Option<String>>) -> String {
    match stop.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        // Whoever could have wanted it is gone.
        Err(_) => "stopped with its supervisor".to_string(),
    }
}

/// Checks a container's health again and again.
async fn checks(running: &Running, container: &Container, tell: impl Fn(Health)) -> Infallible {
    let Some(check) = container.health_check.as_ref().filter(|c| c.command.first().is_some_and(|c| c != "NONE")) else {
        return std::future::pending().await;
    };
    let started = Instant::now();
    let mut tally = Tally::new(check);
    let mut told = Health::Unknown;
    // The first look is early, so that nobody waits half a minute for what is there after one second.
    let mut pause = check.interval.min(Duration::from_millis(500));
    loop {
        tokio::time::sleep(pause).await;
        let passed = running.check(&check.command, check.timeout).await;
        let early = told == Health::Unknown && started.elapsed() < check.interval;
        // Early failures count for nothing: the first that counts comes after the interval.
        if passed || !early {
            let health = tally.add(passed, started.elapsed());
            if health != told {
                told = health;
                tell(health);
            }
        }
        pause = if early && !passed { check.interval.min(Duration::from_millis(500)) } else { check.interval };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, depends_on: &[(&str, &str)]) -> Container {
        Container {
            name: name.into(),
            image: "infra/hello:v1".into(),
            essential: true,
            command: Vec::new(),
            entry_point: Vec::new(),
            working_directory: None,
            user: None,
            environment: BTreeMap::new(),
            ports: Vec::new(),
            cpu: 0,
            memory: 0,
            health_check: None,
            depends_on: depends_on.iter().map(|(n, c)| (n.to_string(), c.to_string())).collect(),
            stop_timeout: Duration::from_secs(30),
            read_only: false,
        }
    }

    #[test]
    fn dependencies_start_first_and_the_first_that_stays_has_the_network() {
        let app = [
            container("app", &[("migrate", "SUCCESS"), ("proxy", "HEALTHY")]),
            container("migrate", &[]),
            container("proxy", &[]),
        ];
        let order = Order::of(&app).expect("an order");
        assert_eq!(order, Order { start: vec![1, 2, 0], network: Some(2) });
        assert_eq!([order.joins(0), order.joins(1), order.joins(2)], [true, false, false]);
    }

    #[test]
    fn circles_and_unknown_names_are_refused() {
        let circle = [container("a", &[("b", "START")]), container("b", &[("a", "START")])];
        assert!(Order::of(&circle).is_err_and(|why| why.contains("circle")));
        assert!(Order::of(&[container("a", &[("x", "START")])]).is_err_and(|why| why.contains("depends on x")));
    }

    #[test]
    fn conditions_are_met_or_become_impossible() {
        let started = |health| Stage::Started { health, ports: BTreeMap::new(), network: None };
        for (condition, stage, expected) in [
            ("START", Stage::Waiting, Some(false)),
            ("START", started(Health::Unknown), Some(true)),
            ("START", Stage::Ended(1), Some(true)),
            ("COMPLETE", started(Health::Unknown), Some(false)),
            ("COMPLETE", Stage::Ended(1), Some(true)),
            ("SUCCESS", Stage::Ended(0), Some(true)),
            ("SUCCESS", Stage::Ended(1), None),
            ("HEALTHY", started(Health::Unknown), Some(false)),
            ("HEALTHY", started(Health::Healthy), Some(true)),
            ("HEALTHY", started(Health::Unhealthy), None),
            ("HEALTHY", Stage::Ended(0), None),
            ("START", Stage::Failed("no image".into()), None),
        ] {
            assert_eq!(stage.satisfies(condition).ok(), expected, "{condition} {stage:?}");
        }
    }
}
