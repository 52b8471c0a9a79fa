//! `infra revert`, `infra releases`, `infra release finish` and `infra release retry`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use infra_address::ProviderConfig;
use infra_diag::{Diagnostic, Diagnostics};
use infra_engine::plan::GivenVariable;
use infra_engine::releases::{Kept, put_record, ready_providers, records};
use infra_engine::ui::Silent;
use infra_engine::{PlanInputs, PlanOptions};
use infra_lang::functions::Phase as FunctionPhase;
use infra_provider::Configured;
use infra_release::{Phase, Record, Stop, Strategy, WayBack, revert, short, span};
use infra_state::State;
use serde_json::{Value as Json, json};

use super::planning::run as block_on;
use crate::args::{Release, Releases, Revert, Variables};
use crate::releasing::{Driving, who};
use crate::session::{Session, with_functions};
use crate::store::{self, Store};
use crate::variables::gather;
use crate::{Exit, machine, output};

/// A release that a command is about, with what is needed to do something about it.
struct Chosen {
    session: Session,
    store: Store,
    /// Whether the state is locked by this run.
    locked: bool,
    state: State,
    kept: Kept,
    providers: HashMap<ProviderConfig, Arc<dyn Configured>>,
}

/// `infra revert [ADDRESS]`
pub(crate) fn run_revert(args: &Revert) -> Exit {
    let began = Instant::now();
    let chosen = match choose(args.address.as_deref(), &args.variables, &args.locking, true) {
        Ok(chosen) => chosen,
        Err(problem) => return fail(&problem),
    };
    let address = chosen.kept.record.release.address.clone();
    let record = &chosen.kept.record;
    let done = match record.way_back() {
        WayBack::Done => {
            output::line(&format!("{address}: {} ({}) has all the traffic already.", record.from, short(&record.old)));
            return Exit(0);
        }
        WayBack::StartFirst => go_back_after_standby(chosen),
        // Nobody would tell the run that is at it.
        WayBack::NothingMoved if !chosen.locked => Err(Diagnostic::error(
            "Somebody else is working on this state",
            format!(
                "No user has reached {} yet, so there is nothing to take back: stop the run that releases it (Ctrl-C asks), or \
                 try again when it has traffic.",
                record.to
            ),
        )),
        WayBack::NothingMoved | WayBack::Move => move_back(chosen, began, args.json),
    };
    done.unwrap_or_else(|problem| fail(&problem))
}

/// During a release, and while the old colour stands by: one call.
fn move_back(mut chosen: Chosen, began: Instant, json: bool) -> Result<Exit, Diagnostic> {
    let Kept { record, .. } = &mut chosen.kept;
    let (from, to, address) = (record.from.clone(), record.to.clone(), record.release.address.clone());
    let (old, new) = (short(&record.old), short(&record.new));
    let moved = block_on(async {
        let driving = driving(&mut chosen.store, &chosen.state, &chosen.session, &chosen.providers);
        let fleet = driving.fleet(&chosen.kept).await.map_err(first)?;
        let reverted = revert(&mut chosen.kept.record, &who(), &*fleet, SystemTime::now()).await;
        reverted.map_err(|failure| Diagnostic::error("The traffic could not be moved", failure.to_string()))
    });
    moved?;
    let what =
        format!("{to} ({new}) → {from} ({old}): all traffic on {from} after {:.1} s.", began.elapsed().as_secs_f64());
    match json {
        true => machine::release(&address, &what),
        false => output::line(&format!("{address}: {what}")),
    }
    if chosen.locked {
        put_record(&mut chosen.state, &chosen.kept);
        chosen.store.write(&mut chosen.state)?;
        output::line(&format!("{to} keeps running for inspection; infra apply stops it."));
    } else {
        output::line("Another run works on this state: it sees that the traffic has moved, and writes it down.");
    }
    Ok(Exit(0))
}

/// After standby: the old version is started first.
fn go_back_after_standby(mut chosen: Chosen) -> Result<Exit, Diagnostic> {
    if !chosen.locked {
        return Err(Diagnostic::error(
            "Somebody else is working on this state",
            "The old version does not run any more: to start it, the state has to be locked. Try again when they are done.",
        ));
    }
    if chosen.kept.record.phase == Phase::Stop {
        // What is under way holds the scaling: it ends first.
        let mut problems = Diagnostics::new();
        let exit = block_on(async {
            let mut driving = driving(&mut chosen.store, &chosen.state, &chosen.session, &chosen.providers);
            let exit = driving.drive(&mut chosen.kept, Stop::No, &mut problems).await;
            chosen.state = driving.state;
            exit
        });
        chosen.session.show(problems);
        if chosen.kept.record.phase != Phase::Finished {
            return Ok(exit);
        }
    }
    let last = chosen.kept.record.clone();
    let mut release = last.release.clone();
    release.checks.clear();
    release.before_shift = None;
    // What fires now is why it goes back.
    release.revert_when.alarms.clear();
    release.revert_when.probe = None;
    release.strategy = match release.strategy {
        Strategy::Rolling => Strategy::Rolling,
        _ => Strategy::BlueGreen,
    };
    release.standby = release.revert_when.window;
    output::line(&format!(
        "{}: {} ({}) does not run any more. It is started first, and then takes the traffic.",
        release.address,
        last.from,
        short(&last.old)
    ));
    let (from, to) = ((last.to.clone(), last.new.clone()), (last.from.clone(), last.old.clone()));
    let record = Record::begin(release, from, to, last.count, SystemTime::now(), who());
    chosen.kept.record = record;
    let mut problems = Diagnostics::new();
    let exit = block_on(async {
        let mut driving = driving(&mut chosen.store, &chosen.state, &chosen.session, &chosen.providers);
        driving.drive(&mut chosen.kept, Stop::No, &mut problems).await
    });
    chosen.session.show(problems);
    Ok(exit)
}

/// `infra release finish|retry ADDRESS`
pub(crate) fn run_release(args: &Release) -> Exit {
    let done = match args {
        Release::Finish { address, variables, locking } => {
            choose(Some(address), variables, locking, true).and_then(finish)
        }
        Release::Retry { address, locking } => {
            choose(Some(address), &Variables::default(), locking, false).and_then(retry)
        }
    };
    done.unwrap_or_else(|problem| fail(&problem))
}

fn finish(mut chosen: Chosen) -> Result<Exit, Diagnostic> {
    let record = &mut chosen.kept.record;
    let address = record.release.address.clone();
    match record.phase {
        Phase::Watch | Phase::Drain | Phase::Stop => {}
        Phase::Finished | Phase::Reverted => {
            output::line(&format!("{address}: nothing is under way."));
            return Ok(Exit(0));
        }
        _ => {
            return Err(Diagnostic::error(
                "The release has not all the traffic yet",
                format!("{address}: infra apply goes on with it, infra revert takes it back."),
            ));
        }
    }
    record.release.standby = Duration::ZERO;
    let mut problems = Diagnostics::new();
    let exit = block_on(async {
        let mut driving = driving(&mut chosen.store, &chosen.state, &chosen.session, &chosen.providers);
        driving.drive(&mut chosen.kept, Stop::No, &mut problems).await
    });
    chosen.session.show(problems);
    Ok(exit)
}

fn retry(mut chosen: Chosen) -> Result<Exit, Diagnostic> {
    let record = &mut chosen.kept.record;
    let address = record.release.address.clone();
    let Some(reverted) = record.reverted.as_mut() else {
        output::line(&format!("{address}: its last version was not taken back; there is nothing to allow."));
        return Ok(Exit(0));
    };
    reverted.may_retry = true;
    let name = short(&record.new);
    put_record(&mut chosen.state, &chosen.kept);
    chosen.store.write(&mut chosen.state)?;
    output::line(&format!("{address}: {name} may be released again. infra apply does it."));
    Ok(Exit(0))
}

/// `infra releases`
pub(crate) fn run_releases(args: &Releases) -> Exit {
    let (session, problems) = Session::read(true);
    if problems.has_errors() {
        session.show(problems);
        return Exit(1);
    }
    let path = session.state_path(args.state.as_ref());
    let state = match store::read_only(&path) {
        Ok(state) => state.unwrap_or_else(State::new),
        Err(problem) => return fail(&problem),
    };
    let all = records(&state);
    let now = SystemTime::now();
    match args.json {
        true => {
            let list: Vec<Json> = all.values().map(|kept| as_json(&kept.record, now)).collect();
            let text = serde_json::to_string_pretty(&json!({"releases": list})).unwrap_or_default();
            output::line(&text);
        }
        false => output::raw(&table(&all, now)),
    }
    Exit(0)
}

fn as_json(record: &Record, now: SystemTime) -> Json {
    let colour = |key: &str| {
        let version = if key == record.to { &record.new } else { &record.old };
        json!({"colour": key, "version": short(version), "definition": version.definition, "images": version.images})
    };
    let standby = standby(record);
    json!({
        "address": record.release.address,
        "live": colour(record.live()),
        "standby": standby.map(|key| colour(key)),
        "standby_seconds_left": record.standby_left(now).map(|left| left.as_secs()),
        "phase": record.phase,
        "began": timestamp(record.began.into()),
        "by": record.by,
        "reverted": record.reverted.as_ref().map(|r| json!({
            "at": timestamp(r.at.into()), "by": r.by, "reason": r.reason, "may_retry": r.may_retry,
        })),
        "log": record.log.iter().map(|e| json!({"at": timestamp(e.at.into()), "what": e.what})).collect::<Vec<_>>(),
    })
}

/// The colour that runs beside the live one.
fn standby(record: &Record) -> Option<&String> {
    match record.phase {
        Phase::Finished | Phase::Reverted => None,
        Phase::Watch | Phase::Drain | Phase::Stop => Some(&record.from),
        _ => Some(&record.to),
    }
}

fn table(all: &BTreeMap<String, Kept>, now: SystemTime) -> String {
    if all.is_empty() {
        return "No release has been made yet.\n".into();
    }
    let mut rows = vec![["release", "live", "standby", "since", "last"].map(String::from)];
    for (address, kept) in all {
        let record = &kept.record;
        let version =
            |key: &String| format!("{key} {}", short(if *key == record.to { &record.new } else { &record.old }));
        let left = record.standby_left(now).map(|left| format!(" ({} left)", span(left))).unwrap_or_default();
        let last = match (&record.reverted, &record.phase) {
            (Some(reverted), _) if reverted.by.is_empty() => format!("reverted by itself: {}", reverted.reason),
            (Some(reverted), _) => format!("reverted by {}", reverted.by),
            (None, Phase::Finished) => format!("finished, by {}", record.by),
            (None, _) => format!("under way, by {}", record.by),
        };
        let since = record.shifted.unwrap_or(record.began).elapsed(now);
        rows.push([
            address.clone(),
            version(record.live()),
            standby(record).map_or("–".into(), |key| version(key) + &left),
            format!("{} ago", ago(since)),
            last,
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("   ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The largest unit only: `2 m`, `6 d`.
fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn timestamp(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn driving<'a>(
    store: &'a mut Store,
    state: &State,
    session: &'a Session,
    providers: &'a HashMap<ProviderConfig, Arc<dyn Configured>>,
) -> Driving<'a> {
    Driving { store, state: state.clone(), registry: &session.registry, providers, detach: false, json: false }
}

/// The release with an address, or the only one.
fn choose(
    address: Option<&str>,
    variables: &Variables,
    locking: &crate::args::Locking,
    connect: bool,
) -> Result<Chosen, Diagnostic> {
    let (mut session, problems) = Session::read(true);
    if let Some(problem) = problems.iter().find(|p| p.is_error()) {
        return Err(problem.clone());
    }
    let path = session.state_path(locking.state.as_ref());
    let (mut store, locked) = match store::open(&path, locking, "OperationTypeRelease") {
        Ok(store) => (store, true),
        // The way back is open even while somebody else holds the state.
        Err(problem) if connect => {
            let unlocked = crate::args::Locking { lock: false, ..locking.clone() };
            (store::open(&path, &unlocked, "OperationTypeRelease").map_err(|_| problem)?, false)
        }
        Err(problem) => return Err(problem),
    };
    let state = store.read()?.unwrap_or_else(State::new);
    let kept = one(records(&state), address)?;
    let mut sources = std::mem::take(&mut session.sources);
    let (root, problems) = gather(&session.config.root, variables, false, &mut sources);
    session.sources = sources;
    let mut providers = HashMap::new();
    if connect {
        if let Some(problem) = problems.iter().find(|p| p.is_error()) {
            return Err(problem.clone());
        }
        crate::session::connect_quickly();
        let wanted = BTreeSet::from([kept.provider.clone()]);
        let ready = with_functions(FunctionPhase::Plan, None, |functions| {
            let inputs = PlanInputs {
                config: &session.config,
                registry: &session.registry,
                functions,
                workspace: &session.workspace,
                given: BTreeMap::<Arc<str>, GivenVariable>::new(),
                variables: root.values.clone(),
                state: state.clone(),
                options: PlanOptions { refresh: false, ..PlanOptions::default() },
                ui: &Silent,
            };
            block_on(ready_providers(&inputs, &wanted))
        });
        providers = ready.map_err(first)?;
    }
    Ok(Chosen { session, store, locked, state, kept, providers })
}

fn one(mut all: BTreeMap<String, Kept>, address: Option<&str>) -> Result<Kept, Diagnostic> {
    let known: String = all.keys().map(|name| format!("\n  {name}")).collect();
    let wrong = |summary: &str, detail: String| Err(Diagnostic::error(summary, detail));
    match address {
        Some(address) => match all.remove(address) {
            Some(kept) => Ok(kept),
            None if known.is_empty() => {
                wrong("No release", "The state knows no release: none has been made yet.".into())
            }
            None => wrong("No such release", format!("The state knows no release {address:?}. There are:\n{known}")),
        },
        None => match all.len() {
            0 => wrong("No release", "The state knows no release: none has been made yet.".into()),
            1 => all.into_values().next().ok_or_else(|| Diagnostic::error("No release", "")),
            _ => wrong("Which release?", format!("There are several; name one of them:\n{known}")),
        },
    }
}

fn first(problems: Vec<Diagnostic>) -> Diagnostic {
    let error = problems.iter().find(|p| p.is_error()).or(problems.first()).cloned();
    error.unwrap_or_else(|| Diagnostic::error("The release cannot be reached", ""))
}

fn fail(problem: &Diagnostic) -> Exit {
    output::error(&problem.summary, &problem.detail);
    Exit(1)
}
