//! What happens before a user's request reaches the new version: it is looked whether the release can begin, the one-off
//! task runs, the idle colour starts, gets healthy, and is checked.

use infra_provider::Failure;
use infra_provider::fleet::Standing;

use crate::drive::{Drive, LOOK, Next, Traffic, changed, is_rolling, patiently, shown, traffic};
use crate::judge::{Sight, balancer_fails, judge};
use crate::record::{Phase, Record};
use crate::spec::CheckKind;
use crate::version::short;

/// So many good looks in a row make a colour healthy.
const GOOD_LOOKS: u32 = 2;
/// So often a probe is tried before the shift.
const FIRST_PROBES: u32 = 3;

impl Drive<'_> {
    /// Changes nothing: a release that cannot begin leaves nothing behind.
    pub(crate) async fn prepare(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        let firing = patiently(clock, || fleet.alarms()).await?;
        if let Some(alarm) = firing.first() {
            return Err(Failure::new(
                "beginning the release",
                format!("an alarm that would send it back fires already: {alarm}. Nothing was changed."),
            ));
        }
        if is_rolling(record) {
            // In place, users reach the new version as soon as it starts.
            self.see_faults_before(record).await;
        } else {
            let weights = patiently(clock, || fleet.weights()).await?;
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
        Ok(Next::Phase(if record.release.before_shift.is_some() { Phase::BeforeShift } else { Phase::Start }))
    }

    pub(crate) async fn before_shift(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let Some(task) = record.release.before_shift.clone() else { return Ok(Next::Phase(Phase::Start)) };
        self.note(record, format!("a task of {} runs first", short(&record.new)));
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        let (token, definition) = (record.task_token(), record.new.definition.clone());
        // Whoever asks again with the token gets the same task.
        let run = async {
            tokio::select! {
                biased;
                end = patiently(clock, || fleet.run_task(&token, &definition, &task.command)) => Some(end),
                () = clock.sleep(task.timeout) => None,
            }
        };
        let end = match self.unless_wished(record, run).await {
            None => return Ok(Next::Again),
            Some(None) => {
                let limit = task.timeout.as_secs();
                return Ok(Next::Back(format!("the task before the shift did not end within {limit} s")));
            }
            Some(Some(end)) => end?,
        };
        match end.exit_code {
            Some(0) => {
                self.note(record, "the task ended well");
                Ok(Next::Phase(Phase::Start))
            }
            Some(code) => {
                Ok(Next::Back(format!("the task before the shift ended with exit code {code}: {}", end.reason)))
            }
            None => Ok(Next::Back(format!("the task before the shift never started: {}", end.reason))),
        }
    }

    pub(crate) async fn start(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let (fleet, clock) = (self.around.fleet, self.around.clock);
        if let Some(stuck) = self.is_in_use(record).await? {
            return Ok(stuck);
        }
        patiently(clock, || fleet.hold_scaling(true)).await?;
        // What autoscaling has made of the live colour by now, not what the configuration said once.
        record.count = patiently(clock, || fleet.standing(&record.from)).await?.desired.max(1);
        if is_rolling(record) {
            // Written down first: from the call on nobody can tell whether users have reached it.
            record.reached = Some(clock.now().into());
            self.save(record).await.map_err(|why| Failure::new("writing down the release", why))?;
        }
        let begins = match record.count {
            1 => format!("1 task of {} starts as {}", short(&record.new), record.to),
            count => format!("{count} tasks of {} start as {}", short(&record.new), record.to),
        };
        self.note(record, begins);
        patiently(clock, || fleet.start(&record.to, &record.new.definition, record.count)).await?;
        Ok(Next::Phase(Phase::Healthy))
    }

    /// Somebody has given traffic to the colour that is about to be started, or stopped: then it is left alone.
    pub(crate) async fn is_in_use(&mut self, record: &mut Record) -> Result<Option<Next>, Failure> {
        if is_rolling(record) {
            return Ok(None);
        }
        let fleet = self.around.fleet;
        let weights = patiently(self.around.clock, || fleet.weights()).await?;
        let Traffic::AsIs = traffic(record, 0, &weights) else {
            record.reached.get_or_insert(self.around.clock.now().into());
            return Ok(Some(Next::Stuck(changed(&weights))));
        };
        Ok(None)
    }

    pub(crate) async fn healthy(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let now = self.around.clock.now();
        let began = *self.starting_since.get_or_insert(now);
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
                Err(failure) => {
                    tracing::warn!(failure = failure.brief(), "how the new colour stands could not be found out")
                }
            }
            // In place, users reach each new task as soon as it is there.
            if is_rolling(record) {
                let (seen, _) = self.sight(record).await;
                let sight = Sight { standing: None, ..seen };
                if let Some(reason) = judge(&record.release.revert_when, &record.to, &sight) {
                    return Ok(Next::Back(reason.0));
                }
            }
            if good >= GOOD_LOOKS {
                self.note(record, format!("{} of {} targets of {} are healthy", last.healthy, record.count, record.to));
                return Ok(Next::Phase(Phase::Check));
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
            if self.rest(record, LOOK).await {
                return Ok(Next::Again);
            }
        }
    }

    pub(crate) async fn check(&mut self, record: &mut Record) -> Result<Next, Failure> {
        let (fleet, clock, prober) = (self.around.fleet, self.around.clock, self.around.prober);
        let url = match record.release.checks.is_empty() {
            true => None,
            false => patiently(clock, || fleet.test_url(&record.to)).await?,
        };
        for check in record.release.checks.clone() {
            let ask = async || match (&check.kind, &url) {
                (CheckKind::Http(probe), Some(url)) => prober.ask(url, probe).await,
                (CheckKind::Http(_), None) => Err(format!("there is no address to reach {} at", record.to)),
                (CheckKind::Command { command, folder, timeout }, url) => {
                    prober.run(command, folder, url.as_deref(), *timeout).await
                }
            };
            let mut failed = None;
            for attempt in 0..check.attempts.max(1) {
                if attempt > 0 && self.rest(record, check.pause).await {
                    return Ok(Next::Again);
                }
                let Some(answer) = self.unless_wished(record, ask()).await else { return Ok(Next::Again) };
                failed = answer.err();
                if failed.is_none() {
                    break;
                }
            }
            if let Some(why) = failed {
                return Ok(Next::Back(format!("the check {:?} failed: {why}", check.name)));
            }
            self.note(record, format!("the check {:?} passed", check.name));
        }
        if is_rolling(record) {
            return Ok(Next::Phase(self.all_shifted(record)));
        }
        self.see_faults_before(record).await;
        self.untouched = true;
        let now = clock.now();
        record.reached = Some(now.into());
        fleet.users_since(&record.to, now);
        Ok(Next::Phase(Phase::Shift(0)))
    }

    /// What is wrong while the old version has all the traffic is not held against the new one.
    async fn see_faults_before(&mut self, record: &mut Record) {
        let (fleet, clock, prober) = (self.around.fleet, self.around.clock, self.around.prober);
        let when = record.release.revert_when.clone();
        if let Ok(evidence) = fleet.evidence(&record.from, when.window).await {
            record.before.balancer = balancer_fails(&when, &evidence);
        }
        if record.before.balancer {
            self.note(
                record,
                "the balancer itself fails already while nothing has moved: that will be no reason to go back",
            );
        }
        let (Some(probe), Ok(Some(url))) = (&when.probe, fleet.live_url().await) else { return };
        record.before.probe = true;
        for attempt in 0..FIRST_PROBES {
            if attempt > 0 {
                clock.sleep(LOOK).await;
            }
            match prober.ask(&url, probe).await {
                Ok(()) => {
                    record.before.probe = false;
                    return;
                }
                Err(why) if attempt + 1 == FIRST_PROBES => {
                    self.note(
                        record,
                        format!("the probe fails already while nothing has moved, and is left out: {why}"),
                    );
                }
                Err(_) => {}
            }
        }
    }
}
