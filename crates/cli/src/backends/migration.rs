//! Copying states from one backend to another.

use infra_diag::Diagnostic;
use infra_history::ShelfError;
use infra_state::{Backend, Kept, LockOptions, State};

use super::initialise::read_answer;
use crate::{output, store};

/// From where to where, and how.
pub(super) struct Migration<'a> {
    pub from: &'a dyn Backend,
    pub to: &'a dyn Backend,
    pub locking: LockOptions,
    /// Nobody is asked.
    pub force: bool,
    /// Somebody may be asked.
    pub ask: bool,
    pub say: &'a dyn Fn(&str),
}

/// A state that is to be copied, and what is there already.
struct Copy {
    workspace: String,
    source: Version,
    /// The version in its place.
    replaced: Option<Version>,
}

/// What tells one version of a state from another.
#[derive(Clone, PartialEq)]
struct Version {
    place: String,
    lineage: String,
    serial: u64,
    resources: usize,
}

impl Version {
    fn of(kept: &dyn Kept, state: &State) -> Version {
        let resources = state.instances().count();
        Version { place: kept.place(), lineage: state.lineage.clone(), serial: state.serial, resources }
    }

    fn told(&self) -> String {
        let things = if self.resources == 1 { "resource instance" } else { "resource instances" };
        format!("{} (serial {}, {} {things})", self.place, self.serial, self.resources)
    }
}

impl Migration<'_> {
    /// Copies every state that is not empty, after asking. The old ones stay as they are. Gives the workspaces whose
    /// state is at its new place now.
    ///
    /// # Errors
    /// When somebody works on one of the states, when one cannot be read or written, or nobody can be asked.
    pub fn run(&self) -> Result<Vec<String>, Diagnostic> {
        let names = self.from.workspaces().map_err(|error| store::explain(&error))?;
        let mut there = Vec::new();
        let mut copies = Vec::new();
        for name in names {
            let (mut source, mut target) = (self.from.state(&name), self.to.state(&name));
            if source.place() == target.place() {
                continue;
            }
            let Some(state) = read(&mut *source)?.filter(|state| !state.is_empty()) else { continue };
            unfinished(&*source)?;
            let present = read(&mut *target)?;
            if present.as_ref().is_some_and(|p| p.lineage == state.lineage && p.same_content(&state)) {
                there.push(name);
                continue;
            }
            let replaced = present.filter(|state| !state.is_empty()).map(|state| Version::of(&*target, &state));
            copies.push(Copy { workspace: name, source: Version::of(&*source, &state), replaced });
        }
        if copies.is_empty() || !self.agreed(&copies)? {
            return Ok(there);
        }
        for copy in copies {
            self.copy(&copy)?;
            there.push(copy.workspace);
        }
        Ok(there)
    }

    fn agreed(&self, copies: &[Copy]) -> Result<bool, Diagnostic> {
        if self.force {
            return Ok(true);
        }
        let list: String = copies.iter().map(|copy| format!("  {}\n", self.told(copy))).collect();
        let question = match copies {
            [_] => "Do you want to copy existing state to the new backend?".to_string(),
            _ => format!("Do you want to migrate all workspaces to {:?}?", self.to.kind()),
        };
        if !self.ask {
            return Err(Diagnostic::error(
                "States would have to be copied",
                format!(
                    "Nobody can be asked (-input=false), and nothing was changed. It is about:\n\n{list}\nTo copy without \
                     a question: infra init -migrate-state -force-copy"
                ),
            ));
        }
        output::raw(&format!(
            "{question}\n\n{list}\n  No old state is removed. 'yes' copies; 'no' copies nothing, and what the new backend has is \
             used.\n\n  Enter a value: "
        ));
        let answer = read_answer();
        output::line("");
        match answer.as_deref() {
            Some("yes") => Ok(true),
            Some("no") => Ok(false),
            _ => Err(Diagnostic::error(
                "Migration aborted",
                "The answer was neither 'yes' nor 'no'. Nothing was changed.",
            )),
        }
    }

    fn told(&self, copy: &Copy) -> String {
        let over = match &copy.replaced {
            Some(version) => format!("\n    OVER {}", version.told()),
            None => format!("\n    to {}, where there is none yet", self.to.state(&copy.workspace).place()),
        };
        format!("{}{over}", copy.source.told())
    }

    fn copy(&self, copy: &Copy) -> Result<(), Diagnostic> {
        let (mut source, mut target) = (self.from.state(&copy.workspace), self.to.state(&copy.workspace));
        let failed = |error| store::explain(&error);
        source.lock("migration source state", self.locking).map_err(failed)?;
        target.lock("migration destination state", self.locking).map_err(failed)?;
        // Whoever worked on them while somebody was asked has changed what the answer was about.
        let state = read(&mut *source)?;
        let present = read(&mut *target)?.filter(|state| !state.is_empty());
        let now = state.as_ref().map(|state| Version::of(&*source, state));
        let replaced = present.as_ref().map(|state| Version::of(&*target, state));
        let Some(mut state) = state.filter(|_| now.as_ref() == Some(&copy.source) && replaced == copy.replaced) else {
            return Err(Diagnostic::error(
                "A state was changed meanwhile",
                format!("Somebody has worked on {}. Nothing was copied there; try again.", copy.source.place),
            ));
        };
        target.write(&mut state).map_err(failed)?;
        (self.say)(&format!("Copied {} to {}.", copy.source.place, target.place()));
        self.copy_history(&*source, &*target);
        let unlocked = target.unlock();
        source.unlock().and(unlocked).map_err(|error| store::still_locked(&error))
    }

    /// The records of what was done go with the state. That they cannot is told, and stops nothing.
    fn copy_history(&self, source: &dyn Kept, target: &dyn Kept) {
        let (Some(old), Some(new)) = (source.shelf(), target.shelf()) else { return };
        let why = match infra_history::copy(&*old, &*new) {
            Ok(0) => return,
            Ok(1) => return (self.say)(&format!("Copied 1 record of its history to {}.", new.place())),
            Ok(n) => return (self.say)(&format!("Copied {n} records of its history to {}.", new.place())),
            Err(ShelfError::Taken(number)) => {
                format!("{} has a history of its own, with a record {number}", new.place())
            }
            Err(error) => error.to_string(),
        };
        let detail = format!("{why}.\n\nThe records of the time before stay in {}.", old.place());
        output::warning("The history was not copied", &detail);
    }
}

fn read(kept: &mut dyn Kept) -> Result<Option<State>, Diagnostic> {
    kept.read().map_err(|error| store::explain(&error))
}

/// What an interrupted run has begun to create is known beside the old state only.
fn unfinished(source: &dyn Kept) -> Result<(), Diagnostic> {
    let place = source.place();
    let intents = source.underway().read_intents().map_err(|error| {
        Diagnostic::error("The journal of creations cannot be read", format!("Beside {place}: {error}."))
    })?;
    match intents.first() {
        None => Ok(()),
        Some(intent) => Err(Diagnostic::error(
            "A run was interrupted",
            format!(
                "It had begun to create {}, and only the journal beside {place} knows. Put the backend block back as it was, \
                 and run infra apply there first: it finds what was created. Nothing was changed.",
                intent.address
            ),
        )),
    }
}
