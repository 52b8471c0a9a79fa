//! The state while an apply goes on, and where it is written down.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use infra_state::State;

/// How much longer than a write took the next one waits, so that many short operations are written together and the
/// time of an apply grows with their number, not with its square.
const PAUSE: u32 = 3;
/// The longest pause: what is lost at most if the process is killed right after an operation.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Where a state is written.
pub trait StateStore: Send {
    /// Writes the state, so that it is there even if the machine stops now.
    ///
    /// # Errors
    /// Why it could not be written.
    fn save(&mut self, state: &mut State) -> Result<(), String>;
}

/// A state that is written down after each change. Changes that come faster than they can be written share a write; a
/// new object's id does not wait.
pub(crate) struct Book<'s>(Mutex<Pages<'s>>);

struct Pages<'s> {
    state: State,
    store: &'s mut dyn StateStore,
    failure: Option<String>,
    /// The state has changes that are not written yet.
    behind: bool,
    /// Before this moment nothing is written.
    next: Option<Instant>,
}

impl Pages<'_> {
    fn write(&mut self) {
        let started = Instant::now();
        self.failure = self.store.save(&mut self.state).err();
        self.behind = false;
        self.next = Some(Instant::now() + (started.elapsed() * PAUSE).min(LONGEST_PAUSE));
    }

    fn write_if_due(&mut self) {
        if self.behind && self.next.is_none_or(|next| Instant::now() >= next) {
            self.write();
        }
    }
}

impl Drop for Pages<'_> {
    /// An apply that is cut off still leaves everything that it did in the state.
    fn drop(&mut self) {
        if self.behind {
            self.write();
        }
    }
}

impl<'s> Book<'s> {
    pub fn new(state: State, store: &'s mut dyn StateStore) -> Book<'s> {
        Book(Mutex::new(Pages { state, store, failure: None, behind: false, next: None }))
    }

    /// Changes the state and writes it. A failed write is kept for the end: the run goes on, since stopping now would
    /// lose more.
    pub fn write(&self, change: impl FnOnce(&mut State)) {
        let mut pages = self.pages();
        change(&mut pages.state);
        pages.behind = true;
        pages.write_if_due();
    }

    /// Changes the state and writes it at once, whatever the cost: what is not written now could never be found again.
    pub fn write_at_once(&self, change: impl FnOnce(&mut State)) {
        let mut pages = self.pages();
        change(&mut pages.state);
        pages.write();
    }

    /// Writes what is still to be written, again and again; never ends.
    pub async fn keep_up(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.pages().write_if_due();
        }
    }

    /// Changes the state; it is written with the next change.
    pub fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.pages().state);
    }

    pub fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&self.pages().state)
    }

    /// The state, and why the last write failed if it did.
    pub fn close(self) -> (State, Option<String>) {
        let mut pages = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if pages.behind {
            pages.write();
        }
        (std::mem::take(&mut pages.state), pages.failure.take())
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages<'s>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
