//! Whether a saved plan still fits what it was made from: configuration, commit, variables, state.

use std::path::{Path, PathBuf};

use infra_diag::Diagnostic;
use infra_engine::origin::Commit;
use infra_engine::saved::SavedPlan;
use infra_lang::config::{Module, Snapshot};

use crate::origin;
use crate::session::Session;

/// Refuses a plan whose configuration or commit is another one than that of the present folder; with `allow`, warns. A
/// folder without configuration has nothing that could differ.
///
/// # Errors
/// When they differ.
pub(crate) fn configuration(saved: &SavedPlan, allow: bool) -> Result<Option<Diagnostic>, Diagnostic> {
    let (now, _) = Session::read(true);
    let now = now.snapshot();
    if now.files.is_empty() {
        return Ok(None);
    }
    let list: String = differences(saved, &now).iter().map(|line| format!("\n  {line}")).collect();
    let commits = commits(saved.origin.commit.as_ref(), origin::commit().as_ref());
    let then = commits.as_ref().map(|commits| format!("{commits} ")).unwrap_or_default();
    if list.is_empty() && commits.is_none() {
        return Ok(None);
    }
    if allow {
        let files = if list.is_empty() { String::new() } else { format!(" These files differ:\n{list}") };
        return Ok(Some(Diagnostic::warning(
            "The configuration has changed since the plan was made",
            format!("{then}The apply does what was planned, with the configuration as it was then.{files}"),
        )));
    }
    let (summary, what) = match list.is_empty() {
        true => ("Saved plan is from another commit", then),
        false => (
            "Saved plan is from another configuration",
            format!("{then}These files are not as they were when the plan was made:\n{list}\n\n"),
        ),
    };
    Err(Diagnostic::error(
        summary,
        format!(
            "{what}Nothing was changed. Plan again, or apply where the plan was made from. To do what was planned all the \
             same, with the configuration as it was then, add -allow-changed"
        ),
    ))
}

/// The files that differ, and how.
fn differences(saved: &SavedPlan, now: &Snapshot) -> Vec<String> {
    let then = &saved.configuration;
    let installed = |name: &str, snapshot: &Snapshot| {
        let fetched = snapshot.installed.0.values().filter(|m| !m.source.is_empty() && !m.source.starts_with('.'));
        fetched.map(|module| format!("{}/", module.dir)).any(|folder| name.starts_with(&folder))
    };
    let mut lines = Vec::new();
    for (name, text) in &now.files {
        match then.files.get(name) {
            Some(same) if same == text => {}
            Some(_) => lines.push(format!("{name} (changed)")),
            None => lines.push(format!("{name} (new)")),
        }
    }
    for name in then.files.keys().filter(|name| !now.files.contains_key(*name)) {
        // What init has not fetched yet is no other configuration, nor is a file that only the plan ever had.
        if !installed(name, then) && saved.generated.as_ref() != Some(name) {
            lines.push(format!("{name} (gone)"));
        }
    }
    lines.sort();
    lines
}

/// In which way the commit is another one. Changes that were in no commit when the plan was made are held against the
/// files: committing them afterwards changes nothing.
fn commits(then: Option<&Commit>, now: Option<&Commit>) -> Option<String> {
    let (then, now) = (then.filter(|commit| !commit.dirty)?, now?);
    let short = |commit: &Commit| commit.id.chars().take(12).collect::<String>();
    (then.id != now.id)
        .then(|| format!("The plan was made at commit {}, and this folder is at {}.", short(then), short(now)))
}

/// Refuses a plan if a file or the environment gives a variable another value than when it was made.
///
/// # Errors
/// When one does.
pub(crate) fn surroundings(saved: &SavedPlan, module: &Module) -> Result<(), Diagnostic> {
    let then = &saved.origin.variables;
    let files: Vec<PathBuf> = then.files.iter().map(PathBuf::from).collect();
    if !files.iter().all(|file| file.is_file()) {
        // Without them nothing can be told about what they set.
        return Ok(());
    }
    let now = origin::from_surroundings(module, &files);
    let differs = now.values.iter().find(|(name, value)| {
        now.given.get(*name).is_some_and(|variable| variable.given)
            && module.variables.get(*name).is_some_and(|variable| !variable.ephemeral)
            && then.was(name, value) != Some(true)
            && saved.variables.get(*name) != Some(*value)
    });
    match differs {
        Some((name, _)) => Err(other_value(name)),
        None => Ok(()),
    }
}

/// The error about a variable.
pub(crate) fn other_value(name: &str) -> Diagnostic {
    Diagnostic::error(
        "Can't change variable when applying a saved plan",
        format!("The variable {name:?} had another value when the plan was made. Plan again with the new one."),
    )
}

/// Refuses a plan for a state that is kept elsewhere.
///
/// # Errors
/// When it is another place.
pub(crate) fn place(saved: &SavedPlan, place: &str) -> Result<(), Diagnostic> {
    let then = &saved.origin.backend;
    let plain = |place: &str| Path::new(place).components().collect::<PathBuf>();
    if then.is_empty() || then == place || plain(then) == plain(place) {
        return Ok(());
    }
    Err(Diagnostic::error(
        "Saved plan is for another state",
        format!(
            "It was made for the state in {then}, and this apply is for the one in {place}. Plan again for that one."
        ),
    ))
}

/// Refuses a plan that was made from another state, or another version of it.
///
/// # Errors
/// When it was.
pub(crate) fn state(saved: &SavedPlan, serial: u64, lineage: &str) -> Result<(), Diagnostic> {
    // A plan from before there was a state has no lineage; a state that has come since makes it stale.
    if saved.lineage != lineage && !saved.lineage.is_empty() {
        let now = match lineage {
            "" => "there is no state here".to_string(),
            lineage => format!("this one has the lineage {lineage} (serial {serial})"),
        };
        return Err(Diagnostic::error(
            "Saved plan does not match the given state",
            format!(
                "The plan was made from a state with the lineage {} (serial {}), and {now}. Plan again in the folder and \
                 workspace that it is to be applied in.",
                saved.lineage, saved.serial
            ),
        ));
    }
    if saved.serial == serial && saved.lineage == lineage {
        return Ok(());
    }
    let what = match saved.serial > serial {
        true => "The state is older than the one that the plan was made from",
        false => "The state was changed after the plan was made",
    };
    let then = match saved.lineage.is_empty() {
        true => "there was none then".to_string(),
        false => format!("the plan is from its serial {}", saved.serial),
    };
    Err(Diagnostic::error(
        "Saved plan is stale",
        format!("{what}: {then}, and it has serial {serial} now. Plan again."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plan_of_a_clean_commit_is_held_to_it() {
        let commit = |id: &str, dirty| Commit { id: id.into(), dirty };
        for (then, now, differ) in [
            (Some(commit("a", false)), Some(commit("b", false)), true),
            (Some(commit("a", false)), Some(commit("b", true)), true),
            (Some(commit("a", false)), Some(commit("a", true)), false),
            (Some(commit("a", true)), Some(commit("b", false)), false),
            (Some(commit("a", false)), None, false),
            (None, Some(commit("a", false)), false),
        ] {
            assert_eq!(commits(then.as_ref(), now.as_ref()).is_some(), differ, "{then:?} {now:?}");
        }
    }
}
