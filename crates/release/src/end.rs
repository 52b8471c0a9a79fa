//! The end of a release, on either side: the colour that has lost the traffic is stopped.

use std::time::{Duration, SystemTime};

use infra_provider::Failure;
use infra_provider::fleet::{Colour, Fleet, ShiftFailure, Version};

use crate::around::Stop;
use crate::drive::{
    Drive, FIRST_PAUSE, LONGEST_PAUSE, LOOK, Next, TRIES, Traffic, all_to, changed, is_rolling, patiently, traffic,
};
use crate::record::{Phase, Record, Reverted, WayBack};
use crate::version::short;

/// Gives the traffic back to the colour that had it before, in one call, whatever the release is doing; in none, if it
/// never lost any. What is left to stop is stopped by the next [`crate::advance`].
///
/// # Errors
/// The weights could not be moved; or the old colour does not run any more ([`Record::way_back`] tells beforehand).
pub async fn revert(record: &mut Record, by: &str, fleet: &dyn Fleet, now: SystemTime) -> Result<(), Failure> {
    match record.way_back() {
        WayBack::Done => return Ok(()),
        WayBack::StartFirst => {
            let why = format!("{} does not run any more. It has to be started first.", record.from);
            return Err(Failure::new("moving the traffic", why));
        }
        WayBack::NothingMoved => record.note(now, "asked for by hand: no user has reached it"),
        WayBack::Move => {
            match fleet.shift(None, &all_to(&record.from, &record.to)).await {
                Ok(()) => {}
                Err(ShiftFailure::Failed(failure)) => return Err(failure),
                Err(ShiftFailure::ChangedMeanwhile(weights)) => return Err(changed(&weights)),
            }
            record.note(now, format!("all traffic is back on {}", record.from));
            record.returned = Some(now.into());
        }
    }
    let reason = "asked for by hand".to_string();
    record.reverted.get_or_insert(Reverted { at: now.into(), by: by.into(), reason, may_retry: false });
    record.phase = if record.phase == Phase::Prepare { record.given_up() } else { Phase::CleanUp };
    Ok(())
}

impl Drive<'_> {
    /// Until here the old colour takes the traffic back in one call.
    pub(crate) async fn drain(&mut self, record: &mut Record) -> Result<Next, Failure> {
        if is_rolling(record) {
            return Ok(Next::Phase(Phase::Stop));
        }
        let since = record.shifted.map_or_else(|| self.around.clock.now(), SystemTime::from);
        let next = self.quiet(record, &record.from.clone(), 100, since).await;
        Ok(next.unwrap_or(Next::Phase(Phase::Stop)))
    }

    pub(crate) async fn stop(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        if !is_rolling(record) {
            let weights = patiently(clock, || fleet.weights()).await?;
            let now = traffic(record, 100, &weights);
            if !matches!(now, Traffic::AsIs) {
                // At the last moment: then the old colour still runs, and takes the traffic back.
                let runs = patiently(clock, || fleet.standing(&record.from)).await?.healthy > 0;
                if runs && matches!(now, Traffic::Back) {
                    return Ok(self.taken_back(record));
                }
                record.phase = if runs { Phase::Drain } else { Phase::Stop };
                return Ok(Next::Stuck(changed(&weights)));
            }
            match self.stop_idle(&record.from, &record.old, record, 100).await? {
                Traffic::AsIs => {}
                Traffic::Back => return Ok(self.taken_back(record)),
                Traffic::Changed(failure) => return Ok(Next::Stuck(failure)),
            }
        }
        patiently(clock, || fleet.hold_scaling(false)).await?;
        let stopped = if is_rolling(record) { String::new() } else { format!("{} is stopped; ", record.from) };
        self.note(record, format!("{stopped}{} is live with {}", record.to, short(&record.new)));
        Ok(Next::Phase(Phase::Finished))
    }

    /// Never gives up: while this fails, users get a version that is known to be bad.
    pub(crate) async fn back(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let done = match is_rolling(record) {
                true => fleet.start(&record.from, &record.old.definition, record.count).await,
                false => match fleet.shift(None, &all_to(&record.from, &record.to)).await {
                    Ok(()) => Ok(()),
                    Err(ShiftFailure::ChangedMeanwhile(weights)) => Err(changed(&weights)),
                    Err(ShiftFailure::Failed(failure)) => {
                        // It may have worked all the same, or been done by somebody else.
                        let now = fleet.weights().await;
                        let there = now.is_ok_and(|now| matches!(traffic(record, 0, &now), Traffic::AsIs));
                        if there { Ok(()) } else { Err(failure) }
                    }
                },
            };
            let Err(failure) = done else { break };
            tracing::warn!(failure = failure.brief(), "the traffic is not back yet");
            tries += 1;
            if tries == 1 {
                self.note(record, format!("the traffic is not back yet; it is tried until it is: {failure}"));
            }
            if tries >= TRIES && self.around.journal.wish() == Stop::Leave {
                return Err(failure);
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let what = match is_rolling(record) {
            true => format!("{} is started again", short(&record.old)),
            false => format!("all traffic is on {}", record.from),
        };
        self.note(record, what);
        record.returned = Some(clock.now().into());
        Ok(Next::Phase(Phase::CleanUp))
    }

    pub(crate) async fn clean_up(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        if record.release.before_shift.is_some() && record.reached.is_none() {
            let token = record.task_token();
            patiently(clock, || fleet.stop_task(&token)).await?;
        }
        if is_rolling(record) {
            if self.old_is_left(record).await {
                return Ok(Next::Again);
            }
        } else {
            if record.reached.is_some() {
                let decided = record.reverted.as_ref().map(|r| r.at);
                let since = record.returned.or(decided).map_or_else(|| clock.now(), SystemTime::from);
                if let Some(next) = self.quiet(record, &record.to.clone(), 0, since).await {
                    return Ok(next);
                }
            }
            if let Some(stuck) = self.is_in_use(record).await? {
                return Ok(stuck);
            }
            if let Traffic::Changed(failure) = self.stop_idle(&record.to, &record.new, record, 0).await? {
                record.reached.get_or_insert(clock.now().into());
                return Ok(Next::Stuck(failure));
            }
            self.note(record, format!("{} is stopped", record.to));
        }
        patiently(clock, || fleet.hold_scaling(false)).await?;
        Ok(Next::Phase(Phase::Reverted))
    }

    /// Stops a colour that has no traffic. Weights have no versions: somebody may have moved them at the same moment, and
    /// then it is started again at once.
    async fn stop_idle(
        &self,
        colour: &str,
        version: &Version,
        record: &Record,
        percent: u32,
    ) -> Result<Traffic, Failure> {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        patiently(clock, || fleet.stop(colour)).await?;
        let now = traffic(record, percent, &patiently(clock, || fleet.weights()).await?);
        if !matches!(now, Traffic::AsIs) {
            patiently(clock, || fleet.start(colour, &version.definition, record.count)).await?;
        }
        Ok(now)
    }

    /// Waits until a colour that has lost the traffic gets no more of it: parts of the balancer follow later than others.
    async fn quiet(&mut self, record: &mut Record, colour: &Colour, percent: u32, since: SystemTime) -> Option<Next> {
        let fleet = self.around.fleet;
        let delay = fleet.shift_delay();
        let window = delay.clamp(Duration::from_secs(1), Duration::from_secs(60));
        let began = self.around.clock.now();
        let mut looks = 0;
        loop {
            let where_it_is = fleet.weights().await.ok().map(|now| traffic(record, percent, &now));
            match where_it_is {
                Some(Traffic::Back) if percent > 0 => return Some(self.taken_back(record)),
                Some(Traffic::Back) => {}
                Some(Traffic::Changed(failure)) => return Some(Next::Stuck(failure)),
                Some(Traffic::AsIs) => looks += 1,
                None => looks = 0,
            }
            let none = fleet.evidence(colour, window).await.is_ok_and(|evidence| evidence.requests == 0);
            if looks >= 2 && self.elapsed(since) >= delay && (none || self.elapsed(began) >= delay * 2) {
                return None;
            }
            if self.rest(record, LOOK).await {
                return Some(Next::Again);
            }
        }
    }

    /// Waits until the version before runs in place again, as long as a start may take. Whether the user wants to leave.
    async fn old_is_left(&mut self, record: &mut Record) -> bool {
        let began = self.around.clock.now();
        loop {
            let standing = self.around.fleet.standing(&record.from).await;
            if let Ok(standing) = &standing {
                self.look(record, 0, standing, None, None);
            }
            if standing.is_ok_and(|standing| standing.is_up(&record.old.definition, record.count)) {
                self.note(record, format!("{} runs again", short(&record.old)));
                return false;
            }
            let limit = record.release.start_timeout;
            if self.elapsed(began) > limit {
                self.note(
                    record,
                    format!(
                        "{} was told to run again, and is not healthy within {} s",
                        short(&record.old),
                        limit.as_secs()
                    ),
                );
                return false;
            }
            if self.rest(record, LOOK).await {
                return true;
            }
        }
    }
}
