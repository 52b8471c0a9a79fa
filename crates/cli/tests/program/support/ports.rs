//! Who has which ports of this machine: projects ask for the same ones, and get the next that is free.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static PORTS: RwLock<()> = RwLock::new(());

/// Held by a test that gives ports back and looks at them later: no other project of these tests takes them meanwhile.
pub struct Alone(#[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'static, ()>);

/// Held by a test that keeps the ports that it gets.
pub struct Beside(#[expect(dead_code, reason = "it is held")] RwLockReadGuard<'static, ()>);

impl Alone {
    /// Waits for everybody else.
    pub fn take() -> Alone {
        Alone(PORTS.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Beside {
    /// Waits for whoever is alone.
    pub fn take() -> Beside {
        Beside(PORTS.read().unwrap_or_else(PoisonError::into_inner))
    }
}
