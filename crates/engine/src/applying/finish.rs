//! The end of an apply: outputs, checks, and the last write of the state.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use infra_address::ModuleInstance;
use infra_diag::Diagnostic;
use infra_state::{OutputValue, State};
use serde_json::{Map, Value as Json, json};

use super::{Applied, Applier};
use crate::plan::{Action, CheckKind, CheckResult, PlanMode};
use crate::planning::evaluate_checks;

impl Applier<'_> {
    pub(super) fn finish(self) -> Applied {
        let normal = self.plan.mode != PlanMode::Destroy;
        if normal && self.plan.targets.is_empty() && !self.stop.load(Ordering::Relaxed) {
            if !self.world.has_errors() {
                self.world.evaluate_rest();
            }
            // Also after a failure: what is there can be checked.
            evaluate_checks(&self.world);
        }
        let outputs = if normal { self.outputs() } else { BTreeMap::new() };
        if !self.plan.targets.is_empty() && self.plan.mode == PlanMode::Normal {
            self.world.report([Diagnostic::warning(
                "Applied changes may be incomplete",
                "The plan was made with -target, so parts of the configuration may not be applied yet. Plan once more \
                 without it:\n    infra plan",
            )]);
        }
        let whole_destroy = self.plan.mode == PlanMode::Destroy && self.plan.targets.is_empty();
        let failed = self.world.has_errors();
        let results = merged(&self.plan.checks, self.world.conditions.borrow().to_list());
        let results: Vec<CheckResult> = results.into_iter().map(|r| self.of_state(r)).collect();
        self.book.write(|state| {
            for (name, output) in outputs {
                match output {
                    Some(output) => drop(state.outputs.insert(name, output)),
                    None => drop(state.outputs.remove(&name)),
                }
            }
            for (name, change) in &self.plan.outputs {
                if change.action == Action::Delete {
                    state.outputs.remove(name);
                }
            }
            if whole_destroy && !failed {
                state.resources.retain(|_, r| r.instances.values().any(|s| s.objects().next().is_some()));
                state.resources.retain(|(_, r), _| r.mode == infra_address::ResourceMode::Managed);
                state.outputs.clear();
            }
            crate::releases::forget_gone(state);
            state.check_results = check_results(&results);
        });
        let planned = self
            .plan
            .changes
            .iter()
            .map(|c| match c.action {
                Action::NoOp => 0,
                Action::DeleteThenCreate | Action::CreateThenDelete => 2,
                _ => 1,
            })
            .sum::<usize>();
        let left = planned.saturating_sub(self.done.get());
        let releases = if failed || left > 0 { Vec::new() } else { self.ready_releases() };
        let providers = self.providers.take();
        let counts = *self.counts.borrow();
        let problems = self.world.take_problems();
        let (state, unwritten): (State, Option<String>) = self.book.close();
        Applied { state, counts, left, unwritten, releases, providers, problems }
    }

    /// The conditions of a data source that was read while planning are not evaluated again by an apply, and a state says
    /// that they are not known.
    fn of_state(&self, mut result: CheckResult) -> CheckResult {
        let read_now = |address: &str| {
            let of = |c: &&crate::plan::ResourceChange| c.action == Action::Read && c.address.to_string() == address;
            self.plan.changes.iter().any(|c| of(&c))
        };
        let data = result.config_address.starts_with("data.") || result.config_address.contains(".data.");
        if result.kind == CheckKind::Resource && data {
            for (address, object) in result.objects.iter_mut().flatten() {
                if !read_now(address) {
                    object.status = crate::plan::CheckStatus::Unknown;
                    object.failure_messages.clear();
                }
            }
        }
        result
    }

    /// New values of the root outputs; `None` for one that is null now. Those that could not be worked out are left out.
    fn outputs(&self) -> BTreeMap<std::sync::Arc<str>, Option<OutputValue>> {
        let root = ModuleInstance::root();
        let unfinished = self.world.has_errors() || self.stop.load(Ordering::Relaxed);
        let mut found = BTreeMap::new();
        for (name, output) in &self.world.config.root.outputs {
            let targeted = !self.plan.targets.is_empty() && !self.plan.outputs.contains_key(name);
            if output.ephemeral || targeted {
                continue;
            }
            let Ok(value) = self.world.output(&root, name) else { continue };
            // What was known when the plan was made is what was approved, and stays.
            let planned = self.plan.outputs.get(name).map(|o| &o.after).filter(|v| v.is_wholly_known());
            let (value, _) = planned.unwrap_or(&value).unmark_deep();
            // It needs what was left out after a failure or a stop, and stays what it was.
            if unfinished && !value.is_wholly_known() {
                continue;
            }
            // What never became known is kept as a null of its type.
            let kept = !value.is_null();
            let value = crate::codec::without_unknown(&value);
            let ty = value.ty();
            let output = OutputValue { value, ty, sensitive: output.sensitive };
            found.insert(name.clone(), kept.then_some(output));
        }
        found
    }
}

/// The results of the apply over those of the plan.
fn merged(planned: &[CheckResult], applied: Vec<CheckResult>) -> Vec<CheckResult> {
    let key = |r: &CheckResult| (r.kind, r.config_address.clone());
    let mut all: BTreeMap<_, CheckResult> = planned.iter().map(|r| (key(r), r.clone())).collect();
    for result in applied {
        let entry = all.entry(key(&result)).or_insert_with(|| CheckResult { objects: None, ..result.clone() });
        match (&mut entry.objects, result.objects) {
            (Some(old), Some(new)) => old.extend(new),
            (old, new) => *old = new.or(old.take()),
        }
    }
    all.into_values().collect()
}

/// The form in which a state holds results.
pub(crate) fn check_results(results: &[CheckResult]) -> Json {
    if results.is_empty() {
        return Json::Null;
    }
    let kind = |kind| match kind {
        CheckKind::Resource => "resource",
        CheckKind::Output => "output",
        CheckKind::Check => "check",
        CheckKind::Variable => "var",
    };
    let result = |r: &CheckResult| {
        let objects = r.objects.as_ref().map(|objects| {
            let object = |(address, o): (&String, &crate::plan::CheckObject)| {
                let mut json = Map::new();
                json.insert("object_addr".into(), json!(address));
                json.insert("status".into(), json!(o.status.name()));
                if !o.failure_messages.is_empty() {
                    json.insert("failure_messages".into(), json!(o.failure_messages));
                }
                Json::Object(json)
            };
            objects.iter().map(object).collect::<Vec<_>>()
        });
        json!({
            "object_kind": kind(r.kind), "config_addr": r.config_address, "status": r.status().name(), "objects": objects,
        })
    };
    Json::Array(results.iter().map(result).collect())
}
