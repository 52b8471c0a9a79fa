//! With what a release is driven: the time, the journal, checks and probes, and what the user wants meanwhile.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_provider::Failure;
use infra_provider::fleet::{Evidence, Fleet, HttpProbe, Standing};

use crate::record::Record;

/// The time, and waiting.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
    /// Waits.
    async fn sleep(&self, time: Duration);
}

/// The time of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Where records are written, and who is told.
#[async_trait]
pub trait Journal: Send {
    /// Writes the record, before what it says is begun.
    ///
    /// # Errors
    /// It cannot be written: nothing further is begun, but the way back.
    async fn save(&mut self, record: &Record) -> Result<(), String>;
    /// Tells what happens.
    fn tell(&mut self, event: &Event<'_>);
    /// What the user wants meanwhile.
    fn wish(&mut self) -> Stop;
}

/// How checks and probes reach the outside.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks once.
    ///
    /// # Errors
    /// What was wrong with the answer, for people.
    async fn ask(&self, url: &str, probe: &HttpProbe) -> Result<(), String>;
    /// Runs a program that sees `INFRA_TEST_URL`. It ends when the future is dropped.
    ///
    /// # Errors
    /// How it ended, with the end of what it wrote.
    async fn run(&self, command: &[String], folder: &str, url: Option<&str>, timeout: Duration) -> Result<(), String>;
}

/// What the user wants of a release that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Go on.
    No,
    /// Leave it as it is; a later run takes it up.
    Leave,
    /// Leave it once the new colour has all the traffic.
    AfterShift,
    /// Go back now; by whom.
    Revert(String),
}

/// What is told while a release goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step begins or has ended: a line of the log.
    Note(&'a str),
    /// How things stand, every few seconds.
    Look {
        /// The record.
        record: &'a Record,
        /// The new colour's share of the traffic.
        percent: u32,
        /// Its tasks and targets.
        standing: &'a Standing,
        /// Its requests in the window.
        evidence: Option<&'a Evidence>,
        /// Until the phase ends, if that is known.
        left: Option<Duration>,
    },
}

/// How a run of [`crate::advance`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new version is live, and the old colour is stopped.
    Finished,
    /// The old version is live.
    Reverted,
    /// It goes on later.
    Left,
    /// Nothing could be done about it now: what happened. A later run takes it up.
    Stuck(Failure),
}

/// With what a release is driven.
pub struct Surroundings<'a> {
    /// The cloud.
    pub fleet: &'a dyn Fleet,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Records and news.
    pub journal: &'a mut dyn Journal,
    /// Checks and probes.
    pub prober: &'a dyn Prober,
}
