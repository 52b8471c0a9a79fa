//! The process that keeps a project's local cloud: it holds the records, runs what they ask for, and answers commands.

mod answers;
mod fleet;
mod keeping;
mod ports;
mod reconcile;
mod serve;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use infra_balancer::Balancers;
use infra_runtime::{Runtime, Settings};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::folder::{Folder, write_private};
use crate::protocol::Contact;
use keeping::Kept;
pub(crate) use keeping::read as records;

/// How long a supervisor without any record stays for more.
const IDLE: Duration = Duration::from_secs(20);

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Not yet.
    No,
    /// Everything stops; records and data stay.
    Stop,
    /// Everything stops and is forgotten.
    Destroy,
}

/// What the parts of a supervisor share.
struct Shared {
    folder: Folder,
    kept: Mutex<Kept>,
    runtime: Runtime,
    balancers: Balancers,
    /// Where each listener listens, or why not.
    listening: Mutex<BTreeMap<String, Result<SocketAddr, String>>>,
    /// One reconciliation at a time.
    reconciling: tokio::sync::Mutex<()>,
    /// Something may have to be reconciled.
    wake: Notify,
    ending: watch::Sender<Ending>,
    started: Instant,
    /// When the last conversation ended, and how many there are.
    conversations: Mutex<(usize, Instant)>,
    /// Tokens of creations whose record is not written yet.
    creating: Mutex<BTreeSet<String>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the supervisor of the project whose `.infra/local` this is, until it is told to stop, is sent SIGTERM, or has
/// nothing to keep. Does nothing if there is one already.
///
/// # Errors
/// The folder cannot be used, the records cannot be read, no port is free.
pub async fn supervise(local: &Path, program: PathBuf) -> Result<(), String> {
    // A session of its own: the terminal that the command was called from may go away.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let folder = Folder::at(local);
    folder.create().map_err(|e| format!("{}: {e}", folder.path().display()))?;
    let Some(lock) = lock(&folder)? else { return Ok(()) };

    let kept = Kept::load(&folder)?;
    let project = folder.path().display().to_string();
    let version = crate::client::build(&program);
    let runtime = Runtime::start(Settings { data_dir: folder.path().to_path_buf(), program, project }).await?;
    let (ending, mut end) = watch::channel(Ending::No);
    let shared = Arc::new(Shared {
        folder: folder.clone(),
        kept: Mutex::new(kept),
        runtime,
        balancers: Balancers::new(),
        listening: Mutex::default(),
        reconciling: tokio::sync::Mutex::default(),
        wake: Notify::new(),
        ending,
        started: Instant::now(),
        conversations: Mutex::new((0, Instant::now())),
        creating: Mutex::default(),
    });
    shared.reconcile().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| format!("listening on loopback: {e}"))?;
    let key = write_contact(&folder, &listener, version).map_err(|e| format!("{}: {e}", folder.contact().display()))?;

    let serving = tokio::spawn(serve::serve(shared.clone(), listener, key));
    let reconciling = tokio::spawn(reconcile::forever(shared.clone()));
    let watching = tokio::spawn(watch_idle(shared.clone()));
    let abandoned = tokio::spawn(watch_folder(shared.clone(), folder.clone()));
    tokio::select! {
        _ = end.wait_for(|ending| *ending != Ending::No) => {}
        () = told_to_end() => { shared.ending.send_replace(Ending::Stop); }
    }
    reconciling.abort();
    watching.abort();
    abandoned.abort();
    let destroy = *shared.ending.borrow() == Ending::Destroy;
    let forget = destroy || held(&shared.kept).world.is_empty();
    shared.balancers.shutdown().await;
    shared.runtime.shutdown(!forget).await;
    // Whoever asked for the end is answered before the contact goes.
    serve::finish(&shared).await;
    serving.abort();
    if forget {
        for file in [folder.world(), folder.log()] {
            let _ = std::fs::remove_file(file);
        }
    }
    if destroy {
        // Otherwise final snapshots outlive the last object, as they do in an account.
        let _ = std::fs::remove_dir_all(folder.snapshots());
    }
    let _ = std::fs::remove_file(folder.contact());
    if forget {
        let _ = std::fs::remove_file(folder.lock());
    }
    drop(lock);
    Ok(())
}

/// Takes the lock that a supervisor holds as long as it lives; `None` if another has it.
fn lock(folder: &Folder) -> Result<Option<File>, String> {
    let shown = folder.lock().display().to_string();
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.lock()).map_err(|e| format!("{shown}: {e}"))?;
    match file.try_lock() {
        // One that ends removes its lock: what was opened may be gone from the folder by now.
        Ok(()) if is_at(&file, &folder.lock()) => Ok(Some(file)),
        Ok(()) => lock(folder),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(format!("{shown}: {error}")),
    }
}

/// Whether the file is the one that the path leads to.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(own), Ok(there)) => own.ino() == there.ino() && own.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn write_contact(folder: &Folder, listener: &TcpListener, version: String) -> std::io::Result<String> {
    let contact = Contact {
        pid: std::process::id(),
        port: listener.local_addr()?.port(),
        key: uuid::Uuid::new_v4().to_string(),
        version,
    };
    write_private(&folder.contact(), &serde_json::to_vec(&contact)?)?;
    Ok(contact.key)
}

async fn watch_idle(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let quiet = {
            let conversations = held(&shared.conversations);
            conversations.0 == 0 && conversations.1.elapsed() > IDLE
        };
        if quiet && held(&shared.kept).world.is_empty() {
            shared.ending.send_replace(Ending::Stop);
            return;
        }
    }
}

/// Ends everything once the folder is gone: who removes a project's folder wants nothing of it any more, and no later
/// command could find what runs.
async fn watch_folder(shared: Arc<Shared>, folder: Folder) {
    let mut missed = 0;
    while missed < 3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let gone = |path: &Path| path.try_exists().is_ok_and(|there| !there);
        missed = if gone(&folder.lock()) && gone(&folder.contact()) { missed + 1 } else { 0 };
    }
    shared.ending.send_replace(Ending::Destroy);
}

#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn told_to_end() {
    let _ = tokio::signal::ctrl_c().await;
}
