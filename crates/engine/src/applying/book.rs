//! The state while an apply goes on, and where it is written down.

use std::sync::Mutex;

use infra_state::State;

/// Where a state is written.
pub trait StateStore: Send {
    /// Writes the state, so that it is there even if the machine stops now.
    ///
    /// # Errors
    /// Why it could not be written.
    fn save(&mut self, state: &mut State) -> Result<(), String>;
}

/// A state that is written down after each change.
pub(crate) struct Book<'s>(Mutex<Pages<'s>>);

struct Pages<'s> {
    state: State,
    store: &'s mut dyn StateStore,
    failure: Option<String>,
}

impl<'s> Book<'s> {
    pub fn new(state: State, store: &'s mut dyn StateStore) -> Book<'s> {
        Book(Mutex::new(Pages { state, store, failure: None }))
    }

    /// Changes the state and writes it. A failed write is kept for the end: the run goes on, since stopping now would
    /// lose more.
    pub fn write(&self, change: impl FnOnce(&mut State)) {
        let mut pages = self.pages();
        change(&mut pages.state);
        let Pages { state, store, failure } = &mut *pages;
        *failure = store.save(state).err();
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
        let pages = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        (pages.state, pages.failure)
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages<'s>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
