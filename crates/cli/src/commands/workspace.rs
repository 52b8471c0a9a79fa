//! `infra workspace`: several states for one configuration.

use std::path::PathBuf;

use infra_diag::Diagnostic;

use crate::args::Workspace;
use crate::session::Session;
use crate::{Exit, output, store};

pub(crate) fn run(args: Workspace) -> Exit {
    let (session, _) = Session::load(true);
    let done = match args {
        Workspace::List => list(&session),
        Workspace::Show => {
            output::line(&session.workspace);
            Ok(())
        }
        Workspace::New { name } => new(&session, &name),
        Workspace::Select { or_create, name } => select(&session, &name, or_create),
        Workspace::Delete { force, name } => delete(&session, &name, force),
    };
    match done {
        Ok(()) => Exit(0),
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            Exit(1)
        }
    }
}

fn names(session: &Session) -> Vec<String> {
    let folder = session.backend.workspace_dir();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.insert(0, "default".into());
    names
}

fn list(session: &Session) -> Result<(), Diagnostic> {
    for name in names(session) {
        let mark = if name == session.workspace { "*" } else { " " };
        output::line(&format!("{mark} {name}"));
    }
    output::line("");
    Ok(())
}

/// Whether a workspace can be called so.
pub(crate) fn valid(name: &str) -> Result<(), Diagnostic> {
    let fits = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\']) && !name.starts_with('-');
    match fits {
        true => Ok(()),
        false => Err(Diagnostic::error(
            "Invalid workspace name",
            format!("{name:?} cannot be a workspace's name: it becomes the name of a folder."),
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

fn choose(name: &str) -> Result<(), Diagnostic> {
    let folder = store::data_dir();
    let path = folder.join("environment");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, name))
        .map_err(|error| Diagnostic::error("Error selecting workspace", format!("{}: {error}.", path.display())))
}

fn new(session: &Session, name: &str) -> Result<(), Diagnostic> {
    chosen_by_environment()?;
    valid(name)?;
    if names(session).iter().any(|n| n == name) {
        return Err(Diagnostic::error(
            format!("Workspace {name:?} already exists"),
            format!("Select it: infra workspace select {name}"),
        ));
    }
    let folder: PathBuf = session.backend.workspace_dir().join(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Diagnostic::error("Error creating workspace", format!("{}: {error}.", folder.display())))?;
    choose(name)?;
    output::line(&format!(
        "Created and switched to workspace \"{name}\"!\n\nIt has a state of its own, which is empty."
    ));
    Ok(())
}

fn select(session: &Session, name: &str, or_create: bool) -> Result<(), Diagnostic> {
    chosen_by_environment()?;
    valid(name)?;
    if !names(session).iter().any(|n| n == name) {
        if or_create {
            return new(session, name);
        }
        return Err(Diagnostic::error(
            format!("Workspace {name:?} doesn't exist"),
            format!("Make it: infra workspace new {name}"),
        ));
    }
    choose(name)?;
    output::line(&format!("Switched to workspace \"{name}\"."));
    Ok(())
}

fn delete(session: &Session, name: &str, force: bool) -> Result<(), Diagnostic> {
    valid(name)?;
    if name == "default" || name == session.workspace {
        return Err(Diagnostic::error(
            format!("Workspace {name:?} cannot be deleted"),
            "The default workspace stays, and the one that is selected has to be left first: infra workspace select default",
        ));
    }
    let folder = session.backend.workspace_dir().join(name);
    if !folder.is_dir() {
        return Err(Diagnostic::error(
            format!("Workspace {name:?} doesn't exist"),
            "See what there is: infra workspace list",
        ));
    }
    let state = store::read_only(&folder.join("terraform.tfstate"))?;
    if !force && state.is_some_and(|s| !s.resources.is_empty()) {
        return Err(Diagnostic::error(
            "Workspace is not empty",
            format!(
                "Workspace {name:?} still has objects in its state. Destroy them first; -force forgets them and leaves them as they are."
            ),
        ));
    }
    std::fs::remove_dir_all(&folder)
        .map_err(|error| Diagnostic::error("Error deleting workspace", format!("{}: {error}.", folder.display())))?;
    output::line(&format!("Deleted workspace \"{name}\"!"));
    Ok(())
}
