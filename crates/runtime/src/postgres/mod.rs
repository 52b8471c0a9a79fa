//! The databases: for each a keeper that makes it, starts it, and starts it again.

mod backup;
mod client;
mod configuration;
mod home;
mod image;
pub(crate) mod programs;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::engine::Engine;
use crate::logs::Logs;
use crate::processes::Register;
use crate::rollout::BackOff;
use crate::runtime::Settings;
use crate::spec::Database;
use crate::status::{DatabaseState, DatabaseStatus};
use home::Home;

/// How often is looked whether a server can run where none could.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What keepers share.
pub(crate) struct Context {
    data_dir: PathBuf,
    project: String,
    logs: Arc<Logs>,
    engine: Arc<Engine>,
    register: Register,
    changed: watch::Sender<u64>,
}

/// All databases.
pub(crate) struct Databases {
    cx: Arc<Context>,
    keepers: Mutex<BTreeMap<String, Keeper>>,
}

struct Keeper {
    wish: watch::Sender<Wish>,
    status: Arc<Mutex<DatabaseStatus>>,
    task: JoinHandle<()>,
}

/// What should become of a database.
#[derive(Clone, Debug, PartialEq)]
enum Wish {
    Run(Database),
    /// Stopped, with its data.
    Rest(Option<Database>),
    /// Stopped; its keeper ends.
    End,
}

/// A running server of either kind.
enum Server {
    Programs(server::Server),
    Image(image::Server),
}

/// Why there is no server.
enum Missing {
    /// Nothing on this machine could be one.
    Everything(String),
    /// It failed.
    Failed(String),
}

impl Databases {
    pub(crate) fn new(
        settings: &Settings,
        logs: Arc<Logs>,
        engine: Arc<Engine>,
        changed: watch::Sender<u64>,
    ) -> Databases {
        let register = Register::new(settings.data_dir.join("run-databases"));
        let (data_dir, project) = (settings.data_dir.clone(), settings.project.clone());
        let cx = Context { data_dir, project, logs, engine, register, changed };
        Databases { cx: Arc::new(cx), keepers: Mutex::default() }
    }

    fn keepers(&self) -> MutexGuard<'_, BTreeMap<String, Keeper>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops servers that a killed predecessor left.
    pub(crate) async fn clean(&self) {
        self.cx.register.clean(rustix::process::Signal::INT, Duration::from_secs(20)).await;
    }

    /// Takes what is wanted.
    pub(crate) fn want(&self, wanted: &BTreeMap<String, Database>) {
        let mut keepers = self.keepers();
        for (name, keeper) in keepers.iter() {
            if !wanted.contains_key(name) {
                keeper.wish.send_replace(Wish::Rest(None));
            }
        }
        for (name, database) in wanted {
            let wish = if database.running { Wish::Run(database.clone()) } else { Wish::Rest(Some(database.clone())) };
            match keepers.get(name) {
                Some(keeper) => {
                    keeper.wish.send_if_modified(|before| {
                        let differs = *before != wish;
                        *before = wish;
                        differs
                    });
                }
                None => {
                    keepers.insert(name.clone(), Keeper::new(&self.cx, name, wish));
                }
            }
        }
    }

    pub(crate) fn statuses(&self) -> BTreeMap<String, DatabaseStatus> {
        let keepers = self.keepers();
        let wanted =
            keepers.iter().filter(|(_, keeper)| !matches!(*keeper.wish.borrow(), Wish::Rest(None) | Wish::End));
        wanted.map(|(name, keeper)| (name.clone(), lock(&keeper.status).clone())).collect()
    }

    /// Makes a backup of a running database.
    pub(crate) async fn snapshot(&self, name: &str, file: &str) -> Result<(), String> {
        let file = backup::path(&self.cx.data_dir, file)?;
        let (wish, state) = {
            let keepers = self.keepers();
            let Some(keeper) = keepers.get(name) else { return Err(format!("there is no database {name}")) };
            (keeper.wish.borrow().clone(), lock(&keeper.status).state.clone())
        };
        match (wish, state) {
            (Wish::Run(database), DatabaseState::Available) => self.cx.backup(name, &database, &file).await,
            _ => Err(format!("the database {name} does not run: only a running one can be backed up")),
        }
    }

    /// Stops a database and deletes its data.
    pub(crate) async fn remove(&self, name: &str) {
        let keeper = self.keepers().remove(name);
        if let Some(keeper) = keeper {
            keeper.end().await;
        }
        self.cx.delete(name).await;
    }

    /// Stops all databases. Backups stay, with their data or without.
    pub(crate) async fn shutdown(&self, keep_data: bool) {
        let keepers = std::mem::take(&mut *self.keepers());
        let names: Vec<String> = keepers.keys().cloned().collect();
        futures::future::join_all(keepers.into_values().map(Keeper::end)).await;
        self.cx.register.remove();
        if !keep_data {
            futures::future::join_all(names.iter().map(|name| self.cx.delete(name))).await;
            Home::remove(&self.cx.data_dir);
        }
    }

    /// Leaves everything at once.
    pub(crate) fn abort(&self) {
        self.keepers().values().for_each(|keeper| keeper.task.abort());
    }
}

impl Keeper {
    fn new(cx: &Arc<Context>, name: &str, wish: Wish) -> Keeper {
        let status = DatabaseStatus { state: DatabaseState::Starting, version: None, address: None, notes: Vec::new() };
        let status = Arc::new(Mutex::new(status));
        let (sender, receiver) = watch::channel(wish);
        let keeping = Keeping { cx: cx.clone(), name: name.to_string(), status: status.clone(), wish: receiver };
        Keeper { wish: sender, status, task: tokio::spawn(keeping.keep()) }
    }

    async fn end(self) {
        self.wish.send_replace(Wish::End);
        let _ = self.task.await;
    }
}

/// A keeper at work.
struct Keeping {
    cx: Arc<Context>,
    name: String,
    status: Arc<Mutex<DatabaseStatus>>,
    wish: watch::Receiver<Wish>,
}

impl Keeping {
    fn tell(&self, state: DatabaseState, server: Option<(&Server, &Database)>) {
        let status = DatabaseStatus {
            state,
            version: server.map(|(server, _)| server.version().to_string()),
            address: server.map(|(_, database)| database.bind),
            notes: server.map(|(server, _)| server.notes().to_vec()).unwrap_or_default(),
        };
        *lock(&self.status) = status;
        self.cx.changed.send_modify(|count| *count += 1);
    }

    async fn keep(mut self) {
        let mut back_off = BackOff::default();
        loop {
            let wish = self.wish.borrow_and_update().clone();
            let database = match wish {
                Wish::End => return,
                Wish::Rest(_) => {
                    self.tell(DatabaseState::Stopped, None);
                    if self.wish.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
                Wish::Run(database) => database,
            };
            self.tell(DatabaseState::Starting, None);
            let pause = match self.cx.start(&self.name, &database).await {
                Ok(server) => {
                    let begun = Instant::now();
                    match self.attend(server, database).await {
                        None => continue,
                        Some(why) => {
                            self.tell(DatabaseState::Failed { why }, None);
                            back_off.failed(begun.elapsed())
                        }
                    }
                }
                Err(Missing::Everything(why)) => {
                    self.tell(DatabaseState::RecordedOnly { why }, None);
                    LOOK_AGAIN
                }
                Err(Missing::Failed(why)) => {
                    self.tell(DatabaseState::Failed { why }, None);
                    back_off.failed(Duration::ZERO)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                changed = self.wish.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Attends a running server until it has ended: by itself (why), or because something else is wanted.
    async fn attend(&mut self, server: Server, mut database: Database) -> Option<String> {
        self.tell(DatabaseState::Available, Some((&server, &database)));
        loop {
            tokio::select! {
                code = server.wait() => {
                    let why = server::ended_text(&self.cx.logs, &self.name, code);
                    server.stop().await;
                    return Some(why);
                }
                changed = self.wish.changed() => {
                    let wish = self.wish.borrow_and_update().clone();
                    match wish {
                        Wish::Run(wanted) if changed.is_ok() && !needs_restart(&database, &wanted) => {
                            if wanted.password != database.password
                                && let Err(why) = client::set_password(&wanted, &database.password).await
                            {
                                server.stop().await;
                                return Some(why);
                            }
                            database = wanted;
                        }
                        _ => {
                            // What is wanted now is looked at again by whoever called.
                            self.wish.mark_changed();
                            server.stop().await;
                            return None;
                        }
                    }
                }
            }
        }
    }
}

/// Whether a running server has to be started again for what is wanted now.
fn needs_restart(now: &Database, wanted: &Database) -> bool {
    now.bind != wanted.bind || now.parameters != wanted.parameters || now.engine_version != wanted.engine_version
}

impl Context {
    /// Starts a server: of the programs on this machine, or else of an image.
    async fn start(&self, name: &str, database: &Database) -> Result<Server, Missing> {
        let data = server::data_version(&self.data_dir.join("databases").join(name).join("data"));
        let found = programs::find().await;
        let docker = if data.is_none() { self.engine.get().await } else { Err(String::new()) };
        let docker = match docker {
            // Data that a container has made stays with containers.
            Ok(docker) if found.is_empty() || docker.has_volume(&image::volume(self, name)).await => Ok(docker),
            Ok(_) => Err(String::new()),
            Err(why) => Err(why),
        };
        match docker {
            Ok(docker) => {
                let started = image::Server::start(self, name, database, docker).await;
                started.map(Server::Image).map_err(Missing::Failed)
            }
            Err(why) if found.is_empty() && data.is_none() => Err(Missing::Everything(format!(
                "no server runs: this machine has no PostgreSQL programs (initdb, postgres), and {why}"
            ))),
            Err(_) => {
                let started = server::Server::start(self, name, database, &found).await;
                started.map(Server::Programs).map_err(Missing::Failed)
            }
        }
    }

    async fn backup(&self, name: &str, database: &Database, file: &Path) -> Result<(), String> {
        match server::data_version(&self.data_dir.join("databases").join(name).join("data")) {
            Some(version) => server::backup(database, version, &programs::find().await, file).await,
            None => image::backup(self, &self.engine.get().await?, name, database, file).await,
        }
    }

    async fn delete(&self, name: &str) {
        let folder = self.data_dir.join("databases").join(name);
        let _ = tokio::fs::remove_dir_all(folder).await;
        if let Ok(docker) = self.engine.get().await {
            docker.remove_volume(&image::volume(self, name)).await;
        }
    }
}

impl Server {
    fn version(&self) -> &str {
        match self {
            Server::Programs(server) => &server.version,
            Server::Image(server) => &server.version,
        }
    }

    fn notes(&self) -> &[String] {
        match self {
            Server::Programs(server) => &server.notes,
            Server::Image(server) => &server.notes,
        }
    }

    async fn wait(&self) -> i32 {
        match self {
            Server::Programs(server) => server.wait().await,
            Server::Image(server) => server.wait().await,
        }
    }

    async fn stop(&self) {
        match self {
            Server::Programs(server) => server.stop().await,
            Server::Image(server) => server.stop().await,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
