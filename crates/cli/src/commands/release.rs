//! `infra revert`, `infra releases`, `infra release finish` and `infra release retry`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use infra_address::ProviderConfig;
use infra_diag::{Diagnostic, Diagnostics};
use infra_engine::plan::GivenVariable;
use infra_engine::releases::{Kept, ReleaseChange, ReleaseKind, put_record, ready_providers, records};
use infra_engine::ui::Silent;
use infra_engine::{PlanInputs, PlanOptions};
use infra_history::Kind;
use infra_lang::config::Module;
use infra_lang::functions::{FunctionContext, Phase as FunctionPhase};
use infra_provider::Configured;
use infra_provider::fleet::Version;
use infra_release::{Phase, Record, Stop, WayBack, revert, short, span};
use infra_state::State;
use infra_value::Value;
use serde_json::{Value as Json, json};

use super::planning::run as block_on;
use crate::args::{Release, Releases, Revert, Variables};
use crate::releasing::{Driving, tell, tell_end, who};
use crate::session::{Session, with_functions};
use crate::store::{self, Store};
use crate::variables::gather;
use crate::{Exit, output, recording};

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
    let record = &chosen.kept.record;
    let done = match record.way_back() {
        WayBack::Done => {
            let what = format!("{} ({}) has all the traffic already.", record.from, short(&record.old));
            tell_end(args.json, record, "reverted", &what, 0);
            return Exit(0);
        }
        WayBack::StartFirst => recorded(Kind::Revert, chosen, |chosen| go_back_after_standby(chosen, args.json)),
        // Nobody would tell the run that is at it.
        WayBack::NothingMoved if !chosen.locked => Err(Diagnostic::error(
            "Somebody else is working on this state",
            format!(
                "No user has reached {} yet, so there is nothing to take back: stop the run that releases it (Ctrl-C asks), or \
                 try again when it has traffic.",
                record.to
            ),
        )),
        WayBack::NothingMoved | WayBack::Move => {
            recorded(Kind::Revert, chosen, |chosen| move_back(chosen, began, args.json))
        }
    };
    done.unwrap_or_else(|problem| fail(&problem))
}

/// Does something about a release, and records it.
fn recorded(
    kind: Kind,
    mut chosen: Chosen,
    work: impl FnOnce(&mut Chosen) -> Result<Exit, Diagnostic>,
) -> Result<Exit, Diagnostic> {
    let (state, record) = (chosen.state.clone(), chosen.kept.record.clone());
    let done = work(&mut chosen);
    recording::of_release(kind, &mut chosen.store, (&state, &record), &chosen.kept.record, &done);
    done
}

/// During a release, and while the old colour stands by: one call.
fn move_back(chosen: &mut Chosen, began: Instant, json: bool) -> Result<Exit, Diagnostic> {
    let Kept { record, .. } = &mut chosen.kept;
    let (from, to, address) = (record.from.clone(), record.to.clone(), record.release.address.clone());
    let (old, new) = (short(&record.old), short(&record.new));
    let way = chosen.kept.record.way_back();
    let moved = block_on(async {
        let driving = driving(&mut chosen.store, &chosen.state, &chosen.session, &chosen.providers);
        let fleet = driving.fleet(&chosen.kept).await.map_err(first)?;
        let reverted = revert(&mut chosen.kept.record, &who(), &*fleet, SystemTime::now()).await;
        reverted.map_err(|failure| Diagnostic::error("The traffic could not be moved", failure.to_string()))
    });
    moved?;
    let what = match way {
        WayBack::NothingMoved => {
            format!("no user has reached {to} ({new}): {from} ({old}) keeps all traffic. The release is taken back.")
        }
        _ => format!(
            "{to} ({new}) → {from} ({old}): all traffic on {from} after {:.1} s.",
            began.elapsed().as_secs_f64()
        ),
    };
    tell_end(json, &chosen.kept.record, "reverted", &what, 0);
    let then = match chosen.locked {
        true => {
            put_record(&mut chosen.state, &chosen.kept);
            chosen.store.write(&mut chosen.state)?;
            format!("{to} keeps running for inspection; infra apply stops it.")
        }
        false => "Another run works on this state: it sees that the traffic has moved, and writes it down.".to_string(),
    };
    match json {
        true => tell(json, &address, &then),
        false => output::line(&then),
    }
    Ok(Exit(0))
}

/// After standby: the old version is started first.
fn go_back_after_standby(chosen: &mut Chosen, json: bool) -> Result<Exit, Diagnostic> {
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
            driving.json = json;
            let exit = driving.drive(&mut chosen.kept, Stop::No, &mut problems).await;
            chosen.state = driving.state;
            exit
        });
        chosen.session.show(problems);
        if chosen.kept.record.phase != Phase::Finished {
            return Ok(exit);
        }
    }
    let last = &chosen.kept.record;
    tell(
        json,
        &last.release.address,
        &format!(
            "{} ({}) does not run any more. It is started first, and then takes the traffic.",
            last.from,
            short(&last.old)
        ),
    );
    chosen.kept.record = last.begin_way_back(SystemTime::now(), who());
    let mut problems = Diagnostics::new();
    let exit = block_on(async {
        let mut driving = driving(&mut chosen.store, &chosen.state, &chosen.session, &chosen.providers);
        driving.json = json;
        driving.drive(&mut chosen.kept, Stop::No, &mut problems).await
    });
    chosen.session.show(problems);
    Ok(exit)
}

/// `infra release finish|retry ADDRESS`
pub(crate) fn run_release(args: &Release) -> Exit {
    let done = match args {
        Release::Finish { address, variables, locking, json } => choose(Some(address), variables, locking, true)
            .and_then(|chosen| recorded(Kind::ReleaseFinish, chosen, |chosen| finish(chosen, *json))),
        Release::Retry { address, locking, json } => choose(Some(address), &Variables::default(), locking, false)
            .and_then(|chosen| recorded(Kind::ReleaseRetry, chosen, |chosen| retry(chosen, *json))),
    };
    done.unwrap_or_else(|problem| fail(&problem))
}

fn finish(chosen: &mut Chosen, json: bool) -> Result<Exit, Diagnostic> {
    let record = &mut chosen.kept.record;
    let address = record.release.address.clone();
    match record.phase {
        Phase::Watch | Phase::Drain | Phase::Stop => {}
        Phase::Finished | Phase::Reverted => {
            tell(json, &address, "nothing is under way.");
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
        driving.json = json;
        driving.drive(&mut chosen.kept, Stop::No, &mut problems).await
    });
    chosen.session.show(problems);
    Ok(exit)
}

fn retry(chosen: &mut Chosen, json: bool) -> Result<Exit, Diagnostic> {
    let record = &mut chosen.kept.record;
    let address = record.release.address.clone();
    let Some(reverted) = record.reverted.as_mut() else {
        tell(json, &address, "its last version was not taken back; there is nothing to allow.");
        return Ok(Exit(0));
    };
    reverted.may_retry = true;
    let name = short(&record.new);
    put_record(&mut chosen.state, &chosen.kept);
    chosen.store.write(&mut chosen.state)?;
    tell(json, &address, &format!("{name} may be released again. infra apply does it."));
    Ok(Exit(0))
}

/// `infra releases`
pub(crate) fn run_releases(args: &Releases) -> Exit {
    let (session, problems) = Session::read(true);
    if problems.has_errors() {
        session.show(problems);
        return Exit(1);
    }
    let state = match store::read_only(&session, args.state.as_ref()) {
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
    let (mut store, locked) = match store::open(&session, locking, "OperationTypeRelease") {
        Ok(store) => (store, true),
        // The way back is open even while somebody else holds the state.
        Err(problem) if connect => {
            let unlocked = crate::args::Locking { lock: false, ..locking.clone() };
            (store::open(&session, &unlocked, "OperationTypeRelease").map_err(|_| problem)?, false)
        }
        Err(problem) => return Err(problem),
    };
    let state = store.read()?.unwrap_or_else(State::new);
    let known = one(records(&state), address);
    let mut sources = std::mem::take(&mut session.sources);
    let (root, problems) = gather(&session.config.root, variables, false, &mut sources);
    session.sources = sources;
    let mut providers = HashMap::new();
    let mut kept = match known {
        Err(_) if connect && !state.resources.is_empty() && has_releases(&session.config.root) => None,
        known => Some(known?),
    };
    if connect {
        // A release that is on record needs no more of the configuration than how to reach the cloud.
        let needless = |problem: &Diagnostic| kept.is_some() && root.missing.values().any(|missing| missing == problem);
        if let Some(problem) = problems.iter().find(|p| p.is_error() && !needless(p)) {
            return Err(problem.clone());
        }
        crate::session::connect_quickly();
        let unrecorded = match kept {
            Some(_) => None,
            None => Some(with_functions(FunctionPhase::Plan, None, |functions| {
                let (plan, problems) =
                    block_on(infra_engine::plan(inputs(&session, functions, &root.values, &state, true)));
                match problems.iter().find(|problem| problem.is_error()) {
                    Some(problem) => Err(problem.clone()),
                    None => unrecorded(plan.releases, address),
                }
            })?),
        };
        let provider = kept.as_ref().map(|kept| &kept.provider).or(unrecorded.as_ref().map(|change| &change.provider));
        let wanted: BTreeSet<ProviderConfig> = provider.cloned().into_iter().collect();
        let ready = with_functions(FunctionPhase::Plan, None, |functions| {
            let variables = root.without_missing(&session.config.root);
            block_on(ready_providers(&inputs(&session, functions, &variables, &state, false), &wanted))
        });
        providers =
            ready.map_err(|problems| root.missing.values().next().cloned().unwrap_or_else(|| first(problems)))?;
        if let Some(change) = unrecorded {
            let driving = driving(&mut store, &state, &session, &providers);
            kept = Some(block_on(as_it_stands(change, &driving))?);
        }
    }
    let kept =
        kept.ok_or_else(|| Diagnostic::error("No release", "The state knows no release: none has been made yet."))?;
    Ok(Chosen { session, store, locked, state, kept, providers })
}

fn inputs<'a>(
    session: &'a Session,
    functions: &'a FunctionContext<'a>,
    variables: &BTreeMap<Arc<str>, Value>,
    state: &State,
    refresh: bool,
) -> PlanInputs<'a> {
    PlanInputs {
        config: &session.config,
        registry: &session.registry,
        functions,
        workspace: &session.workspace,
        given: BTreeMap::<Arc<str>, GivenVariable>::new(),
        variables: variables.clone(),
        state: state.clone(),
        options: PlanOptions { refresh, ..PlanOptions::default() },
        ui: &Silent,
    }
}

fn has_releases(module: &Module) -> bool {
    !module.releases.is_empty() || module.children.values().any(has_releases)
}

/// The release of a plan that the state has no record of: Terraform drops the records when it writes a state.
fn unrecorded(releases: Vec<ReleaseChange>, address: Option<&str>) -> Result<ReleaseChange, Diagnostic> {
    let made: Vec<ReleaseChange> = releases.into_iter().filter(|r| r.kind != ReleaseKind::First).collect();
    let known: String = made.iter().map(|r| format!("\n  {}", r.release.address)).collect();
    let wrong = |summary: &str, detail: String| Err(Diagnostic::error(summary, detail));
    let mut fitting: Vec<ReleaseChange> =
        made.into_iter().filter(|r| address.is_none_or(|wanted| wanted == r.release.address)).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(change), true) if change.live == change.idle => wrong(
            "No record of the release",
            format!(
                "The state has no record of {0}, and it has no second colour that could tell which version was live before. \
                 Put the version before into the configuration, and infra apply releases it.",
                change.release.address
            ),
        ),
        (Some(change), true) => Ok(change),
        (Some(_), false) => wrong("Which release?", format!("There are several; name one of them:\n{known}")),
        (None, _) if known.is_empty() => wrong("No release", "Nothing has been released yet.".into()),
        (None, _) => wrong("No such release", format!("There are:\n{known}")),
    }
}

/// A record made of what the cloud says: one colour has the traffic, the other one stands by or is stopped.
async fn as_it_stands(change: ReleaseChange, driving: &Driving<'_>) -> Result<Kept, Diagnostic> {
    let ReleaseChange { release, provider, members, live, idle, old, count, .. } = change;
    let now = SystemTime::now();
    let nothing = Version::default();
    let record =
        Record::begin(release, (idle.clone(), nothing), (live, old), count.unwrap_or(1), now, "somebody".to_string());
    let mut kept = Kept { record, provider, members };
    let fleet = driving.fleet(&kept).await.map_err(first)?;
    let standing = fleet.standing(&idle).await;
    let standing =
        standing.map_err(|failure| Diagnostic::error("The release cannot be looked at", failure.to_string()))?;
    let record = &mut kept.record;
    record.old.definition.clone_from(&standing.definition);
    if record.old.definition.is_empty() || record.old.definition == record.new.definition {
        return Err(Diagnostic::error(
            "No version to go back to",
            format!(
                "The state has no record of {}, and {idle} has no other version than {}. Put the version before into the \
                 configuration, and infra apply releases it.",
                record.release.address, record.to
            ),
        ));
    }
    (record.reached, record.shifted) = (Some(now.into()), Some(now.into()));
    record.phase = if standing.healthy > 0 { Phase::Watch } else { Phase::Finished };
    Ok(kept)
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
