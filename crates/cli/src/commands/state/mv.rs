//! `infra state mv FROM TO`: gives what the state holds another address, in the same state or in another file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use infra_address::{InstanceKey, ModuleInstance, ResourceInstance, Target, parse_target};
use infra_diag::Diagnostic;
use infra_history::Kind;
use infra_state::State;

use super::{Copies, copy_of, nothing_at, open};
use crate::args::Locking;
use crate::store::Store;
use crate::{output, recording, store};

pub(super) fn run(
    locking: &Locking,
    backup_out: Option<PathBuf>,
    dry_run: bool,
    from: &str,
    to: &str,
) -> Result<(), Diagnostic> {
    let parse = |text: &str| parse_target(text).map_err(|e| Diagnostic::error("Invalid address", e.to_string()));
    let (from, to) = (parse(from)?, parse(to)?);
    let here = Locking { state_out: None, ..locking.clone() };
    let (mut store, mut state) = open(&here, "state-mv", Copies::Each)?;
    let mut elsewhere = match &locking.state_out {
        Some(path) => Some(other_file(path.clone(), locking, backup_out)?),
        None => None,
    };
    let before = state.clone();
    let moved = match &mut elsewhere {
        Some((_, other)) => take(&mut state, &from, &to, Some(other))?,
        None => take(&mut state, &from, &to, None)?,
    };
    let verb = if dry_run { "Would move" } else { "Move" };
    moved.iter().for_each(|(old, new)| output::line(&format!("{verb} {old:?} to {new:?}")));
    if dry_run {
        return Ok(());
    }
    // What is in two states for a moment is not lost if the second write fails.
    if let Some((store, other)) = &mut elsewhere {
        let before = store.read()?;
        store.write(other)?;
        recording::by_hand(Kind::StateMv, store, before.as_ref(), other);
    }
    store.write(&mut state)?;
    recording::by_hand(Kind::StateMv, &store, Some(&before), &state);
    output::line(&format!("Successfully moved {} object(s).", moved.len()));
    Ok(())
}

/// The state that `-state-out` names; an empty one if there is none yet.
fn other_file(path: PathBuf, locking: &Locking, backup: Option<PathBuf>) -> Result<(Store, State), Diagnostic> {
    let backup = copy_of(&path, backup);
    let locking = Locking { state: None, state_out: None, backup, ..locking.clone() };
    let mut store = store::open_file(&path, &locking, "state-mv")?;
    let state = store.read()?.unwrap_or_else(State::new);
    Ok((store, state))
}

/// What was moved, by its addresses before and after.
type Moved = Vec<(String, String)>;

fn invalid(detail: String) -> Diagnostic {
    Diagnostic::error("Invalid state move", detail)
}

fn occupied(there: &str) -> Diagnostic {
    invalid(format!(
        "The state has something at {there} already. Move that elsewhere first, or take it out: infra state rm '{there}'"
    ))
}

/// Moves what `from` names to `to`, into the other state if there is one.
fn take(state: &mut State, from: &Target, to: &Target, other: Option<&mut State>) -> Result<Moved, Diagnostic> {
    match (from, to) {
        (Target::Module(from), Target::Module(to)) => modules(state, from, to, other),
        (Target::Resource(from), Target::Resource(to)) => {
            if from.resource.mode != to.resource.mode || from.resource.ty != to.resource.ty {
                return Err(invalid(format!("{from} and {to} are of different types.")));
            }
            let several = from.key == InstanceKey::None
                && state.slot(from).is_none()
                && state.resources.contains_key(&(from.module.clone(), from.resource.clone()));
            match several {
                true => resource(state, from, to, other)?,
                false => instance(state, from, to, other)?,
            }
            Ok(vec![(from.to_string(), to.to_string())])
        }
        (Target::Module(_), _) => Err(invalid(format!("{from} is a module, so {to} has to be one, too."))),
        (Target::Resource(_), _) => Err(invalid(format!("{from} is a resource, so {to} has to be one, too."))),
    }
}

/// Moves a module instance with those in it.
fn modules(
    state: &mut State,
    from: &ModuleInstance,
    to: &ModuleInstance,
    other: Option<&mut State>,
) -> Result<Moved, Diagnostic> {
    let renamed = |module: &ModuleInstance| {
        let inside = module.0.strip_prefix(&from.0[..])?;
        Some(ModuleInstance([&to.0[..], inside].concat()))
    };
    let mut leaving: BTreeMap<(usize, ModuleInstance), ModuleInstance> = BTreeMap::new();
    let mut found = Vec::new();
    for ((module, resource), object) in std::mem::take(&mut state.resources) {
        match renamed(&module) {
            Some(new) => {
                leaving.insert((module.0.len(), module), new.clone());
                found.push(((new, resource), object));
            }
            None => drop(state.resources.insert((module, resource), object)),
        }
    }
    if leaving.is_empty() {
        return Err(invalid(no_such_module(state, from)));
    }
    let into = other.unwrap_or(state);
    if let Some(there) = leaving.values().find(|new| into.resources.keys().any(|(module, _)| module == *new)) {
        return Err(occupied(&there.to_string()));
    }
    into.resources.extend(found);
    Ok(leaving.into_iter().map(|((_, old), new)| (old.to_string(), new.to_string())).collect())
}

/// That there is no such module instance; perhaps there are several, each with a key.
fn no_such_module(state: &State, wanted: &ModuleInstance) -> String {
    let is_meant = |module: &ModuleInstance| {
        module.0.len() >= wanted.0.len()
            && module
                .0
                .iter()
                .zip(&wanted.0)
                .all(|((name, key), (n, k))| name == n && (*k == InstanceKey::None || key == k))
    };
    let meant = state.resources.keys().filter(|(module, _)| is_meant(module));
    let instances: BTreeSet<String> =
        meant.map(|(module, _)| format!("\n    {}", ModuleInstance(module.0[..wanted.0.len()].to_vec()))).collect();
    match instances.is_empty() {
        true => nothing_at(state, &Target::Module(wanted.clone())),
        false => {
            let instances: String = instances.into_iter().collect();
            format!("{wanted} has several instances, and each is moved by itself:\n{instances}")
        }
    }
}

/// Moves a resource with all its instances.
fn resource(
    state: &mut State,
    from: &ResourceInstance,
    to: &ResourceInstance,
    other: Option<&mut State>,
) -> Result<(), Diagnostic> {
    if to.key != InstanceKey::None {
        return Err(invalid(format!(
            "{from} is a resource with several instances, and {to} is one instance. Name one of them, or give {from} an \
             address without a key."
        )));
    }
    let Some(found) = state.resources.remove(&(from.module.clone(), from.resource.clone())) else { return Ok(()) };
    let into = other.unwrap_or(state);
    let place = (to.module.clone(), to.resource.clone());
    if into.resources.contains_key(&place) {
        return Err(occupied(&to.to_string()));
    }
    into.resources.insert(place, found);
    Ok(())
}

/// Moves one instance.
fn instance(
    state: &mut State,
    from: &ResourceInstance,
    to: &ResourceInstance,
    other: Option<&mut State>,
) -> Result<(), Diagnostic> {
    if other.is_none() && from == to {
        return Err(occupied(&to.to_string()));
    }
    let Some((provider, slot)) = state.remove(from) else {
        return Err(invalid(nothing_at(state, &Target::Resource(from.clone()))));
    };
    let into = other.unwrap_or(state);
    if into.slot(to).is_some() {
        return Err(occupied(&to.to_string()));
    }
    // Beside other instances it has their provider.
    let present = into.resources.get(&(to.module.clone(), to.resource.clone())).map(|r| r.provider.clone());
    *into.slot_mut(to, &present.unwrap_or(provider)) = slot;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(addresses: &[&str]) -> State {
        let object = serde_json::json!({"version": 4, "resources": [{"mode": "managed", "type": "a", "name": "b",
            "provider": "provider[\"terraform.io/builtin/terraform\"]", "instances": [{"schema_version": 0}]}]});
        let mut state = State::new();
        let example = State::parse(&object.to_string()).ok().flatten().unwrap_or_default();
        for text in addresses {
            if let (Ok(Target::Resource(address)), Some((_, provider, slot))) =
                (parse_target(text), example.instances().next())
            {
                *state.slot_mut(&address, provider) = slot.clone();
            }
        }
        state
    }

    fn addresses(state: &State) -> Vec<String> {
        state.instances().map(|(address, ..)| address.to_string()).collect()
    }

    fn moved(state: &mut State, from: &str, to: &str, other: Option<&mut State>) -> Result<Moved, String> {
        let parse = |text: &str| parse_target(text).map_err(|error| error.to_string());
        take(state, &parse(from)?, &parse(to)?, other).map_err(|problem| problem.detail)
    }

    #[test]
    fn what_is_moved_is_a_module_with_those_in_it_a_resource_or_an_instance() -> Result<(), String> {
        let mut here =
            state(&["a.x", "a.c[0]", "a.c[1]", "module.m.a.y", "module.m.module.d.a.z", "module.n[\"k\"].a.y"]);
        assert_eq!(
            moved(&mut here, "module.m", "module.q[0]", None)?,
            [("module.m".into(), "module.q[0]".into()), ("module.m.module.d".into(), "module.q[0].module.d".into())]
        );
        assert_eq!(moved(&mut here, "a.c", "a.cc", None)?, [("a.c".into(), "a.cc".into())]);
        assert_eq!(moved(&mut here, "a.x", "a.cc[7]", None)?, [("a.x".into(), "a.cc[7]".into())]);
        assert_eq!(
            addresses(&here),
            ["a.cc[0]", "a.cc[1]", "a.cc[7]", "module.n[\"k\"].a.y", "module.q[0].a.y", "module.q[0].module.d.a.z"]
        );
        Ok(())
    }

    #[test]
    fn what_goes_into_another_state_leaves_this_one() -> Result<(), String> {
        let (mut here, mut there) = (state(&["a.x", "a.y"]), state(&["a.x"]));
        moved(&mut here, "a.y", "a.y", Some(&mut there))?;
        assert_eq!((addresses(&here), addresses(&there)), (vec!["a.x".into()], vec!["a.x".into(), "a.y".into()]));
        assert!(moved(&mut here, "a.x", "a.x", Some(&mut there)).is_err_and(|why| why.contains("at a.x already")));
        Ok(())
    }

    #[test]
    fn a_move_that_cannot_be_is_refused_with_the_reason() {
        let whole = || state(&["a.x", "a.c[0]", "b.c[0]", "module.m.a.y", "module.n[\"k\"].a.y"]);
        for (from, to, why) in [
            ("a.x", "a.x", "The state has something at a.x already"),
            ("a.x", "a.c[0]", "The state has something at a.c[0] already"),
            ("a.c", "a.x", "The state has something at a.x already"),
            ("a.c", "a.d[0]", "one instance"),
            ("a.x", "b.x", "of different types"),
            ("a.x", "module.m", "has to be one, too"),
            ("module.m", "a.y", "has to be one, too"),
            ("module.m", "module.n[\"k\"]", "at module.n[\"k\"] already"),
            ("module.n", "module.o", "each is moved by itself:\n\n    module.n[\"k\"]"),
            ("module.z", "module.o", "nothing at module.z"),
            ("a.c[5]", "a.d", "nothing at a.c[5]"),
        ] {
            let refused = moved(&mut whole(), from, to, None);
            assert!(refused.as_ref().is_err_and(|told| told.contains(why)), "{from} to {to}: {refused:?}");
        }
    }
}
