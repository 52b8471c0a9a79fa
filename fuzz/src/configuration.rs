//! Whole configurations of the built-in provider: read, checked, planned against nothing and against themselves, shown
//! and saved. Nothing is applied, so that no text runs a program.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use infra_builtin::Builtin;
use infra_diag::{Diagnostics, RenderOptions, Sources, render};
use infra_engine::plan::GivenVariable;
use infra_engine::saved::SavedPlan;
use infra_engine::ui::Silent;
use infra_engine::{PlanInputs, PlanOptions, Registry, plan, validate};
use infra_lang::config::{LoadOptions, Snapshot, check, name_blocks, read};
use infra_lang::functions::Phase;
use infra_state::State;
use infra_view::json::{configuration_json, plan_json};

use crate::surroundings::with_functions;

/// The line before each file of an input, with its path after it.
pub const FILE: &str = "#### ";

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // That many instances take their time.
    if text.contains("65536") {
        return;
    }
    if let Some(saved) = planned(&text) {
        crate::plan::check(&saved);
    }
}

/// The plan of a configuration, if it has one.
pub fn planned(text: &str) -> Option<SavedPlan> {
    let folder = tempfile::tempdir().ok()?;
    write(folder.path(), text);
    judge(folder.path())
}

fn write(folder: &Path, text: &str) {
    let mut path = "main.tf".to_owned();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(FILE) {
            Some(name) => path = name.trim().to_owned(),
            None => files.entry(path.clone()).or_default().push_str(line),
        }
    }
    for (name, text) in files {
        let inside = Path::new(&name).components().all(|c| matches!(c, std::path::Component::Normal(_)));
        let path = folder.join(if inside { &name } else { "main.tf" });
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let _ = made.and_then(|()| std::fs::write(&path, text));
    }
}

fn show(problems: &Diagnostics, sources: &Sources) {
    let mut problems = problems.clone();
    name_blocks(&mut problems, sources);
    for problem in problems.in_order().with_similar_warnings_merged().iter() {
        render(problem, sources, RenderOptions { colour: true, columns: 60 });
    }
}

fn judge(folder: &Path) -> Option<SavedPlan> {
    let (config, sources, mut problems) = read(folder, &LoadOptions::default());
    let registry = Registry::new([Arc::new(Builtin::new()) as Arc<dyn infra_provider::Provider>]);
    if !problems.has_errors() {
        problems.extend(check(&config, &sources));
        problems.extend(with_functions(folder, Phase::Plan, |functions| validate(&config, &registry, functions)));
    }
    show(&problems, &sources);
    if problems.has_errors() {
        return None;
    }
    configuration_json(&config, &registry);
    let (mut given, mut values) = (BTreeMap::new(), BTreeMap::new());
    for (name, variable) in &config.root.variables {
        let Some(Ok(value)) = variable.default.as_ref().map(|d| variable.prepare(d.clone())) else { return None };
        let default = variable.default.clone().unwrap_or_else(infra_value::Value::dynamic);
        given.insert(name.clone(), GivenVariable { value: default, given: false });
        values.insert(name.clone(), value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let (made, problems) = with_functions(folder, Phase::Plan, |functions| {
        runtime.block_on(plan(PlanInputs {
            config: &config,
            registry: &registry,
            functions,
            workspace: "default",
            given,
            variables: values.clone(),
            state: State::new(),
            options: PlanOptions { refresh: false, ..PlanOptions::default() },
            ui: &Silent,
        }))
    });
    show(&problems, &sources);
    plan_json(&made, &registry, Some(configuration_json(&config, &registry)));
    (!made.errored && !problems.has_errors()).then(|| SavedPlan {
        plan: made,
        configuration: Snapshot::new(folder, &LoadOptions::default(), &sources),
        variables: values,
        workspace: "default".into(),
        serial: 0,
        lineage: String::new(),
        settled: Vec::new(),
        unsettled: Vec::new(),
    })
}
