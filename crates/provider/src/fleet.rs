//! What a release asks of a cloud: two services behind one balancer, of which one is live.
//!
//! A release never touches the live service: it starts the idle one with the new version, proves it, moves the weights,
//! watches, and stops what was live before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_value::Value;

use crate::{Failure, Problem};

/// The key of one of the two services of a release (`blue`).
pub type Colour = String;

/// An object that a release is about: its type, and the object as the state holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The resource type.
    pub ty: String,
    /// The object. No marks.
    pub object: Value,
}

/// What a release is about.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetSpec {
    /// The service of each colour.
    pub services: BTreeMap<Colour, Member>,
    /// The target group of each colour. None for a rolling release of one service.
    pub target_groups: BTreeMap<Colour, Member>,
    /// The listener or the listener rule whose action forwards to both groups.
    pub listener: Option<Member>,
    /// Where the idle colour can be tried before users see it.
    pub test_listener: Option<Member>,
    /// Alarms to be watched, by ARN or name.
    pub alarms: Vec<String>,
}

/// What the code of resource types knows about releases, without a cloud.
pub trait ReleaseRules: Send + Sync {
    /// The share of each target group in the forward action of a listener or a listener rule.
    ///
    /// # Errors
    /// Why the action cannot carry a release: it does not forward to all of them, or to others beside them.
    fn weights(&self, listener: &Member, groups: &BTreeMap<Colour, Member>) -> Result<BTreeMap<Colour, u32>, String>;
    /// Why the action of a listener or a listener rule can carry no release, whatever its groups are: it does not forward,
    /// or not to two of them.
    fn cannot_carry(&self, listener: &Member) -> Option<String>;
    /// Whether objects of a type are target groups.
    fn is_target_group(&self, ty: &str) -> bool;
    /// Attributes that a release decides, so that the plan of the object leaves them alone: task definition and desired
    /// count of a service, the forward action of a listener.
    fn owned(&self, ty: &str) -> &'static [&'static str];
    /// The attribute of a service that says which version it runs (`task_definition`) and how many (`desired_count`).
    fn version_attributes(&self, ty: &str) -> Option<(&'static str, &'static str)>;
    /// Attributes whose change makes the service start its tasks anew.
    fn restarting(&self, ty: &str) -> &'static [&'static str];
    /// What a version is called: `FAMILY:REVISION` and the images, of the object (a task definition) that the service
    /// names.
    fn version(&self, definition: &Member) -> Version;
}

/// A version of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// What the service is told to run: the ARN of a task definition. Empty while it is not known.
    pub definition: String,
    /// The images of its containers, in order.
    pub images: Vec<String>,
}

/// How a colour stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The version that its service is told to run.
    pub definition: String,
    /// How many tasks there should be.
    pub desired: u32,
    /// How many tasks of that version run.
    pub running: u32,
    /// How many of its targets are healthy.
    pub healthy: u32,
    /// How many are being tried for the first time.
    pub initial: u32,
    /// How many are unhealthy.
    pub unhealthy: u32,
    /// How many are leaving.
    pub draining: u32,
    /// The service has given up starting tasks, or tasks keep failing: why.
    pub failed: Option<String>,
}

impl Standing {
    /// Whether as many healthy targets of the wanted version are there as should be, and none is on trial.
    pub fn is_up(&self, definition: &str, count: u32) -> bool {
        self.definition == definition
            && self.desired >= count
            && self.running >= count
            && self.healthy >= count
            && self.initial == 0
            && self.unhealthy == 0
            && self.failed.is_none()
    }
}

/// What requests to a colour have come to in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Requests that went to it.
    pub requests: u64,
    /// Of these, answered with 5xx by it, or not at all.
    pub failed: u64,
    /// Requests that the balancer itself answered with 5xx, whatever the colour.
    pub balancer_failed: u64,
    /// Requests to the balancer, whatever the colour.
    pub balancer_requests: u64,
    /// Until when this counts everything: metrics arrive late.
    pub until: Option<SystemTime>,
    /// Time to the first byte, in seconds, for half of the requests.
    pub p50_seconds: Option<f64>,
    /// An example of a failure: `GET /orders 500`.
    pub example: Option<String>,
}

/// How a check or a probe asks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HttpProbe {
    /// With its leading slash.
    pub path: String,
    /// The status that is right.
    pub status: u16,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// How a one-off task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    /// The task's ARN or id.
    pub task: String,
    /// The exit code of its essential container; `None` if it never started.
    pub exit_code: Option<i32>,
    /// What the cloud says about the end.
    pub reason: String,
}

/// The weights could not be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShiftFailure {
    /// Somebody else has changed the action since it was read: what it is now.
    ChangedMeanwhile(BTreeMap<Colour, u32>),
    /// A call failed.
    Failed(Failure),
}

/// The cloud's side of one release. Every method may be called again after it was cut off.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// The present weights.
    async fn weights(&self) -> Result<BTreeMap<Colour, u32>, Failure>;

    /// Sets the weights, if they are `before` (or are the new ones already), and reads them back. `None` for `before`:
    /// whatever they are, in as few calls as possible and with stickiness off: the way back.
    async fn shift(
        &self,
        before: Option<&BTreeMap<Colour, u32>>,
        weights: &BTreeMap<Colour, u32>,
    ) -> Result<(), ShiftFailure>;

    /// How a colour stands.
    async fn standing(&self, colour: &str) -> Result<Standing, Failure>;

    /// Keeps autoscaling from changing either colour (true), or lets it again (false).
    async fn hold_scaling(&self, hold: bool) -> Result<(), Failure>;

    /// Runs a one-off task of a version, once for a token, and waits for its end.
    async fn run_task(&self, token: &str, definition: &str, command: &[String]) -> Result<TaskEnd, Failure>;

    /// Ends the one-off task of a token, if there is one and it still runs.
    async fn stop_task(&self, token: &str) -> Result<(), Failure> {
        let _ = token;
        Ok(())
    }

    /// Makes the service of a colour run so many tasks of a version.
    async fn start(&self, colour: &str, definition: &str, count: u32) -> Result<(), Failure>;

    /// Makes the service of a colour run nothing.
    async fn stop(&self, colour: &str) -> Result<(), Failure>;

    /// Where the idle colour can be asked over HTTP before users see it; `None` if there is no such place.
    async fn test_url(&self, colour: &str) -> Result<Option<String>, Failure>;

    /// Where users reach the live colour: what probes of the watch ask.
    async fn live_url(&self) -> Result<Option<String>, Failure>;

    /// Says since when users reach a colour, as the record of a run that was cut off knows it: what was before is no
    /// evidence against it. A fleet that knows by itself need not listen.
    fn users_since(&self, colour: &str, at: SystemTime) {
        let _ = (colour, at);
    }

    /// Requests to a colour in the latest stretch of time of which everything is known.
    async fn evidence(&self, colour: &str, window: Duration) -> Result<Evidence, Failure>;

    /// Alarms of the release that fire, with the reason. An alarm that there is none of is named too.
    async fn alarms(&self) -> Result<Vec<String>, Failure>;

    /// How late evidence is at the most: nothing there, minutes where metrics are collected.
    fn evidence_delay(&self) -> Duration;

    /// How long weights take at the most until every part of the balancer follows them.
    fn shift_delay(&self) -> Duration;
}

/// What [`crate::Configured::fleet`] gives.
pub type FleetOrProblems = Result<Arc<dyn Fleet>, Vec<Problem>>;
