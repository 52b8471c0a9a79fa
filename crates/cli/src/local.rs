//! `-local`: the same commands on this machine instead of AWS.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use infra_diag::Diagnostic;
use infra_local::{Client, Folder};

static ON: OnceLock<bool> = OnceLock::new();

/// One for all parts of a command: it knows whether the command has started the supervisor.
static CLIENT: OnceLock<Client> = OnceLock::new();

/// Says once, at the start, whether `-local` was given.
pub(crate) fn set(on: bool) {
    let _ = ON.set(on);
}

/// Whether `-local` was given.
pub(crate) fn is_on() -> bool {
    ON.get().copied().unwrap_or(false)
}

/// The supervisor of the present folder.
pub(crate) fn client() -> Result<Client, Diagnostic> {
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let failed = |what: &str, error: std::io::Error| Diagnostic::error(what, format!("{error}."));
    let folder = Folder::of(Path::new(".")).map_err(|e| failed("The present folder cannot be used", e))?;
    let program = std::env::current_exe().map_err(|e| failed("The infra program cannot find itself", e))?;
    Ok(CLIENT.get_or_init(|| Client::new(folder, program)).clone())
}

/// The supervisor of the present folder, if the command has had to do with it.
pub(crate) fn used() -> Option<Client> {
    CLIENT.get().cloned()
}

/// Where the state of a workspace is kept.
pub(crate) fn state_path(workspace: &str) -> PathBuf {
    match workspace {
        "default" => state_folder().join("terraform.tfstate"),
        other => workspace_dir().join(other).join("terraform.tfstate"),
    }
}

/// Where the states of other workspaces are kept.
pub(crate) fn workspace_dir() -> PathBuf {
    state_folder().join("terraform.tfstate.d")
}

/// Relative, so that messages show a short path.
fn state_folder() -> PathBuf {
    Path::new(".infra").join("local")
}

/// Makes the folder that the state is kept in.
pub(crate) fn prepare() -> Result<(), Diagnostic> {
    let made = Folder::of(Path::new(".")).and_then(|folder| folder.create());
    made.map_err(|error| {
        Diagnostic::error(
            "The folder for -local cannot be made",
            format!(
                ".infra/local: {error}.\n\nWhat runs on this machine is kept there. Use a folder that you can write to, for \
                 instance a copy of this one."
            ),
        )
    })
}
