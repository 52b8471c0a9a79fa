//! `infra workspace`: several states for one configuration.

use std::path::Path;

use infra_diag::Diagnostic;
use infra_state::{Backend, LockOptions, State};

use super::state::no_state;
use crate::args::{Waiting, Workspace};
use crate::session::Session;
use crate::{Exit, output, recording, store};

pub(crate) fn run(args: Workspace) -> Exit {
    let (session, _) = Session::read(true);
    let done = match args {
        Workspace::List => list(&session),
        Workspace::Show => valid(&session.workspace).map(|()| output::line(&session.workspace)),
        Workspace::New { waiting, state, name } => {
            locking(&waiting).and_then(|lock| new(&session, &name, state.as_deref(), lock))
        }
        Workspace::Select { or_create, name } => select(&session, &name, or_create),
        Workspace::Delete { waiting, force, name } => {
            locking(&waiting).and_then(|lock| delete(&session, &name, force, lock))
        }
    };
    match done {
        Ok(()) => Exit(0),
        Err(problem) => {
            session.show(problem.into());
            Exit(1)
        }
    }
}

fn locking(waiting: &Waiting) -> Result<LockOptions, Diagnostic> {
    Ok(LockOptions { enabled: waiting.lock, timeout: store::parse_duration(&waiting.lock_timeout)? })
}

fn names(backend: &dyn Backend) -> Result<Vec<String>, Diagnostic> {
    let mut names = backend.workspaces().map_err(|error| store::explain(&error))?;
    names.sort_by_key(|name| name != "default");
    Ok(names)
}

fn list(session: &Session) -> Result<(), Diagnostic> {
    for name in names(session.backend()?)? {
        let mark = if name == session.workspace { "*" } else { " " };
        output::line(&format!("{mark} {name}"));
    }
    output::line("");
    if chosen_by_environment().is_err() {
        output::line("The workspace is chosen by TF_WORKSPACE in the environment.\n");
    }
    Ok(())
}

/// Whether a workspace can be called so: its name is part of paths and of addresses in the network.
pub(crate) fn valid(name: &str) -> Result<(), Diagnostic> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~$&+:=@".contains(c);
    match !name.is_empty() && name != "." && name != ".." && name.chars().all(plain) && !name.starts_with('-') {
        true => Ok(()),
        false => Err(Diagnostic::error(
            "Invalid workspace name",
            format!(
                "{name:?} cannot be a workspace's name: it becomes part of a path. Use letters, digits, and -_.~$&+:=@ \
                 without a dash in front."
            ),
        )),
    }
}

fn chosen_by_environment() -> Result<(), Diagnostic> {
    match std::env::var_os("TF_WORKSPACE").is_some_and(|v| !v.is_empty()) {
        false => Ok(()),
        true => Err(Diagnostic::error(
            "The workspace is chosen by TF_WORKSPACE",
            "It cannot be changed while that variable is set in the environment.",
        )),
    }
}

fn new(session: &Session, name: &str, source: Option<&Path>, lock: LockOptions) -> Result<(), Diagnostic> {
    chosen_by_environment()?;
    valid(name)?;
    let backend = session.backend()?;
    if names(backend)?.iter().any(|n| n == name) {
        return Err(Diagnostic::error(
            format!("Workspace {name:?} already exists"),
            format!("Select it: infra workspace select {name}"),
        ));
    }
    let copied = match source {
        Some(path) => Some(store::read_file(path)?.ok_or_else(|| no_state(Some(&path.to_path_buf())))?),
        None => None,
    };
    let what = match &copied {
        Some(_) => "It has a state of its own, which is a copy of the file.",
        None => "It has a state of its own, which is empty.",
    };
    make(backend, name, copied, lock)?;
    store::select(name)?;
    output::line(&format!("Created and switched to workspace \"{name}\"!\n\n{what}"));
    Ok(())
}

/// A workspace is there for others when its folder is; elsewhere, when it has a state.
fn make(backend: &dyn Backend, name: &str, copied: Option<State>, lock: LockOptions) -> Result<(), Diagnostic> {
    let mut kept = backend.state(name);
    if backend.kind() == "local" && copied.is_none() {
        let place = kept.place();
        let folder = Path::new(&place).parent().unwrap_or(Path::new("."));
        return std::fs::create_dir_all(folder)
            .map_err(|error| Diagnostic::error("Error creating workspace", format!("{}: {error}.", folder.display())));
    }
    let made = kept.lock("init", lock).and_then(|()| {
        if kept.read()?.is_none() {
            kept.write(&mut copied.unwrap_or_default())?;
        }
        Ok(())
    });
    made.map_err(|error| store::explain(&error))?;
    kept.unlock().map_err(|error| store::still_locked(&error))
}

fn select(session: &Session, name: &str, or_create: bool) -> Result<(), Diagnostic> {
    chosen_by_environment()?;
    valid(name)?;
    if !names(session.backend()?)?.iter().any(|n| n == name) {
        if or_create {
            return new(session, name, None, LockOptions::default());
        }
        return Err(Diagnostic::error(
            format!("Workspace {name:?} doesn't exist"),
            format!("Make it: infra workspace new {name}"),
        ));
    }
    store::select(name)?;
    output::line(&format!("Switched to workspace \"{name}\"."));
    Ok(())
}

fn delete(session: &Session, name: &str, force: bool, lock: LockOptions) -> Result<(), Diagnostic> {
    valid(name)?;
    if name == "default" || name == session.workspace {
        return Err(Diagnostic::error(
            format!("Workspace {name:?} cannot be deleted"),
            "The default workspace stays, and the one that is selected has to be left first: infra workspace select default",
        ));
    }
    let backend = session.backend()?;
    if !names(backend)?.iter().any(|n| n == name) {
        return Err(Diagnostic::error(
            format!("Workspace {name:?} doesn't exist"),
            "See what there is: infra workspace list",
        ));
    }
    let mut kept = backend.state(name);
    let state = kept.lock("workspace-delete", lock).and_then(|()| kept.read());
    let state = state.map_err(|error| store::explain(&error))?;
    if !force && state.as_ref().is_some_and(|s| !s.resources.is_empty()) {
        return Err(Diagnostic::error(
            "Workspace is not empty",
            format!(
                "Workspace {name:?} still has objects in its state. Destroy them first; -force forgets them and leaves them as they are."
            ),
        ));
    }
    kept.unlock().map_err(|error| store::still_locked(&error))?;
    backend.delete(name).map_err(|error| store::explain(&error))?;
    recording::deleted(name, kept.shelf().as_deref(), state.as_ref());
    output::line(&format!("Deleted workspace \"{name}\"!"));
    if state.is_some_and(|state| !state.resources.is_empty()) {
        output::line(
            "Its state was not empty: what it managed may still exist, and nothing manages it any more.\nThe state's last \
             content is gone unless there is a copy of it.",
        );
    }
    Ok(())
}
