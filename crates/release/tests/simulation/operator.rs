//! Whoever runs infra in a simulated world: applies, reverts, is killed, comes back, and applies again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use infra_provider::fleet::{HttpProbe, Version};
use infra_release::{
    BeforeShift, Check, CheckKind, Clock, Outcome, Phase, Record, Release, RevertWhen, Shift, Stop, Strategy,
    Surroundings, WayBack, advance, revert,
};

use crate::fleet::{SimFleet, SimJournal};
use crate::time::{Virtual, run};
use crate::world::{BLUE, GREEN, World, read};

pub const WINDOW: u64 = 20;
pub const STANDBY: u64 = 60;
pub const MIN_REQUESTS: u64 = 20;

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn canary() -> Strategy {
    Strategy::Canary(vec![Shift { percent: 10, wait: seconds(20) }, Shift { percent: 50, wait: seconds(20) }])
}

pub fn linear() -> Strategy {
    Strategy::Linear { step: 40, interval: seconds(15) }
}

/// A release that is proven by a check, and nothing more.
pub fn release(strategy: Strategy) -> Release {
    let probe = HttpProbe { path: "/health".into(), status: 200, timeout: seconds(2) };
    let check = Check { name: "health".into(), kind: CheckKind::Http(probe), attempts: 3, pause: seconds(1) };
    Release {
        address: "release.api".into(),
        colours: vec![BLUE.into(), GREEN.into()],
        strategy,
        standby: seconds(STANDBY),
        start_timeout: seconds(60),
        checks: vec![check],
        before_shift: None,
        revert_when: RevertWhen {
            error_rate_percent: 1.0,
            window: seconds(WINDOW),
            min_requests: MIN_REQUESTS,
            alarms: Vec::new(),
            probe: None,
        },
    }
}

pub fn with_task(mut release: Release) -> Release {
    release.before_shift = Some(BeforeShift { command: vec!["migrate".into()], timeout: seconds(30) });
    release
}

pub fn with_probe(mut release: Release) -> Release {
    let probe = HttpProbe { path: "/".into(), status: 200, timeout: seconds(2) };
    release.revert_when.probe = Some(probe);
    release
}

pub fn version(definition: &str) -> Version {
    Version { definition: definition.into(), images: Vec::new() }
}

/// What an operator does after a run was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// `infra apply`
    Apply,
    /// `infra revert`, then `infra apply`.
    Revert,
    /// `infra apply` of another version.
    Newer,
}

/// A run that is killed at the so manyth point where it waits, and what is done so many seconds later.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    pub after: u32,
    pub away: u64,
    pub then: Then,
}

pub struct Operator {
    pub world: Arc<World>,
    pub release: Release,
    /// Wanted by the configuration.
    pub wanted: String,
    /// All records that came to an end.
    pub ended: Vec<Record>,
    /// What `infra revert` called, each time.
    pub reverts: Vec<Vec<String>>,
}

impl Operator {
    pub fn new(world: World, release: Release) -> Operator {
        let world = Arc::new(world);
        Operator { world, release, wanted: "v2".into(), ended: Vec::new(), reverts: Vec::new() }
    }

    pub fn now(&self) -> SystemTime {
        Virtual(Arc::clone(&self.world)).now()
    }

    /// The last record that was written.
    pub fn saved(&self) -> Option<Record> {
        self.world.state().saved.as_ref().map(|text| read(text))
    }

    /// The live colour by the weights, the other one, and what the live one runs: what a plan sees.
    pub fn plan(&self) -> (String, String, String) {
        if self.world.weather.rolling {
            let was = self.ended.last().map_or("v1".to_string(), |r| match r.phase {
                Phase::Finished => r.new.definition.clone(),
                _ => r.old.definition.clone(),
            });
            return (BLUE.into(), BLUE.into(), was);
        }
        let state = self.world.state();
        let live = if state.weights[GREEN] > state.weights[BLUE] { GREEN } else { BLUE };
        let idle = if live == GREEN { BLUE } else { GREEN };
        (live.into(), idle.into(), state.sides[live].definition.clone())
    }

    pub fn begin(&self) -> Record {
        let (live, idle, old) = self.plan();
        let (from, to) = ((live, version(&old)), (idle, version(&self.wanted)));
        Record::begin(self.release.clone(), from, to, 1, self.now(), "somebody".into())
    }

    /// One process that drives the record. `None`: it was killed.
    pub fn drive(&self, record: &mut Record, wish: Option<Stop>, killed_after: Option<u32>) -> Option<Outcome> {
        self.drive_until(record, wish, |waits| killed_after.is_some_and(|limit| waits >= limit))
    }

    /// One process that drives the record until it is killed.
    pub fn drive_until(
        &self,
        record: &mut Record,
        wish: Option<Stop>,
        killed: impl Fn(u32) -> bool,
    ) -> Option<Outcome> {
        let fleet = SimFleet::new(&self.world);
        let clock = Virtual(Arc::clone(&self.world));
        let mut journal = SimJournal { world: Arc::clone(&self.world), wish };
        let around = Surroundings { fleet: &fleet, clock: &clock, journal: &mut journal, prober: &fleet };
        // Wishes are those of whoever sits before this process.
        self.world.state().wish = None;
        let end = run(&self.world, advance(record, around), killed);
        self.world.state().wish = None;
        self.world.tell(format!("the run ended: {end:?}"));
        // The program writes the record once more when a run is over.
        if end.is_some() {
            self.world.state().saved = Some(serde_json::to_string(record).expect("a record can be written"));
        }
        end
    }

    /// `infra revert`, tried until it works. Whether it was one call, or none.
    pub fn revert(&mut self) {
        for _ in 0..50 {
            let Some(mut record) = self.saved() else { return };
            match record.way_back() {
                WayBack::Done => return,
                WayBack::StartFirst => return self.revert_after_standby(&record),
                WayBack::NothingMoved | WayBack::Move => {}
            }
            let fleet = SimFleet::new(&self.world);
            let before = self.world.state().calls.len();
            self.world.tell("infra revert".into());
            let now = self.now();
            let done =
                run(&self.world, revert(&mut record, "somebody", &fleet, now), |_| false).expect("it is not killed");
            let calls = self.world.state().calls[before..].to_vec();
            self.reverts.push(calls);
            if done.is_ok() {
                self.world.state().saved = Some(serde_json::to_string(&record).expect("a record can be written"));
                return;
            }
        }
        panic!("infra revert never works");
    }

    /// The old version is started first: a release of its own.
    fn revert_after_standby(&mut self, last: &Record) {
        let mut last = last.clone();
        if last.phase == Phase::Stop {
            match self.drive(&mut last, None, None) {
                Some(Outcome::Finished) => {}
                _ if last.phase == Phase::Stop => return self.put_right(&last.to),
                _ => return,
            }
        }
        self.world.tell("infra revert, after standby".into());
        self.ended.push(last.clone());
        let mut record = last.begin_way_back(self.now(), "somebody".into());
        self.wanted.clone_from(&record.new.definition);
        self.drive(&mut record, None, None);
    }

    /// Somebody sets the weights by hand to what they should be.
    fn put_right(&self, live: &str) {
        let weights = [BLUE, GREEN].map(|colour| (colour.to_string(), if colour == live { 100 } else { 0 }));
        self.world.tell(format!("all to {live}, by hand"));
        self.world.weigh(&mut self.world.state(), weights.into());
    }

    /// Applies until nothing is left to do, through all kills.
    pub fn work(&mut self, kills: &[Kill]) -> Record {
        let mut kills = kills.iter();
        let mut record = self.begin();
        let mut wish = None;
        for run in 0..60 {
            let kill = kills.next();
            if run >= 20 {
                // At last the world is calm.
                let mut state = self.world.state();
                (state.errors, state.wish) = (0, None);
            }
            let end = self.drive(&mut record, wish.take(), kill.map(|kill| kill.after));
            let then = match (&end, kill) {
                (Some(Outcome::Finished | Outcome::Reverted), _) if record.new.definition == self.wanted => {
                    self.ended.push(record.clone());
                    return record;
                }
                (Some(Outcome::Stuck(_)), _) if record.phase == Phase::Prepare => {
                    self.pass(10);
                    self.put_right(&record.from);
                    self.world.state().alarm = false;
                    Then::Apply
                }
                // Somebody looks at what happened, and takes it back.
                (Some(Outcome::Stuck(failure)), _) if failure.message.contains("somebody else") => Then::Revert,
                (Some(_), _) => {
                    self.pass(5);
                    self.world.state().wish = None;
                    Then::Apply
                }
                (None, Some(kill)) => {
                    self.pass(kill.away);
                    kill.then
                }
                (None, None) => unreachable!("nobody kills it"),
            };
            match then {
                Then::Apply => {}
                Then::Revert => self.revert(),
                Then::Newer => self.wanted = "v3".into(),
            }
            // What a plan makes of the record, as the program does it.
            let Some(saved) = self.saved() else {
                record = self.begin();
                continue;
            };
            record = saved;
            let goes_on = record.new.definition == self.wanted;
            match record.phase {
                Phase::Prepare if !record.has_begun() => record = self.begin(),
                Phase::Finished | Phase::Reverted if goes_on => {
                    self.ended.push(record.clone());
                    return record;
                }
                Phase::Finished | Phase::Reverted => {
                    self.ended.push(record.clone());
                    record = self.begin();
                }
                Phase::Watch | Phase::Drain | Phase::Stop | Phase::CleanUp | Phase::GoBack => {
                    if !goes_on {
                        record.release.standby = Duration::ZERO;
                    }
                }
                _ if goes_on => {}
                _ => wish = Some(Stop::Revert("a newer version".into())),
            }
        }
        panic!("it never comes to an end: {:#?}", self.world.story());
    }

    fn pass(&self, time: u64) {
        let until = self.world.now() + time * 1000;
        self.world.pass_until(until);
    }
}
