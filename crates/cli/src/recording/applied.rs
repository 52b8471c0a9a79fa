//! The record of an apply, a destroy or a refresh.

use infra_approval::Approval;
use infra_diag::Diagnostics;
use infra_engine::Applied;
use infra_engine::plan::{Action, PlanMode};
use infra_engine::saved::SavedPlan;
use infra_history::{ApprovedBy, Kind, Numbers, PlanUsed, Status};
use infra_state::State;
use jiff::Timestamp;

use super::changes::Outcome;
use super::watching::Operations;
use super::{Noted, errors, new, releases, secrets, time};
use crate::releasing::Driven;
use crate::session::Session;

/// An apply that has ended.
pub(crate) struct Run<'a> {
    pub session: &'a Session,
    pub saved: &'a SavedPlan,
    /// The approval that was required and held.
    pub approval: Option<&'a Approval>,
    pub began: Timestamp,
    pub operations: Operations,
    /// What came of it; `None` if it was stopped at once.
    pub applied: Option<&'a Applied>,
    pub driven: Option<&'a Driven>,
    /// Somebody asked it to stop.
    pub stopped: bool,
}

impl Run<'_> {
    /// The record, if there is anything to record.
    pub fn noted(self) -> Option<Noted> {
        let plan = &self.saved.plan;
        let before = super::planned_from(self.saved);
        let unwritten = self.applied.and_then(|applied| applied.unwritten.as_ref());
        let state: Option<&State> =
            self.driven.map(|driven| &driven.state).or(self.applied.map(|applied| &applied.state));
        let mut problems = Diagnostics::new();
        problems.extend(self.applied.into_iter().flat_map(|applied| applied.problems.iter().cloned()));
        problems.extend(self.driven.into_iter().flat_map(|driven| driven.problems.iter().cloned()));
        let whole = !problems.has_errors() && !self.stopped && self.applied.is_some();
        let look = self.applied.is_none() || unwritten.is_some();
        let after = if look { None } else { state.and_then(super::at) };
        if whole && !plan.applyable && before == after {
            return None;
        }
        let mut secrets = secrets::of_plan(self.saved, &self.session.config.root, &self.session.registry);
        if let Some(state) = state {
            secrets::of_state(&mut secrets, state, &self.session.registry);
        }
        let changes = Outcome {
            plan,
            state,
            operations: &self.operations,
            whole,
            registry: &self.session.registry,
            secrets: &secrets,
        };
        let releases_only = !plan.changes.iter().any(|change| change.is_visible())
            && plan.releases.iter().any(|release| release.is_active());
        let kind = match plan.mode {
            PlanMode::Destroy => Kind::Destroy,
            PlanMode::RefreshOnly => Kind::Refresh,
            PlanMode::Normal if releases_only => Kind::Release,
            PlanMode::Normal => Kind::Apply,
        };
        let mut record = new(kind, &self.session.workspace);
        if self.stopped {
            record.outcome.status = Status::Interrupted;
        }
        record.who.aws = self.applied.and_then(|applied| applied.providers.values().find_map(|p| p.caller()));
        record.began = Some(time(self.began));
        record.targets = plan.targets.iter().map(ToString::to_string).collect();
        record.plan = plan_used(self.saved, self.approval);
        (record.before, record.after) = (before, after);
        record.outcome.numbers = self.applied.map_or_else(|| told(&self.operations), numbers);
        record.outcome.errors = errors(&problems, &secrets);
        record.changes = changes.changes();
        record.outputs = changes.outputs();
        record.releases = state.map(|state| releases::between(&plan.prior_state, state, &secrets)).unwrap_or_default();
        if let Some(why) = unwritten {
            record.notes.push(format!("The state could not be written at the end: {}.", secrets.scrub(why)));
        }
        if !self.saved.settled.is_empty() {
            record.notes.push(format!(
                "Before this, a run had been cut off while it created objects; what became of {} of them was found out.",
                self.saved.settled.len()
            ));
        }
        Some(Noted { record, look })
    }
}

/// The plan, if it came from a file: only then has it a digest that somebody can have approved.
fn plan_used(saved: &SavedPlan, approval: Option<&Approval>) -> Option<PlanUsed> {
    let origin = &saved.origin;
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Some(PlanUsed {
        digest: saved.digest.clone()?,
        saved: true,
        made_by: known(&origin.made_by),
        made_at: known(&origin.made_at),
        commit: origin.commit.as_ref().map(|commit| match commit.dirty {
            true => format!("{} and changes that it does not hold", commit.id),
            false => commit.id.clone(),
        }),
        run: origin.run.clone(),
        approval_required: approval.is_some(),
        approvals: approval.map(approved_by).into_iter().collect(),
    })
}

fn approved_by(approval: &Approval) -> ApprovedBy {
    let Approval { principal, fingerprint, digest, signed_at, .. } = approval.clone();
    ApprovedBy { principal, key: fingerprint, digest, at: Some(signed_at) }
}

fn numbers(applied: &Applied) -> Numbers {
    let counts = applied.counts;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Numbers {
        add: count(counts.add),
        change: count(counts.change),
        destroy: count(counts.destroy),
        import: count(counts.import),
        left: count(applied.left),
    }
}

/// What was done by a run that was stopped at once.
fn told(operations: &Operations) -> Numbers {
    let done = |wanted: Action| {
        let ended = operations.values().flatten().filter(|seen| seen.action == wanted && seen.ended == Some(true));
        u64::try_from(ended.count()).unwrap_or(u64::MAX)
    };
    let (add, change, destroy) = (done(Action::Create), done(Action::Update), done(Action::Delete));
    Numbers { add, change, destroy, import: 0, left: 0 }
}
