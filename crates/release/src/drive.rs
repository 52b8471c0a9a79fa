//! Drives a release from where its record says it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_provider::Failure;
use infra_provider::fleet::{Colour, Evidence, Fleet, HttpProbe, ShiftFailure, Standing};

use crate::judge::{Sight, judge};
use crate::record::{Phase, Record, Reverted};
use crate::spec::{CheckKind, Strategy};
use crate::version::short;

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
    /// It cannot be written: nothing further is begun.
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
    /// Runs a program that sees `INFRA_TEST_URL`.
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

/// How a run of [`advance`] ended.
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

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// So many good looks in a row make a colour healthy.
const GOOD_LOOKS: u32 = 2;
/// The longest pause between two tries of what must succeed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Goes on with a release until it is over, has to wait for somebody, or is to be left.
pub async fn advance(record: &mut Record, around: Surroundings<'_>) -> Outcome {
    let mut drive = Drive { around, seen_probes: VecDeque::new() };
    loop {
        if record.phase.is_over() {
            return match record.phase {
                Phase::Finished => Outcome::Finished,
                _ => Outcome::Reverted,
            };
        }
        match drive.around.journal.wish() {
            Stop::Leave => return Outcome::Left,
            Stop::AfterShift if matches!(record.phase, Phase::Watch | Phase::Stop) => return Outcome::Left,
            Stop::Revert(by) if !matches!(record.phase, Phase::GoBack | Phase::CleanUp) => {
                drive.go_back(record, "asked for by hand".into(), by);
            }
            _ => {}
        }
        // Written before it is begun: a run that is killed from here on is taken up at this phase.
        if let Err(why) = drive.around.journal.save(record).await {
            return Outcome::Stuck(Failure::new("writing down the release", why));
        }
        match drive.phase(record).await {
            Ok(Next::Phase(phase)) => record.phase = phase,
            Ok(Next::Back(reason)) => drive.go_back(record, reason, String::new()),
            Ok(Next::Again) => {}
            Ok(Next::Stuck(failure)) | Err(failure) => return Outcome::Stuck(failure),
        }
        if record.phase.is_over()
            && let Err(why) = drive.around.journal.save(record).await
        {
            return Outcome::Stuck(Failure::new("writing down the release", why));
        }
    }
}

/// Gives the traffic back to the colour that had it before, in one call, whatever the release is doing. What is left to
/// stop is stopped by the next [`advance`].
///
/// # Errors
/// The weights could not be moved.
pub async fn revert(record: &mut Record, by: &str, fleet: &dyn Fleet, now: SystemTime) -> Result<(), Failure> {
    match fleet.shift(None, &all_to(&record.from, &record.to)).await {
        Ok(()) => {}
        Err(ShiftFailure::Failed(failure)) => return Err(failure),
        Err(ShiftFailure::ChangedMeanwhile(now)) => return Err(changed(&now)),
    }
    record.reverted =
        Some(Reverted { at: now.into(), by: by.into(), reason: "asked for by hand".into(), may_retry: false });
    record.phase = Phase::CleanUp;
    record.note(now, format!("all traffic is back on {}", record.from));
    Ok(())
}

/// What follows a phase.
enum Next {
    Phase(Phase),
    Back(String),
    Again,
    Stuck(Failure),
}

struct Drive<'a> {
    around: Surroundings<'a>,
    /// When probes were sent, and what was wrong.
    seen_probes: VecDeque<(SystemTime, Option<String>)>,
}

impl Drive<'_> {
    async fn phase(&mut self, record: &mut Record) -> Result<Next, Failure> {
        match record.phase.clone() {
            Phase::Prepare => self.prepare(record).await,
            Phase::BeforeShift => self.before_shift(record).await,
            Phase::Start => self.start(record).await,
            Phase::Healthy => self.healthy(record).await,
            Phase::Check => self.check(record).await,
            Phase::Shift(step) => self.shift(record, step).await,
            Phase::Watch => self.watch(record).await,
            Phase::Stop => self.stop(record).await,
            Phase::GoBack => self.back(record).await,
            Phase::CleanUp => self.clean_up(record).await,
            over @ (Phase::Finished | Phase::Reverted) => Ok(Next::Phase(over)),
        }
    }

    async fn prepare(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let fleet = self.around.fleet;
        let firing = fleet.alarms().await?;
        if let Some(alarm) = firing.first() {
            return Err(Failure::new(
                "beginning the release",
                format!("an alarm that would send it back fires already: {alarm}. Nothing was changed."),
            ));
        }
        if !is_rolling(record) {
            let weights = fleet.weights().await?;
            let idle = weights.get(&record.to).copied().unwrap_or_default();
            if idle != 0 || weights.get(&record.from).copied().unwrap_or_default() == 0 {
                return Err(Failure::new(
                    "beginning the release",
                    format!(
                        "{} is to be the idle colour, and the balancer says otherwise ({}). Somebody else has moved the \
                         traffic; plan again.",
                        record.to,
                        shown(&weights)
                    ),
                ));
            }
        }
        fleet.hold_scaling(true).await?;
        // What autoscaling has made of the live colour by now, not what the configuration said once.
        record.count = fleet.standing(&record.from).await?.desired.max(1);
        Ok(Next::Phase(if record.release.before_shift.is_some() { Phase::BeforeShift } else { Phase::Start }))
    }

    async fn before_shift(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let Some(task) = record.release.before_shift.clone() else { return Ok(Next::Phase(Phase::Start)) };
        self.note(record, format!("a task of {} runs first", short(&record.new)));
        let token = format!("{}-before-shift", record.id);
        let clock = self.around.clock;
        let run = self.around.fleet.run_task(&token, &record.new.definition, &task.command);
        let end = tokio::select! {
            end = run => end?,
            () = clock.sleep(task.timeout) => {
                return Ok(Next::Back(format!("the task before the shift did not end within {} s", task.timeout.as_secs())));
            }
        };
        match end.exit_code {
            Some(0) => {
                self.note(record, "the task ended well");
                Ok(Next::Phase(Phase::Start))
            }
            Some(code) => Ok(Next::Back(format!("the task before the shift ended with exit code {code}: {}", end.reason))),
            None => Ok(Next::Back(format!("the task before the shift never started: {}", end.reason))),
        }
    }

    async fn start(&mut self, record: &mut Record) -> Result<Next, Failure> {
        self.note(record, format!("{} tasks of {} start as {}", record.count, short(&record.new), record.to));
        self.around.fleet.start(&record.to, &record.new.definition, record.count).await?;
        Ok(Next::Phase(Phase::Healthy))
    }

    async fn healthy(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let began = self.around.clock.now();
        let mut good = 0;
        let mut last = Standing::default();
        loop {
            match self.around.fleet.standing(&record.to).await {
                Ok(standing) => {
                    if let Some(why) = &standing.failed {
                        return Ok(Next::Back(format!("{} does not start: {why}", record.to)));
                    }
                    good = if standing.is_up(&record.new.definition, record.count) { good + 1 } else { 0 };
                    self.look(record, 0, &standing, None, None);
                    last = standing;
                }
                Err(failure) => tracing::warn!(%failure, "how the new colour stands could not be found out"),
            }
            if good >= GOOD_LOOKS {
                self.note(record, format!("{} of {} targets of {} are healthy", last.healthy, record.count, record.to));
                return Ok(Next::Phase(Phase::Check));
            }
            if let Some(next) = self.wished(record) {
                return Ok(next);
            }
            let limit = record.release.start_timeout;
            if self.elapsed(began) > limit {
                return Ok(Next::Back(format!(
                    "{} was not healthy within {} s: {} of {} targets are",
                    record.to,
                    limit.as_secs(),
                    last.healthy,
                    record.count
                )));
            }
            self.around.clock.sleep(LOOK).await;
        }
    }

    async fn check(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let url = match record.release.checks.is_empty() {
            true => None,
            false => self.around.fleet.test_url(&record.to).await?,
        };
        for check in record.release.checks.clone() {
            let mut last = String::new();
            let mut passed = false;
            for attempt in 0..check.attempts.max(1) {
                if attempt > 0 {
                    self.around.clock.sleep(check.pause).await;
                }
                if let Some(next) = self.wished(record) {
                    return Ok(next);
                }
                let done = match (&check.kind, &url) {
                    (CheckKind::Http(probe), Some(url)) => self.around.prober.ask(url, probe).await,
                    (CheckKind::Http(_), None) => Err(format!("there is no address to reach {} at", record.to)),
                    (CheckKind::Command { command, folder, timeout }, url) => {
                        self.around.prober.run(command, folder, url.as_deref(), *timeout).await
                    }
                };
                match done {
                    Ok(()) => {
                        passed = true;
                        break;
                    }
                    Err(why) => last = why,
                }
            }
            if !passed {
                return Ok(Next::Back(format!("the check {:?} failed: {last}", check.name)));
            }
            self.note(record, format!("the check {:?} passed", check.name));
        }
        Ok(Next::Phase(if is_rolling(record) { self.all_shifted(record) } else { Phase::Shift(0) }))
    }

    async fn shift(&mut self, record: &mut Record, step: usize) -> Result<Next, Failure> {
        let shifts = record.release.strategy.shifts();
        let Some(shift) = shifts.get(step).cloned() else { return Ok(Next::Phase(self.all_shifted(record))) };
        let before = step.checked_sub(1).and_then(|n| shifts.get(n)).map_or(0, |s| s.percent);
        let (before, after) = (weights(record, before), weights(record, shift.percent));
        match self.around.fleet.shift(Some(&before), &after).await {
            Ok(()) => {}
            Err(ShiftFailure::Failed(failure)) => return Err(failure),
            Err(ShiftFailure::ChangedMeanwhile(now)) => return Err(changed(&now)),
        }
        self.note(record, format!("{} gets {} % of the traffic", record.to, shift.percent));
        if shift.percent >= 100 {
            return Ok(Next::Phase(self.all_shifted(record)));
        }
        match self.observe(record, shift.percent, shift.wait).await {
            None => Ok(Next::Phase(Phase::Shift(step + 1))),
            Some(next) => Ok(next),
        }
    }

    fn all_shifted(&mut self, record: &mut Record) -> Phase {
        record.shifted = Some(self.around.clock.now().into());
        Phase::Watch
    }

    async fn watch(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let left = record.standby_left(self.around.clock.now()).unwrap_or(record.release.standby);
        match self.observe(record, 100, left).await {
            None => Ok(Next::Phase(if is_rolling(record) { Phase::Finished } else { Phase::Stop })),
            Some(next) => Ok(next),
        }
    }

    /// Watches the new colour for some time. `None`: nothing spoke against it.
    async fn observe(&mut self, record: &mut Record, percent: u32, time: Duration) -> Option<Next> {
        let began = self.around.clock.now();
        loop {
            let (sight, complete) = self.sight(record, began).await;
            let left = time.saturating_sub(self.elapsed(began));
            self.look(record, percent, &sight.standing, sight.evidence.as_ref(), Some(left));
            match self.moved(record, percent).await {
                Ok(None) => {}
                Ok(Some(next)) => return Some(next),
                Err(failure) => return Some(Next::Stuck(failure)),
            }
            if let Some(reason) = judge(&record.release.revert_when, &record.to, &sight) {
                return Some(Next::Back(reason.0));
            }
            // Without a look that worked the time does not end.
            if left.is_zero() && complete {
                return None;
            }
            if let Some(next) = self.wished(record) {
                return Some(next);
            }
            self.around.clock.sleep(LOOK.min(left.max(Duration::from_millis(200)))).await;
        }
    }

    /// Whether somebody else has moved the traffic: taken it back, as `infra revert` does from another machine, or
    /// something that is not understood.
    async fn moved(&mut self, record: &mut Record, percent: u32) -> Result<Option<Next>, Failure> {
        if is_rolling(record) {
            return Ok(None);
        }
        let Ok(now) = self.around.fleet.weights().await else { return Ok(None) };
        let share = |colour: &Colour| now.get(colour).copied().unwrap_or_default();
        let (old, new) = (share(&record.from), share(&record.to));
        if u64::from(new) * 100 == u64::from(percent) * u64::from(old + new) && old + new > 0 {
            return Ok(None);
        }
        if new == 0 && old > 0 {
            let at = self.around.clock.now().into();
            let reason = "the traffic was taken back elsewhere".to_string();
            self.note(record, reason.clone());
            record.reverted = Some(Reverted { at, by: "elsewhere".into(), reason, may_retry: false });
            return Ok(Some(Next::Phase(Phase::CleanUp)));
        }
        Err(changed(&now))
    }

    /// What can be seen of the new colour, and whether everything could be looked at.
    async fn sight(&mut self, record: &Record, since: SystemTime) -> (Sight, bool) {
        let fleet = self.around.fleet;
        let when = &record.release.revert_when;
        // What an earlier version in this colour did is not held against this one.
        let shifted = record.shifted.map_or(since, SystemTime::from).min(since);
        let window = when.window.min(self.elapsed(shifted).max(Duration::from_secs(1)));
        let mut complete = true;
        let mut sight = Sight::default();
        let doubtful = |failure: Failure| tracing::warn!(%failure, "a look at the new colour failed");
        match fleet.standing(&record.to).await {
            Ok(standing) => sight.standing = standing,
            Err(failure) => {
                doubtful(failure);
                complete = false;
            }
        }
        match fleet.evidence(&record.to, window).await {
            Ok(evidence) => sight.evidence = Some(evidence),
            Err(failure) => {
                doubtful(failure);
                complete = false;
            }
        }
        match fleet.alarms().await {
            Ok(alarms) => sight.alarms = alarms,
            Err(failure) => {
                doubtful(failure);
                complete = false;
            }
        }
        if let Some(probe) = &when.probe {
            match fleet.live_url().await {
                Ok(Some(url)) => {
                    let answer = self.around.prober.ask(&url, probe).await.err();
                    self.seen_probes.push_back((self.around.clock.now(), answer));
                }
                Ok(None) => {}
                Err(failure) => doubtful(failure),
            }
            let now = self.around.clock.now();
            self.seen_probes.retain(|(at, _)| now.duration_since(*at).unwrap_or_default() <= window);
            let failed: Vec<&String> = self.seen_probes.iter().filter_map(|(_, why)| why.as_ref()).collect();
            sight.probes = self.seen_probes.len() as u64;
            sight.probes_failed = failed.len() as u64;
            sight.probe_example = failed.last().map(|why| (*why).clone());
        }
        (sight, complete)
    }

    async fn stop(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let fleet = self.around.fleet;
        let began = self.around.clock.now();
        let full_minute = Duration::from_secs(60);
        let since = record.shifted.map_or(began, SystemTime::from);
        loop {
            let quiet = match fleet.evidence(&record.from, full_minute.min(fleet.shift_delay())).await {
                Ok(evidence) => evidence.requests == 0,
                Err(_) => false,
            };
            if self.elapsed(since) >= fleet.shift_delay() && (quiet || self.elapsed(began) >= fleet.shift_delay() * 2) {
                break;
            }
            if let Some(next) = self.wished(record) {
                return Ok(next);
            }
            self.around.clock.sleep(LOOK).await;
        }
        fleet.stop(&record.from).await?;
        fleet.hold_scaling(false).await?;
        self.note(record, format!("{} is stopped; {} is live with {}", record.from, record.to, short(&record.new)));
        Ok(Next::Phase(Phase::Finished))
    }

    async fn back(&mut self, record: &mut Record) -> Result<Next, Failure> {
        if is_rolling(record) {
            self.around.fleet.start(&record.from, &record.old.definition, record.count).await?;
            self.note(record, format!("{} runs again", short(&record.old)));
            return Ok(Next::Phase(Phase::CleanUp));
        }
        let mut pause = Duration::from_millis(250);
        loop {
            match self.around.fleet.shift(None, &all_to(&record.from, &record.to)).await {
                Ok(()) => break,
                Err(ShiftFailure::ChangedMeanwhile(now)) => return Err(changed(&now)),
                Err(ShiftFailure::Failed(failure)) => {
                    tracing::warn!(%failure, "the traffic is not back yet");
                    if self.around.journal.wish() == Stop::Leave {
                        return Err(failure);
                    }
                }
            }
            self.around.clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.note(record, format!("all traffic is on {}", record.from));
        Ok(Next::Phase(Phase::CleanUp))
    }

    async fn clean_up(&mut self, record: &mut Record) -> Result<Next, Failure> {
        if !is_rolling(record) {
            self.around.fleet.stop(&record.to).await?;
            self.note(record, format!("{} is stopped", record.to));
        }
        self.around.fleet.hold_scaling(false).await?;
        Ok(Next::Phase(Phase::Reverted))
    }

    fn go_back(&mut self, record: &mut Record, reason: String, by: String) {
        let now = self.around.clock.now();
        self.note(record, format!("going back to {}: {reason}", record.from));
        record.reverted = Some(Reverted { at: now.into(), by, reason, may_retry: false });
        record.phase = Phase::GoBack;
    }

    /// What the user's wish means for the phase under way.
    fn wished(&mut self, record: &Record) -> Option<Next> {
        match self.around.journal.wish() {
            Stop::No => None,
            Stop::AfterShift if matches!(record.phase, Phase::Watch | Phase::Stop) => Some(Next::Again),
            Stop::AfterShift => None,
            Stop::Leave | Stop::Revert(_) => Some(Next::Again),
        }
    }

    fn note(&mut self, record: &mut Record, what: impl Into<String>) {
        let what = what.into();
        self.around.journal.tell(&Event::Note(&what));
        record.note(self.around.clock.now(), what);
    }

    fn look(
        &mut self,
        record: &Record,
        percent: u32,
        standing: &Standing,
        evidence: Option<&Evidence>,
        left: Option<Duration>,
    ) {
        self.around.journal.tell(&Event::Look { record, percent, standing, evidence, left });
    }

    fn elapsed(&self, since: SystemTime) -> Duration {
        self.around.clock.now().duration_since(since).unwrap_or_default()
    }
}

fn is_rolling(record: &Record) -> bool {
    matches!(record.release.strategy, Strategy::Rolling)
}

fn weights(record: &Record, percent: u32) -> BTreeMap<Colour, u32> {
    BTreeMap::from([(record.to.clone(), percent), (record.from.clone(), 100_u32.saturating_sub(percent))])
}

fn all_to(live: &Colour, idle: &Colour) -> BTreeMap<Colour, u32> {
    BTreeMap::from([(live.clone(), 100), (idle.clone(), 0)])
}

fn shown(weights: &BTreeMap<Colour, u32>) -> String {
    let list: Vec<String> = weights.iter().map(|(colour, weight)| format!("{colour} {weight}")).collect();
    list.join(", ")
}

fn changed(now: &BTreeMap<Colour, u32>) -> Failure {
    Failure::new(
        "moving the traffic",
        format!(
            "somebody else has changed the weights meanwhile (now {}). Nothing was overwritten. Put them right, or take the \
             traffic back with infra revert.",
            shown(now)
        ),
    )
}
