//! Drives a release from where its record says it is: one phase after the other, each written down before it is begun.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::time::{Duration, SystemTime};

use infra_provider::Failure;
use infra_provider::fleet::{Colour, Evidence, Standing};
use tracing::Instrument;

use crate::around::{Clock, Event, Outcome, Stop, Surroundings};
use crate::record::{Phase, Record, Reverted};
use crate::spec::Strategy;

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_secs(2);
/// How soon a wish of the user is seen.
const WISH: Duration = Duration::from_millis(250);
/// How often a call is tried before a release gets stuck for it.
pub(crate) const TRIES: u32 = 5;
/// After the first try; then twice as long, and so on.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Goes on with a release until it is over, has to wait for somebody, or is to be left.
pub async fn advance(record: &mut Record, around: Surroundings<'_>) -> Outcome {
    let mut drive =
        Drive { around, probes: VecDeque::new(), untouched: false, starting_since: None, short_since: None };
    if let Err(failure) = drive.take_up(record).await {
        return Outcome::Stuck(failure);
    }
    loop {
        match drive.around.journal.wish() {
            _ if record.phase.is_over() => {}
            Stop::Leave if record.phase != Phase::GoBack => return Outcome::Left,
            Stop::AfterShift if drive.wished(record) => return Outcome::Left,
            Stop::Revert(by) if drive.wished(record) => drive.go_back(record, "asked for by hand".into(), by),
            _ => {}
        }
        // Written before it is begun: a run that is killed from here on is taken up at this phase. The way back waits for
        // nothing, not even for that.
        if let Err(why) = drive.save(record).await {
            match record.phase {
                Phase::GoBack => tracing::warn!(why, "the way back is not written down"),
                _ => return Outcome::Stuck(Failure::new("writing down the release", why)),
            }
        }
        match record.phase {
            Phase::Finished => return Outcome::Finished,
            Phase::Reverted => return Outcome::Reverted,
            _ => {}
        }
        let span = tracing::info_span!("release step", phase = %record.phase.name(), otel.name = %record.phase.name());
        match drive.phase(record).instrument(span).await {
            Ok(Next::Phase(phase)) => record.phase = phase,
            Ok(Next::Back(reason)) => drive.go_back(record, reason, String::new()),
            Ok(Next::Again) => {}
            Ok(Next::Stuck(failure)) | Err(failure) => return Outcome::Stuck(failure),
        }
    }
}

/// What follows a phase.
pub(crate) enum Next {
    Phase(Phase),
    Back(String),
    Again,
    Stuck(Failure),
}

pub(crate) struct Drive<'a> {
    pub around: Surroundings<'a>,
    /// When probes were sent, and what was wrong.
    pub probes: VecDeque<(SystemTime, Option<String>)>,
    /// This run itself has proven the new colour, and has not tried yet to move traffic to it.
    pub untouched: bool,
    /// Since when this run waits for targets to get healthy.
    pub starting_since: Option<SystemTime>,
    /// Since when a colour that has traffic lacks targets.
    pub short_since: Option<SystemTime>,
}

impl Drive<'_> {
    /// Takes up a record that an earlier run has left.
    async fn take_up(&mut self, record: &mut Record) -> Result<(), Failure> {
        if matches!(self.around.journal.wish(), Stop::Revert(_)) {
            return Ok(());
        }
        let fleet = self.around.fleet;
        match record.phase {
            // What was proven then may not hold any more.
            Phase::Check => record.phase = Phase::Healthy,
            Phase::Shift(0) if !is_rolling(record) => {
                let weights = patiently(self.around.clock, || fleet.weights()).await?;
                if weights.get(&record.to).copied().unwrap_or_default() == 0 {
                    record.reached = None;
                    record.phase = Phase::Healthy;
                }
            }
            _ => {}
        }
        if let Some(reached) = record.reached.filter(|_| !record.phase.is_over()) {
            fleet.users_since(&record.to, reached.into());
        }
        Ok(())
    }

    async fn phase(&mut self, record: &mut Record) -> Result<Next, Failure> {
        match record.phase.clone() {
            Phase::Prepare => self.prepare(record).await,
            Phase::BeforeShift => self.before_shift(record).await,
            Phase::Start => self.start(record).await,
            Phase::Healthy => self.healthy(record).await,
            Phase::Check => self.check(record).await,
            Phase::Shift(step) => self.shift(record, step).await,
            Phase::Watch => self.watch(record).await,
            Phase::Drain => self.drain(record).await,
            Phase::Stop => self.stop(record).await,
            Phase::GoBack => self.back(record).await,
            Phase::CleanUp => self.clean_up(record).await,
            over @ (Phase::Finished | Phase::Reverted) => Ok(Next::Phase(over)),
        }
    }

    /// Decides that it goes back. Traffic is moved only if there is some to be moved.
    pub fn go_back(&mut self, record: &mut Record, reason: String, by: String) {
        let now = self.around.clock.now();
        self.note(record, format!("going back to {}: {reason}", record.from));
        record.reverted.get_or_insert(Reverted { at: now.into(), by, reason, may_retry: false });
        if self.untouched {
            record.reached = None;
        }
        record.phase = match record.phase {
            Phase::Prepare => record.given_up(),
            Phase::BeforeShift => Phase::CleanUp,
            _ if is_rolling(record) || record.reached.is_some() => Phase::GoBack,
            _ => Phase::CleanUp,
        };
    }

    /// Whether the user wants something that ends the phase under way.
    pub fn wished(&mut self, record: &Record) -> bool {
        match self.around.journal.wish() {
            Stop::No => false,
            Stop::Leave => record.phase != Phase::GoBack,
            Stop::AfterShift => matches!(record.phase, Phase::Watch | Phase::Drain),
            // Too late once the old colour is being stopped: then it would have to be started first.
            Stop::Revert(_) => !matches!(record.phase, Phase::Stop | Phase::GoBack | Phase::CleanUp),
        }
    }

    /// Waits, unless the user wants something else meanwhile.
    pub async fn rest(&mut self, record: &Record, time: Duration) -> bool {
        let clock = self.around.clock;
        self.unless_wished(record, clock.sleep(time)).await.is_none()
    }

    /// Does something that may take long, unless the user wants something else meanwhile.
    pub async fn unless_wished<T>(&mut self, record: &Record, doing: impl Future<Output = T>) -> Option<T> {
        let clock = self.around.clock;
        let mut doing = pin!(doing);
        loop {
            if self.wished(record) {
                return None;
            }
            tokio::select! {
                biased;
                done = &mut doing => return Some(done),
                () = clock.sleep(WISH) => {}
            }
        }
    }

    pub(crate) async fn save(&mut self, record: &Record) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.around.journal.save(record).await {
                Err(why) if record.phase != Phase::GoBack => {
                    tracing::warn!(why, "the release could not be written down");
                    self.around.clock.sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
        self.around.journal.save(record).await
    }

    pub fn note(&mut self, record: &mut Record, what: impl Into<String>) {
        let what = what.into();
        tracing::info!(what, "release");
        self.around.journal.tell(&Event::Note(&what));
        record.note(self.around.clock.now(), what);
    }

    pub fn look(
        &mut self,
        record: &Record,
        percent: u32,
        standing: &Standing,
        evidence: Option<&Evidence>,
        left: Option<Duration>,
    ) {
        tracing::trace!(percent, healthy = standing.healthy, running = standing.running, "a look");
        self.around.journal.tell(&Event::Look { record, percent, standing, evidence, left });
    }

    pub fn elapsed(&self, since: SystemTime) -> Duration {
        self.around.clock.now().duration_since(since).unwrap_or_default()
    }
}

/// Tries a call some times: an API that is busy, or out of order for a moment, is no reason to leave a release half done.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
    clock: &dyn Clock,
    call: impl Fn() -> F,
) -> Result<T, Failure> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match call().await {
            Err(failure) => tracing::warn!(failure = failure.brief(), "tried again"),
            answer => return answer,
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    call().await
}

pub(crate) fn is_rolling(record: &Record) -> bool {
    matches!(record.release.strategy, Strategy::Rolling)
}

/// Where the traffic is.
pub(crate) enum Traffic {
    /// The new colour has the share that it should have.
    AsIs,
    /// Somebody has taken it back: the old colour has all of it.
    Back,
    /// Somebody has changed it in another way.
    Changed(Failure),
}

pub(crate) fn traffic(record: &Record, percent: u32, now: &BTreeMap<Colour, u32>) -> Traffic {
    let share = |colour: &Colour| u64::from(now.get(colour).copied().unwrap_or_default());
    let (old, new) = (share(&record.from), share(&record.to));
    match old + new > 0 && new * 100 == u64::from(percent) * (old + new) {
        true => Traffic::AsIs,
        false if new == 0 && old > 0 => Traffic::Back,
        false => Traffic::Changed(changed(now)),
    }
}

pub(crate) fn all_to(live: &Colour, idle: &Colour) -> BTreeMap<Colour, u32> {
    BTreeMap::from([(live.clone(), 100), (idle.clone(), 0)])
}

pub(crate) fn shown(weights: &BTreeMap<Colour, u32>) -> String {
    let list: Vec<String> = weights.iter().map(|(colour, weight)| format!("{colour} {weight}")).collect();
    list.join(", ")
}

pub(crate) fn changed(now: &BTreeMap<Colour, u32>) -> Failure {
    Failure::new(
        "moving the traffic",
        format!(
            "somebody else has changed the weights meanwhile (now {}). Nothing was overwritten. Put them right, or take the \
             traffic back with infra revert.",
            shown(now)
        ),
    )
}
