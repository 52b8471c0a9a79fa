//! `infra apply` and `infra destroy`: plan, ask, do it; or do what a saved plan says.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use infra_approval::Approval;
use infra_diag::{Diagnostic, Diagnostics};
use infra_engine::plan::{Counts, PlanMode};
use infra_engine::saved::SavedPlan;
use infra_engine::ui::Ui;
use infra_engine::{Applied, ApplyInputs, apply};
use infra_lang::functions::Phase;

use super::planning::{self, Planned};
use crate::args::Apply;
use crate::interrupts::Interrupts;
use crate::machine::{self, JsonLines};
use crate::recording::{Run, Watching};
use crate::releasing::{Driven, Driving, release_all};
use crate::session::{Session, with_functions};
use crate::store::{self, Store};
use crate::ui::Lines;
use crate::{Exit, approval, fitting, output, planfile};

pub(crate) fn run(mut args: Apply, destroy: bool) -> Exit {
    if destroy && (args.planning.destroy || args.planning.refresh_only) {
        let option = if args.planning.destroy { "-destroy" } else { "-refresh-only" };
        output::error("Invalid mode option", &format!("infra destroy always destroys. Leave {option} out."));
        return Exit(1);
    }
    args.planning.destroy |= destroy;
    match &args.plan {
        Some(path) if path.is_dir() => {
            output::error(
                "Too many command line arguments",
                &format!(
                    "{0} is a folder. To work in another folder, use -chdir: infra -chdir={0} apply",
                    path.display()
                ),
            );
            Exit(1)
        }
        Some(path) => apply_saved(&args, path),
        None if args.planning.refresh_only => apply_new(&args),
        None => match approval::refuse_unsaved(&args.approving) {
            Ok(()) => apply_new(&args),
            Err(problem) => {
                output::error(&problem.summary, &problem.detail);
                Exit(1)
            }
        },
    }
}

fn fail(session: &Session, problems: Diagnostics, json: bool) -> Exit {
    planning_failed(session, problems, json);
    Exit(1)
}

fn planning_failed(session: &Session, mut problems: Diagnostics, json: bool) {
    match json {
        true => {
            infra_lang::config::name_blocks(&mut problems, &session.sources);
            machine::diagnostics(&problems, &session.sources);
        }
        false => session.show(problems),
    }
}

fn apply_new(args: &Apply) -> Exit {
    let json = args.screen.json;
    if json && !args.auto_approve {
        output::error(
            "Plan file or auto-approve required",
            "With -json nobody can be asked: add -auto-approve, or give a saved plan.",
        );
        return Exit(1);
    }
    let options = match planning::options(&args.planning) {
        Ok(options) => options,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    let (lines, machine) = (Lines::unless(json), JsonLines::default());
    let ui: &dyn Ui = match &lines {
        Some(lines) => lines,
        None => &machine,
    };
    let made = planning::make(&args.variables, &args.screen, &args.locking, &options, "OperationTypeApply", ui);
    if let Some(lines) = &lines {
        lines.finish();
    }
    let Planned { session, mut store, saved, problems } = match made {
        Ok(planned) => *planned,
        Err(refused) => return super::plan::tell_refused(*refused, json),
    };
    let plan = &saved.plan;
    match json {
        true => machine::plan(plan),
        false => {
            output::raw(&planning::text_of(plan, &session));
            super::local::note_missing(plan);
        }
    }
    let failed = problems.has_errors();
    planning_failed(&session, problems, json);
    if failed {
        return Exit(1);
    }
    if plan.applyable && !args.auto_approve && !approved(&session, plan.mode, args.screen.input) {
        return Exit(1);
    }
    perform(&session, &mut store, &saved, &how(args))
}

fn apply_saved(args: &Apply, path: &Path) -> Exit {
    let json = args.screen.json;
    let saved = match planfile::read(path) {
        Ok(saved) => saved,
        Err(problem) => {
            let (session, _) = Session::read(args.screen.no_color);
            return fail(&session, problem.into(), json);
        }
    };
    let (session, mut problems) = Session::of_snapshot(&saved.configuration, args.screen.no_color);
    if problems.has_errors() {
        return fail(&session, problems, json);
    }
    let checked = fitting::configuration(&saved, args.approving.allow_changed).and_then(|changed| {
        problems.extend(changed);
        approval::required(&args.approving, path, &saved)
    });
    let approval = match checked {
        Ok(approval) => approval,
        Err(problem) => return fail(&session, problem.into(), json),
    };
    planning_failed(&session, problems, json);
    if let Some(Approval { principal, key_type, fingerprint, signed_at, .. }) = &approval {
        output::line(&format!("Approved by {principal} at {signed_at}, with the {key_type} key {fingerprint}."));
    }
    let (saved, mut store) = match open_saved(args, saved, &session) {
        Ok(opened) => opened,
        Err(problem) => return fail(&session, problem.into(), json),
    };
    perform(&session, &mut store, &saved, &How { approval, ..how(args) })
}

/// Holds variables that are given against those of the plan, and takes the ephemeral ones, which no saved plan has.
fn take_variables(args: &Apply, session: &Session, saved: &mut SavedPlan) -> Result<(), Diagnostic> {
    let module = &session.config.root;
    let mut sources = infra_diag::Sources::default();
    let (mut given, _) = crate::variables::gather(module, &args.variables, false, &mut sources);
    for (name, variable) in module.variables.iter().filter(|(_, variable)| variable.ephemeral) {
        let Some(value) = given.values.remove(name) else {
            return Err(Diagnostic::error(
                "No value for required variable",
                format!(
                    "The value of the ephemeral variable {name:?} is in no saved plan: give it to the apply too, with \
                     -var, in a *.tfvars file, or in the environment as TF_VAR_{name}."
                ),
            )
            .at(variable.decl_range.clone()));
        };
        saved.variables.insert(name.clone(), value);
    }
    fitting::surroundings(saved, module)?;
    if args.variables.var.is_empty() && args.variables.var_file.is_empty() {
        return Ok(());
    }
    let is_given = |name: &std::sync::Arc<str>| given.given.get(name).is_some_and(|variable| variable.given);
    match given.values.iter().find(|(name, value)| is_given(name) && saved.variables.get(*name) != Some(value)) {
        Some((name, _)) => Err(fitting::other_value(name)),
        None => Ok(()),
    }
}

/// Holds a saved plan against what there is now.
fn open_saved(args: &Apply, mut saved: SavedPlan, session: &Session) -> Result<(SavedPlan, Store), Diagnostic> {
    if args.planning.destroy
        || args.planning.refresh_only
        || !args.planning.target.is_empty()
        || !args.planning.replace.is_empty()
    {
        return Err(Diagnostic::error(
            "Plan options with a saved plan",
            "What a saved plan does was decided when it was made. Leave -destroy, -refresh-only, -target and -replace out, \
             or plan again with them.",
        ));
    }
    fits_place(&saved)?;
    take_variables(args, session, &mut saved)?;
    if saved.plan.errored {
        return Err(Diagnostic::error(
            "Cannot apply incomplete plan",
            "There were errors while this plan was made, so it leaves out part of what the configuration asks for. Correct \
             them and plan again.",
        ));
    }
    if saved.workspace != session.workspace {
        return Err(Diagnostic::error(
            "Saved plan is for another workspace",
            format!("It was made in the workspace {:?}, and {:?} is selected.", saved.workspace, session.workspace),
        ));
    }
    let mut store = store::open(session, &args.locking, "OperationTypeApply")?;
    let state = store.read()?;
    let (serial, lineage) = state.as_ref().map(|s| (s.serial, s.lineage.clone())).unwrap_or_default();
    fitting::place(&saved, &store.place())?;
    fitting::state(&saved, serial, &lineage)?;
    let known = |token: &String| saved.settled.contains(token) || saved.unsettled.contains(token);
    let intents = planning::intents_of(&store.underway(), &store)?;
    if let Some(intent) = intents.into_iter().find(|intent| !known(&intent.token)) {
        return Err(Diagnostic::error(
            "Saved plan is stale",
            format!(
                "A run that was interrupted after this plan was made had begun to create {}. Plan again: a plan finds what \
                 was created.",
                intent.address
            ),
        ));
    }
    Ok((saved, store))
}

/// A plan made with -local is applied with it, and every other without.
fn fits_place(saved: &SavedPlan) -> Result<(), Diagnostic> {
    let (summary, detail) = match (saved.local, crate::local::is_on()) {
        (true, false) => (
            "Saved plan is for -local",
            "It was made with -local, for what runs on this machine, and this apply is for AWS. Apply it with -local, or \
             plan again without.",
        ),
        (false, true) => (
            "Saved plan is not for -local",
            "It was made for AWS, and this apply is for this machine (-local, or INFRA_LOCAL=1). Apply it without -local, or \
             plan again with it.",
        ),
        _ => return Ok(()),
    };
    Err(Diagnostic::error(summary, detail))
}

fn approved(session: &Session, mode: PlanMode, input: bool) -> bool {
    let place = match session.workspace.as_str() {
        "default" => String::new(),
        name => format!(" in workspace {name:?}"),
    };
    let question = match mode {
        PlanMode::Normal => format!(
            "\nDo you want to perform these actions{place}?\n  infra will perform the actions described above.\n  Only 'yes' \
             will be accepted to approve.\n\n  Enter a value: "
        ),
        PlanMode::Destroy => format!(
            "\nDo you really want to destroy all resources{place}?\n  infra will destroy everything shown above. There is no \
             undo.\n  Only 'yes' will be accepted to confirm.\n\n  Enter a value: "
        ),
        PlanMode::RefreshOnly => format!(
            "\nWould you like to update the state to reflect these detected changes{place}?\n  Nothing but the state will be \
             changed.\n  Only 'yes' will be accepted to confirm.\n\n  Enter a value: "
        ),
    };
    if !input {
        output::error(
            "Approval needed",
            "Nobody can be asked (-input=false). Add -auto-approve, or save the plan (infra plan -out=FILE) and apply that.",
        );
        return false;
    }
    output::raw(&question);
    let answer = planning::run(async {
        let mut interrupts = Interrupts::listen();
        let read = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
        });
        tokio::select! {
            read = read => read.ok().and_then(Result::ok),
            () = interrupts.next() => None,
        }
    });
    if !std::io::stdin().is_terminal() {
        output::line("");
    }
    if answer.as_ref().is_some_and(|answer| answer.trim() == "yes") {
        output::line("");
        return true;
    }
    if answer.is_some_and(|answer| answer.is_empty()) {
        let problem = output::unanswered();
        output::error(&problem.summary, &problem.detail);
        return false;
    }
    let word = if mode == PlanMode::Destroy { "Destroy" } else { "Apply" };
    output::line(&format!("\n{word} cancelled."));
    false
}

/// How a plan is applied.
pub(crate) struct How {
    /// How many operations at once.
    pub parallelism: usize,
    /// Lines for machines.
    pub json: bool,
    /// Leave releases once they have all the traffic.
    pub detach: bool,
    /// The approval that was required and held.
    pub approval: Option<Approval>,
}

fn how(args: &Apply) -> How {
    How { parallelism: args.planning.parallelism, json: args.screen.json, detach: args.release_detach, approval: None }
}

/// Does what a plan says, and tells what came of it.
pub(crate) fn perform(session: &Session, store: &mut Store, saved: &SavedPlan, options: &How) -> Exit {
    let How { parallelism, json, .. } = *options;
    let stop = AtomicBool::new(false);
    let (lines, machine) = (Lines::unless(json), JsonLines::default());
    let ui: &dyn Ui = match &lines {
        Some(lines) => lines,
        None => &machine,
    };
    let watching = Watching::new(ui);
    let began = jiff::Timestamp::now();
    let underway = store.underway();
    let timestamp = saved.plan.timestamp.parse::<jiff::Timestamp>().ok().map(Into::into);
    let (applied, driven) = with_functions(Phase::Apply, timestamp, |functions| {
        planning::run(async {
            let mut interrupts = Interrupts::listen();
            let applied = {
                let work = apply(ApplyInputs {
                    config: &session.config,
                    registry: &session.registry,
                    functions,
                    workspace: &session.workspace,
                    variables: saved.variables.clone(),
                    plan: &saved.plan,
                    store: &mut *store,
                    stop: &stop,
                    underway: &underway,
                    settled: &saved.settled,
                    parallelism,
                    ui: &watching,
                });
                let mut work = std::pin::pin!(work);
                let mut every = tokio::time::interval(std::time::Duration::from_secs(1));
                loop {
                    tokio::select! {
                        applied = &mut work => break Some(applied),
                        () = interrupts.next() => {
                            if stop.swap(true, Ordering::Relaxed) {
                                break None;
                            }
                            tell_of_stopping(lines.as_ref());
                        }
                        _ = every.tick() => match &lines {
                            Some(lines) => lines.still_running(),
                            None => machine.still_running(),
                        },
                    }
                }
            };
            if let Some(lines) = &lines {
                lines.finish();
            }
            // On the same runtime: what is connected to the cloud belongs to it.
            let Some(mut applied) = applied else { return (None, None) };
            let ready = std::mem::take(&mut applied.releases);
            if ready.is_empty() || stop.load(Ordering::Relaxed) || applied.unwritten.is_some() {
                return (Some(applied), None);
            }
            drop(interrupts);
            let driving = Driving {
                store,
                state: applied.state.clone(),
                registry: &session.registry,
                providers: &applied.providers,
                detach: options.detach,
                json,
            };
            let driven = release_all(driving, ready).await;
            (Some(applied), Some(driven))
        })
    });
    let stopped = stop.load(Ordering::Relaxed);
    let (operations, approval) = (watching.operations(), options.approval.as_ref());
    let (ended, driven_to) = (applied.as_ref(), driven.as_ref());
    let run = Run { session, saved, approval, began, operations, applied: ended, driven: driven_to, stopped };
    let noted = run.noted();
    let exit = match applied {
        Some(applied) => finish(session, saved, applied, driven, stopped, json),
        None => {
            tell_of_the_cut(&lines.as_ref().map_or_else(|| machine.running(), Lines::running));
            Exit(130)
        }
    };
    if let Some(noted) = noted {
        noted.put(store, &exit);
    }
    exit
}

fn tell_of_stopping(lines: Option<&Lines>) {
    match lines {
        Some(lines) => lines.print(
            "\nStopping: what is under way is finished first, and nothing else is started. Interrupt again to stop at once.\n",
        ),
        None => machine::print(&infra_view::json::infra_events::stopping()),
    }
}

/// What a run that was stopped at once leaves open.
fn tell_of_the_cut(running: &[String]) {
    let list: String = running.iter().map(|what| format!("\n  {what}")).collect();
    let detail = match list.is_empty() {
        true => "Everything that was done is in the state.".to_string(),
        false => format!(
            "Everything that had ended is in the state. These were under way; the next plan finds out what came of them, and \
             an apply goes on from there:\n{list}"
        ),
    };
    output::error("Stopped at once", &detail);
}

fn finish(
    session: &Session,
    saved: &SavedPlan,
    applied: Applied,
    driven: Option<Driven>,
    stopped: bool,
    json: bool,
) -> Exit {
    let Applied { mut state, counts, left, unwritten, mut problems, .. } = applied;
    let mut released = Exit(0);
    if let Some(driven) = driven {
        problems.extend(driven.problems);
        state = driven.state;
        released = driven.exit;
    }
    if let Some(why) = &unwritten {
        let kept = store::keep_unwritten(&state);
        problems.push(Diagnostic::error("Failed to save state", format!("{why}.\n\n{kept}")));
    }
    let failed = problems.has_errors();
    planning_failed(session, problems, json);
    if failed || stopped {
        match json {
            _ if left == 0 => {}
            true => machine::print(&infra_view::json::infra_events::left(left)),
            false => output::line(&format!(
                "\n{left} planned operations were not started. Everything that was done is in the state."
            )),
        }
        return match released {
            Exit(0) => Exit(if stopped { 130 } else { 1 }),
            released => released,
        };
    }
    let destroyed = saved.plan.mode == PlanMode::Destroy;
    if json {
        machine::summary(counts, destroyed);
        if !destroyed {
            infra_view::json::events::applied_outputs(&state.outputs).iter().for_each(machine::print);
        }
        return released;
    }
    let Counts { add, change, destroy, import } = counts;
    let imported = if import > 0 { format!("{import} imported, ") } else { String::new() };
    match destroyed {
        true => output::line(&format!("\nDestroy complete! Resources: {destroy} destroyed.")),
        false => output::line(&format!(
            "\nApply complete! Resources: {imported}{add} added, {change} changed, {destroy} destroyed."
        )),
    }
    if !state.outputs.is_empty() && !destroyed {
        output::line("\nOutputs:\n");
        output::raw(&infra_view::text::outputs_text(&state.outputs));
    }
    released
}
