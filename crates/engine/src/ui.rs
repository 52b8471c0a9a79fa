//! What is told while a run goes on.

use std::time::Duration;

use infra_address::ResourceInstance;

use crate::plan::Action;

/// What is done with an ephemeral resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EphemeralOperation {
    /// It is opened.
    Open,
    /// It is kept open.
    Renew,
    /// It is closed.
    Close,
}

/// Where a provisioner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// It starts.
    Started,
    /// It has succeeded.
    Succeeded,
    /// It has failed. The reason comes with the diagnostics.
    Failed,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'e> {
    /// All known objects of one type are being read.
    RefreshStart {
        /// How many.
        objects: usize,
    },
    /// An object has been read again.
    Refreshed {
        /// Which.
        address: &'e ResourceInstance,
        /// Its `id`.
        id: &'e str,
    },
    /// An object is being read for an import.
    ImportStart {
        /// Where it will be.
        address: &'e ResourceInstance,
        /// By which id.
        id: &'e str,
    },
    /// An object has been found that an interrupted run had created.
    Found {
        /// Where it is now.
        address: &'e ResourceInstance,
        /// Its `id`.
        id: &'e str,
    },
    /// An object that an interrupted run had begun to create is waited for.
    Awaiting {
        /// Which.
        address: &'e ResourceInstance,
        /// Its `id`.
        id: &'e str,
    },
    /// A data source is being read.
    ReadStart {
        /// Which.
        address: &'e ResourceInstance,
    },
    /// A data source has been read.
    ReadDone {
        /// Which.
        address: &'e ResourceInstance,
        /// Its `id`.
        id: &'e str,
        /// How long it took.
        elapsed: Duration,
    },
    /// An ephemeral resource is being opened, renewed or closed, or has been.
    Ephemeral {
        /// Which.
        address: &'e ResourceInstance,
        /// What is done.
        operation: EphemeralOperation,
        /// How long it took; `None` when it starts.
        elapsed: Option<Duration>,
    },
    /// An ephemeral resource cannot be opened before the apply.
    EphemeralDeferred {
        /// Which.
        address: &'e ResourceInstance,
    },
    /// An operation starts.
    ApplyStart {
        /// Of which object.
        address: &'e ResourceInstance,
        /// The key of a deposed object.
        deposed: Option<&'e str>,
        /// What is done: create, update or delete.
        action: Action,
        /// Its `id`, if it has one.
        id: &'e str,
    },
    /// An operation has succeeded.
    ApplyDone {
        /// Of which object.
        address: &'e ResourceInstance,
        /// The key of a deposed object.
        deposed: Option<&'e str>,
        /// What was done.
        action: Action,
        /// Its `id`.
        id: &'e str,
        /// How long it took.
        elapsed: Duration,
    },
    /// An operation has failed. The reason comes with the diagnostics.
    ApplyFailed {
        /// Of which object.
        address: &'e ResourceInstance,
        /// The key of a deposed object.
        deposed: Option<&'e str>,
        /// What was tried.
        action: Action,
        /// How long it took.
        elapsed: Duration,
    },
    /// A provisioner starts, or has ended.
    Provisioner {
        /// Of which object.
        address: &'e ResourceInstance,
        /// The provisioner's type.
        provisioner: &'e str,
        /// Where it is.
        what: Provisioning,
    },
    /// What a provisioner printed.
    ProvisionerOutput {
        /// Of which object.
        address: &'e ResourceInstance,
        /// The provisioner's type.
        provisioner: &'e str,
        /// A line.
        line: &'e str,
    },
}

/// Who is told.
pub trait Ui {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Nobody is told.
pub struct Silent;
impl Ui for Silent {
    fn event(&self, _: Event<'_>) {}
}
