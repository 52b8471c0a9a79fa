//! `infra plan`: what an apply would change. Nothing is changed, and nothing is written but the plan file.

use infra_diag::Diagnostic;
use infra_engine::saved::SavedPlan;

use super::planning::{self, Planned};
use crate::args::{Plan, Variables};
use crate::machine::{self, JsonLines};
use crate::session::Session;
use crate::ui::Lines;
use crate::{Exit, origin, output, planfile};

pub(crate) fn run(args: Plan) -> Exit {
    let mut options = match planning::options(&args.planning).and_then(|o| new_file(&args).map(|()| o)) {
        Ok(options) => options,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    options.generate_config = args.generate_config_out.as_ref().map(|path| path.display().to_string());
    let made = match args.screen.json {
        true => {
            let lines = JsonLines::default();
            planning::make(&args.variables, &args.screen, &args.locking, &options, "OperationTypePlan", &lines)
        }
        false => {
            let lines = Lines::new();
            let made =
                planning::make(&args.variables, &args.screen, &args.locking, &options, "OperationTypePlan", &lines);
            lines.finish();
            made
        }
    };
    let Planned { mut session, store, mut saved, mut problems } = match made {
        Ok(planned) => *planned,
        Err(refused) => {
            return tell_refused(*refused, args.screen.json);
        }
    };
    drop(store);
    let generated = generated(&args, &mut session, &mut saved, &mut problems);
    let failed = problems.has_errors();
    let plan = &saved.plan;
    let digest = match args.out.as_ref().map(|path| write_plan(path, &args.variables, &session, &saved)).transpose() {
        Ok(digest) => digest,
        Err(problem) => {
            session.show(problem.into());
            return Exit(1);
        }
    };
    if args.screen.json {
        machine::plan(plan);
        if let (Some(path), Some(digest)) = (&args.out, &digest) {
            machine::print(&infra_view::json::infra_events::plan_saved(&path.display().to_string(), digest));
        }
        infra_lang::config::name_blocks(&mut problems, &session.sources);
        machine::diagnostics(&problems, &session.sources);
    } else {
        output::raw(&planning::text_of(plan, &session));
        super::local::note_missing(plan);
        session.show(problems);
        if let Some(file) = &generated {
            output::line(&format!(
                "\nThe generated configuration is in {file}. Read it and correct what has to be, before you keep it."
            ));
        }
        if plan.applyable {
            hint(args.out.as_deref());
        }
        if let Some(digest) = &digest {
            output::line(&format!("\nPlan digest: {digest}"));
        }
    }
    match (failed, args.detailed_exitcode && plan.applyable) {
        (true, _) => Exit(1),
        (false, true) => Exit(2),
        (false, false) => Exit(0),
    }
}

/// Generated configuration is never written over something.
fn new_file(args: &Plan) -> Result<(), Diagnostic> {
    match &args.generate_config_out {
        Some(path) if path.exists() => Err(Diagnostic::error(
            "Target generated file already exists",
            format!(
                "{} exists, and generated configuration goes only into a new file. Name another one, or move what is in \
                 this one elsewhere and delete it.",
                path.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// Writes the configuration that was generated, and takes it into the plan's. The name of its file, if there is any.
fn generated(
    args: &Plan,
    session: &mut Session,
    saved: &mut SavedPlan,
    problems: &mut infra_diag::Diagnostics,
) -> Option<String> {
    let path = args.generate_config_out.as_ref()?;
    let detail = "What is generated for imported objects is a start, and its form may change.";
    problems.push(Diagnostic::warning("Config generation is experimental", detail));
    let file = infra_engine::generated_file(&session.config, &saved.plan)?;
    let name = path.display().to_string();
    file.place(problems, &name);
    session.sources.insert(name.as_str().into(), file.text.as_str().into());
    if let Err(error) = std::fs::write(path, &file.text) {
        let detail = format!("The generated configuration could not be written to {name}: {error}.");
        problems.push(Diagnostic::error("Failed to create target generated file", detail));
        return None;
    }
    let mut within = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !within.ends_with(".tf") {
        within.push_str(".tf");
    }
    saved.generated = Some(within.clone());
    saved.configuration.files.insert(within, file.text);
    Some(name)
}

/// Writes the plan, with where it comes from, and without the values of ephemeral variables: they are given again to the
/// apply. Its digest.
fn write_plan(
    path: &std::path::Path,
    variables: &Variables,
    session: &Session,
    saved: &SavedPlan,
) -> Result<String, infra_diag::Diagnostic> {
    let mut kept = saved.clone();
    kept.origin = origin::of(&session.config.root, variables, saved.origin.backend.clone());
    for (name, _) in session.config.root.variables.iter().filter(|(_, variable)| variable.ephemeral) {
        kept.variables.remove(name);
        kept.plan.variables.remove(name);
    }
    planfile::write(path, &kept)
}

/// Tells why there is no plan.
pub(crate) fn tell_refused(refused: planning::Refused, json: bool) -> Exit {
    let planning::Refused { session, mut problems } = refused;
    match json {
        true => {
            infra_lang::config::name_blocks(&mut problems, &session.sources);
            machine::diagnostics(&problems, &session.sources);
        }
        false => session.show(problems),
    }
    Exit(1)
}

fn hint(out: Option<&std::path::Path>) {
    if std::env::var_os("TF_IN_AUTOMATION").is_some_and(|v| !v.is_empty()) {
        return;
    }
    let rule = "─".repeat(output::columns().saturating_sub(1));
    let text = match out {
        Some(path) => format!(
            "Saved the plan to: {path}\n\nTo do exactly this:\n    infra apply {path:?}",
            path = path.display().to_string()
        ),
        None => {
            "This plan was not saved (-out=FILE): an apply plans anew, and may do something else if anything changes \
                 in between."
                .to_string()
        }
    };
    output::line(&format!("\n{rule}\n\n{text}"));
}
