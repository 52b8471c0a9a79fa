//! A record, beside the state, of what is being created: what a killed run may have left in the cloud without having
//! come to write it into the state.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use infra_address::parse_resource_instance;
use infra_diag::Diagnostic;
use infra_engine::plan::Action;
use infra_engine::ui::{Event, Ui};
use infra_state::State;

const STARTED: &str = "creating ";
const FAILED: &str = "failed ";

/// Tells somebody else, and keeps the record.
pub(crate) struct Recorded<'a> {
    ui: &'a dyn Ui,
    path: PathBuf,
    file: RefCell<Option<File>>,
}

impl<'a> Recorded<'a> {
    /// The record of an apply on the state at a path.
    pub fn new(ui: &'a dyn Ui, state: &Path) -> Recorded<'a> {
        Recorded { ui, path: beside(state), file: RefCell::default() }
    }

    /// A run that came to its end leaves no record: everything that it did is in the state.
    pub fn done(self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// Adds a line. Nothing depends on it unless the process is killed, so a failure is no reason to stop.
    fn add(&self, what: &str, address: &str) {
        let mut file = self.file.borrow_mut();
        if file.is_none() {
            *file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path).ok();
        }
        if let Some(file) = &mut *file {
            let _ = file.write_all(format!("{what}{address}\n").as_bytes());
        }
    }
}

impl Ui for Recorded<'_> {
    fn event(&self, event: Event<'_>) {
        match &event {
            Event::ApplyStart { address, action: Action::Create, .. } => self.add(STARTED, &address.to_string()),
            Event::ApplyFailed { address, .. } => self.add(FAILED, &address.to_string()),
            _ => {}
        }
        self.ui.event(event);
    }
}

/// What a killed run may have created without its being in the state, as a warning.
pub(crate) fn left_behind(state_path: &Path, state: Option<&State>) -> Option<Diagnostic> {
    let lost = unaccounted(&std::fs::read_to_string(beside(state_path)).ok()?, state);
    if lost.is_empty() {
        return None;
    }
    let list: String = lost.iter().map(|address| format!("\n  {address}")).collect();
    Some(Diagnostic::warning(
        "An earlier run was killed while it created objects",
        format!(
            "They may exist without being in the state:\n{list}\n\nAn apply creates them again, or fails because they are \
             there. Look for each one, and take it into the state:\n  infra import ADDRESS ID"
        ),
    ))
}

fn unaccounted(record: &str, state: Option<&State>) -> BTreeSet<String> {
    let mut started = BTreeSet::new();
    for line in record.lines() {
        if let Some(address) = line.strip_prefix(STARTED) {
            started.insert(address.to_string());
        } else if let Some(address) = line.strip_prefix(FAILED) {
            started.remove(address);
        }
    }
    let known = |address: &String| {
        parse_resource_instance(address).is_ok_and(|a| state.is_some_and(|s| s.current(&a).is_some()))
    };
    started.retain(|address| !known(address));
    started
}

fn beside(state: &Path) -> PathBuf {
    let name = state.file_name().unwrap_or_default().to_string_lossy();
    state.with_file_name(format!(".{name}.infra-underway"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_and_neither_failed_nor_is_in_the_state_may_be_lost() {
        let record = "creating aws_vpc.a\ncreating aws_vpc.b[\"k\"]\nfailed aws_vpc.a\ncreating aws_vpc.c[0]\ncreat";
        let lost: Vec<String> = unaccounted(record, None).into_iter().collect();
        assert_eq!(lost, ["aws_vpc.b[\"k\"]", "aws_vpc.c[0]"]);
    }
}
