//! Moving users to the new version, and watching it while the old one stands by.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use infra_provider::Failure;
use infra_provider::fleet::{Colour, ShiftFailure, Standing};

use crate::drive::{
    Drive, FIRST_PAUSE, LONGEST_PAUSE, LOOK, Next, TRIES, Traffic, changed, is_rolling, patiently, traffic,
};
use crate::judge::{Sight, judge};
use crate::record::{Phase, Record, Reverted};

/// How long the new colour is watched.
struct Span {
    /// Not shorter, and not without a complete look.
    until: SystemTime,
    /// Until then more requests are waited for, if there were too few to mean something.
    at_most: SystemTime,
}

impl Drive<'_> {
    pub(crate) async fn shift(&mut self, record: &mut Record, step: usize) -> Result<Next, Failure> {
        let shifts = record.release.strategy.shifts();
        let Some(shift) = shifts.get(step).cloned() else { return Ok(Next::Phase(self.all_shifted(record))) };
        let before = step.checked_sub(1).and_then(|n| shifts.get(n)).map_or(0, |s| s.percent);
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        let (before, after) = (weights(record, before), weights(record, shift.percent));
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            // Users get a colour whose targets are healthy now, not when it was proven or the call was tried before.
            let standing = patiently(clock, || fleet.standing(&record.to)).await?;
            let up = standing.is_up(&record.new.definition, record.count);
            let sight = Sight { standing: Some(standing), ..Sight::default() };
            if let Some(reason) = judge(&record.release.revert_when, &record.to, &sight) {
                return Ok(Next::Back(reason.0));
            }
            if self.untouched && !up {
                record.reached = None;
                return Ok(Next::Phase(Phase::Healthy));
            }
            self.untouched = false;
            match fleet.shift(Some(&before), &after).await {
                Ok(()) => break,
                Err(ShiftFailure::ChangedMeanwhile(now)) => {
                    return Ok(match traffic(record, shift.percent, &now) {
                        Traffic::Back if step > 0 => self.taken_back(record),
                        _ => Next::Stuck(changed(&now)),
                    });
                }
                Err(ShiftFailure::Failed(failure)) if tries >= TRIES => {
                    // Nothing has moved: then nothing needs to be moved back.
                    let now = fleet.weights().await;
                    if step == 0 && now.is_ok_and(|now| now.get(&record.to).copied().unwrap_or_default() == 0) {
                        record.reached = None;
                    }
                    return Ok(Next::Back(format!("the traffic could not be moved: {failure}")));
                }
                Err(ShiftFailure::Failed(failure)) => {
                    tracing::warn!(failure = failure.brief(), "the traffic has not moved yet")
                }
            }
            tries += 1;
            if self.rest(record, pause).await {
                return Ok(Next::Again);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            // The call may have been done although its answer was lost.
            if step == 0 && fleet.weights().await.is_ok_and(|now| now.get(&record.to).is_none_or(|weight| *weight == 0))
            {
                self.untouched = true;
            }
        }
        self.note(record, format!("{} gets {} % of the traffic", record.to, shift.percent));
        if shift.percent >= 100 {
            return Ok(Next::Phase(self.all_shifted(record)));
        }
        let until = clock.now() + self.at_least(record, shift.wait);
        let at_most = until + shift.wait.min(record.release.revert_when.window);
        match self.observe(record, shift.percent, &Span { until, at_most }).await {
            None => Ok(Next::Phase(Phase::Shift(step + 1))),
            Some(next) => Ok(next),
        }
    }

    pub(crate) fn all_shifted(&mut self, record: &mut Record) -> Phase {
        record.shifted = Some(self.around.clock.now().into());
        Phase::Watch
    }

    pub(crate) async fn watch(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let shifted = record.shifted.map_or_else(|| self.around.clock.now(), SystemTime::from);
        let until = shifted + self.at_least(record, record.release.standby);
        match self.observe(record, 100, &Span { until, at_most: until }).await {
            None => Ok(Next::Phase(Phase::Drain)),
            Some(next) => Ok(next),
        }
    }

    /// How long it takes at least until what happened in the time, or in a window of it, can be seen.
    fn at_least(&self, record: &Record, time: Duration) -> Duration {
        match time.is_zero() {
            true => time,
            false => time.max(time.min(record.release.revert_when.window) + self.around.fleet.evidence_delay()),
        }
    }

    /// Watches the new colour for some time. `None`: nothing spoke against it.
    async fn observe(&mut self, record: &mut Record, percent: u32, span: &Span) -> Option<Next> {
        let mut requests = 0;
        loop {
            let where_it_is = match is_rolling(record) {
                true => Some(Traffic::AsIs),
                false => self.around.fleet.weights().await.ok().map(|now| traffic(record, percent, &now)),
            };
            match where_it_is {
                Some(Traffic::Back) => return Some(self.taken_back(record)),
                Some(Traffic::Changed(failure)) => return Some(Next::Stuck(failure)),
                Some(Traffic::AsIs) | None => {}
            }
            let (sight, complete) = self.sight(record).await;
            let now = self.around.clock.now();
            let left = span.until.duration_since(now).unwrap_or_default();
            if let Some(standing) = &sight.standing {
                self.look(record, percent, standing, sight.evidence.as_ref(), Some(left));
            }
            if let Some(reason) = judge(&record.release.revert_when, &record.to, &sight) {
                return Some(Next::Back(reason.0));
            }
            let whole = match sight.standing.as_ref().map(|standing| self.lacks(record, standing)) {
                Some(Err(reason)) => return Some(Next::Back(reason)),
                Some(Ok(whole)) => whole,
                None => false,
            };
            requests = requests.max(sight.evidence.map_or(0, |evidence| evidence.requests));
            let enough = requests >= record.release.revert_when.min_requests;
            // Without a look that worked the time does not end.
            if left.is_zero() && complete && where_it_is.is_some() && whole && (enough || now >= span.at_most) {
                if !enough {
                    self.note(
                        record,
                        format!("too few requests to say how many fail: {requests} in a window at the most"),
                    );
                }
                return None;
            }
            let pause = if left.is_zero() { LOOK } else { LOOK.min(left) };
            if self.rest(record, pause).await {
                return Some(Next::Again);
            }
        }
    }

    /// Whether all targets are there, and the reason to go back when they have not been for too long. Tasks that the cloud
    /// merely replaces are none.
    fn lacks(&mut self, record: &Record, standing: &Standing) -> Result<bool, String> {
        if is_rolling(record) && standing.definition != record.new.definition {
            return Err(format!("{} runs {} instead", record.to, standing.definition));
        }
        let wanted = record.count.min(standing.desired);
        if standing.is_up(&record.new.definition, wanted) {
            self.short_since = None;
            return Ok(true);
        }
        let now = self.around.clock.now();
        let since = *self.short_since.get_or_insert(now);
        let limit = record.release.start_timeout;
        match self.elapsed(since) > limit {
            true => Err(format!(
                "{} of {wanted} targets of {} are healthy, for more than {} s",
                standing.healthy,
                record.to,
                limit.as_secs()
            )),
            false => Ok(false),
        }
    }

    /// Somebody has taken the traffic back, as `infra revert` does from another machine.
    pub(crate) fn taken_back(&mut self, record: &mut Record) -> Next {
        let at = self.around.clock.now().into();
        let reason = "the traffic was taken back elsewhere".to_string();
        self.note(record, reason.clone());
        record.reverted.get_or_insert(Reverted { at, by: "elsewhere".into(), reason, may_retry: false });
        record.returned = Some(at);
        Next::Phase(Phase::CleanUp)
    }

    /// What can be seen of the new colour, and whether everything could be looked at.
    pub(crate) async fn sight(&mut self, record: &Record) -> (Sight, bool) {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        let when = &record.release.revert_when;
        let now = clock.now();
        // What was before users came is not held against the new version.
        let reached = record.reached.map_or(now, SystemTime::from);
        let window = when.window.min(self.elapsed(reached).max(Duration::from_secs(1)));
        let mut sight = Sight::default();
        let doubtful = |failure: Failure| tracing::warn!(failure = failure.brief(), "a look at the new colour failed");
        let (standing, evidence, alarms) =
            (fleet.standing(&record.to).await, fleet.evidence(&record.to, window).await, fleet.alarms().await);
        let mut complete = standing.is_ok() && evidence.is_ok() && alarms.is_ok();
        sight.standing = standing.map_err(doubtful).ok();
        sight.evidence = evidence.map_err(doubtful).ok();
        sight.alarms = alarms.map_err(doubtful).unwrap_or_default();
        if let Some(evidence) = sight.evidence.as_mut().filter(|_| record.before.balancer) {
            evidence.balancer_failed = 0;
        }
        if let Some(probe) = when.probe.as_ref().filter(|_| !record.before.probe) {
            match fleet.live_url().await {
                Ok(Some(url)) => {
                    let answer = self.around.prober.ask(&url, probe).await.err();
                    self.probes.push_back((clock.now(), answer));
                }
                Ok(None) => {}
                Err(failure) => {
                    doubtful(failure);
                    complete = false;
                }
            }
            let now = clock.now();
            self.probes.retain(|(at, _)| now.duration_since(*at).unwrap_or_default() <= when.window);
            let failed: Vec<&String> = self.probes.iter().filter_map(|(_, why)| why.as_ref()).collect();
            sight.probes = self.probes.len() as u64;
            sight.probes_failed = failed.len() as u64;
            sight.probe_example = failed.last().map(|why| (*why).clone());
        }
        (sight, complete)
    }
}

fn weights(record: &Record, percent: u32) -> BTreeMap<Colour, u32> {
    BTreeMap::from([(record.to.clone(), percent), (record.from.clone(), 100_u32.saturating_sub(percent))])
}
