//! One state in S3, perhaps locked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_history::Shelf;
use infra_provider::Failure;
use infra_state::{Kept, LockInfo, LockOptions, State, StateError, StoreError, TERRAFORM_VERSION, Underway};
use md5::{Digest, Md5};

use crate::keys::Names;
use crate::locks::{Giving, Taking};
use crate::s3::{Connection, Services, remote, told};
use crate::shelf::S3Shelf;
use crate::underway::UnderwayInBucket;
use crate::worker::Stopped;

/// The attribute that holds the digest of a state.
const DIGEST: &str = "Digest";
/// Pauses between attempts to take a lock that somebody holds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Pause between reads of a state that does not have its digest.
const DIGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long after the first attempt failed a write is tried once more, beyond what the SDK does by itself.
const WRITING: Duration = Duration::from_secs(10);
const WRITE_PAUSE: Duration = Duration::from_secs(1);

/// The state of a workspace.
pub(crate) struct S3State {
    connection: Arc<Connection>,
    names: Arc<Names>,
    lock: Option<LockInfo>,
    /// Whether it is known what there is.
    was_read: bool,
    /// What there is, as it was read or written last.
    last: Option<State>,
    /// The highest serial that was read, or tried to be written.
    serial: u64,
}

impl S3State {
    pub fn new(connection: Arc<Connection>, names: Names) -> S3State {
        S3State { connection, names: names.into(), lock: None, was_read: false, last: None, serial: 0 }
    }

    fn remote(&self, message: impl Into<String>) -> StoreError {
        remote(&self.names.place, message)
    }

    /// What a call comes to.
    fn call<T, F>(&self, call: impl FnOnce(Arc<Services>, Arc<Names>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let names = self.names.clone();
        self.connection.call(|services| call(services, names)).map_err(|Stopped| self.remote(Stopped::MESSAGE))
    }
}

impl Kept for S3State {
    fn place(&self) -> String {
        self.names.place.clone()
    }

    fn lock(&mut self, operation: &str, options: LockOptions) -> Result<(), StoreError> {
        if !options.enabled || self.lock.is_some() || !self.connection.services.has_locks() {
            return Ok(());
        }
        let info = LockInfo::new(operation, &self.names.item);
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let own = info.clone();
            let holder = match self.call(|s, names| async move { s.locks(&names).take(&own).await })? {
                Ok(Taking::Taken) => {
                    self.lock = Some(info);
                    return Ok(());
                }
                Ok(Taking::Held(holder)) => holder,
                Err(failure) => return Err(self.remote(format!("the lock cannot be taken: {}", told(&failure)))),
            };
            let left = options.timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(StoreError::Locked(holder.map(Box::new)));
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn unlock(&mut self) -> Result<(), StoreError> {
        let Some(info) = &self.lock else { return Ok(()) };
        let id = info.id.clone();
        let given = self.call(|s, names| async move { s.locks(&names).give(&id).await })?;
        let id = self.lock.take().map(|info| info.id).unwrap_or_default();
        match given {
            Ok(Giving::Given(_)) => Ok(()),
            Ok(Giving::None) => {
                Err(self.remote(format!("the lock {id} is gone: somebody has removed it while it was held")))
            }
            Ok(Giving::Other(other)) => {
                let by = other.map(|info| format!(" by {} ({})", info.who, info.id)).unwrap_or_default();
                let message = format!("the lock {id} was removed while it was held, and the state is locked{by} now");
                Err(self.remote(message))
            }
            Err(failure) => Err(self.remote(format!("the lock {id} cannot be removed: {}", told(&failure)))),
        }
    }

    fn read(&mut self) -> Result<Option<State>, StoreError> {
        let text = match self.call(|services, names| async move { read(&services, &names).await })? {
            Ok(text) => text,
            Err(Reading::Failed(failure)) => return Err(self.remote(format!("reading the state: {}", told(&failure)))),
            Err(Reading::OtherDigest(message)) => return Err(self.remote(message)),
        };
        let invalid = |error| StoreError::Invalid { path: self.names.place.clone().into(), error };
        let text =
            String::from_utf8(text).map_err(|_| invalid(StateError::NotJson("it is not text (UTF-8)".into())))?;
        let state = State::parse(&text).map_err(invalid)?;
        self.was_read = true;
        self.serial = state.as_ref().map_or(0, |state| state.serial);
        self.last.clone_from(&state);
        Ok(state)
    }

    fn write(&mut self, state: &mut State) -> Result<(), StoreError> {
        if !self.was_read {
            self.read()?;
        }
        if self.last.as_ref().is_some_and(|last| last.same_content(state) && state.serial <= self.serial) {
            state.serial = self.serial;
            return Ok(());
        }
        // A write that failed may have arrived all the same: its serial is not given to another content.
        self.serial = state.serial.max(self.serial + 1);
        state.serial = self.serial;
        state.terraform_version = TERRAFORM_VERSION.into();
        let bytes = state.to_text().into_bytes();
        match self.call(|services, names| async move { write(&services, &names, bytes).await })? {
            Ok(()) => {
                self.last = Some(state.clone());
                Ok(())
            }
            Err(Writing::Failed(failure)) => Err(self.remote(format!("writing the state: {}", told(&failure)))),
            Err(Writing::NoDigest(message)) => Err(self.remote(message)),
        }
    }

    fn underway(&self) -> Underway {
        Underway::in_object(UnderwayInBucket::new(self.connection.clone(), self.names.underway.clone()))
    }

    fn caller(&self) -> Option<String> {
        self.connection.caller.clone()
    }

    fn shelf(&self) -> Option<Box<dyn Shelf>> {
        let (connection, prefix) = (self.connection.clone(), self.names.history.clone());
        Some(Box::new(S3Shelf { connection, prefix }))
    }
}

impl Drop for S3State {
    fn drop(&mut self) {
        if let Err(error) = self.unlock() {
            tracing::warn!(%error, "the lock could not be given back");
        }
    }
}

/// Why a state could not be read.
enum Reading {
    Failed(Failure),
    OtherDigest(String),
}

/// The text of the state; nothing if there is none. Where a table has its digest, it has to have that one: S3 or another
/// copy of the bucket may not show the last write yet.
async fn read(services: &Services, names: &Names) -> Result<Vec<u8>, Reading> {
    let deadline = Instant::now() + services.consistency;
    loop {
        let bytes = services.bucket.get(&names.state).await.map_err(Reading::Failed)?.unwrap_or_default();
        let Some(table) = &services.table else { return Ok(bytes) };
        let wanted = match table.get(&names.digest_item, DIGEST).await {
            Ok(wanted) => wanted.filter(|digest| !digest.is_empty()),
            // Whoever reads without locks need not be allowed to read the table.
            Err(failure) => {
                tracing::warn!(failure = failure.brief(), "the digest of the state cannot be read");
                None
            }
        };
        let found = if bytes.is_empty() { String::new() } else { digest(&bytes) };
        match wanted {
            Some(wanted) if wanted != found => {
                if Instant::now() >= deadline {
                    return Err(Reading::OtherDigest(other_digest(names, table.name(), &wanted, &found)));
                }
                tokio::time::sleep(DIGEST_PAUSE.min(services.consistency)).await;
            }
            _ => return Ok(bytes),
        }
    }
}

fn other_digest(names: &Names, table: &str, wanted: &str, found: &str) -> String {
    let item = &names.digest_item;
    let (what, cure) = match found {
        "" => (
            "there is no such object, but a digest of it".to_string(),
            "If the state was removed on purpose, remove that item too".to_string(),
        ),
        found => (
            format!("the object has the digest {found}, which is another one than that"),
            format!("If the object is the right state, set Digest of that item to {found}"),
        ),
    };
    format!(
        "the state does not have the expected content: {what} in DynamoDB table {table} ({wanted}, item {item}).\nA write \
         that was just made may not be visible yet: wait a minute or two and try again. It also happens when a run was \
         killed between writing the two, or when the object was changed by hand. {cure}."
    )
}

/// Why a state could not be written.
enum Writing {
    Failed(Failure),
    NoDigest(String),
}

async fn write(services: &Services, names: &Names, bytes: Vec<u8>) -> Result<(), Writing> {
    let sum = digest(&bytes);
    if let Err(failure) = again_and_again(|| services.bucket.put(&names.state, bytes.clone())).await {
        // The answers may have been lost, not the calls.
        let there = services.bucket.get(&names.state).await;
        if !there.is_ok_and(|there| there.is_some_and(|there| there == bytes)) {
            return Err(Writing::Failed(failure));
        }
    }
    let Some(table) = &services.table else { return Ok(()) };
    let put = again_and_again(|| table.put(&names.digest_item, DIGEST, &sum)).await;
    put.map_err(|failure| {
        Writing::NoDigest(format!(
            "the state was written, but not its digest: {}\nUntil Digest of the item {} is {sum}, nobody can read it.",
            told(&failure),
            names.digest_item
        ))
    })
}

/// Tries a write that may be repeated until it is done, or it is clear or late enough that it will not be.
async fn again_and_again<F>(mut write: impl FnMut() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let started = Instant::now();
    loop {
        match write().await {
            Err(failure) if may_pass(&failure) && started.elapsed() < WRITING => {
                tracing::warn!(failure = failure.brief(), "a write is repeated");
                tokio::time::sleep(WRITE_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Whether the same call may succeed a little later: it was not answered, or there was too much to do.
fn may_pass(failure: &Failure) -> bool {
    const BUSY: &[&str] = &["SlowDown", "ServiceUnavailable", "RequestTimeout", "ThrottlingException"];
    failure.is_uncertain() || failure.is(BUSY)
}

/// The MD5 of a state, as the table has it.
fn digest(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
