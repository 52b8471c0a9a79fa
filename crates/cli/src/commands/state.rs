//! `infra state`: looking into the state and changing it by hand.

mod mv;
mod push;
mod replace_provider;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

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
        args::State::Mv { locking, backup_out, dry_run, from, to } => {
            mv::run(&locking, backup_out, dry_run, &from, &to)
        }
        args::State::Rm { locking, dry_run, addresses } => rm(&locking, dry_run, &addresses),
        args::State::Pull => pull(),
        args::State::Push { locking, force, path } => push::run(&locking, force, &path),
        args::State::ReplaceProvider { locking, auto_approve, from, to } => {
            replace_provider::run(&locking, auto_approve, &from, &to)
        }
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
    store::read_only(&session(), given)?.ok_or_else(|| no_state(given))
}

/// The error about a state that is not there.
pub(crate) fn no_state(given: Option<&PathBuf>) -> Diagnostic {
    let detail = match given {
        Some(path) => format!("There is no state in {} (-state). Name the file that holds one.", path.display()),
        None => "Nothing has been applied in this folder and workspace yet. See which workspaces there are: infra \
                 workspace list"
            .into(),
    };
    Diagnostic::error("No state file was found", detail)
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
    let (store, state) = open_if_any(locking, operation, copies)?;
    Ok((store, state.ok_or_else(|| no_state(locking.state.as_ref()))?))
}

/// The same where there may be no state yet.
pub(crate) fn open_if_any(
    locking: &Locking,
    operation: &str,
    copies: Copies,
) -> Result<(Store, Option<State>), Diagnostic> {
    let session = session();
    let mut locking = locking.clone();
    let kept_in_a_file = locking.state.is_some() || session.backend()?.kind() == "local";
    if !kept_in_a_file && (locking.backup.is_some() || locking.state_out.is_some()) {
        return Err(Diagnostic::error(
            "Invalid command line options",
            "-backup and -state-out are for states in files, and this one is elsewhere. Leave them out, or name a file \
             with -state.",
        ));
    }
    if kept_in_a_file && copies == Copies::Each {
        let path = match &locking.state {
            Some(path) => path.clone(),
            None => session.backend()?.state(&session.workspace).place().into(),
        };
        locking.backup = copy_of(&path, locking.backup.take());
    }
    let mut store = match &locking.state {
        Some(path) => store::open_file(path, &locking, operation)?,
        None => store::open(&session, &locking, operation)?,
    };
    let state = store.read()?;
    Ok((store, state))
}

/// Where the copy of a state goes that a change by hand leaves: there always is one.
fn copy_of(path: &Path, wanted: Option<PathBuf>) -> Option<PathBuf> {
    // Two changes in one second each keep what was there before.
    let now = jiff::Timestamp::now().as_second();
    let mut names = (now..).map(|seconds| PathBuf::from(format!("{}.{seconds}.backup", path.display())));
    wanted.filter(|wanted| wanted.as_os_str() != "-").or_else(|| names.find(|name| !name.exists()))
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
    names.remove(&target.to_string());
    let hint = infra_lang::syntax::suggest::did_you_mean(&target.to_string(), names.iter().map(String::as_str));
    format!("The state has nothing at {target}.{hint} See what it has: infra state list")
}

fn list(given: Option<PathBuf>, id: Option<&str>, addresses: &[String]) -> Result<(), Diagnostic> {
    let state = read(given.as_ref())?;
    let wanted = targets(addresses)?;
    let mut all = Vec::new();
    for (address, _, slot) in state.instances() {
        let Some(object) = &slot.current else { continue };
        let named = wanted.is_empty() || wanted.iter().any(|t| t.contains(&address));
        let same_id = id.is_none_or(|id| object.attributes.get("id").and_then(|v| v.as_str()) == Some(id));
        if named && same_id {
            all.push(address);
        }
    }
    for target in &wanted {
        if !state.instances().any(|(address, _, _)| target.contains(&address)) {
            return Err(Diagnostic::error("Unknown resource", nothing_at(&state, target)));
        }
    }
    all.sort_by(as_listed);
    all.iter().for_each(|address| output::line(&address.to_string()));
    Ok(())
}

/// The order in which instances are listed: modules by their depth, data sources before managed resources.
fn as_listed(a: &ResourceInstance, b: &ResourceInstance) -> Ordering {
    let place = |a: &ResourceInstance| (a.module.0.len(), a.module.clone(), a.resource.mode == ResourceMode::Managed);
    place(a).cmp(&place(b)).then_with(|| a.cmp(b))
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

fn rm(locking: &Locking, dry_run: bool, addresses: &[String]) -> Result<(), Diagnostic> {
    let wanted = targets(addresses)?;
    let (mut store, mut state) = open(locking, "state-rm", Copies::Each)?;
    let mut gone: Vec<ResourceInstance> = Vec::new();
    for target in &wanted {
        let mut named: Vec<ResourceInstance> =
            state.instances().map(|(a, _, _)| a).filter(|a| target.contains(a)).collect();
        if named.is_empty() {
            return Err(Diagnostic::error("Invalid target address", nothing_at(&state, target)));
        }
        named.sort_by(as_listed);
        named.retain(|address| !gone.contains(address));
        gone.extend(named);
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
        output::line(&state.to_text());
    }
    Ok(())
}
