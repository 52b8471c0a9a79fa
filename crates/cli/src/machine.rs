//! Machine-readable lines (`-json`), as they happen.

use infra_diag::{Diagnostics, Sources};
use infra_engine::plan::{Action, Counts, Plan};
use infra_engine::ui::{Event, Ui};
use infra_state::{GoJson, to_go_json};
use infra_view::json::events::{self, Line, Operation};

use crate::output;

/// Prints a line with the time that it is now.
pub(crate) fn print(line: &Line) {
    let now = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string();
    output::line(&to_go_json(&line.to_json(&now), GoJson::Compact));
}

/// Every diagnostic as a line.
pub(crate) fn diagnostics(problems: &Diagnostics, sources: &Sources) {
    problems.iter().for_each(|problem| print(&events::diagnostic(problem, sources)));
}

/// What happens to a release.
pub(crate) fn release(address: &str, what: &str) {
    print(&events::release(address, what));
}

/// The lines of a plan.
pub(crate) fn plan(plan: &Plan) {
    plan.drift.iter().for_each(|change| print(&events::resource_drift(change)));
    plan.changes.iter().filter(|c| c.is_visible()).for_each(|change| print(&events::planned_change(change)));
    if plan.errored {
        return;
    }
    print(&events::change_summary(plan.counts(), Operation::Plan));
    events::planned_outputs(&plan.outputs).iter().for_each(print);
}

/// The closing count of an apply or a destroy.
pub(crate) fn summary(counts: Counts, destroyed: bool) {
    let operation = if destroyed { Operation::Destroy } else { Operation::Apply };
    print(&events::change_summary(counts, operation));
}

/// Events as lines.
pub(crate) struct JsonLines;

impl Ui for JsonLines {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::RefreshStart { .. }
            | Event::ImportStart { .. }
            | Event::Found { .. }
            | Event::Awaiting { .. }
            | Event::EphemeralDeferred { .. } => {}
            Event::Refreshed { address, id } => {
                print(&events::refresh_start(address, named(id)));
                print(&events::refresh_complete(address, named(id)));
            }
            Event::ReadStart { address } => print(&events::apply_start(address, Action::Read, None)),
            Event::ReadDone { address, id, elapsed } => {
                print(&events::apply_complete(address, Action::Read, named(id), elapsed));
            }
            Event::Ephemeral { address, operation, elapsed: None } => {
                print(&events::ephemeral_start(address, operation))
            }
            Event::Ephemeral { address, operation, elapsed: Some(elapsed) } => {
                print(&events::ephemeral_complete(address, operation, elapsed));
            }
            Event::ApplyStart { address, action, id, .. } => print(&events::apply_start(address, action, named(id))),
            Event::ApplyDone { address, action, id, elapsed, .. } => {
                print(&events::apply_complete(address, action, named(id), elapsed));
            }
            Event::ApplyFailed { address, action, elapsed, .. } => {
                print(&events::apply_errored(address, action, elapsed));
            }
            Event::ProvisionerOutput { address, provisioner, line } => {
                print(&events::provision_progress(address, provisioner, line));
            }
        }
    }
}

/// An object's id as a line names it; none if it has none.
fn named(id: &str) -> Option<(&'static str, &str)> {
    (!id.is_empty()).then_some(("id", id))
}
