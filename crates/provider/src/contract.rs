//! What the engine asks of a provider.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use infra_address::ProviderSource;
use infra_schema::Schema;
use infra_value::{Path, Value};

use crate::fleet::{FleetOrProblems, FleetSpec, ReleaseRules};
use crate::{Attention, Identity, Problem, Remark, Token};

/// Bytes that a provider keeps beside a resource instance in the state (`private`, there in base64).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Private(pub Option<Arc<[u8]>>);

/// A provider before it is configured: what it knows without a cloud.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Where it comes from.
    fn source(&self) -> &ProviderSource;
    /// The version of the provider that it stands for: constraints in `required_providers` are checked against it.
    fn version(&self) -> &str;
    /// The schema of its `provider` block.
    fn config_schema(&self) -> &Schema;
    /// The schema of a resource type; `None` if there is no such type or it is not supported.
    fn resource_schema(&self, ty: &str) -> Option<&Schema>;
    /// The schema of a data source.
    fn data_schema(&self, ty: &str) -> Option<&Schema>;
    /// Whether the provider that this one stands for has such a resource type (or data source), supported here or not.
    fn knows(&self, ty: &str, data: bool) -> bool;
    /// Every supported resource type (or data source), for "did you mean".
    fn types(&self, data: bool) -> Vec<&str>;
    /// Checks a `provider` block. Values may be unknown.
    fn validate_config(&self, config: &Value) -> Vec<Problem>;
    /// Checks a resource's configuration. Values may be unknown.
    fn validate_resource(&self, ty: &str, config: &Value) -> Vec<Problem>;
    /// Checks a data source's configuration. Values may be unknown.
    fn validate_data(&self, ty: &str, config: &Value) -> Vec<Problem>;
    /// The schema of an ephemeral resource type.
    fn ephemeral_schema(&self, _ty: &str) -> Option<&Schema> {
        None
    }
    /// Every supported ephemeral resource type, and those that only the provider that this one stands for has.
    fn ephemeral_types(&self) -> (Vec<&str>, Vec<&str>) {
        (Vec::new(), Vec::new())
    }
    /// Checks an ephemeral resource's configuration. Values may be unknown.
    fn validate_ephemeral(&self, _ty: &str, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }
    /// Makes an object of one type from the state of an object of another one, also another provider's, as a `moved`
    /// block asks for. `None`: it cannot become one.
    fn move_state(&self, _from: MovedFrom<'_>, _to: &str) -> Option<Result<Value, Problem>> {
        None
    }
    /// Brings a state object of an older schema version (JSON as the state file holds it) to the present schema.
    /// Attributes that the schema does not know are dropped, missing ones are null.
    ///
    /// # Errors
    /// When the version is newer than the schema's, or the object does not have its form.
    fn upgrade(&self, ty: &str, version: u64, attributes: &serde_json::Value) -> Result<Value, Problem>;
    /// What the provider knows about releases; `None` if none of its types can be released.
    fn release_rules(&self) -> Option<&dyn ReleaseRules> {
        None
    }
    /// What somebody who approves a change should look at first. Nothing to say never means that the change is safe.
    fn attention(&self, _change: &Attention<'_>) -> Vec<Remark> {
        Vec::new()
    }
    /// Makes the provider ready for calls. Values may be unknown (at plan), and then count as unset.
    async fn configure(&self, config: &Value) -> Result<Arc<dyn Configured>, Vec<Problem>>;
}

/// A provider with its settings. All methods may be called at the same time.
#[async_trait]
pub trait Configured: Send + Sync {
    /// Who the cloud sees calling, if that was asked when it was configured: an ARN. Asks nothing.
    fn caller(&self) -> Option<String> {
        None
    }
    /// Turns prior state and configuration into the planned value.
    async fn plan(&self, request: PlanRequest<'_>) -> Result<Planned, Vec<Problem>>;
    /// Reads many objects of one type, as few calls as the cloud allows. One answer per request, in order: `Ok(None)`
    /// for an object that is gone.
    async fn read(&self, ty: &str, requests: Vec<ReadRequest>) -> Vec<Result<Option<Value>, Problem>>;
    /// Creates, updates or deletes one object.
    async fn apply(&self, request: ApplyRequest<'_>) -> Applied;
    /// Finds the object with an id. An empty answer: there is none.
    async fn import(&self, ty: &str, id: &str) -> Result<Vec<Imported>, Vec<Problem>>;
    /// Looks for an object that was to be created when nothing more was heard of it. `None`: that cannot be told. What is
    /// found has everything that the create call sets; several answers mean that they cannot be told apart.
    async fn find_created(&self, _sought: Sought<'_>) -> Result<Option<Vec<Imported>>, Problem> {
        Ok(None)
    }
    /// Waits until an object whose creation was cut off is as far as the creation would have waited for.
    ///
    /// # Errors
    /// When that could not be found out.
    async fn ready(&self, _sought: Sought<'_>) -> Result<Readiness, Problem> {
        Ok(Readiness::Ready)
    }
    /// Reads a data source.
    async fn read_data(&self, ty: &str, config: &Value) -> Result<Value, Vec<Problem>>;
    /// Opens an ephemeral resource.
    async fn open(&self, ty: &str, _config: &Value) -> Result<Opened, Vec<Problem>> {
        let detail = format!("The provider has no ephemeral resource type {ty:?}.");
        Err(vec![Problem::error("Invalid ephemeral resource", detail)])
    }
    /// Keeps an opened ephemeral resource open. What is answered is when to do so again, if that is needed.
    async fn renew(&self, _ty: &str, _private: &mut Private) -> Result<Option<Duration>, Vec<Problem>> {
        Ok(None)
    }
    /// Closes an opened ephemeral resource.
    async fn close(&self, _ty: &str, _private: &Private) -> Result<(), Vec<Problem>> {
        Ok(())
    }
    /// The two services of a release, to be driven.
    ///
    /// # Errors
    /// When these objects cannot be released, and why.
    async fn fleet(&self, _spec: FleetSpec) -> FleetOrProblems {
        Err(vec![Problem::error("Unsupported release", "The provider of these resources knows no releases.")])
    }
    /// How late a fleet's evidence is at the most, for whoever reads the plan of a release.
    fn evidence_delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// An ephemeral resource that has been opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its value.
    pub value: Value,
    /// What the provider needs to renew and close it.
    pub private: Private,
    /// After how long it has to be renewed, if it has.
    pub renew_after: Option<Duration>,
}

/// An object in the state that is to become one of another type.
#[derive(Clone, Copy, Debug)]
pub struct MovedFrom<'a> {
    /// The provider of its type.
    pub provider: &'a ProviderSource,
    /// Its type.
    pub ty: &'a str,
    /// The version of the schema that it was stored with.
    pub version: u64,
    /// The object as JSON.
    pub attributes: &'a serde_json::Value,
}

/// An object as it is known, to be read again.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The object as the state has it, without marks.
    pub prior: Value,
    /// The provider's own data beside it.
    pub private: Private,
    /// `None`: all of it is wanted as it is now. Otherwise a plan is made, for which some attributes are unused: the
    /// provider gives them, the configuration does not set them, and nothing refers to them. Where another call would be
    /// needed for them alone, they may be answered as they were; so may what a version number shows to be unchanged.
    pub unused: Option<BTreeSet<Arc<str>>>,
}

impl ReadRequest {
    /// An object of which everything is wanted.
    pub fn whole(prior: Value, private: Private) -> ReadRequest {
        ReadRequest { prior, private, unused: None }
    }
}

/// What is wanted, and what is there.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// The resource type.
    pub ty: &'a str,
    /// The object as it was read; null if there is none. No marks.
    pub prior: &'a Value,
    /// The configuration; unset attributes are null. No marks.
    pub config: &'a Value,
    /// [`crate::plan::proposed_new`] of the two.
    pub proposed: &'a Value,
    /// The provider's own data beside the prior object.
    pub private: &'a Private,
}

/// What will be.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The object after the change; unknown where only the apply will tell.
    pub value: Value,
    /// The attributes whose change forces a replacement, before the engine's filter.
    pub requires_replace: Vec<Path>,
    /// The provider's own data for the apply.
    pub private: Private,
    /// The type is of the older plugin kind: deviations of the result from the plan are tolerated, and
    /// `ignore_changes` is applied to the planned value once more.
    pub legacy: bool,
}

/// Which change an apply makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// There is no prior object.
    Create,
    /// There are both.
    Update,
    /// There is no planned object.
    Delete,
}

/// Told as soon as the cloud has given a new object an identity, long before it is ready: whoever keeps the state
/// writes it down at once, so that a killed run loses nothing.
pub type Checkpoint<'a> = &'a (dyn Fn(Value) + Send + Sync);

/// Whether the state holds an object of the same type.
pub type Held<'a> = &'a (dyn Fn(Identity<'_>) -> bool + Send + Sync);

/// One change to make.
#[derive(Clone)]
pub struct ApplyRequest<'a> {
    /// The resource type.
    pub ty: &'a str,
    /// The object as it is; null on create.
    pub prior: &'a Value,
    /// The object as planned; null on delete.
    pub planned: &'a Value,
    /// The configuration; null on delete. Write-only arguments are only here.
    pub config: &'a Value,
    /// The private data of the plan (on delete: of the state).
    pub private: &'a Private,
    /// See [`Checkpoint`].
    pub checkpoint: Checkpoint<'a>,
    /// What a creation is known by; an empty token for other operations.
    pub token: &'a Token,
    /// See [`Held`].
    pub held: Held<'a>,
}

impl ApplyRequest<'_> {
    /// Which change it is.
    pub fn operation(&self) -> Operation {
        match (self.prior.is_null(), self.planned.is_null()) {
            (true, _) => Operation::Create,
            (_, true) => Operation::Delete,
            _ => Operation::Update,
        }
    }
}

impl fmt::Debug for ApplyRequest<'_> {
    /// Without values: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.operation(), self.ty)
    }
}

/// What came of a change.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The object as it is now; null if there is none. On failure: what is known to exist.
    pub value: Value,
    /// The provider's own data for the state.
    pub private: Private,
    /// Errors and warnings. With an error on create and a value that is not null the object is half made.
    pub problems: Vec<Problem>,
    /// As in [`Planned::legacy`].
    pub legacy: bool,
    /// It failed without the cloud having said so: it may have been done all the same.
    pub uncertain: bool,
}

/// An object whose creation was begun, and whose end nobody saw.
#[derive(Clone, Debug)]
pub struct Sought<'a> {
    /// The resource type.
    pub ty: &'a str,
    /// The object as far as it is known: as it was planned, or as it was found.
    pub object: &'a Value,
    /// The object as it was to be, null where that was not known.
    pub planned: &'a Value,
    /// What the creation is known by.
    pub token: &'a Token,
    /// When it was begun, in seconds since 1970.
    pub began: u64,
}

/// What a wait for a created object came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Readiness {
    /// It is ready, or gone: a read tells.
    Ready,
    /// It is ready, and has something that every new object gets and that a whole creation takes away. With this private
    /// data the next plan takes it away.
    Unfinished(Private),
    /// Its creation has failed.
    Failed(Problem),
}

/// An object found by its id.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its type.
    pub ty: String,
    /// The object as read.
    pub value: Value,
    /// The provider's own data beside it.
    pub private: Private,
}
