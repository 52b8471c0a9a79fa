//! What is written down of a release, in the state, before each of its steps.

use std::time::{Duration, SystemTime};

use infra_provider::fleet::{Colour, Version};
use serde::{Deserialize, Serialize};

use crate::spec::{Release, Strategy};

/// A release: the one under way, or the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique; part of the one-off task's token.
    pub id: String,
    /// What was asked for when it began.
    pub release: Release,
    /// The colour that was live before. The same as `to` for a rolling release.
    pub from: Colour,
    /// The colour that gets the new version.
    pub to: Colour,
    /// What `from` runs.
    pub old: Version,
    /// What `to` gets.
    pub new: Version,
    /// How many tasks `to` gets: as many as `from` has.
    pub count: u32,
    /// The next thing to do. It may have been done already, if the run was cut off then.
    pub phase: Phase,
    /// When it began.
    pub began: Stamp,
    /// Who began it: `USER@HOST`, or a CI run.
    pub by: String,
    /// When the first user's request may have reached `to`. Nothing if that is sure not to have happened.
    #[serde(default)]
    pub reached: Option<Stamp>,
    /// What was wrong already before that.
    #[serde(default)]
    pub before: Faults,
    /// When `to` got all of the traffic.
    pub shifted: Option<Stamp>,
    /// When it went back, why, and by whom.
    pub reverted: Option<Reverted>,
    /// When `from` really got the traffic back the last time, if it had lost any.
    #[serde(default)]
    pub returned: Option<Stamp>,
    /// It follows a release that was under way and kept autoscaling still.
    #[serde(default)]
    pub holds_scaling: bool,
    /// What happened, in order. At most some hundred lines.
    pub log: Vec<Entry>,
}

/// Where a release is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Look whether it can begin; keep autoscaling still.
    Prepare,
    /// Run the one-off task.
    BeforeShift,
    /// Tell the idle service its version and count.
    Start,
    /// Wait until all its targets are healthy.
    Healthy,
    /// Run the checks.
    Check,
    /// Give the new colour the share of this step, and watch it.
    Shift(usize),
    /// Watch while the old colour stands by.
    Watch,
    /// Wait until the old colour gets no more requests. Up to here it takes the traffic back in one call.
    Drain,
    /// Stop the old colour.
    Stop,
    /// Nothing more to do: `to` is live.
    Finished,
    /// Give the traffic back to `from`.
    GoBack,
    /// `from` has the traffic; stop `to`.
    CleanUp,
    /// Nothing more to do: `from` is live.
    Reverted,
}

impl Phase {
    /// As records name it: `before_shift`; `shift` for each of its steps.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Prepare => "prepare",
            Phase::BeforeShift => "before_shift",
            Phase::Start => "start",
            Phase::Healthy => "healthy",
            Phase::Check => "check",
            Phase::Shift(_) => "shift",
            Phase::Watch => "watch",
            Phase::Drain => "drain",
            Phase::Stop => "stop",
            Phase::Finished => "finished",
            Phase::GoBack => "go_back",
            Phase::CleanUp => "clean_up",
            Phase::Reverted => "reverted",
        }
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        matches!(self, Phase::Finished | Phase::Reverted)
    }

    /// Whether users' requests may have reached the new colour.
    pub fn has_traffic(&self) -> bool {
        matches!(self, Phase::Shift(_) | Phase::Watch | Phase::Drain | Phase::Stop | Phase::Finished | Phase::GoBack)
    }
}

/// What it takes to give the traffic back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// Nothing: it is back.
    Done,
    /// No call: the new version never had any.
    NothingMoved,
    /// One call: the old colour runs.
    Move,
    /// The old colour has to be started first, as a release of its own.
    StartFirst,
}

/// What was wrong already before users reached the new version: it is not held against that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// The probe failed.
    pub probe: bool,
    /// The balancer itself answered too many requests with 5xx.
    pub balancer: bool,
}

/// Why and when the traffic went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reverted {
    /// When that was decided.
    pub at: Stamp,
    /// By whom; empty if by itself.
    pub by: String,
    /// For people: `3.1 % of green's requests failed in the last 60 s (limit 1 %)`.
    pub reason: String,
    /// `infra release retry` has allowed the version again.
    pub may_retry: bool,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Stamp,
    /// What happened.
    pub what: String,
}

/// A point in time: seconds since 1970, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(pub u64);

impl From<SystemTime> for Stamp {
    fn from(time: SystemTime) -> Stamp {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Stamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Stamp> for SystemTime {
    fn from(stamp: Stamp) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(stamp.0)
    }
}

impl Stamp {
    /// How long ago it was.
    pub fn elapsed(self, now: SystemTime) -> Duration {
        now.duration_since(self.into()).unwrap_or_default()
    }
}

/// How many lines of the log are kept.
const LOG: usize = 200;

impl Record {
    /// The beginning of a release.
    pub fn begin(
        release: Release,
        from: (Colour, Version),
        to: (Colour, Version),
        count: u32,
        now: SystemTime,
        by: String,
    ) -> Record {
        Record {
            id: uuid::Uuid::new_v4().simple().to_string(),
            release,
            from: from.0,
            to: to.0,
            old: from.1,
            new: to.1,
            count,
            phase: Phase::Prepare,
            began: now.into(),
            by,
            reached: None,
            before: Faults::default(),
            shifted: None,
            reverted: None,
            returned: None,
            holds_scaling: false,
            log: Vec::new(),
        }
    }

    /// The beginning of the way back where `from` does not run any more: it is started first, as a release of its own that
    /// asks for no checks.
    pub fn begin_way_back(&self, now: SystemTime, by: String) -> Record {
        let mut release = self.release.clone();
        release.checks.clear();
        release.before_shift = None;
        // What fires now is why it goes back.
        release.revert_when.alarms.clear();
        release.revert_when.probe = None;
        if !matches!(release.strategy, Strategy::Rolling) {
            release.strategy = Strategy::BlueGreen;
        }
        release.standby = release.revert_when.window;
        let (from, to) = ((self.to.clone(), self.new.clone()), (self.from.clone(), self.old.clone()));
        let way_back = Record::begin(release, from, to, self.count, now, by);
        Record { holds_scaling: self.holds_scaling || !self.phase.is_over(), ..way_back }
    }

    /// Whether something may have been changed for it.
    pub fn has_begun(&self) -> bool {
        self.phase != Phase::Prepare || self.holds_scaling
    }

    /// What follows when it is given up before it has changed anything.
    pub(crate) fn given_up(&self) -> Phase {
        if self.holds_scaling { Phase::CleanUp } else { Phase::Reverted }
    }

    /// The colour that users get (or will get, once the step under way is done).
    pub fn live(&self) -> &Colour {
        match self.phase {
            Phase::Watch | Phase::Drain | Phase::Stop | Phase::Finished => &self.to,
            _ => &self.from,
        }
    }

    /// What it takes to give the traffic back to `from`.
    pub fn way_back(&self) -> WayBack {
        let rolling = matches!(self.release.strategy, Strategy::Rolling);
        match self.phase {
            Phase::Reverted => WayBack::Done,
            Phase::Prepare | Phase::BeforeShift => WayBack::NothingMoved,
            Phase::Stop | Phase::Finished => WayBack::StartFirst,
            _ if self.reached.is_none() => WayBack::NothingMoved,
            _ if rolling => WayBack::StartFirst,
            _ => WayBack::Move,
        }
    }

    /// What names the one-off task: whoever asks for it again, gets the one that there is.
    pub fn task_token(&self) -> String {
        format!("{}-before-shift", self.id)
    }

    /// How much of the standby is left.
    pub fn standby_left(&self, now: SystemTime) -> Option<Duration> {
        let shifted = self.shifted.filter(|_| self.phase == Phase::Watch)?;
        Some(self.release.standby.saturating_sub(shifted.elapsed(now)))
    }

    pub(crate) fn note(&mut self, now: SystemTime, what: impl Into<String>) {
        if self.log.len() >= LOG {
            self.log.remove(0);
        }
        self.log.push(Entry { at: now.into(), what: what.into() });
    }
}
