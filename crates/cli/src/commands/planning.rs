//! What plan, apply, destroy and refresh have in common: configuration, variables and state to a plan.

use std::time::SystemTime;

use infra_address::{ResourceMode, parse_resource_instance, parse_target};
use infra_diag::{Diagnostic, Diagnostics};
use infra_engine::origin::Origin;
use infra_engine::plan::{Plan, PlanMode};
use infra_engine::saved::SavedPlan;
use infra_engine::ui::Ui;
use infra_engine::{PlanInputs, PlanOptions, plan, recover};
use infra_lang::functions::Phase;
use infra_state::{Intent, State, Underway};
use tracing::Instrument;

use crate::args::{Locking, Planning, Screen, Variables};
use crate::interrupts::Interrupts;
use crate::session::{Session, with_functions};
use crate::store::{self, Store};
use crate::variables::gather;

/// A plan with what it was made from.
pub(crate) struct Planned {
    pub session: Session,
    pub store: Store,
    pub saved: SavedPlan,
    pub problems: Diagnostics,
}

/// Why there is no plan: what to tell, and with which sources.
pub(crate) struct Refused {
    pub session: Session,
    pub problems: Diagnostics,
}

/// The options of a plan from the command line.
pub(crate) fn options(planning: &Planning) -> Result<PlanOptions, Diagnostic> {
    let mode = match (planning.destroy, planning.refresh_only) {
        (true, true) => {
            return Err(Diagnostic::error(
                "Incompatible plan mode options",
                "The options -destroy and -refresh-only exclude each other.",
            ));
        }
        (true, false) => PlanMode::Destroy,
        (false, true) => PlanMode::RefreshOnly,
        (false, false) => PlanMode::Normal,
    };
    if mode == PlanMode::RefreshOnly && !planning.refresh {
        return Err(Diagnostic::error(
            "Incompatible refresh options",
            "With -refresh-only there is nothing to do if -refresh=false is given too.",
        ));
    }
    if mode != PlanMode::Normal && !planning.replace.is_empty() {
        return Err(Diagnostic::error("Incompatible plan mode options", "-replace goes only with an ordinary plan."));
    }
    let target = |text: &String| {
        parse_target(text).map_err(|e| Diagnostic::error(format!("Invalid target {text:?}"), e.to_string()))
    };
    let replace = |text: &String| {
        let invalid = |why: String| Diagnostic::error(format!("Invalid force-replace address {text:?}"), why);
        match parse_resource_instance(text) {
            Ok(address) if address.resource.mode == ResourceMode::Managed => Ok(address),
            Ok(_) => Err(invalid("Only managed resources can be replaced.".to_string())),
            Err(error) => Err(invalid(error.to_string())),
        }
    };
    Ok(PlanOptions {
        mode,
        refresh: planning.refresh,
        targets: planning.target.iter().map(target).collect::<Result<_, _>>()?,
        replace: planning.replace.iter().map(replace).collect::<Result<_, _>>()?,
        import: None,
        generate_config: None,
        parallelism: planning.parallelism,
    })
}

/// Loads the configuration and makes a plan.
pub(crate) fn make(
    variables: &Variables,
    screen: &Screen,
    locking: &Locking,
    options: &PlanOptions,
    operation: &str,
    ui: &dyn Ui,
) -> Result<Box<Planned>, Box<Refused>> {
    let (mut session, mut problems) = Session::read(screen.no_color);
    macro_rules! refuse {
        () => {
            return Err(Box::new(Refused { session, problems }))
        };
    }
    if options.mode != PlanMode::Destroy && !problems.has_errors() {
        problems.extend(session.empty());
    }
    if problems.has_errors() {
        refuse!();
    }
    problems.extend(session.backend().err());
    problems.extend(session.validate());
    if problems.has_errors() {
        refuse!();
    }
    let configuration = session.snapshot();
    let ask = screen.input && !screen.json && std::env::var_os("TF_INPUT").is_none_or(|v| v != "0" && v != "false");
    let mut sources = std::mem::take(&mut session.sources);
    let (root, more) = gather(&session.config.root, variables, ask, &mut sources);
    session.sources = sources;
    problems.extend(more);
    if problems.has_errors() {
        refuse!();
    }
    let mut opened = match store::open(&session, locking, operation) {
        Ok(store) => store,
        Err(problem) => {
            problems.push(problem);
            refuse!();
        }
    };
    let state = match opened.read() {
        Ok(state) => state,
        Err(problem) => {
            problems.push(problem);
            refuse!();
        }
    };
    if opened.was_recovered() {
        problems.push(Diagnostic::warning(
            "A write of the state had been cut off",
            format!("An earlier run was stopped while it wrote {}. The write has been finished.", opened.place()),
        ));
    }
    let intents = match intents_of(&opened.underway(), &opened) {
        Ok(intents) => intents,
        Err(problem) => {
            problems.push(problem);
            refuse!();
        }
    };
    let (serial, lineage) = state.as_ref().map(|s| (s.serial, s.lineage.clone())).unwrap_or_default();
    let state = state.unwrap_or_else(State::new);
    let now = SystemTime::now();
    let made = with_functions(Phase::Plan, Some(now), |functions| {
        run(async {
            let mut interrupts = Interrupts::listen();
            let mut inputs = PlanInputs {
                config: &session.config,
                registry: &session.registry,
                functions,
                workspace: &session.workspace,
                given: root.given.clone(),
                variables: root.values.clone(),
                state,
                options: options.clone(),
                ui,
            };
            let made = async {
                let recovered = recover(&mut inputs, &intents).instrument(tracing::debug_span!("recover")).await;
                inputs.state = recovered.state;
                let (made, mut problems) = plan(inputs).instrument(tracing::info_span!("plan")).await;
                problems.extend(recovered.problems);
                (made, problems, recovered.settled)
            };
            tokio::select! {
                made = made => Some(made),
                () = interrupts.next() => None,
            }
        })
    });
    let Some((made, more, settled)) = made else {
        problems.push(Diagnostic::error("Interrupted", "There is no plan, and nothing was changed."));
        refuse!();
    };
    problems.extend(more);
    let saved = SavedPlan {
        plan: made,
        configuration,
        variables: root.values,
        workspace: session.workspace.clone(),
        local: crate::local::is_on(),
        serial,
        lineage,
        generated: None,
        origin: Origin { backend: opened.place(), ..Origin::default() },
        digest: None,
        unsettled: intents.into_iter().map(|intent| intent.token).filter(|token| !settled.contains(token)).collect(),
        settled,
    };
    Ok(Box::new(Planned { session, store: opened, saved, problems }))
}

/// What a run that was interrupted has begun to create. That it cannot be read must not pass for nothing.
pub(crate) fn intents_of(underway: &Underway, store: &Store) -> Result<Vec<Intent>, Diagnostic> {
    underway.read_intents().map_err(|error| {
        Diagnostic::error(
            "The journal of creations cannot be read",
            format!("It stands beside {}, and tells what an interrupted run has created: {error}.", store.place()),
        )
    })
}

/// Runs to the end on this thread; what is awaited goes on in the background.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(future);
            // What is given up, such as reading an answer from the terminal, is not waited for.
            runtime.shutdown_background();
            result
        }
        Err(error) => {
            crate::output::error("infra could not start", &format!("No runtime for network calls: {error}."));
            std::process::exit(1)
        }
    }
}

/// What a plan's mode is called by its text.
pub(crate) fn text_of(plan: &Plan, session: &Session) -> String {
    crate::commands::show::plan_text(plan, &session.registry, session.colour)
}
