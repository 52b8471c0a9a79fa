//! `infra show`: the state, a state file or a saved plan, as text, JSON, Markdown or HTML.

use std::path::Path;

use infra_diag::Diagnostic;
use infra_engine::Registry;
use infra_engine::plan::{Plan, PlanMode};
use infra_engine::saved::SavedPlan;
use infra_lang::config::Config;
use infra_state::{GoJson, State, to_go_json};
use infra_view::text::{TextOptions, schemas_of};
use infra_view::{Fact, PlanPage, StatePage};

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
    if args.screen.json {
        let mut json = plan_json(&saved.plan, &session.config, &session.registry);
        json["infra"]["plan"] = origin_json(&saved);
        output::line(&to_go_json(&json, GoJson::Compact));
    } else if args.markdown || args.html {
        let json = infra_view::json::told_json(&saved.plan);
        let schemas = schemas_of(&session.registry);
        let page = PlanPage { plan: &json, schemas: &schemas, mode: saved.plan.mode, facts: facts_of_plan(&saved) };
        output::raw(&if args.html { infra_view::html::plan(&page) } else { infra_view::markdown::plan(&page) });
    } else {
        output::raw(&plan_text(&saved.plan, &session.registry, session.colour));
        output::line(&origin_text(&saved));
    }
    Exit(0)
}

/// What a plan is bound to, for machines. Nothing in it tells a value of a variable.
fn origin_json(saved: &SavedPlan) -> serde_json::Value {
    let origin = &saved.origin;
    serde_json::json!({
        "digest": saved.digest,
        "configuration": saved.configuration_digest(),
        "variables": saved.variables_digest(),
        "lineage": saved.lineage,
        "serial": saved.serial,
        "workspace": saved.workspace,
        "backend": origin.backend,
        "made_by": origin.made_by,
        "made_at": origin.made_at,
        "run": origin.run,
        "version": origin.version,
        "commit": origin.commit,
    })
}

/// What a plan is and where it comes from, in two lines.
fn origin_text(saved: &SavedPlan) -> String {
    let origin = &saved.origin;
    let commit = origin.commit.as_ref().map(|commit| {
        let dirty = if commit.dirty { " with changes that are not committed" } else { "" };
        format!(", at commit {}{dirty}", commit.id.get(..12).unwrap_or(&commit.id))
    });
    format!(
        "\nMade by {} at {}{}.\nPlan digest: {}",
        origin.made_by,
        origin.made_at,
        commit.unwrap_or_default(),
        saved.digest.as_deref().unwrap_or_default()
    )
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

/// Where a plan comes from.
fn facts_of_plan(saved: &SavedPlan) -> Vec<Fact> {
    let (plan, origin) = (&saved.plan, &saved.origin);
    let mut facts = vec![Fact { label: "workspace", value: saved.workspace.clone() }];
    let mut add = |label, value: String| {
        if !value.is_empty() {
            facts.push(Fact { label, value });
        }
    };
    match plan.mode {
        PlanMode::Normal => {}
        PlanMode::Destroy => add("mode", "destroy everything".into()),
        PlanMode::RefreshOnly => add("mode", "refresh only".into()),
    }
    let targets: Vec<String> = plan.targets.iter().map(ToString::to_string).collect();
    add("only", targets.join(", "));
    if saved.local {
        add("where", "on this machine".into());
    }
    add("made", plan.timestamp.clone());
    add("by", origin.made_by.clone());
    if let Some(commit) = &origin.commit {
        let dirty = if commit.dirty { " with changes that are not committed" } else { "" };
        add("commit", format!("{}{dirty}", commit.id.get(..12).unwrap_or(&commit.id)));
    }
    add("state", if saved.lineage.is_empty() { "none yet".into() } else { format!("serial {}", saved.serial) });
    add("plan", saved.digest.clone().unwrap_or_default());
    add("with", concat!("infra ", env!("CARGO_PKG_VERSION")).into());
    facts
}

fn show_state(args: &Show, path: Option<&Path>) -> Exit {
    let mut workspace = None;
    let state = match path {
        Some(path) if !path.exists() => {
            output::error("Failed to read the given file", &format!("{}: there is no such file.", path.display()));
            return Exit(1);
        }
        Some(path) => match store::read_file(path) {
            Ok(None) => Err(Diagnostic::error(
                "Failed to read the given file as a state or plan file",
                format!("{}: it is empty.", path.display()),
            )),
            read => read,
        },
        None => {
            let (session, _) = Session::load(args.screen.no_color);
            workspace = Some(session.workspace.clone());
            store::read_only(&session, None)
        }
    };
    let state = match state {
        Ok(state) => state,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    if state.is_none() && !args.screen.json && !args.markdown && !args.html {
        output::line("No state.");
        return Exit(0);
    }
    let state = state.unwrap_or_else(State::new);
    let registry = registry();
    let json = infra_view::json::state_json(&state, &registry);
    let schemas = schemas_of(&registry);
    if args.screen.json {
        output::line(&to_go_json(&json, GoJson::Compact));
    } else if args.markdown || args.html {
        let page = StatePage { state: &json, schemas: &schemas, facts: facts_of_state(&state, workspace) };
        output::raw(&if args.html { infra_view::html::state(&page) } else { infra_view::markdown::state(&page) });
    } else {
        let options = TextOptions {
            colour: output::use_colour(args.screen.no_color),
            columns: output::columns(),
            ..TextOptions::default()
        };
        output::raw(&infra_view::text::state_text(&json, &schemas, &options));
    }
    Exit(0)
}

/// Which state it is.
fn facts_of_state(state: &State, workspace: Option<String>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = workspace.into_iter().map(|value| Fact { label: "workspace", value }).collect();
    if !state.is_empty() {
        facts.push(Fact { label: "serial", value: state.serial.to_string() });
        facts.push(Fact { label: "lineage", value: state.lineage.clone() });
    }
    facts.push(Fact { label: "with", value: concat!("infra ", env!("CARGO_PKG_VERSION")).into() });
    facts
}
