//! `infra show`: the state, a state file or a saved plan, as text or as JSON.

use std::path::Path;

use infra_engine::Registry;
use infra_engine::plan::Plan;
use infra_lang::config::Config;
use infra_state::{GoJson, State, to_go_json};
use infra_view::text::{TextOptions, schemas_of};

use crate::args::Show;
use crate::session::{Session, registry};
use crate::{Exit, output, planfile, store};

pub(crate) fn run(args: &Show) -> Exit {
    match &args.path {
        Some(path) if planfile::is_plan(path) => show_plan(args, path),
        Some(path) => show_state(args, Some(path)),
        None => show_state(args, None),
    }
}

fn show_plan(args: &Show, path: &Path) -> Exit {
    let saved = match planfile::read(path) {
        Ok(saved) => saved,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    let (session, _) = Session::of_snapshot(&saved.configuration, args.screen.no_color);
    match args.screen.json {
        true => {
            let json = plan_json(&saved.plan, &session.config, &session.registry);
            output::line(&to_go_json(&json, GoJson::Compact));
        }
        false => output::raw(&plan_text(&saved.plan, &session.registry, session.colour)),
    }
    Exit(0)
}

fn plan_json(plan: &Plan, config: &Config, registry: &Registry) -> serde_json::Value {
    let configuration = infra_view::json::configuration_json(config, registry);
    infra_view::json::plan_json(plan, registry, Some(configuration))
}

/// A plan as people read it.
pub(crate) fn plan_text(plan: &Plan, registry: &Registry, colour: bool) -> String {
    let json = infra_view::json::told_json(plan);
    let options = TextOptions { colour, columns: output::columns(), mode: plan.mode };
    infra_view::text::plan_text(&json, &schemas_of(registry), &options)
}

fn show_state(args: &Show, path: Option<&Path>) -> Exit {
    let state = match path {
        Some(path) if !path.exists() => {
            output::error("Failed to read the given file", &format!("{}: there is no such file.", path.display()));
            return Exit(1);
        }
        Some(path) => store::read_only(path),
        None => {
            let (session, _) = Session::load(args.screen.no_color);
            store::read_only(&session.state_path(None))
        }
    };
    let state = match state {
        Ok(state) => state,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    let state = state.unwrap_or_else(State::new);
    if args.screen.json {
        output::line(&to_go_json(&infra_view::json::state_json(&state, &registry()), GoJson::Compact));
        return Exit(0);
    }
    let registry = registry();
    let json = infra_view::json::state_json(&state, &registry);
    let options = TextOptions {
        colour: output::use_colour(args.screen.no_color),
        columns: output::columns(),
        ..TextOptions::default()
    };
    output::raw(&infra_view::text::state_text(&json, &schemas_of(&registry), &options));
    Exit(0)
}
