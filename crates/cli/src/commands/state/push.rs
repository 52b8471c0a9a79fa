//! `infra state push FILE`: puts a state from a file in the place of the one that there is.

use std::path::Path;

use infra_diag::Diagnostic;
use infra_history::Kind;
use infra_state::State;

use super::session;
use crate::args::Locking;
use crate::{recording, store};

pub(super) fn run(locking: &Locking, force: bool, source: &Path) -> Result<(), Diagnostic> {
    let unreadable =
        |why: String| Diagnostic::error("The given state cannot be used", format!("{}: {why}.", source.display()));
    let text = match source.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(source),
    };
    let text = text.map_err(|e| unreadable(e.to_string()))?;
    let given = State::parse(&text).map_err(|e| unreadable(e.to_string()))?;
    let mut given = given.ok_or_else(|| unreadable("it is empty".into()))?;
    let mut store = store::open(&session(), locking, "state-push")?;
    let present = store.read()?;
    if let Some(present) = &present {
        if let Some(why) = conflict(present, &given).filter(|_| !force) {
            return Err(Diagnostic::error("Failed to write state", format!("{why} -force pushes all the same.")));
        }
        if given.lineage.is_empty() {
            given.lineage.clone_from(&present.lineage);
        }
    }
    store.write(&mut given)?;
    recording::by_hand(Kind::StatePush, &store, present.as_ref(), &given);
    Ok(())
}

/// Why a state is no later version of the one that there is. Anything may follow an empty one.
fn conflict(present: &State, given: &State) -> Option<String> {
    if present.is_empty() || present.lineage.is_empty() || given.lineage.is_empty() {
        return None;
    }
    if present.lineage != given.lineage {
        return Some(format!(
            "The states have different lineages ({} here, {} given), so they are not versions of one another.",
            present.lineage, given.lineage
        ));
    }
    if present.serial > given.serial {
        return Some(format!("The state here is newer: serial {} and {} given.", present.serial, given.serial));
    }
    (present.serial == given.serial && !present.same_content(given)).then(|| {
        format!(
            "The state here has the same serial, {}, and holds something else: one of them would be lost. Raise the serial \
             of the one given if it is meant to follow.",
            present.serial
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lineage: &str, serial: u64, outputs: &str) -> Option<State> {
        let text = format!(
            r#"{{"version": 4, "lineage": "{lineage}", "serial": {serial}, "outputs": {{{outputs}}}, "resources": []}}"#
        );
        State::parse(&text).ok().flatten()
    }

    #[test]
    fn only_what_may_follow_is_pushed() {
        let (a, b) = (r#""o": {"value": "a", "type": "string"}"#, r#""o": {"value": "b", "type": "string"}"#);
        for (present, given, why) in [
            (("l", 5, a), ("l", 6, b), ""),
            (("l", 5, a), ("l", 5, a), ""),
            (("l", 5, a), ("l", 5, b), "the same serial, 5"),
            (("l", 5, a), ("l", 4, a), "newer"),
            (("l", 5, a), ("m", 6, a), "different lineages"),
            (("l", 5, a), ("", 1, b), ""),
            (("l", 5, ""), ("m", 1, b), ""),
        ] {
            let (Some(old), Some(new)) = (state(present.0, present.1, present.2), state(given.0, given.1, given.2))
            else {
                panic!("a state")
            };
            let told = conflict(&old, &new).unwrap_or_default();
            assert!(told.contains(why) && told.is_empty() == why.is_empty(), "{present:?} {given:?}: {told}");
        }
    }
}
