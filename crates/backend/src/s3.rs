//! States in S3: an object for each workspace.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use infra_provider::{Failure, Problem};
use infra_state::{Backend, Kept, LockInfo, StoreError};
use tracing::Instrument;

use crate::bucket::Bucket;
use crate::keys::{Keys, Names};
use crate::locks::{Giving, Locks};
use crate::settings::S3Settings;
use crate::shelf::S3Shelf;
use crate::state::S3State;
use crate::table::Table;
use crate::worker::{Stopped, Worker};

/// How long a state that does not have its digest is read again.
const CONSISTENCY: Duration = Duration::from_secs(10);

/// The backend that a `backend "s3"` block names, connected.
pub struct S3Backend {
    connection: Arc<Connection>,
}

/// What all states of a backend share.
pub(crate) struct Connection {
    worker: Worker,
    pub services: Arc<Services>,
    pub keys: Keys,
    /// Where on this machine something may be put that the bucket does not take.
    pub folder: Option<PathBuf>,
    /// Who AWS sees calling, if it was asked.
    pub caller: Option<String>,
}

/// The services that are called.
pub(crate) struct Services {
    pub bucket: Bucket,
    pub table: Option<Table>,
    /// Whether a lock is an object.
    pub lockfile: bool,
    pub consistency: Duration,
}

impl S3Backend {
    /// Connects: finds credentials, and asks AWS whether it takes them unless the settings skip that.
    ///
    /// # Errors
    /// No credentials, ones that AWS does not take, an account that is not allowed.
    pub fn connect(settings: S3Settings) -> Result<S3Backend, Vec<Problem>> {
        let failed = |detail: String| vec![Problem::error("The backend cannot be reached", detail)];
        let worker = Worker::start().map_err(|error| failed(format!("Starting a thread: {error}.")))?;
        let block = settings.connection.clone();
        let aws = worker
            .call(async move { infra_aws::connect_as(&block, "backend block").await })
            .map_err(|Stopped| failed(format!("Connecting: {}.", Stopped::MESSAGE)))??;
        let sdk = aws.sdk_config();
        let services = Services {
            bucket: Bucket::new(sdk, &settings),
            table: Table::new(sdk, &settings),
            lockfile: settings.lockfile,
            consistency: CONSISTENCY,
        };
        let caller = infra_catalog::Cloud::caller(&aws);
        let connection = Connection { worker, services: services.into(), keys: settings.keys, folder: None, caller };
        Ok(S3Backend { connection: connection.into() })
    }

    /// The same, where a state that does not have its digest is read again for so long.
    #[must_use]
    pub fn with_consistency_wait(mut self, wait: Duration) -> S3Backend {
        // Nobody shares what has just been connected.
        let services = Arc::get_mut(&mut self.connection).and_then(|c| Arc::get_mut(&mut c.services));
        if let Some(services) = services {
            services.consistency = wait;
        }
        self
    }

    /// The same with a folder on this machine, for the journal of creations where the credentials allow to write the
    /// state and nothing beside it.
    #[must_use]
    pub fn with_folder(mut self, folder: PathBuf) -> S3Backend {
        if let Some(connection) = Arc::get_mut(&mut self.connection) {
            connection.folder = Some(folder);
        }
        self
    }

    /// Where records of what was done to a workspace's state are put.
    pub fn shelf(&self, workspace: &str) -> S3Shelf {
        let prefix = self.connection.keys.of(workspace).history;
        S3Shelf { connection: self.connection.clone(), prefix }
    }
}

impl Connection {
    /// What a call comes to; the thread waits for it.
    pub fn call<T, F>(&self, call: impl FnOnce(Arc<Services>) -> F) -> Result<T, Stopped>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.worker.call(call(self.services.clone()).in_current_span())
    }

    /// An object, as messages say it.
    pub fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.keys.bucket())
    }
}

impl Services {
    /// The locks of a state.
    pub fn locks<'a>(&'a self, names: &'a Names) -> Locks<'a> {
        Locks { bucket: self.lockfile.then_some(&self.bucket), table: self.table.as_ref(), names }
    }

    /// Whether states are locked at all.
    pub fn has_locks(&self) -> bool {
        self.lockfile || self.table.is_some()
    }
}

/// A failed call as text: what was answered, or that nothing was.
pub(crate) fn told(failure: &Failure) -> String {
    match (&failure.code, &failure.operation) {
        (None, Some(operation)) if failure.doing.is_empty() => format!("{operation}: {}", failure.message),
        (None, Some(operation)) => format!("{}: {operation}: {}", failure.doing, failure.message),
        _ => failure.to_string(),
    }
}

/// What went wrong with a state.
pub(crate) fn remote(place: &str, message: impl Into<String>) -> StoreError {
    StoreError::Remote { place: place.to_string(), message: message.into() }
}

impl Backend for S3Backend {
    fn kind(&self) -> &'static str {
        "s3"
    }

    fn state(&self, workspace: &str) -> Box<dyn Kept> {
        Box::new(S3State::new(self.connection.clone(), self.connection.keys.of(workspace)))
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        let keys = &self.connection.keys;
        let prefix = keys.workspaces_prefix();
        let place = self.connection.place(&prefix);
        let listed = self.connection.call(|s| async move { s.bucket.list(&prefix).await });
        let objects = match listed.map_err(|Stopped| remote(&place, Stopped::MESSAGE))? {
            Ok(objects) => objects,
            // Whoever uses no workspaces need not be allowed to list any.
            Err(failure) if failure.is(&["AccessDenied"]) && keys.has_usual_prefix() => {
                tracing::warn!(failure = failure.brief(), "workspaces cannot be listed");
                Vec::new()
            }
            Err(failure) => return Err(remote(&place, format!("listing the workspaces: {}", told(&failure)))),
        };
        let mut names = vec!["default".to_string()];
        names.extend(objects.iter().filter_map(|object| keys.workspace_of(object)).map(str::to_string));
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        let names = self.connection.keys.of(workspace);
        if workspace == "default" {
            return Err(remote(&names.place, "the state of the workspace \"default\" is not removed"));
        }
        let place = names.place.clone();
        let removed = self.connection.call(|s| async move {
            s.bucket.delete(&names.state).await?;
            if let Some(table) = &s.table {
                table.delete(&names.digest_item).await?;
            }
            s.bucket.delete(&names.underway).await
        });
        match removed {
            Ok(removed) => removed.map_err(|failure| remote(&place, format!("removing the state: {}", told(&failure)))),
            Err(Stopped) => Err(remote(&place, Stopped::MESSAGE)),
        }
    }

    fn force_unlock(&self, workspace: &str, id: &str) -> Result<LockInfo, StoreError> {
        let names = self.connection.keys.of(workspace);
        let place = names.place.clone();
        if !self.connection.services.has_locks() {
            let why = "states are not locked here: neither use_lockfile nor dynamodb_table is set";
            return Err(remote(&place, why));
        }
        let wanted = id.to_string();
        let given = self.connection.call(|s| async move { s.locks(&names).give(&wanted).await });
        match given.map_err(|Stopped| remote(&place, Stopped::MESSAGE))? {
            Ok(Giving::Given(info)) => Ok(info),
            Ok(Giving::None) => Err(remote(&place, "the state is not locked")),
            Ok(Giving::Other(info)) => Err(StoreError::Locked(info.map(Box::new))),
            Err(failure) => Err(remote(&place, format!("removing the lock {id}: {}", told(&failure)))),
        }
    }
}
