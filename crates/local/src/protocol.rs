//! What a command and the supervisor say to each other: one JSON document a line over a loopback connection, the first
//! line being the key that the supervisor's contact file holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_provider::{Failure, Object};
use infra_runtime::LogLine;
use infra_schema::Block;
use infra_value::{Value, value_from_json, value_to_json};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::status::Status;

/// How to reach a supervisor; the content of its contact file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Contact {
    /// Its process.
    pub pid: u32,
    /// On loopback.
    pub port: u16,
    /// What a caller has to know. (The file is readable by its owner alone.)
    pub key: String,
    /// The version of its program.
    pub version: String,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Read objects of one type.
    Read { ty: String, region: String, objects: Vec<Json> },
    /// Create an object.
    Create {
        ty: String,
        region: String,
        planned: Json,
        config: Json,
        tags: BTreeMap<String, String>,
        token: String,
        seconds: u64,
    },
    /// The object that a creation with this token has made, read.
    Created { ty: String, token: String, planned: Json },
    /// Wait until an object whose creation was cut off is ready.
    Ready { ty: String, object: Json, seconds: u64 },
    /// Bring an object from prior to planned.
    Update {
        ty: String,
        region: String,
        prior: Json,
        planned: Json,
        config: Json,
        tags: BTreeMap<String, String>,
        seconds: u64,
    },
    /// Delete an object.
    Delete { ty: String, region: String, prior: Json },
    /// Read a data source.
    Data { ty: String, region: String, config: Json },
    /// Open an ephemeral resource.
    Open { ty: String, region: String, config: Json },
    /// A step of a release.
    Fleet(FleetRequest),
    /// What runs.
    Status,
    /// What services have said, and with `follow` what they say from now on.
    Logs { service: Option<String>, follow: bool },
    /// Stop everything that runs; the records and data stay.
    Stop,
    /// Stop everything, and forget it.
    Destroy,
}

impl Request {
    /// What it asks for, and of objects of which type.
    pub fn named(&self) -> (&'static str, Option<&str>) {
        match self {
            Request::Read { ty, .. } => ("read", Some(ty)),
            Request::Create { ty, .. } => ("create", Some(ty)),
            Request::Created { ty, .. } => ("find created", Some(ty)),
            Request::Ready { ty, .. } => ("wait", Some(ty)),
            Request::Update { ty, .. } => ("update", Some(ty)),
            Request::Delete { ty, .. } => ("delete", Some(ty)),
            Request::Data { ty, .. } => ("read data", Some(ty)),
            Request::Open { ty, .. } => ("open", Some(ty)),
            Request::Fleet(_) => ("release", None),
            Request::Status => ("status", None),
            Request::Logs { .. } => ("logs", None),
            Request::Stop => ("stop", None),
            Request::Destroy => ("destroy", None),
        }
    }
}

/// What is answered: any number of lines, the last one not `Checkpoint` or `Line`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// An object that has its id, while it is still being created.
    Checkpoint(Json),
    /// A line of a log.
    Line(LogEntry),
    /// One per object that was read; null where it is gone.
    Objects(Vec<Result<Json, WireFailure>>),
    /// An object.
    Object(Json),
    /// What a step of a release came to.
    Fleet(FleetAnswer),
    /// What runs.
    Status(Box<Status>),
    /// It is done.
    Done,
    /// It failed; what is left of the object.
    Failed { object: Option<Json>, failure: WireFailure },
}

/// A listener or a listener rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The resource type.
    pub ty: String,
    /// Its ARN.
    pub arn: String,
}

/// What a release asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FleetRequest {
    /// The weights by target group.
    Weights(Place),
    /// Sets weights by target group; `unstick` also ends stickiness.
    SetWeights { place: Place, weights: BTreeMap<String, u32>, unstick: bool },
    /// How a service and its targets stand.
    Standing { service: String, group: Option<String> },
    /// Makes a service run so many tasks of a version.
    SetService { service: String, definition: Option<String>, count: u32 },
    /// Runs a one-off task to its end.
    RunTask { token: String, service: String, definition: String, command: Vec<String> },
    /// Requests to a target group in the last stretch of time.
    Evidence { group: String, place: Place, window: std::time::Duration },
    /// Where a listener is reached.
    Url(Place),
    /// Where a task of a service is reached.
    TaskUrl { service: String, group: String },
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FleetAnswer {
    Weights(BTreeMap<String, u32>),
    Standing {
        definition: String,
        desired: u32,
        running: u32,
        healthy: u32,
        initial: u32,
        unhealthy: u32,
        draining: u32,
        failed: Option<String>,
    },
    Ended {
        code: Option<i32>,
        reason: String,
    },
    Evidence {
        requests: u64,
        failed: u64,
        balancer_requests: u64,
        balancer_failed: u64,
        p50_seconds: Option<f64>,
    },
    Url(Option<String>),
    Done,
}

/// A line that a task has written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, as RFC 3339.
    pub time: String,
    /// `CLUSTER/SERVICE`
    pub service: String,
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// Without newline.
    pub text: String,
}

impl From<LogLine> for LogEntry {
    fn from(line: LogLine) -> LogEntry {
        let LogLine { time, service, task, container, text } = line;
        LogEntry { time, service, task, container, text }
    }
}

/// A [`Failure`] on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WireFailure {
    doing: String,
    operation: Option<String>,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
}

impl From<Failure> for WireFailure {
    fn from(f: Failure) -> WireFailure {
        let Failure { doing, operation, code, message, request_id } = f;
        WireFailure { doing, operation, code, message, request_id }
    }
}

impl From<WireFailure> for Failure {
    fn from(f: WireFailure) -> Failure {
        let WireFailure { doing, operation, code, message, request_id } = f;
        Failure { doing, operation, code, message, request_id }
    }
}

/// An object as JSON. Everything in it must be known.
pub(crate) fn encode(object: &Object) -> Result<Json, Failure> {
    encode_value(&object.value(), object.block())
}

/// A value of a block's type as JSON.
pub(crate) fn encode_value(value: &Value, block: &Block) -> Result<Json, Failure> {
    value_to_json(value, &block.ty()).map_err(|e| Failure::new("telling the supervisor of an object", e.to_string()))
}

/// The object that the JSON is.
pub(crate) fn decode(block: &Arc<Block>, json: &Json) -> Result<Object, Failure> {
    Ok(Object::new(block.clone(), &decode_value(block, json)?))
}

/// The value of a block's type that the JSON is.
pub(crate) fn decode_value(block: &Block, json: &Json) -> Result<Value, Failure> {
    value_from_json(json, &block.ty()).map_err(|e| Failure::new("reading what the supervisor answered", e.to_string()))
}
