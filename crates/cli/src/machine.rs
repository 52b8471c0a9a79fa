//! Machine-readable lines (`-json`), as they happen.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Once;
use std::time::Instant;

use infra_address::ResourceInstance;
use infra_diag::{Diagnostics, Sources};
use infra_engine::plan::{Action, Counts, Plan, ResourceChange};
use infra_engine::ui::{Event, Provisioning, Ui};
use infra_state::{GoJson, to_go_json};
use infra_view::json::events::{self, Line, Operation};
use infra_view::json::infra_events as own;

use crate::output;

/// How often an operation that takes long is told of again, in seconds.
const STILL: u64 = 10;

/// Prints a line with the time that it is now. Before the first one the version is told.
pub(crate) fn print(line: &Line) {
    static VERSION: Once = Once::new();
    VERSION.call_once(|| written(&events::version()));
    written(line);
}

fn written(line: &Line) {
    let now = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string();
    output::written(&format!("{}\n", to_go_json(&line.to_json(&now), GoJson::Compact)));
}

/// Text that is only for people; nothing of it is another line.
pub(crate) fn log(text: &str) {
    let text = text.trim();
    if !text.is_empty() {
        print(&events::log(text));
    }
}

/// Every diagnostic as a line.
pub(crate) fn diagnostics(problems: &Diagnostics, sources: &Sources) {
    problems.iter().for_each(|problem| print(&events::diagnostic(problem, sources)));
}

/// The lines of a plan.
pub(crate) fn plan(plan: &Plan) {
    plan.drift.iter().for_each(|change| print(&events::resource_drift(change)));
    plan.attention.iter().for_each(|finding| print(&own::attention(finding)));
    plan.changes.iter().filter(|c| c.is_visible()).for_each(|change| print(&events::planned_change(change)));
    plan.releases.iter().for_each(|release| print(&own::planned_release(release)));
    // What was planned before an error is counted all the same.
    if plan.errored && !plan.changes.iter().any(ResourceChange::is_visible) {
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

/// What is under way, and how long it has been.
struct Running {
    address: ResourceInstance,
    action: Action,
    began: Instant,
}

/// Events as lines.
#[derive(Default)]
pub(crate) struct JsonLines {
    running: RefCell<BTreeMap<String, Running>>,
}

impl JsonLines {
    /// What is under way.
    pub fn running(&self) -> Vec<String> {
        self.running.borrow().keys().cloned().collect()
    }

    /// Tells of operations that have been under way for long, every ten seconds of each. To be asked every second.
    pub fn still_running(&self) {
        for running in self.running.borrow().values() {
            let elapsed = running.began.elapsed();
            if elapsed.as_secs() >= STILL && elapsed.as_secs() % STILL == 0 {
                print(&events::apply_progress(&running.address, running.action, elapsed));
            }
        }
    }

    fn started(&self, what: String, address: &ResourceInstance, action: Action) {
        let running = Running { address: address.clone(), action, began: Instant::now() };
        self.running.borrow_mut().insert(what, running);
    }
}

impl Ui for JsonLines {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::RefreshStart { .. } | Event::ImportStart { .. } => {}
            Event::EphemeralDeferred { address } => {
                print(&events::log(format!("{address}: Configuration unknown, deferring...")))
            }
            Event::Found { address, id } => print(&own::found(address, named(id))),
            Event::Awaiting { address, id } => print(&own::awaiting(address, named(id))),
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
            Event::ApplyStart { address, deposed, action, id } => {
                print(&events::apply_start(address, action, named(id)));
                self.started(under_way(address, deposed), address, action);
            }
            Event::ApplyDone { address, deposed, action, id, elapsed } => {
                self.running.borrow_mut().remove(&under_way(address, deposed));
                print(&events::apply_complete(address, action, named(id), elapsed));
            }
            Event::ApplyFailed { address, deposed, action, elapsed } => {
                self.running.borrow_mut().remove(&under_way(address, deposed));
                print(&events::apply_errored(address, action, elapsed));
            }
            Event::Provisioner { address, provisioner, what: Provisioning::Started } => {
                print(&events::provision_start(address, provisioner));
            }
            Event::Provisioner { address, provisioner, what: Provisioning::Succeeded } => {
                print(&events::provision_complete(address, provisioner));
            }
            Event::Provisioner { address, provisioner, what: Provisioning::Failed } => {
                print(&events::provision_errored(address, provisioner));
            }
            Event::ProvisionerOutput { address, provisioner, line } => {
                print(&events::provision_progress(address, provisioner, line));
            }
        }
    }
}

fn under_way(address: &ResourceInstance, deposed: Option<&str>) -> String {
    match deposed {
        Some(key) => format!("{address} (deposed object {key})"),
        None => address.to_string(),
    }
}

/// An object's id as a line names it; none if it has none.
fn named(id: &str) -> Option<(&'static str, &str)> {
    (!id.is_empty()).then_some(("id", id))
}
