//! The simulated world as a fleet, with a journal and a prober.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_provider::Failure;
use infra_provider::fleet::{Evidence, Fleet, HttpProbe, ShiftFailure, Standing, TaskEnd};
use infra_release::{Event, Journal, Prober, Record, Stop};

use crate::time::ms;
use crate::world::World;

/// So long ago a look may be when what was seen is acted upon, where calls are slow.
const LOOKED: u64 = 8000;

/// One process's view of the world.
pub struct SimFleet {
    pub world: Arc<World>,
    since: Mutex<BTreeMap<String, SystemTime>>,
}

impl SimFleet {
    pub fn new(world: &Arc<World>) -> SimFleet {
        SimFleet { world: Arc::clone(world), since: Mutex::default() }
    }

    /// A call: takes time, and may fail before or after it has worked.
    async fn call<T>(&self, name: &str, effect: impl FnOnce() -> T) -> Result<T, Failure> {
        let world = &self.world;
        world.sleep(1 + world.random(world.weather.latency)).await;
        let lucky = world.random(1000) >= world.state().errors;
        let worked = lucky || world.random(2) == 0;
        let answer = worked.then(effect);
        world.sleep(1 + world.random(world.weather.latency)).await;
        match answer {
            Some(answer) if lucky => Ok(answer),
            _ => Err(Failure::new(name, "Rate exceeded")),
        }
    }

    /// A call that changes something.
    async fn change(&self, what: String, effect: impl FnOnce(&World)) -> Result<(), Failure> {
        let world = &self.world;
        let told = what.clone();
        self.call(&what, || {
            world.tell(told.clone());
            world.state().calls.push(told);
            effect(world);
        })
        .await
    }

    fn must_be_idle(world: &World, colour: &str, doing: &str) {
        let mut state = world.state();
        // What is stopped in the same moment as somebody gives it traffic, is started again. Where calls are slow and fail,
        // that moment is long.
        let meddled = state.now < state.meddled_at + LOOKED + 12 * world.weather.latency;
        if !world.weather.rolling && state.weights[colour] > 0 && !meddled {
            world.broken(&mut state, format!("{doing} {colour}, which has traffic"));
        }
    }
}

fn shown(weights: &BTreeMap<String, u32>) -> String {
    weights.iter().map(|(colour, weight)| format!("{colour} {weight}")).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Fleet for SimFleet {
    async fn weights(&self) -> Result<BTreeMap<String, u32>, Failure> {
        self.call("weights", || self.world.state().weights.clone()).await
    }

    async fn shift(
        &self,
        before: Option<&BTreeMap<String, u32>>,
        weights: &BTreeMap<String, u32>,
    ) -> Result<(), ShiftFailure> {
        if let Some(before) = before {
            let now = self.weights().await.map_err(ShiftFailure::Failed)?;
            if now == *weights {
                return Ok(());
            }
            if now != *before {
                return Err(ShiftFailure::ChangedMeanwhile(now));
            }
        }
        let what = format!("{} to {}", if before.is_some() { "shift" } else { "shift back" }, shown(weights));
        let moved = self.change(what, |world| {
            let mut state = world.state();
            let now = state.now;
            for (colour, weight) in weights {
                if *weight > state.weights[colour]
                    && state.sides[colour].well_at + LOOKED < now
                    && state.meddled_at + 60_000 < now
                {
                    world.broken(&mut state, format!("traffic goes to {colour}, where nothing is healthy"));
                }
            }
            world.weigh(&mut state, weights.clone());
        });
        moved.await.map_err(ShiftFailure::Failed)
    }

    async fn standing(&self, colour: &str) -> Result<Standing, Failure> {
        self.call("standing", || {
            let state = self.world.state();
            let (side, now) = (&state.sides[colour], state.now);
            let version = self.world.version(&side.definition);
            let count = |which: &dyn Fn(&&crate::world::Task) -> bool| {
                u32::try_from(side.tasks.iter().filter(which).count()).expect("few tasks")
            };
            let old = count(&|t| t.definition != side.definition && !t.leaving);
            let given_up = version.gives_up.is_some_and(|after| now >= side.told_at + after * 1000) && side.desired > 0;
            Standing {
                definition: side.definition.clone(),
                desired: side.desired,
                running: count(&|t| t.definition == side.definition && !t.leaving),
                healthy: side.healthy(now).saturating_sub(old),
                initial: count(&|t| !t.leaving && t.healthy_at > now),
                unhealthy: count(&|t| !t.leaving && t.sick && t.healthy_at <= now),
                draining: count(&|t| t.leaving),
                failed: given_up.then(|| "3 tasks in a row have failed".to_string()),
            }
        })
        .await
    }

    async fn hold_scaling(&self, hold: bool) -> Result<(), Failure> {
        let what = if hold { "hold scaling" } else { "let scale" };
        self.change(what.into(), |world| world.state().held = hold).await
    }

    async fn run_task(&self, token: &str, definition: &str, _: &[String]) -> Result<TaskEnd, Failure> {
        let world = &self.world;
        self.change(format!("run a task of {definition}"), |world| {
            let mut state = world.state();
            let now = state.now;
            if !state.tasks.contains_key(token) {
                *state.tasks_started.entry(token.into()).or_default() += 1;
                state.tasks.insert(token.into(), (now, definition.into(), None));
            }
        })
        .await?;
        loop {
            world.sleep(500).await;
            let (began, version, stopped) = world.state().tasks[token].clone();
            let exit = world.version(&version).task_exit;
            let (ended, exit) = match (exit, stopped) {
                (_, Some(_)) => (true, Some(143)),
                (Some(code), None) => (world.now() >= began + 5000, Some(code)),
                (None, None) => (false, None),
            };
            if ended {
                return Ok(TaskEnd { task: token.into(), exit_code: exit, reason: "it exited".into() });
            }
        }
    }

    async fn stop_task(&self, token: &str) -> Result<(), Failure> {
        self.change("stop the task".into(), |world| {
            let mut state = world.state();
            let now = state.now;
            if let Some((_, _, stopped)) = state.tasks.get_mut(token) {
                stopped.get_or_insert(now);
            }
        })
        .await
    }

    async fn start(&self, colour: &str, definition: &str, count: u32) -> Result<(), Failure> {
        self.change(format!("start {colour}: {count} of {definition}"), |world| {
            SimFleet::must_be_idle(world, colour, "starts");
            let mut state = world.state();
            let now = state.now;
            let side = state.sides.get_mut(colour).expect("a colour");
            side.told_at = if side.definition == definition { side.told_at } else { now };
            side.definition = definition.into();
            side.desired = count;
        })
        .await
    }

    async fn stop(&self, colour: &str) -> Result<(), Failure> {
        self.change(format!("stop {colour}"), |world| {
            SimFleet::must_be_idle(world, colour, "stops");
            world.state().sides.get_mut(colour).expect("a colour").desired = 0;
        })
        .await
    }

    async fn test_url(&self, colour: &str) -> Result<Option<String>, Failure> {
        self.call("test url", || Some(colour.to_string())).await
    }

    async fn live_url(&self) -> Result<Option<String>, Failure> {
        Ok(Some("live".into()))
    }

    fn users_since(&self, colour: &str, at: SystemTime) {
        self.since.lock().expect("one at a time").insert(colour.into(), at);
    }

    async fn evidence(&self, colour: &str, window: Duration) -> Result<Evidence, Failure> {
        self.call("evidence", || {
            let state = self.world.state();
            let known = self.since.lock().expect("one at a time").get(colour).copied();
            let since = known.map_or(0, |at| ms(at.duration_since(SystemTime::UNIX_EPOCH).expect("later")));
            let until = state.now - self.world.weather.metrics;
            // A second counts once it is over.
            let (from, to) = (until.saturating_sub(ms(window)).max(since).div_ceil(1000), until / 1000);
            let sum = |name: &str| {
                let of = state.counts.range((from, String::new())..(to.max(from), String::new()));
                let mine = of.filter(|((_, colour), _)| colour == name).map(|(_, counts)| *counts);
                mine.fold((0, 0), |(all, failed), (more, bad)| (all + more, failed + bad))
            };
            let ((requests, failed), (balancer_requests, balancer_failed)) = (sum(colour), sum(""));
            Evidence { requests, failed, balancer_requests, balancer_failed, ..Evidence::default() }
        })
        .await
    }

    async fn alarms(&self) -> Result<Vec<String>, Failure> {
        self.call("alarms", || if self.world.state().alarm { vec!["api-5xx".into()] } else { Vec::new() }).await
    }

    fn evidence_delay(&self) -> Duration {
        Duration::from_millis(self.world.weather.metrics)
    }

    fn shift_delay(&self) -> Duration {
        Duration::from_millis(self.world.weather.follows)
    }
}

/// The state, as one process writes it.
pub struct SimJournal {
    pub world: Arc<World>,
    /// What this process wants, whatever the user does.
    pub wish: Option<Stop>,
}

#[async_trait]
impl Journal for SimJournal {
    async fn save(&mut self, record: &Record) -> Result<(), String> {
        let text = serde_json::to_string(record).expect("a record can be written");
        let world = &self.world;
        world.sleep(1 + world.random(world.weather.latency)).await;
        if world.random(1000) < world.state().errors || world.state().state_gone {
            return Err("the bucket does not answer".into());
        }
        world.tell(format!("saved {:?}", record.phase));
        world.state().saved = Some(text);
        world.sleep(1).await;
        Ok(())
    }

    fn tell(&mut self, event: &Event<'_>) {
        if let Event::Note(what) = event {
            self.world.tell(format!("  {what}"));
        }
    }

    fn wish(&mut self) -> Stop {
        self.wish.clone().or_else(|| self.world.state().wish.clone()).unwrap_or(Stop::No)
    }
}

#[async_trait]
impl Prober for SimFleet {
    async fn ask(&self, url: &str, _: &HttpProbe) -> Result<(), String> {
        let world = &self.world;
        world.sleep(1 + world.random(world.weather.latency)).await;
        let colour = match url {
            "live" => {
                let weights = world.state().weights.clone();
                let sum: u32 = weights.values().sum();
                let mut at = world.random(u64::from(sum));
                let chosen = weights.iter().find(|(_, weight)| {
                    let mine = at < u64::from(**weight);
                    at = at.saturating_sub(u64::from(**weight));
                    mine
                });
                chosen.map(|(colour, _)| colour.clone()).unwrap_or_default()
            }
            colour => colour.to_string(),
        };
        let (definition, healthy) = {
            let state = world.state();
            let side = &state.sides[&colour];
            (side.definition.clone(), side.healthy(state.now))
        };
        let version = world.version(&definition);
        if healthy == 0 {
            return Err("GET /health answered 503, not 200".into());
        }
        if url != "live" {
            let mut state = world.state();
            let tries = state.checks.entry(definition).or_default();
            *tries += 1;
            return if *tries > version.checks_fail { Ok(()) } else { Err("GET /health answered 500, not 200".into()) };
        }
        if world.random(1000) < version.fails { Err("GET /health answered 500, not 200".into()) } else { Ok(()) }
    }

    async fn run(&self, _: &[String], _: &str, _: Option<&str>, _: Duration) -> Result<(), String> {
        Ok(())
    }
}
