//! What became of each operation of an apply, as it is told.

use std::cell::RefCell;
use std::collections::BTreeMap;

use infra_address::ResourceInstance;
use infra_engine::plan::Action;
use infra_engine::ui::{Event, Ui};

/// An operation that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub action: Action,
    /// Whether it succeeded; `None` while it has not ended.
    pub ended: Option<bool>,
}

/// Operations by the object's address and the key of a deposed one.
pub(crate) type Operations = BTreeMap<(String, Option<String>), Vec<Seen>>;

/// Passes everything on, and keeps what became of operations.
pub(crate) struct Watching<'a> {
    ui: &'a dyn Ui,
    seen: RefCell<Operations>,
}

impl<'a> Watching<'a> {
    pub fn new(ui: &'a dyn Ui) -> Watching<'a> {
        Watching { ui, seen: RefCell::default() }
    }

    /// What has become of what was begun so far.
    pub fn operations(&self) -> Operations {
        self.seen.borrow().clone()
    }
}

impl Ui for Watching<'_> {
    fn event(&self, event: Event<'_>) {
        let mut seen = self.seen.borrow_mut();
        let key =
            |address: &ResourceInstance, deposed: Option<&str>| (address.to_string(), deposed.map(str::to_string));
        match &event {
            Event::ApplyStart { address, deposed, action, .. } => {
                seen.entry(key(address, *deposed)).or_default().push(Seen { action: *action, ended: None });
            }
            Event::ApplyDone { address, deposed, action, .. } | Event::ApplyFailed { address, deposed, action, .. } => {
                let good = matches!(event, Event::ApplyDone { .. });
                let list = seen.entry(key(address, *deposed)).or_default();
                match list.iter_mut().find(|s| s.action == *action && s.ended.is_none()) {
                    Some(seen) => seen.ended = Some(good),
                    None => list.push(Seen { action: *action, ended: Some(good) }),
                }
            }
            Event::ReadStart { address } => {
                seen.entry(key(address, None)).or_default().push(Seen { action: Action::Read, ended: None });
            }
            Event::ReadDone { address, .. } => {
                for seen in seen.entry(key(address, None)).or_default() {
                    seen.ended = Some(true);
                }
            }
            _ => {}
        }
        drop(seen);
        self.ui.event(event);
    }
}
