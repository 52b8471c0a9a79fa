//! The state while an apply goes on, and where it is written down.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use infra_state::{Instance, Intent, State, Underway};

/// How much longer than a write took the next one waits, so that many short operations are written together and the
/// time of an apply grows with their number, not with its square.
const PAUSE: u32 = 3;
/// The longest pause. What was created in it is in the record of what is under way.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Where a state is written.
pub trait StateStore: Send {
    /// Writes the state, so that it is there even if the machine stops now.
    ///
    /// # Errors
    /// Why it could not be written.
    fn save(&mut self, state: &mut State) -> Result<(), String>;
}

/// A state that is written down after each change. Changes that come faster than they can be written share a write; the
/// intent to create an object, and the id of a new one, do not wait: they go into a record of their own.
pub(crate) struct Book<'s>(Mutex<Pages<'s>>);

struct Pages<'s> {
    state: State,
    store: &'s mut dyn StateStore,
    underway: &'s Underway,
    /// Creations that have come to their end once the state is written.
    ended: Vec<String>,
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
        self.end();
        self.next = Some(Instant::now() + (started.elapsed() * PAUSE).min(LONGEST_PAUSE));
    }

    /// Notes which creations the state tells the end of.
    fn end(&mut self) {
        if self.failure.is_none() && !self.ended.is_empty() {
            self.underway.end(self.ended.drain(..).collect::<Vec<_>>().iter().map(String::as_str));
        }
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
    pub fn new(state: State, store: &'s mut dyn StateStore, underway: &'s Underway) -> Book<'s> {
        let ended = Vec::new();
        Book(Mutex::new(Pages { state, store, underway, ended, failure: None, behind: false, next: None }))
    }

    /// Changes the state and writes it. A failed write is kept for the end: the run goes on, since stopping now would
    /// lose more.
    pub fn write(&self, change: impl FnOnce(&mut State)) {
        let mut pages = self.pages();
        change(&mut pages.state);
        pages.behind = true;
        pages.write_if_due();
    }

    /// Writes what is still to be written, now.
    pub fn flush(&self) {
        let mut pages = self.pages();
        if pages.behind {
            pages.write();
        }
    }

    /// Writes down that an object is about to be created.
    pub async fn begin(&self, intent: &Intent) -> Result<(), String> {
        // Others go on, and begin, while it is written.
        let begun = self.pages().underway.begin_soon(intent);
        begun.await.map_err(|error| error.to_string())
    }

    /// Writes down that a new object has an id, and changes the state.
    pub fn made(&self, token: &str, object: &Instance, change: impl FnOnce(&mut State)) {
        let mut pages = self.pages();
        change(&mut pages.state);
        pages.behind = true;
        match pages.underway.made(token, object) {
            Ok(()) => pages.write_if_due(),
            Err(_) => pages.write(),
        }
    }

    /// With the next write of the state nothing more is to be found out about these creations.
    pub fn end(&self, tokens: impl IntoIterator<Item = String>) {
        self.pages().ended.extend(tokens);
    }

    /// Takes over what recovery has found: nothing else is done before it is written.
    pub fn take_over(&self, settled: &[String]) {
        if !settled.is_empty() {
            let mut pages = self.pages();
            pages.ended.extend(settled.iter().cloned());
            pages.write();
        }
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
        pages.end();
        (std::mem::take(&mut pages.state), pages.failure.take())
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages<'s>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
