//! Saved plans as files that only their owner can read.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use infra_diag::Diagnostic;
use infra_engine::saved::{SavedPlan, SavedPlanError, Sealed};
use infra_state::State;
use infra_value::{Kind, Value};

/// Writes a plan. Its digest.
pub(crate) fn write(path: &Path, plan: &SavedPlan) -> Result<String, Diagnostic> {
    if let Some((name, _)) = plan.plan.outputs.iter().find(|(_, output)| is_infinite_within(&output.after)) {
        return Err(Diagnostic::error(
            "Failed to write plan file",
            format!(
                "The output {name:?} holds an infinite number, as from a division by zero, and no state can hold one."
            ),
        ));
    }
    let Sealed { text, digest } = plan.seal();
    let mut open = OpenOptions::new();
    let file = open.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        // A file that was there before keeps its mode otherwise.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    });
    written.map(|()| digest).map_err(|error| {
        Diagnostic::error(
            "Failed to write plan file",
            format!("The plan could not be written to {}: {error}.", path.display()),
        )
    })
}

/// Whether there is an infinite number in a value.
fn is_infinite_within(value: &Value) -> bool {
    match value.kind() {
        Kind::Number(number) => number.is_infinite(),
        Kind::List(_, elements) | Kind::Set(_, elements) | Kind::Tuple(elements) => {
            elements.iter().any(is_infinite_within)
        }
        Kind::Map(_, members) | Kind::Object(members) => members.values().any(is_infinite_within),
        _ => false,
    }
}

/// Reads a plan.
pub(crate) fn read(path: &Path) -> Result<SavedPlan, Diagnostic> {
    let text = std::fs::read(path)
        .map_err(|error| Diagnostic::error("Failed to read plan file", format!("{}: {error}.", path.display())))?;
    let failed = |why: String| Diagnostic::error("Failed to read plan file", format!("{}: {why}.", path.display()));
    if text.starts_with(b"PK\x03\x04") {
        return Err(failed(
            "it is a plan that Terraform has saved. Apply it with Terraform, or plan again with infra plan -out".into(),
        ));
    }
    // What is no text is not what was saved: its digest tells.
    let text = String::from_utf8_lossy(&text);
    SavedPlan::parse(&text).map_err(|error| match (&error, State::parse(&text)) {
        (SavedPlanError::NotAPlan, Ok(Some(_))) => failed("it is a state file, not a saved plan".into()),
        _ => failed(error.to_string()),
    })
}

/// Whether a file is a saved plan, as far as its beginning tells.
pub(crate) fn is_plan(path: &Path) -> bool {
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(400).read_to_end(&mut begin));
    read.is_ok() && SavedPlan::is_likely(&String::from_utf8_lossy(&begin))
}
