//! The handle on everything that runs, and the loop that brings it to what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures::stream::Stream;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::addresses::Forwarding;
use crate::container::Starter;
use crate::docker;
use crate::engine::Engine;
use crate::logs::{self, Logs};
use crate::postgres::{Databases, programs};
use crate::processes::Register;
use crate::service::{Services, Start, pending};
use crate::spec::{Spec, Task};
use crate::status::{DatabaseStatus, Engines, LogLine, ServiceStatus, TaskState, TaskStatus};
use crate::task::{End, Run};

/// The folder of logs in the data folder.
const LOGS: &str = "logs";

/// How often is looked while something is on its way, and otherwise.
const RESTLESS: Duration = Duration::from_millis(100);
const CALM: Duration = Duration::from_secs(5);

/// How many one-off tasks that have ended are remembered.
const REMEMBERED: usize = 10;

/// How long a process that was left over has between SIGTERM and SIGKILL.
const LEFT_OVER: Duration = Duration::from_secs(3);

/// For how long a one-off task's token stands for its result.
const TOKENS: Duration = Duration::from_secs(24 * 3600);

/// Where and for whom everything runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for everything that is kept: logs, databases, backups.
    pub data_dir: PathBuf,
    /// The infra binary: `PROGRAM local-task hello …` runs the sample image.
    pub program: PathBuf,
    /// Tells this project's containers from others'.
    pub project: String,
}

/// Tasks and databases of a project. Dropping it stops the processes; [`Runtime::shutdown`] does it in good order.
pub struct Runtime {
    inner: Arc<Inner>,
    conductor: AbortHandle,
}

struct Inner {
    settings: Settings,
    logs: Arc<Logs>,
    starter: Arc<Starter>,
    engine: Arc<Engine>,
    databases: Databases,
    state: Mutex<State>,
    /// Running tasks of any kind; dropping it ends them.
    running: Mutex<JoinSet<()>>,
    changed: watch::Sender<u64>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    spec: Spec,
    services: Services,
    /// Signals for running tasks, by id.
    stops: BTreeMap<String, watch::Sender<Option<String>>>,
    /// One-off tasks by id.
    one_offs: BTreeMap<String, TaskStatus>,
    /// Results of one-off tasks by token; `None` while they run.
    tokens: BTreeMap<String, watch::Receiver<Option<Result<i32, String>>>>,
    closing: bool,
    /// What was shown last.
    shown: (BTreeMap<String, ServiceStatus>, Vec<TaskStatus>),
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ports of servers on this machine that tasks may name.
    fn servers(&self) -> BTreeSet<SocketAddr> {
        let state = self.state();
        let databases = state.spec.databases.values().map(|database| database.bind);
        state.spec.servers.iter().copied().chain(databases).collect()
    }

    /// Does what has to be done now.
    fn conduct(self: &Arc<Inner>) -> Duration {
        let mut state = self.state();
        let orders = state.services.decide();
        for (id, why) in orders.stop {
            if let Some(stop) = state.stops.get(&id) {
                stop.send_replace(Some(why));
            }
        }
        for start in orders.start {
            let (stop, stopped) = watch::channel(None);
            state.stops.insert(start.id.clone(), stop);
            let inner = self.clone();
            self.running().spawn(async move {
                let id = start.id.clone();
                let end = inner.run(start, stopped, |state, id, progress| state.services.progress(id, progress)).await;
                inner.state().services.ended(&id, &end);
                inner.wake.notify_one();
            });
        }
        while self.running().try_join_next().is_some() {}
        let restless = state.services.is_restless();
        drop(state);
        self.show();
        if restless { RESTLESS } else { CALM }
    }

    /// Tells of changes, if there are any.
    fn show(&self) {
        let mut state = self.state();
        let mut tasks = state.services.tasks();
        tasks.extend(state.one_offs.values().cloned());
        let shown = (state.services.statuses(), tasks);
        if state.shown != shown {
            state.shown = shown;
            drop(state);
            self.changed.send_modify(|count| *count += 1);
        }
    }

    /// Runs one task to its end.
    async fn run(
        self: &Arc<Inner>,
        start: Start,
        stopped: watch::Receiver<Option<String>>,
        progress: impl Fn(&mut State, &str, crate::task::Progress),
    ) -> End {
        let run = Run {
            id: start.id.clone(),
            service: start.service,
            task: start.task,
            starter: self.starter.clone(),
            docker: self.engine.get().await,
            servers: self.servers().iter().map(SocketAddr::port).collect(),
        };
        let end = run
            .run(stopped, |now| {
                progress(&mut self.state(), &start.id, now);
                self.wake.notify_one();
                self.show();
            })
            .await;
        self.state().stops.remove(&start.id);
        end
    }

    async fn run_one_off(
        self: Arc<Inner>,
        id: String,
        token: String,
        task: Task,
        stopped: watch::Receiver<Option<String>>,
    ) -> Result<i32, String> {
        let start = Start { id: id.clone(), service: String::new(), task };
        let end = self
            .run(start, stopped, |state, id, progress| {
                if let Some(status) = state.one_offs.get_mut(id) {
                    status.ports = progress.ports;
                    status.health = progress.health;
                    if progress.running && status.state == TaskState::Pending {
                        status.state = TaskState::Running;
                        status.since = SystemTime::now();
                    }
                }
            })
            .await;
        self.state().one_off_ended(&id, &end);
        self.show();
        let result = end.exit_code.ok_or(end.reason);
        if let Ok(code) = &result
            && let Err(why) = self.keep_token(&token, *code)
        {
            tracing::warn!("remembering the result of the task {id}: {why}");
        }
        result
    }

    fn tokens_file(&self) -> PathBuf {
        self.settings.data_dir.join("one-off-tasks.json")
    }

    /// Results that still stand for their tokens.
    fn kept_tokens(&self) -> BTreeMap<String, Kept> {
        let text = fs::read(self.tokens_file()).unwrap_or_default();
        let mut kept: BTreeMap<String, Kept> = serde_json::from_slice(&text).unwrap_or_default();
        kept.retain(|_, kept| kept.ended.elapsed().is_ok_and(|age| age < TOKENS));
        kept
    }

    fn keep_token(&self, token: &str, exit_code: i32) -> std::io::Result<()> {
        // One at a time: the lock of the state is the lock of the file.
        let _state = self.state();
        let mut kept = self.kept_tokens();
        kept.insert(token.to_string(), Kept { exit_code, ended: SystemTime::now() });
        let next = self.tokens_file().with_extension("json.new");
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.sync_all()?;
        fs::rename(next, self.tokens_file())
    }
}

impl State {
    /// Whether no task runs.
    fn is_quiet(&self) -> bool {
        self.services.is_quiet() && self.one_offs.values().all(|task| task.state == TaskState::Stopped)
    }

    /// Takes how a one-off task ended, and forgets those that ended long before.
    fn one_off_ended(&mut self, id: &str, end: &End) {
        if let Some(status) = self.one_offs.get_mut(id) {
            status.state = TaskState::Stopped;
            status.since = SystemTime::now();
            status.ports = BTreeMap::new();
            status.reason = Some(end.reason.clone());
            status.exit_code = end.exit_code;
        }
        let stopped = self.one_offs.values().filter(|task| task.state == TaskState::Stopped);
        let mut stopped: Vec<(SystemTime, String)> = stopped.map(|task| (task.since, task.id.clone())).collect();
        stopped.sort();
        for (_, id) in stopped.iter().take(stopped.len().saturating_sub(REMEMBERED)) {
            self.one_offs.remove(id);
        }
    }
}

/// The result of a one-off task.
#[derive(Serialize, Deserialize)]
struct Kept {
    exit_code: i32,
    ended: SystemTime,
}

/// What this machine can run, for whoever runs nothing.
pub async fn engines() -> Engines {
    look(&Engine::new("none".to_string())).await
}

/// What containers wrote, from what is kept in the data folder while nothing runs; see [`Runtime::logs`].
pub fn kept_logs(data_dir: &Path, service: Option<&str>) -> Vec<LogLine> {
    logs::kept(&data_dir.join(LOGS), service)
}

async fn look(engine: &Engine) -> Engines {
    let docker = engine.get().await.map(|docker| docker.version);
    Engines { docker, docker_address: docker::address(), postgres: programs::find().await }
}

impl Runtime {
    /// Starts with nothing running. What a killed predecessor left (processes, containers, database servers) is stopped
    /// first.
    pub async fn start(settings: Settings) -> Result<Runtime, String> {
        let data = &settings.data_dir;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)
            .map_err(|why| format!("making the folder {}: {why}", data.display()))?;
        let data = fs::canonicalize(data).map_err(|why| format!("{}: {why}", data.display()))?;
        let settings = Settings { data_dir: data.clone(), ..settings };
        let register = Register::new(data.join("run"));
        let logs = Arc::new(Logs::new(data.join(LOGS)));
        let engine = Arc::new(Engine::new(settings.project.clone()));
        tokio::join!(register.clean(Signal::TERM, LEFT_OVER), async {
            let _ = engine.get().await;
        });
        let changed = watch::channel(0).0;
        let wake = Arc::new(Notify::new());
        let inner = Arc::new(Inner {
            databases: Databases::new(&settings, logs.clone(), engine.clone(), changed.clone()),
            starter: Arc::new(Starter { logs: logs.clone(), register, program: settings.program.clone() }),
            settings,
            logs,
            engine,
            state: Mutex::default(),
            running: Mutex::default(),
            changed,
            wake,
        });
        inner.databases.clean().await;
        let conductor = tokio::spawn(conduct(inner.clone())).abort_handle();
        Ok(Runtime { inner, conductor })
    }

    /// Takes what is to run and returns at once; what runs is brought to it in the background.
    pub async fn apply(&self, spec: Spec) {
        {
            let mut state = self.inner.state();
            if state.closing || state.spec == spec {
                return;
            }
            state.services.want(&spec.services);
            self.inner.databases.want(&spec.databases);
            state.spec = spec;
        }
        // So that who asks for the status next finds what was wanted in it.
        self.inner.conduct();
        self.inner.wake.notify_one();
    }

    /// The services.
    pub fn services(&self) -> BTreeMap<String, ServiceStatus> {
        self.inner.state().services.statuses()
    }

    /// All tasks, those that were stopped last included.
    pub fn tasks(&self) -> Vec<TaskStatus> {
        let state = self.inner.state();
        let mut tasks = state.services.tasks();
        tasks.extend(state.one_offs.values().cloned());
        tasks
    }

    /// The databases.
    pub fn databases(&self) -> BTreeMap<String, DatabaseStatus> {
        self.inner.databases.statuses()
    }

    /// Changes whenever one of the above does.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Says what balancers know of tasks of services that are `registered`: whether each is a healthy target. A task that
    /// is missing is not known yet (its first checks are not in). `false` is a verdict: after the grace period the task
    /// is replaced. A task that is to stop gets its signal when it is not told as healthy any more: so whoever told
    /// balancers to let go of it keeps telling it as healthy until its last request is answered.
    pub fn set_target_health(&self, healthy: BTreeMap<String, bool>) {
        if self.inner.state().services.set_target_health(healthy) {
            self.inner.wake.notify_one();
        }
    }

    /// Runs a task once, to its end, and returns its exit code. With a token that was used within a day it is the same
    /// task: its end is awaited, or its result returned again.
    pub async fn run_task(&self, token: &str, task: Task) -> Result<i32, String> {
        let mut result = {
            let mut state = self.inner.state();
            if state.closing {
                return Err("everything is being stopped".to_string());
            }
            if let Some(result) = state.tokens.get(token) {
                result.clone()
            } else if let Some(kept) = self.inner.kept_tokens().remove(token) {
                return Ok(kept.exit_code);
            } else {
                let id = uuid::Uuid::new_v4().simple().to_string();
                let (stop, stopped) = watch::channel(None);
                let (end, result) = watch::channel(None);
                state.stops.insert(id.clone(), stop);
                state.one_offs.insert(id.clone(), pending(&id, "", &task, 0));
                state.tokens.insert(token.to_string(), result.clone());
                let (inner, token) = (self.inner.clone(), token.to_string());
                self.inner.running().spawn(async move {
                    let result = inner.clone().run_one_off(id, token.clone(), task, stopped).await;
                    if result.is_err() {
                        // It never ran: the next try with this token may.
                        inner.state().tokens.remove(&token);
                    }
                    end.send_replace(Some(result));
                });
                result
            }
        };
        match result.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or_else(|| Err("the task has no result".to_string())),
            Err(_) => Err("the task was stopped with its supervisor".to_string()),
        }
    }

    /// What containers wrote: lines of one service (by ARN, `CLUSTER/NAME` or name; `database/NAME` for a database) or
    /// all, so far and, if followed, to come.
    pub async fn logs(&self, service: Option<&str>, follow: bool) -> impl Stream<Item = LogLine> + use<> {
        let (logs, service) = (self.inner.logs.clone(), service.map(str::to_string));
        let read = tokio::task::spawn_blocking(move || logs.read(service.as_deref(), follow)).await;
        futures::stream::StreamExt::flatten(futures::stream::iter(read.ok()))
    }

    /// Makes a backup of a running or stopped database; `file` is a name in the folder of backups.
    pub async fn snapshot(&self, database: &str, file: &str) -> Result<(), String> {
        self.inner.databases.snapshot(database, file).await
    }

    /// What this machine can run.
    pub async fn reachable(&self) -> Engines {
        look(&self.inner.engine).await
    }

    /// Stops a database and deletes its data.
    pub async fn remove_database(&self, name: &str) {
        self.inner.state().spec.databases.remove(name);
        self.inner.databases.remove(name).await;
    }

    /// Stops everything: tasks first, for they use the databases. With `keep_data` databases and logs stay for the next
    /// start. Backups always do.
    pub async fn shutdown(&self, keep_data: bool) {
        {
            let mut state = self.inner.state();
            state.closing = true;
            state.services.want(&BTreeMap::new());
            // Nobody balances any more.
            state.services.set_target_health(BTreeMap::new());
            let one_offs: Vec<String> = state.one_offs.keys().cloned().collect();
            for id in one_offs {
                if let Some(stop) = state.stops.get(&id) {
                    stop.send_replace(Some("everything is being stopped".to_string()));
                }
            }
        }
        loop {
            self.inner.conduct();
            if self.inner.state().is_quiet() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.conductor.abort();
        self.inner.databases.shutdown(keep_data).await;
        self.inner.starter.register.remove();
        if !keep_data {
            self.inner.logs.remove();
            let _ = fs::remove_file(self.inner.tokens_file());
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.conductor.abort();
        self.inner.running().abort_all();
        self.inner.databases.abort();
    }
}

/// Conducts forever.
async fn conduct(inner: Arc<Inner>) {
    let mut forwarding = Forwarding::default();
    loop {
        let pause = inner.conduct();
        forwarding.set(inner.engine.gateway(), &inner.servers()).await;
        tokio::select! {
            () = inner.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
