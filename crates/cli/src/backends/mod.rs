//! Where the states of a configuration are kept: its backend block, what `init` has recorded, and the two held against
//! each other.

mod initialise;
mod migration;
mod record;
mod remote_state;
mod settings;

use std::path::Path;
use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::Backend as Declared;
use infra_state::{Backend, LocalBackend};

pub(crate) use initialise::{Initialising, initialise};
pub(crate) use remote_state::States;

use self::settings::{Kind, Settings};
use crate::local;

/// Where states are kept if nothing says otherwise.
fn default_local() -> LocalBackend {
    LocalBackend::default()
}

/// Where `-local` keeps its own.
fn local_cloud() -> LocalBackend {
    LocalBackend { path: Some(local::state_path("default")), workspace_dir: Some(local::workspace_dir()) }
}

/// The backend of a configuration in the present folder.
///
/// # Errors
/// When it has to be initialised first, or its settings do not work.
pub(crate) fn current(block: Option<&Declared>) -> Result<Arc<dyn Backend>, Diagnostics> {
    if local::is_on() {
        return Ok(Arc::new(local_cloud()));
    }
    let kind = block.map(Kind::of).transpose()?;
    let (block, recorded) = match (block, record::read()?) {
        (None, None) => return Ok(Arc::new(default_local())),
        (None, Some(recorded)) => {
            return Err(needs_init(&format!(
                "the folder was initialised with the backend {:?}, and the configuration has no \
                                            backend block any more",
                recorded.kind
            ))
            .into());
        }
        (Some(block), None) => {
            let settings = Settings::of(block)?;
            if kind != Some(Kind::Local) || leaves_a_state(&settings) {
                let problem = Diagnostic::error(
                    NEEDS_INIT,
                    format!(
                        "The backend {:?} has not been set up in this folder. This sets it up, and asks before it copies \
                         states:\n    infra init",
                        &*block.ty
                    ),
                );
                return Err(problem.at(block.decl_range.clone()).into());
            }
            return Ok(settings.open(Some(block))?.0);
        }
        (Some(block), Some(recorded)) => (block, recorded),
    };
    let settings = Settings::of(block)?;
    let saved = recorded.settings();
    let same = *block.ty == *recorded.kind
        && (settings.hash() == recorded.hash || saved.as_ref().is_ok_and(|saved| *saved == settings));
    if !same {
        let reason = match *block.ty == *recorded.kind {
            true => "the backend block has changed since".to_string(),
            false => format!("the backend was {:?} then, and is {:?} now", recorded.kind, &*block.ty),
        };
        return Err(needs_init(&reason).at(block.decl_range.clone()).into());
    }
    Ok(saved?.open(Some(block))?.0)
}

/// A state in the default place that a `backend "local"` block with another place would leave behind.
fn leaves_a_state(settings: &Settings) -> bool {
    let here = default_local();
    let there = LocalBackend { path: settings.text("path").map(Into::into), workspace_dir: None };
    let (here, there) = (here.state_path("default"), there.state_path("default"));
    here != there && is_a_state(&here) && !is_a_state(&there)
}

fn is_a_state(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

const NEEDS_INIT: &str = "Backend initialization required: please run \"infra init\"";

fn needs_init(reason: &str) -> Diagnostic {
    Diagnostic::error(
        NEEDS_INIT,
        format!(
            "The states of this configuration may be elsewhere than before: {reason}.\n\nTo copy them to where they belong \
             now:\n    infra init -migrate-state\nTo use what is there already, and copy nothing:\n    infra init \
             -reconfigure"
        ),
    )
}
