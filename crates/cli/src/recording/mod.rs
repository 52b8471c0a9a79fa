//! Records of what commands did: made at the end, put beside the state. That one cannot be put there is a warning.

mod applied;
mod changes;
mod releases;
mod secrets;
mod watching;

use infra_address::ResourceInstance;
use infra_diag::{Diagnostic, Diagnostics};
use infra_engine::saved::SavedPlan;
use infra_history::{Kind, Numbers, Outcome, Problem, Record, Secrets, Shelf, StateAt, Status};
use infra_state::State;
use jiff::Timestamp;

use crate::session::{Session, registry};
use crate::store::{self, Store};
use crate::{Exit, origin, output};

pub(crate) use applied::Run;
pub(crate) use watching::Watching;

/// How much of an error is kept.
const LONGEST_DETAIL: usize = 4000;

/// A record that waits for how the command ends.
pub(crate) struct Noted {
    record: Record,
    /// What the state is now is still to be found out.
    look: bool,
}

impl Noted {
    /// Adds it to the history of the state.
    pub fn put(mut self, store: &mut Store, exit: &Exit) {
        if self.look {
            self.record.after = store.read().ok().flatten().as_ref().and_then(at);
        }
        self.record.at = time(Timestamp::now());
        self.record.outcome.exit = exit.0.into();
        self.record.outcome.status = status(exit, &self.record.outcome.status);
        self.record.who.aws = self.record.who.aws.or_else(|| store.caller());
        put(store.shelf().as_deref(), self.record);
    }
}

/// How a command ended, by its exit status.
fn status(exit: &Exit, so_far: &Status) -> Status {
    match exit.0 {
        0 => Status::Done,
        3 => Status::Reverted,
        130 => Status::Interrupted,
        _ if *so_far == Status::Interrupted => Status::Interrupted,
        _ => Status::Failed,
    }
}

/// Records a change of the state by hand, unless nothing has changed.
pub(crate) fn by_hand(kind: Kind, store: &Store, before: Option<&State>, after: &State) {
    let (was, is) = (before.and_then(at), at(after));
    if was == is {
        return;
    }
    let registry = registry();
    let mut secrets = Secrets::default();
    before.into_iter().chain([after]).for_each(|state| secrets::of_state(&mut secrets, state, &registry));
    let mut record = new(kind, &store::workspace());
    let empty = State::new();
    record.changes = changes::between(before.unwrap_or(&empty), after, &registry, &secrets);
    record.outputs = changes::outputs_between(before.unwrap_or(&empty), after, &secrets);
    (record.before, record.after) = (was, is);
    record.who.aws = store.caller();
    put(store.shelf().as_deref(), record);
}

/// Records that an object was taken into the state.
pub(crate) fn imported(session: &Session, store: &Store, saved: &SavedPlan, after: &State, address: &ResourceInstance) {
    let mut secrets = secrets::of_plan(saved, &session.config.root, &session.registry);
    secrets::of_state(&mut secrets, after, &session.registry);
    let mut record = new(Kind::Import, &session.workspace);
    record.changes.extend(changes::imported(after, address, &session.registry, &secrets));
    record.outcome.numbers.import = 1;
    (record.before, record.after) = (planned_from(saved), at(after));
    record.who.aws = store.caller();
    put(store.shelf().as_deref(), record);
}

/// Records that a workspace was deleted, with what its state still had.
pub(crate) fn deleted(workspace: &str, shelf: Option<&dyn Shelf>, state: Option<&State>) {
    let registry = registry();
    let mut secrets = Secrets::default();
    let mut record = new(Kind::WorkspaceDelete, workspace);
    if let Some(state) = state {
        secrets::of_state(&mut secrets, state, &registry);
        record.changes = changes::between(state, &State::new(), &registry, &secrets);
        record.before = at(state);
    }
    put(shelf, record);
}

/// Records something that was done beside the state, which stays as it is.
pub(crate) fn beside(kind: Kind, workspace: &str, shelf: Option<&dyn Shelf>, state: Option<&State>, note: String) {
    let mut record = new(kind, workspace);
    record.before = state.and_then(at);
    record.after.clone_from(&record.before);
    record.notes.push(note);
    put(shelf, record);
}

/// Records what a command did for a release. `before` is the state that it began with; what it is now is looked up.
pub(crate) fn of_release(
    kind: Kind,
    store: &mut Store,
    (before, earlier): (&State, &infra_release::Record),
    now: &infra_release::Record,
    done: &Result<Exit, Diagnostic>,
) {
    if earlier == now {
        return;
    }
    let mut secrets = Secrets::default();
    secrets::of_state(&mut secrets, before, &registry());
    let mut record = new(kind, &store::workspace());
    record.before = at(before);
    record.releases = vec![releases::release(Some(earlier), now, &secrets)];
    let exit = match done {
        Ok(exit) => Exit(exit.0),
        Err(problem) => {
            record.outcome.errors = vec![as_problem(problem, &secrets)];
            Exit(1)
        }
    };
    Noted { record, look: true }.put(store, &exit);
}

/// A record of something that this run did.
fn new(kind: Kind, workspace: &str) -> Record {
    let outcome = Outcome { status: Status::Done, exit: 0, numbers: Numbers::default(), errors: Vec::new() };
    Record::new(kind, origin::who(), workspace, time(Timestamp::now()), outcome)
}

fn put(shelf: Option<&dyn Shelf>, record: Record) {
    let Some(shelf) = shelf else { return };
    let kind = record.kind.clone();
    if let Err(error) = infra_history::add(shelf, record) {
        output::warning(
            "The history has no record of this",
            &format!(
                "What this {kind} did could not be recorded: {error}.\n\nNothing else is wrong: the state is as the {kind} left \
                 it. The next record will say that something is missing before it."
            ),
        );
    }
}

/// The state that a plan was made from.
fn planned_from(saved: &SavedPlan) -> Option<StateAt> {
    let SavedPlan { serial, lineage, .. } = saved;
    (*serial > 0 && !lineage.is_empty()).then(|| StateAt { lineage: lineage.clone(), serial: *serial })
}

/// Which version of which state it is; none for one that was never written.
pub(crate) fn at(state: &State) -> Option<StateAt> {
    let written = !state.lineage.is_empty() && state.serial > 0;
    written.then(|| StateAt { lineage: state.lineage.clone(), serial: state.serial })
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn as_problem(problem: &Diagnostic, secrets: &Secrets) -> Problem {
    let mut detail = secrets.scrub(&problem.detail);
    if detail.len() > LONGEST_DETAIL {
        let end = (0..=LONGEST_DETAIL).rev().find(|i| detail.is_char_boundary(*i)).unwrap_or(0);
        detail.truncate(end);
        detail.push('…');
    }
    Problem { address: problem.address.clone(), summary: secrets.scrub(&problem.summary), detail }
}

fn errors(problems: &Diagnostics, secrets: &Secrets) -> Vec<Problem> {
    problems.iter().filter(|problem| problem.is_error()).map(|problem| as_problem(problem, secrets)).collect()
}
