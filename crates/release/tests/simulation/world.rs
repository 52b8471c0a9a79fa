//! The simulated world: two colours whose tasks start, fail and are replaced, a balancer that follows its weights late,
//! users, and metrics. It notes what must never happen when it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use infra_release::{Record, Stop, WayBack};

pub const BLUE: &str = "blue";
pub const GREEN: &str = "green";

/// What a version is like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    /// Seconds from the start of a task until its target is healthy.
    pub starts: u64,
    /// Its targets never get healthy.
    pub never_healthy: bool,
    /// The cloud gives up after so many seconds.
    pub gives_up: Option<u64>,
    /// Its targets get unhealthy so many seconds after they got healthy.
    pub sickens: Option<u64>,
    /// Of 1000 requests, so many fail.
    pub fails: u64,
    /// Failures are not its answers, but the balancer's.
    pub times_out: bool,
    /// So many tries of the check fail.
    pub checks_fail: u32,
    /// How the one-off task ends; `None`: never.
    pub task_exit: Option<i32>,
}

/// A version that is well.
pub fn good() -> Version {
    Version { starts: 3, task_exit: Some(0), ..Version::default() }
}

#[derive(Clone, Debug)]
pub struct Task {
    pub definition: String,
    pub healthy_at: u64,
    pub sick: bool,
    pub leaving: bool,
    pub gone_at: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Side {
    pub definition: String,
    pub desired: u32,
    pub told_at: u64,
    /// When it had a healthy target last.
    pub well_at: u64,
    pub tasks: Vec<Task>,
}

impl Side {
    pub fn healthy(&self, now: u64) -> u32 {
        let healthy = |task: &&Task| !task.leaving && !task.sick && task.healthy_at <= now;
        u32::try_from(self.tasks.iter().filter(healthy).count()).expect("few tasks")
    }
}

/// What happens by itself, at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// `infra revert` on another machine, without the lock.
    RevertElsewhere,
    /// Somebody sets the weights to this many for blue, and the rest for green.
    Weights(u32),
    /// Autoscaling wants one task more of the live colour.
    ScaleOut,
    /// The cloud replaces a task of the new colour.
    Replace,
    /// The user wants something.
    Wish(Stop),
    /// An alarm begins to fire.
    Alarm,
    /// From now on the state cannot be written.
    StateGone,
}

/// How the world is.
#[derive(Clone, Debug)]
pub struct Weather {
    pub rolling: bool,
    pub versions: BTreeMap<String, Version>,
    pub requests_per_second: u64,
    /// Of 1000 requests, so many fail at the balancer whatever the colour.
    pub noise: u64,
    /// How late metrics are, in milliseconds.
    pub metrics: u64,
    /// How late the balancer follows.
    pub follows: u64,
    /// The longest time that a call takes.
    pub latency: u64,
    /// Of 1000 calls, so many fail, half of them after they have worked.
    pub errors: u64,
    pub happenings: Vec<(u64, Happening)>,
    pub seed: u64,
}

impl Weather {
    pub fn fine() -> Weather {
        Weather {
            rolling: false,
            versions: BTreeMap::from([("v1".into(), good()), ("v2".into(), good()), ("v3".into(), good())]),
            requests_per_second: 100,
            noise: 0,
            metrics: 0,
            follows: 1000,
            latency: 20,
            errors: 0,
            happenings: Vec::new(),
            seed: 1,
        }
    }
}

#[derive(Debug, Default)]
pub struct State {
    pub now: u64,
    pub timers: BTreeSet<u64>,
    pub sides: BTreeMap<String, Side>,
    pub weights: BTreeMap<String, u32>,
    /// What the balancer really does, from when on.
    pub followed: Vec<(u64, BTreeMap<String, u32>)>,
    /// Requests by second and colour: how many, failed; the balancer's own under an empty name.
    pub counts: BTreeMap<(u64, String), (u64, u64)>,
    pub held: bool,
    pub alarm: bool,
    pub state_gone: bool,
    pub errors: u64,
    pub wish: Option<Stop>,
    /// The last record that was written, as it was written.
    pub saved: Option<String>,
    pub checks: BTreeMap<String, u32>,
    /// One-off tasks by token: when they began, of which version, when stopped.
    pub tasks: BTreeMap<String, (u64, String, Option<u64>)>,
    pub tasks_started: BTreeMap<String, u32>,
    /// Calls that change something, with their outcome, in order.
    pub calls: Vec<String>,
    pub story: Vec<String>,
    pub broken: Vec<String>,
    /// When a version had its first user.
    pub first_user: BTreeMap<String, u64>,
    /// When a version had its last user.
    pub last_user: BTreeMap<String, u64>,
    /// What the cloud itself has just taken away is nobody's fault.
    excused_until: u64,
    /// Somebody has given users to a colour that nobody has proven.
    somebody_else: bool,
    /// When somebody has changed the weights by hand: whoever has looked just before cannot know.
    pub meddled_at: u64,
    due: BTreeMap<String, u64>,
    happened: usize,
    random: u64,
}

/// When a release can begin.
const BEGINS: u64 = 1_120_000;

pub struct World {
    pub weather: Weather,
    state: Mutex<State>,
}

impl World {
    /// v1 is live as blue, with so many tasks, and users have been there for a while.
    pub fn new(weather: Weather, count: u32) -> World {
        let side = |definition: &str, desired| Side { definition: definition.into(), desired, ..Side::default() };
        let weights = BTreeMap::from([(BLUE.to_string(), 100), (GREEN.to_string(), 0)]);
        let state = State {
            now: 1_000_000,
            sides: BTreeMap::from([(BLUE.into(), side("v1", count)), (GREEN.into(), side("v0", 0))]),
            followed: vec![(0, weights.clone())],
            weights,
            errors: weather.errors,
            random: weather.seed.max(1),
            ..State::default()
        };
        let world = World { weather, state: Mutex::new(state) };
        {
            let mut state = world.state();
            let task = Task { definition: "v1".into(), healthy_at: 0, sick: false, leaving: false, gone_at: 0 };
            state.sides.get_mut(BLUE).expect("blue").tasks = vec![task; count as usize];
        }
        world.pass_until(BEGINS);
        world
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("one at a time")
    }

    pub fn now(&self) -> u64 {
        self.state().now
    }

    pub fn story(&self) -> Vec<String> {
        self.state().story.clone()
    }

    pub fn version(&self, definition: &str) -> Version {
        self.weather.versions.get(definition).cloned().unwrap_or_default()
    }

    /// Something that must never happen.
    pub fn broken(&self, state: &mut State, law: String) {
        let at = state.now;
        state.story.push(format!("{at} BROKEN {law}"));
        state.broken.push(law);
    }

    pub fn tell(&self, what: String) {
        let mut state = self.state();
        let line = format!("{} {what}", state.now);
        state.story.push(line);
    }

    /// From 0 to below the limit.
    pub fn random(&self, limit: u64) -> u64 {
        let mut state = self.state();
        let mut x = state.random;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.random = x;
        if limit == 0 { 0 } else { x % limit }
    }

    pub fn weigh(&self, state: &mut State, weights: BTreeMap<String, u32>) {
        if state.weights != weights {
            let from = state.now + self.weather.follows;
            state.followed.push((from, weights.clone()));
            state.weights = weights;
        }
    }

    /// Time passes, in small steps.
    pub fn pass_until(&self, until: u64) {
        loop {
            let mut state = self.state();
            let left = until.saturating_sub(state.now);
            if left == 0 {
                return;
            }
            let step = left.min(500);
            state.now += step;
            self.tasks_live(&mut state);
            self.users_come(&mut state, step);
            drop(state);
            self.happen();
        }
    }

    fn tasks_live(&self, state: &mut State) {
        let now = state.now;
        for side in state.sides.values_mut() {
            let version = self.version(&side.definition);
            if let Some(after) = version.sickens {
                for task in side.tasks.iter_mut().filter(|task| task.definition == side.definition) {
                    task.sick |= task.healthy_at.saturating_add(after * 1000) <= now;
                }
            }
            let wanted = side.desired as usize;
            let stays = |task: &Task| !task.leaving && task.definition == side.definition;
            let count = side.tasks.iter().filter(|task| stays(task)).count();
            for _ in count..wanted {
                let starts = if version.never_healthy { u64::MAX / 2 } else { version.starts * 1000 };
                side.tasks.push(Task {
                    definition: side.definition.clone(),
                    healthy_at: now + starts,
                    sick: false,
                    leaving: false,
                    gone_at: 0,
                });
            }
            let ready = side.tasks.iter().filter(|t| stays(t) && !t.sick && t.healthy_at <= now).count();
            let mut surplus = count.saturating_sub(wanted);
            for task in &mut side.tasks {
                let old = task.definition != side.definition && (ready >= wanted || wanted == 0);
                let extra = task.definition == side.definition && surplus > 0;
                if !task.leaving && (old || extra) {
                    surplus -= usize::from(extra);
                    task.leaving = true;
                    task.gone_at = now + 3000;
                }
            }
            side.tasks.retain(|task| !task.leaving || task.gone_at > now);
            if side.healthy(now) > 0 {
                side.well_at = now;
            }
        }
    }

    fn users_come(&self, state: &mut State, step: u64) {
        let now = state.now;
        let second = now / 1000;
        let due = state.due.entry("users".into()).or_default();
        *due += self.weather.requests_per_second * step;
        let requests = *due / 1000;
        *due %= 1000;
        let at = state.followed.iter().rev().find(|(from, _)| *from <= now).map(|(_, w)| w.clone()).unwrap_or_default();
        let sum: u64 = at.values().map(|w| u64::from(*w)).sum();
        for (colour, weight) in at {
            if sum == 0 || weight == 0 {
                continue;
            }
            let due = state.due.entry(format!("{colour} share")).or_default();
            *due += requests * u64::from(weight);
            let mine = *due / sum;
            *due %= sum;
            if mine > 0 {
                self.serve(state, &colour, mine, second);
            }
        }
    }

    fn serve(&self, state: &mut State, colour: &str, requests: u64, second: u64) {
        let now = state.now;
        let side = state.sides[colour].clone();
        let able: Vec<&Task> = side.tasks.iter().filter(|t| !t.leaving && t.healthy_at <= now).collect();
        let mut balancer = state.counts.get(&(second, String::new())).copied().unwrap_or_default();
        balancer.0 += requests;
        let meddled = now < state.meddled_at + 60_000;
        if able.iter().all(|task| task.sick) && side.desired == 0 && !meddled {
            self.broken(state, format!("users were sent to {colour}, which was stopped"));
        }
        let Some(first) = able.first() else {
            if side.desired > 0
                && !meddled
                && now > state.excused_until
                && self.version(&side.definition).sickens.is_none()
            {
                self.broken(state, format!("users were sent to {colour}, where nothing is healthy"));
            }
            balancer.1 += requests;
            state.counts.insert((second, String::new()), balancer);
            return;
        };
        // In place, both versions answer for a time.
        let definition = able.last().unwrap_or(first).definition.clone();
        let version = self.version(&definition);
        if (version.never_healthy || version.checks_fail > 100) && !self.weather.rolling && !state.somebody_else {
            self.broken(state, format!("users reached {definition}, which was not proven"));
        }
        state.first_user.entry(definition.clone()).or_insert(now);
        state.last_user.insert(definition.clone(), now);
        let fails = |state: &mut State, what: String, per_mille: u64| {
            let due = state.due.entry(what).or_default();
            *due += requests * per_mille;
            let failed = *due / 1000;
            *due %= 1000;
            failed
        };
        let noise = fails(state, "noise".into(), self.weather.noise);
        let failed = fails(state, definition, version.fails);
        let entry = state.counts.entry((second, colour.into())).or_default();
        entry.0 += requests;
        match version.times_out {
            true => balancer.1 += failed,
            false => entry.1 += failed,
        }
        balancer.1 += noise;
        state.counts.insert((second, String::new()), balancer);
    }

    pub fn nothing_more_happens(&self) {
        self.state().happened = self.weather.happenings.len();
    }

    fn happen(&self) {
        loop {
            let (next, seconds) = {
                let state = self.state();
                if state.now < BEGINS {
                    return;
                }
                (self.weather.happenings.get(state.happened).cloned(), (state.now - BEGINS) / 1000)
            };
            let Some((at, what)) = next else { return };
            if seconds < at {
                return;
            }
            self.state().happened += 1;
            self.tell(format!("{what:?}"));
            let mut state = self.state();
            match what {
                Happening::RevertElsewhere => {
                    let record: Option<Record> = state.saved.as_ref().map(|text| read(text));
                    if record.is_some_and(|record| record.way_back() == WayBack::Move) {
                        let back = BTreeMap::from([(BLUE.to_string(), 100), (GREEN.to_string(), 0)]);
                        self.weigh(&mut state, back);
                    }
                }
                Happening::Weights(blue) => {
                    let now = state.now;
                    if state.sides.values().all(|side| side.healthy(now) > 0) {
                        let some = BTreeMap::from([(BLUE.to_string(), blue), (GREEN.to_string(), 100 - blue)]);
                        self.weigh(&mut state, some);
                        state.somebody_else = true;
                        state.meddled_at = now;
                    }
                }
                Happening::ScaleOut if !state.held => {
                    let live =
                        state.weights.iter().max_by_key(|(_, w)| **w).map(|(c, _)| c.clone()).unwrap_or_default();
                    state.sides.get_mut(&live).expect("it is there").desired += 1;
                }
                Happening::ScaleOut => {}
                Happening::Replace => {
                    let now = state.now;
                    let green = state.sides.get_mut(GREEN).expect("green");
                    if let Some(task) = green.tasks.iter_mut().find(|t| !t.leaving && t.healthy_at <= now) {
                        task.leaving = true;
                        task.gone_at = now + 3000;
                        state.excused_until = now + 20_000;
                    }
                }
                Happening::Wish(wish) => state.wish = Some(wish),
                Happening::Alarm => state.alarm = true,
                Happening::StateGone => state.state_gone = true,
            }
        }
    }
}

/// A record as it was written.
pub fn read(text: &str) -> Record {
    serde_json::from_str(text).expect("a record can be read again")
}
