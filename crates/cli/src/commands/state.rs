//! `infra state`: looking into the state and changing it by hand.

use std::path::PathBuf;

use infra_address::{ResourceInstance, ResourceMode, Target, parse_target};
use infra_diag::Diagnostic;
use infra_history::Kind;
use infra_state::{State, TERRAFORM_VERSION};
use infra_view::text::{TextOptions, schemas_of};

use crate::args::{self, Locking};
use crate::session::{Session, registry};
use crate::store::Store;
use crate::{Exit, output, recording, store};

pub(crate) fn run(args: args::State) -> Exit {
    let done = match args {
        args::State::List { state, id, addresses } => list(state, id.as_deref(), &addresses),
        args::State::Show { state, address } => show(state, &address),
        args::State::Mv { locking, dry_run, from, to } => mv(&locking, dry_run, &from, &to),
        args::State::Rm { locking, dry_run, addresses } => rm(&locking, dry_run, &addresses),
        args::State::Pull => pull(),
        args::State::Push { locking, force, path } => push(&locking, force, &path),
    };
    match done {
        Ok(()) => Exit(0),
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            Exit(1)
        }
    }
}

fn session() -> Session {
    Session::read(true).0
}

fn read(given: Option<&PathBuf>) -> Result<State, Diagnostic> {
    store::read_only(&session(), given)?.ok_or_else(|| {
        Diagnostic::error("No state file was found", "Nothing has been applied in this folder and workspace yet.")
    })
}

/// Which copies of what was there are kept of a state in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    /// One for each change.
    Each,
    /// The last one.
    One,
}

/// Opens, locks and reads the state.
pub(crate) fn open(locking: &Locking, operation: &str, copies: Copies) -> Result<(Store, State), Diagnostic> {
    let session = session();
    let mut locking = locking.clone();
    let kept_in_a_file = locking.state.is_some() || session.backend()?.kind() == "local";
    if !kept_in_a_file && locking.backup.is_some() {
        return Err(Diagnostic::error(
            "Invalid command line options",
            "-backup is for states in files, and this one is elsewhere. Leave it out, or name a file with -state.",
        ));
    }
    if locking.backup.is_none() && kept_in_a_file && copies == Copies::Each {
        let path = match &locking.state {
            Some(path) => path.clone(),
            None => session.backend()?.state(&session.workspace).place().into(),
        };
        // Two changes in one second each keep what was there before.
        let now = jiff::Timestamp::now().as_second();
        let mut names = (now..).map(|seconds| PathBuf::from(format!("{}.{seconds}.backup", path.display())));
        locking.backup = names.find(|name| !name.exists());
    }
    let mut store = match &locking.state {
        Some(path) => store::open_file(path, &locking, operation)?,
        None => store::open(&session, &locking, operation)?,
    };
    let state = store.read()?.ok_or_else(|| {
        Diagnostic::error("No state file was found", "Nothing has been applied in this folder and workspace yet.")
    })?;
    Ok((store, state))
}

fn targets(addresses: &[String]) -> Result<Vec<Target>, Diagnostic> {
    let parse = |text: &String| {
        parse_target(text).map_err(|e| Diagnostic::error("Error parsing instance address", e.to_string()))
    };
    addresses.iter().map(parse).collect()
}

/// That there is nothing at an address, and what is at one that looks like it.
fn nothing_at(state: &State, target: &Target) -> String {
    let mut names = std::collections::BTreeSet::new();
    for (address, _, _) in state.instances() {
        names.insert(address.to_string());
        names.insert(address.config_address());
        names.insert(address.module.to_string());
    }
    let hint = infra_lang::syntax::suggest::did_you_mean(&target.to_string(), names.iter().map(String::as_str));
    format!("The state has nothing at {target}.{hint} See what it has: infra state list")
}

fn list(given: Option<PathBuf>, id: Option<&str>, addresses: &[String]) -> Result<(), Diagnostic> {
    let state = read(given.as_ref())?;
    let wanted = targets(addresses)?;
    let mut all: Vec<(ResourceInstance, bool)> = Vec::new();
    for (address, _, slot) in state.instances() {
        let Some(object) = &slot.current else { continue };
        let named = wanted.is_empty() || wanted.iter().any(|t| t.contains(&address));
        let same_id = id.is_none_or(|id| object.attributes.get("id").and_then(|v| v.as_str()) == Some(id));
        if named && same_id {
            all.push((address, true));
        }
    }
    for target in &wanted {
        if !state.instances().any(|(address, _, _)| target.contains(&address)) {
            return Err(Diagnostic::error("Unknown resource", nothing_at(&state, target)));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.sort_by_key(|(a, _)| (a.module.clone(), a.resource.mode == ResourceMode::Managed));
    all.iter().for_each(|(address, _)| output::line(&address.to_string()));
    Ok(())
}

fn show(given: Option<PathBuf>, address: &str) -> Result<(), Diagnostic> {
    let state = read(given.as_ref())?;
    let wanted = infra_address::parse_resource_instance(address)
        .map_err(|e| Diagnostic::error("Error parsing instance address", e.to_string()))?;
    let found = state.instances().find(|(a, _, slot)| *a == wanted && slot.current.is_some());
    let Some((address, _, slot)) = found else {
        return Err(Diagnostic::error(
            "No instance found for the given address",
            nothing_at(&state, &Target::Resource(wanted)),
        ));
    };
    let mut only = State::new();
    let provider = state.resources.get(&(address.module.clone(), address.resource.clone())).map(|r| r.provider.clone());
    if let (Some(object), Some(provider)) = (&slot.current, provider) {
        only.set_current(&address, &provider, Some(object.clone()));
    }
    let registry = registry();
    let json = infra_view::json::state_json(&only, &registry);
    let options =
        TextOptions { colour: output::use_colour(false), columns: output::columns(), ..TextOptions::default() };
    let mut module = &json["values"]["root_module"];
    while let Some(child) = module["child_modules"].get(0) {
        module = child;
    }
    output::raw(&infra_view::text::resource_text(&module["resources"][0], &schemas_of(&registry), &options));
    Ok(())
}

fn mv(locking: &Locking, dry_run: bool, from: &str, to: &str) -> Result<(), Diagnostic> {
    let parse = |text: &str| parse_target(text).map_err(|e| Diagnostic::error("Invalid address", e.to_string()));
    let (from, to) = (parse(from)?, parse(to)?);
    let (mut store, mut state) = open(locking, "state-mv", Copies::Each)?;
    let moves = planned_moves(&state, &from, &to)?;
    for (old, new) in &moves {
        let verb = if dry_run { "Would move" } else { "Move" };
        output::line(&format!("{verb} \"{old}\" to \"{new}\""));
    }
    if dry_run {
        return Ok(());
    }
    let before = state.clone();
    let mut taken = Vec::new();
    for (old, new) in &moves {
        if let Some((provider, slot)) = state.remove(old) {
            taken.push((new.clone(), provider, slot));
        }
    }
    for (new, provider, slot) in taken {
        *state.slot_mut(&new, &provider) = slot;
    }
    store.write(&mut state)?;
    recording::by_hand(Kind::StateMv, &store, Some(&before), &state);
    output::line(&format!("Successfully moved {} object(s).", moves.len()));
    Ok(())
}

/// Where each object goes.
fn planned_moves(
    state: &State,
    from: &Target,
    to: &Target,
) -> Result<Vec<(ResourceInstance, ResourceInstance)>, Diagnostic> {
    let invalid = |detail: String| Diagnostic::error("Invalid state move", detail);
    let mut moves = Vec::new();
    for (address, _, _) in state.instances() {
        let new = match (from, to) {
            (Target::Resource(from), Target::Resource(to)) => {
                let same = address.module == from.module && address.resource == from.resource;
                let whole = from.key == infra_address::InstanceKey::None && to.key == infra_address::InstanceKey::None;
                if !same || (!whole && address.key != from.key) {
                    continue;
                }
                if from.resource.mode != to.resource.mode || from.resource.ty != to.resource.ty {
                    return Err(invalid(format!("{from} and {to} are of different types.")));
                }
                let key = if whole { address.key.clone() } else { to.key.clone() };
                ResourceInstance { module: to.module.clone(), resource: to.resource.clone(), key }
            }
            (Target::Module(from), Target::Module(to)) => {
                let depth = from.0.len();
                if address.module.0.len() < depth || address.module.0[..depth] != from.0[..] {
                    continue;
                }
                let mut module = to.0.clone();
                module.extend_from_slice(&address.module.0[depth..]);
                ResourceInstance { module: infra_address::ModuleInstance(module), ..address.clone() }
            }
            _ => return Err(invalid("A module can only become a module, and a resource a resource.".into())),
        };
        moves.push((address, new));
    }
    if moves.is_empty() {
        return Err(invalid(nothing_at(state, from)));
    }
    let leaving: Vec<&ResourceInstance> = moves.iter().map(|(old, _)| old).collect();
    if let Some((_, taken)) = moves.iter().find(|(_, new)| state.slot(new).is_some() && !leaving.contains(&new)) {
        return Err(invalid(format!("There is an object at {taken} already.")));
    }
    Ok(moves)
}

fn rm(locking: &Locking, dry_run: bool, addresses: &[String]) -> Result<(), Diagnostic> {
    let wanted = targets(addresses)?;
    let (mut store, mut state) = open(locking, "state-rm", Copies::Each)?;
    let gone: Vec<ResourceInstance> =
        state.instances().map(|(a, _, _)| a).filter(|a| wanted.iter().any(|t| t.contains(a))).collect();
    if let Some(target) = wanted.iter().find(|target| !gone.iter().any(|address| target.contains(address))) {
        return Err(Diagnostic::error("Invalid target address", nothing_at(&state, target)));
    }
    for address in &gone {
        output::line(&format!("{} {address}", if dry_run { "Would remove" } else { "Removed" }));
    }
    if dry_run {
        return Ok(());
    }
    let before = state.clone();
    for address in &gone {
        state.remove(address);
    }
    store.write(&mut state)?;
    recording::by_hand(Kind::StateRm, &store, Some(&before), &state);
    output::line(&format!("Successfully removed {} resource instance(s).", gone.len()));
    Ok(())
}

fn pull() -> Result<(), Diagnostic> {
    if let Some(mut state) = store::read_only(&session(), None)? {
        state.terraform_version = TERRAFORM_VERSION.into();
        output::raw(&state.to_text());
    }
    Ok(())
}

fn push(locking: &Locking, force: bool, source: &std::path::Path) -> Result<(), Diagnostic> {
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
    if let Some(present) = present.as_ref().filter(|_| !force) {
        if present.lineage != given.lineage {
            return Err(Diagnostic::error(
                "Failed to write state",
                format!(
                    "The states have different lineages ({} here, {} given), so they are not versions of one another. -force \
                     pushes all the same.",
                    present.lineage, given.lineage
                ),
            ));
        }
        if present.serial > given.serial {
            return Err(Diagnostic::error(
                "Failed to write state",
                format!(
                    "The state here is newer: serial {} and {} given. -force pushes all the same.",
                    present.serial, given.serial
                ),
            ));
        }
    }
    store.write(&mut given)?;
    recording::by_hand(Kind::StatePush, &store, present.as_ref(), &given);
    Ok(())
}
