//! Driving releases: after an apply, and by `infra release` and `infra revert`.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use indicatif::{ProgressBar, ProgressStyle};
use infra_address::ProviderConfig;
use infra_diag::{Diagnostic, Diagnostics};
use infra_engine::Registry;
use infra_engine::releases::{Kept, Ready, ReleaseKind, fleet_of, put_record, read_again, records};
use infra_provider::Configured;
use infra_provider::fleet::Fleet;
use infra_release::{Event, Journal, Outcome, Phase, Record, Stop, Surroundings, SystemClock, advance, short, span};
use infra_state::State;
use infra_view::json::infra_events;
use tokio::sync::watch;
use tracing::Instrument;

use crate::interrupts::Interrupts;
use crate::prober::Outside;
use crate::store::{Store, keep_unwritten};
use crate::{Exit, machine, output};

/// How often a release tells how it stands where there is no terminal.
const NEWS: Duration = Duration::from_secs(30);
/// And in machine-readable lines.
const FIGURES: Duration = Duration::from_secs(10);
/// How often the live line moves.
const TICK: Duration = Duration::from_millis(200);

/// With what releases are driven.
pub(crate) struct Driving<'a> {
    pub store: &'a mut Store,
    pub state: State,
    pub registry: &'a Registry,
    pub providers: &'a HashMap<ProviderConfig, Arc<dyn Configured>>,
    /// Leave each release once the new version has all the traffic.
    pub detach: bool,
    pub json: bool,
}

/// How the releases of a run ended, as an exit status, with what is to be told as errors.
pub(crate) struct Driven {
    pub exit: Exit,
    pub problems: Diagnostics,
    pub state: State,
}

/// Drives the releases that an apply has made ready, one after the other.
pub(crate) async fn release_all(mut driving: Driving<'_>, ready: Vec<Ready>) -> Driven {
    let mut problems = Diagnostics::new();
    let mut exit = Exit(0);
    for Ready { change, new, .. } in ready {
        let address = change.release.address.clone();
        let kept = records(&driving.state).remove(&address);
        let (provider, members) = (change.provider.clone(), change.members.clone());
        let mut ended = None;
        // What is still under way is brought to its end first. One that has not begun anything is begun anew.
        if let Some(mut kept) = kept.filter(|k| !k.record.phase.is_over() && k.record.has_begun()) {
            let goes_on = change.kind == ReleaseKind::Resume;
            kept.record.release.standby = if goes_on { change.release.standby } else { Duration::ZERO };
            let shifted =
                matches!(kept.record.phase, Phase::Watch | Phase::Drain | Phase::Stop | Phase::CleanUp | Phase::GoBack);
            let wish = if goes_on || shifted { Stop::No } else { Stop::Revert("another version".into()) };
            let mut told = Diagnostics::new();
            exit = driving.drive(&mut kept, wish, &mut told).await;
            // Another version is wanted by now: why the one before went back is written down.
            if change.kind == ReleaseKind::New && kept.record.phase == Phase::Reverted {
                (exit, told) = (Exit(0), Diagnostics::new());
            }
            problems.extend(told);
            if exit.0 != 0 {
                break;
            }
            if change.kind != ReleaseKind::New {
                continue;
            }
            ended = Some(kept.record);
        }
        // The release before has just ended: what it left is live.
        let (from, to, old) = match ended {
            Some(last) if last.phase == Phase::Finished => (last.to, last.from, last.new),
            Some(last) => (last.from, last.to, last.old),
            None => (change.live.clone(), change.idle.clone(), change.old.clone()),
        };
        if old.definition == new.definition {
            continue;
        }
        let now = SystemTime::now();
        let record =
            Record::begin(change.release.clone(), (from, old), (to, new), change.count.unwrap_or(1), now, who());
        exit = driving.drive(&mut Kept { record, provider, members }, Stop::No, &mut problems).await;
        if exit.0 != 0 {
            break;
        }
    }
    Driven { exit, problems, state: driving.state }
}

impl Driving<'_> {
    /// The fleet of a release.
    pub async fn fleet(&self, kept: &Kept) -> Result<Arc<dyn Fleet>, Vec<Diagnostic>> {
        let Some(provider) = self.providers.get(&kept.provider) else {
            return Err(vec![Diagnostic::error(
                "The provider of the release is not configured",
                format!("{}: {} is needed.", kept.record.release.address, kept.provider),
            )]);
        };
        fleet_of(&kept.members, &kept.record.release.revert_when.alarms, &self.state, self.registry, &**provider).await
    }

    /// Drives one release to its end, or to where it is to be left.
    pub async fn drive(&mut self, kept: &mut Kept, wish: Stop, problems: &mut Diagnostics) -> Exit {
        let address = kept.record.release.address.clone();
        let fleet = match self.fleet(kept).await {
            Ok(fleet) => fleet,
            Err(more) => {
                problems.extend(more);
                return Exit(1);
            }
        };
        let prober = match Outside::new() {
            Ok(prober) => prober,
            Err(why) => {
                problems.push(Diagnostic::error("Checks cannot be made", why));
                return Exit(1);
            }
        };
        let wish_given = wish.clone();
        let (wishes, wished) = watch::channel(wish);
        let screen = Screen::new(&address, self.json);
        let listening = tokio::spawn(listen(wishes, screen.bar.clone()));
        let mut record = kept.record.clone();
        let known = record.reverted.is_some() || matches!(wish_given, Stop::Revert(_));
        let outcome = {
            let mut journal = StateJournal {
                store: self.store,
                state: &mut self.state,
                kept: kept.clone(),
                wished,
                detach: self.detach,
                screen,
            };
            let around = Surroundings { fleet: &*fleet, clock: &SystemClock, journal: &mut journal, prober: &prober };
            let span = tracing::info_span!("release", release = %address, otel.name = format!("release {address}"));
            let outcome = advance(&mut record, around).instrument(span).await;
            journal.screen.finish();
            outcome
        };
        listening.abort();
        kept.record = record;
        read_again(&kept.members, &mut self.state, self.registry, self.providers).await;
        put_record(&mut self.state, kept);
        if let Err(mut problem) = self.store.write(&mut self.state) {
            problem.detail.push_str(&format!("\n\n{}", keep_unwritten(&self.state)));
            problems.push(problem);
        }
        let record = &kept.record;
        match outcome {
            Outcome::Finished => {
                let what = format!("{} is live with {}.", record.to, short(&record.new));
                tell_end(self.json, record, "finished", &what, 0);
                Exit(0)
            }
            Outcome::Reverted => self.reverted(record, known, problems),
            Outcome::Left if self.detach && record.phase == Phase::Watch => {
                let left = record.standby_left(SystemTime::now()).unwrap_or_default();
                let what = format!(
                    "{} has all the traffic; {} stands by for {} more. infra apply takes the watch up again.",
                    record.to,
                    record.from,
                    span(left)
                );
                tell_end(self.json, record, "left", &what, 0);
                Exit(0)
            }
            Outcome::Left => {
                let what = format!(
                    "left as it is ({}). infra apply goes on with it, infra revert takes it back.",
                    phase_name(&record.phase)
                );
                tell_end(self.json, record, "left", &what, 130);
                Exit(130)
            }
            Outcome::Stuck(failure) => {
                if self.json {
                    machine::print(&infra_events::release_end(record, "stuck", "The release is stuck.", 1));
                }
                problems.push(Diagnostic::error(
                    "The release is stuck",
                    format!(
                        "{address} ({}): {failure}\n\nWhat was done is recorded. infra apply goes on with it, infra revert takes \
                         it back.",
                        phase_name(&record.phase)
                    ),
                ));
                // The traffic is back already; only what it left behind is stuck.
                let by_itself = record.reverted.as_ref().is_some_and(|r| r.by.is_empty());
                match record.phase == Phase::CleanUp && by_itself && !known {
                    true => self.reverted(record, known, problems),
                    false => Exit(1),
                }
            }
        }
    }

    /// `known`: it was decided before this run that the release goes back.
    fn reverted(&self, record: &Record, known: bool, problems: &mut Diagnostics) -> Exit {
        let address = &record.release.address;
        let reason = record.reverted.as_ref().map(|r| r.reason.clone()).unwrap_or_default();
        let by_hand = record.reverted.as_ref().is_some_and(|r| !r.by.is_empty());
        if by_hand && known {
            let what = format!("{} has all the traffic again.", record.from);
            tell_end(self.json, record, "reverted", &what, 0);
            return Exit(0);
        }
        if self.json {
            let what = format!("The release was taken back: {reason}.");
            machine::print(&infra_events::release_end(record, "reverted", &what, 3));
        }
        problems.push(Diagnostic::error(
            "The release was taken back",
            format!(
                "{address}: {reason}.\n\n{} ({}) serves everything. {} will not be released again until the configuration \
                 changes or you run\n    infra release retry {address}",
                record.from,
                short(&record.old),
                short(&record.new)
            ),
        ));
        Exit(3)
    }
}

/// Who does it, in a few words.
pub(crate) fn who() -> String {
    crate::origin::who().short()
}

fn phase_name(phase: &Phase) -> String {
    match phase {
        Phase::BeforeShift => "running the task before the shift".into(),
        Phase::Shift(step) => format!("shifting, step {}", step + 1),
        Phase::Watch => "watching".into(),
        Phase::GoBack | Phase::CleanUp => "going back".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// What has become of a release: a line for people, or one for machines.
pub(crate) fn tell(json: bool, address: &str, what: &str) {
    match json {
        true => machine::print(&infra_events::release_note(address, what)),
        false => output::line(&format!("{address}: {what}")),
    }
}

/// How the run of a release ended: a line for people, or one for machines with the exit status.
pub(crate) fn tell_end(json: bool, record: &Record, outcome: &str, what: &str, exit_status: u8) {
    match json {
        true => machine::print(&infra_events::release_end(record, outcome, what, exit_status)),
        false => output::line(&format!("{}: {what}", record.release.address)),
    }
}

/// Ctrl-C: on a terminal asks what to do, elsewhere leaves the release for later. A second one leaves it.
async fn listen(wishes: watch::Sender<Stop>, bar: Option<ProgressBar>) {
    let mut interrupts = Interrupts::listen();
    interrupts.next().await;
    if !std::io::stdin().is_terminal() || output::is_machine() {
        wishes.send_replace(Stop::Leave);
        return;
    }
    let question = "\nThe release is under way. Type 'revert' to go back now, 'later' to leave it for a later infra apply, or \
                    anything else to go on: ";
    // Nothing is drawn over what is being typed.
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    output::raw(question);
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = tokio::select! {
        answer = answer => Some(answer.ok().and_then(Result::ok).unwrap_or_default()),
        () = interrupts.next() => None,
    };
    if let Some(bar) = &bar {
        bar.reset();
        bar.enable_steady_tick(TICK);
    }
    match answer.as_deref().map(str::trim) {
        Some("revert") => drop(wishes.send_replace(Stop::Revert(who()))),
        None | Some("later") => drop(wishes.send_replace(Stop::Leave)),
        Some(_) => Box::pin(listen(wishes, bar)).await,
    }
}

/// Records into the state, news to the screen.
struct StateJournal<'a> {
    store: &'a mut Store,
    state: &'a mut State,
    kept: Kept,
    wished: watch::Receiver<Stop>,
    detach: bool,
    screen: Screen,
}

#[async_trait]
impl Journal for StateJournal<'_> {
    async fn save(&mut self, record: &Record) -> Result<(), String> {
        self.kept.record = record.clone();
        put_record(self.state, &self.kept);
        self.store.write(self.state).map_err(|problem| format!("{}: {}", problem.summary, problem.detail))
    }

    fn tell(&mut self, event: &Event<'_>) {
        self.screen.tell(&self.kept.record, event);
    }

    fn wish(&mut self) -> Stop {
        match self.wished.borrow().clone() {
            Stop::No if self.detach => Stop::AfterShift,
            wish => wish,
        }
    }
}

/// What is shown while a release goes on.
struct Screen {
    address: String,
    bar: Option<ProgressBar>,
    json: bool,
    told: Option<Instant>,
}

impl Screen {
    fn new(address: &str, json: bool) -> Screen {
        let live = !json && std::io::stdout().is_terminal();
        let bar = live.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Screen { address: address.into(), bar, json, told: None }
    }

    /// `record`: as it was written last.
    fn tell(&mut self, record: &Record, event: &Event<'_>) {
        match event {
            Event::Note(what) if self.json => machine::print(&infra_events::release_step(record, what)),
            Event::Note(what) => {
                let line = format!("{}  {}: {what}", clock(), self.address);
                match &self.bar {
                    Some(bar) => {
                        // Its shares are told no more on the way back, and the last ones were others.
                        if matches!(record.phase, Phase::GoBack | Phase::CleanUp) {
                            bar.set_message(format!("{} {}: going back", record.to, short(&record.new)));
                        }
                        bar.suspend(|| output::line(&line));
                    }
                    None => output::line(&line),
                }
            }
            Event::Look { record, percent, standing, evidence, left } if self.json => {
                if self.told.is_none_or(|at| at.elapsed() >= FIGURES) {
                    self.told = Some(Instant::now());
                    machine::print(&infra_events::release_watch(record, *percent, standing, *evidence, *left));
                }
            }
            Event::Look { .. } => {
                let line = look(event);
                match &self.bar {
                    Some(bar) => bar.set_message(line),
                    None if self.told.is_none_or(|at| at.elapsed() >= NEWS) => {
                        self.told = Some(Instant::now());
                        output::line(&format!("{}  {}: {line}", clock(), self.address));
                    }
                    None => {}
                }
            }
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The time of day, for lines that read as a story.
fn clock() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}

/// `green 1.9.0 ██████████ 100 %   4/4 healthy   183 requests   0.00 % failing   29 m 12 s left`
fn look(event: &Event<'_>) -> String {
    let Event::Look { record, percent, standing, evidence, left } = event else { return String::new() };
    let filled = (*percent as usize).div_ceil(10).min(10);
    let mut out = format!(
        "{} {} {}{} {percent} %   {}/{} healthy",
        record.to,
        short(&record.new),
        "█".repeat(filled),
        "░".repeat(10 - filled),
        standing.healthy,
        record.count
    );
    if let Some(evidence) = evidence.filter(|e| e.requests > 0) {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = evidence.failed as f64 * 100.0 / evidence.requests as f64;
        out += &format!("   {} requests   {share:.2} % failing", evidence.requests);
        if let Some(p50) = evidence.p50_seconds {
            out += &format!("   p50 {:.0} ms", p50 * 1000.0);
        }
    }
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        out += &format!("   {} left", span(left));
    }
    out
}
