//! `infra plan`: what an apply would change. Nothing is changed, and nothing is written but the plan file.

use infra_engine::saved::SavedPlan;

use super::planning::{self, Planned};
use crate::args::Plan;
use crate::machine::{self, JsonLines};
use crate::session::Session;
use crate::ui::Lines;
use crate::{Exit, output, planfile};

pub(crate) fn run(args: Plan) -> Exit {
    let options = match planning::options(&args.planning) {
        Ok(options) => options,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    if args.generate_config_out.is_some() {
        output::error(
            "Option -generate-config-out is not supported",
            "infra does not write configuration for import blocks yet. Write the resource block, and leave the option out.",
        );
        return Exit(1);
    }
    let made = match args.screen.json {
        true => {
            machine::print(&infra_view::json::events::version());
            planning::make(&args.variables, &args.screen, &args.locking, &options, "OperationTypePlan", &JsonLines)
        }
        false => {
            let lines = Lines::new();
            let made =
                planning::make(&args.variables, &args.screen, &args.locking, &options, "OperationTypePlan", &lines);
            lines.finish();
            made
        }
    };
    let Planned { session, store, saved, problems } = match made {
        Ok(planned) => *planned,
        Err(refused) => {
            return tell_refused(*refused, args.screen.json);
        }
    };
    drop(store);
    let failed = problems.has_errors();
    let plan = &saved.plan;
    if let Some(path) = &args.out
        && let Err(problem) = write_plan(path, &session, &saved)
    {
        session.show(problem.into());
        return Exit(1);
    }
    if args.screen.json {
        machine::plan(plan);
        let mut problems = problems;
        infra_lang::config::name_blocks(&mut problems, &session.sources);
        machine::diagnostics(&problems, &session.sources);
    } else {
        output::raw(&planning::text_of(plan, &session));
        session.show(problems);
        if plan.applyable {
            hint(args.out.as_deref());
        }
    }
    match (failed, args.detailed_exitcode && plan.applyable) {
        (true, _) => Exit(1),
        (false, true) => Exit(2),
        (false, false) => Exit(0),
    }
}

/// Writes the plan without the values of ephemeral variables: they are given again to the apply.
fn write_plan(path: &std::path::Path, session: &Session, saved: &SavedPlan) -> Result<(), infra_diag::Diagnostic> {
    let mut kept = saved.clone();
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
