//! From configuration, state and cloud to a plan.

mod checks;
mod data;
mod drift;
mod managed;
mod orphans;
mod outputs;
mod providers;
mod relevant;
mod resource;
mod unused;

pub(crate) use checks::evaluate as evaluate_checks;
pub(crate) use orphans::removed_block;
pub(crate) use providers::{UnknownSettings, configure, instance_diagnostics};
pub(crate) use resource::{
    Expansion, configuration, expand_as_stored, expand_block, expand_module, heading, unsupported,
};

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use infra_address::{ProviderConfig, Resource, ResourceInstance, ResourceMode, Target};
use infra_diag::{Diagnostic, Diagnostics, Severity};
use infra_lang::config::Config;
use infra_lang::functions::FunctionContext;
use infra_provider::Configured;
use infra_state::{Instance, State};
use infra_value::Value;

use crate::ephemeral::Ephemerals;
use crate::graph::{Graph, Node};
use crate::move_statements::instances_still_there;
use crate::plan::{GivenVariable, Plan, PlanMode, ResourceChange};
use crate::registry::Registry;
use crate::releases::ReleaseChange;
use crate::targets;
use crate::ui::Ui;
use crate::walk::{Visited, walk};
use crate::world::World;
use crate::{generated, imports, moves};

/// What a plan is made of.
pub struct PlanInputs<'a> {
    /// The configuration, without errors.
    pub config: &'a Config,
    /// The providers.
    pub registry: &'a Registry,
    /// What functions know about their surroundings.
    pub functions: &'a FunctionContext<'a>,
    /// The name of the workspace.
    pub workspace: &'a str,
    /// Root variables as they were given.
    pub given: BTreeMap<Arc<str>, GivenVariable>,
    /// Root variables, converted.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// The state as it was read.
    pub state: State,
    /// See [`PlanOptions`].
    pub options: PlanOptions,
    /// Who is told.
    pub ui: &'a dyn Ui,
}

/// What kind of plan, and of what.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What is wanted.
    pub mode: PlanMode,
    /// Whether objects are read again.
    pub refresh: bool,
    /// `-target`: only these, and what they depend on.
    pub targets: Vec<Target>,
    /// `-replace`: these are replaced in any case.
    pub replace: Vec<ResourceInstance>,
    /// An object that the command line asks to import, beside those of `import` blocks.
    pub import: Option<(ResourceInstance, String)>,
    /// The file for configuration of imported objects that have none; without one, each of them needs a block.
    pub generate_config: Option<String>,
    /// How many calls to providers at once.
    pub parallelism: usize,
}

impl Default for PlanOptions {
    fn default() -> PlanOptions {
        PlanOptions {
            mode: PlanMode::Normal,
            refresh: true,
            targets: Vec::new(),
            replace: Vec::new(),
            import: None,
            generate_config: None,
            parallelism: 10,
        }
    }
}

/// An object in the state: an instance, and the key of a deposed object.
pub(crate) type ObjectId = (ResourceInstance, Option<String>);

/// An object before and after the refresh.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// As the state has it, brought to the present schema; with marks.
    pub stored: Value,
    /// As it is now, with marks; `None` if it is gone.
    pub now: Option<Value>,
}

pub(crate) struct Planner<'a> {
    pub world: World<'a>,
    pub graph: Graph,
    pub registry: &'a Registry,
    pub options: &'a PlanOptions,
    pub ui: &'a dyn Ui,
    /// The state with moves made, as it was stored.
    pub stored: State,
    /// The state with moves made, refreshed.
    pub prior: RefCell<State>,
    pub moves: moves::Moved,
    pub providers: RefCell<HashMap<ProviderConfig, Arc<dyn Configured>>>,
    pub known: RefCell<HashMap<ObjectId, Known>>,
    pub changes: RefCell<Vec<ResourceChange>>,
    /// Instances that are configured, or whose block could not be worked out.
    pub spoken_for: RefCell<HashSet<ResourceInstance>>,
    /// Blocks with an instance that changes.
    pub changing: RefCell<BTreeSet<usize>>,
    /// Blocks whose instances are not known because of an error.
    pub failed: RefCell<BTreeSet<usize>>,
    pub imports: RefCell<BTreeMap<ResourceInstance, String>>,
    /// Instances that `import` blocks name with an id that cannot be told.
    pub not_importable: RefCell<BTreeSet<ResourceInstance>>,
    pub ephemerals: Ephemerals,
    /// Resources of the root module whose configuration is generated.
    pub to_generate: BTreeSet<Resource>,
    /// What the targets need, worked out once.
    pub targeted: OnceCell<BTreeSet<usize>>,
    /// The nodes whose objects are refreshed, with `-target`.
    pub refreshed: OnceCell<BTreeSet<usize>>,
    /// What a destroy with `-target` takes away, worked out once.
    pub destroyed: OnceCell<BTreeSet<ResourceInstance>>,
    /// What the configuration uses of its resources, worked out once.
    pub uses: OnceCell<unused::Uses>,
    pub limit: tokio::sync::Semaphore,
    /// False while a destroy plan only looks at what there is.
    pub recording: Cell<bool>,
    pub unknown_settings: UnknownSettings,
}

/// Makes a plan. With errors it holds what could be planned all the same, and is marked so.
pub async fn plan(inputs: PlanInputs<'_>) -> (Plan, Diagnostics) {
    let PlanInputs { config, registry, functions, workspace, given, variables, state, options, ui } = inputs;
    let extra: BTreeSet<ProviderConfig> = state.instances().map(|(_, provider, _)| provider.clone()).collect();
    let stubbed = match options.generate_config.is_some() && options.mode == PlanMode::Normal {
        true => Some(generated::with_stubs(config, &state)),
        false => None,
    };
    let written = config;
    let config = stubbed.as_ref().unwrap_or(config);
    let (graph, graph_problems) = Graph::build(config, registry, &extra);
    let checks_before = state.check_results.clone();
    let moved = moves::apply(config, registry, state);
    let mut world = World::new(config, functions, workspace, variables, registry);
    world.failed_conditions = match options.mode {
        PlanMode::Normal => Some(Severity::Error),
        PlanMode::RefreshOnly => Some(Severity::Warning),
        PlanMode::Destroy => None,
    };
    world.report(graph_problems);
    world.report(moved.problems.clone());
    world.report(orphans::still_declared(config));
    if options.mode == PlanMode::Normal {
        world.report(imports::missing_blocks(written, options.generate_config.is_some()));
    }
    world.report(targets::check_moves(&options.targets, &moved));
    let mut planner = Planner::new(world, graph, registry, &options, ui, moved);
    let stubs = config.root.resources.keys().filter(|resource| !written.root.resources.contains_key(*resource));
    planner.to_generate = stubs.cloned().collect();
    if !planner.world.has_errors() {
        planner.run().await;
        let still_there = instances_still_there(&planner.world, &moves::statements(config));
        planner.world.report(still_there);
    }
    planner.finish(given, checks_before)
}

/// The providers of these configurations, ready for calls: with what they depend on evaluated as for a plan that reads
/// nothing of what is in the state. One that cannot be made ready is left out; the plan says why.
pub(crate) async fn ready_providers(
    inputs: &PlanInputs<'_>,
    wanted: &BTreeSet<ProviderConfig>,
) -> HashMap<ProviderConfig, Arc<dyn Configured>> {
    let PlanInputs { config, registry, functions, workspace, variables, state, .. } = inputs;
    let (graph, _) = Graph::build(config, registry, wanted);
    let nodes = wanted.iter().filter_map(|provider| graph.find(&Node::Provider(provider.clone())));
    let nodes = targets::with_dependencies(&graph, nodes);
    let options = PlanOptions { refresh: false, parallelism: inputs.options.parallelism, ..PlanOptions::default() };
    let world = World::new(config, functions, workspace, variables.clone(), registry);
    let mut planner = Planner::new(
        world,
        graph,
        registry,
        &options,
        &crate::ui::Silent,
        moves::apply(config, registry, state.clone()),
    );
    planner.recording.set(false);
    planner.unknown_settings = UnknownSettings::AreRefused;
    planner.visit_all(&nodes).await;
    planner.providers.take()
}

fn without_data(state: &State) -> State {
    let mut managed = state.clone();
    managed.resources.retain(|(_, resource), _| resource.mode == ResourceMode::Managed);
    managed
}

impl<'a> Planner<'a> {
    fn new(
        world: World<'a>,
        mut graph: Graph,
        registry: &'a Registry,
        options: &'a PlanOptions,
        ui: &'a dyn Ui,
        mut moved: moves::Moved,
    ) -> Planner<'a> {
        let stored = std::mem::take(&mut moved.state);
        if !options.targets.is_empty() {
            let among = targets::wanted(&graph, &options.targets, &stored, options.mode == PlanMode::Destroy);
            graph.create_before_destroy = graph.forced(world.config, &among);
        }
        Planner {
            prior: RefCell::new(without_data(&stored)),
            stored,
            moves: moved,
            world,
            graph,
            registry,
            options,
            ui,
            providers: RefCell::default(),
            known: RefCell::default(),
            changes: RefCell::default(),
            spoken_for: RefCell::default(),
            changing: RefCell::default(),
            failed: RefCell::default(),
            imports: RefCell::new(options.import.iter().cloned().collect()),
            not_importable: RefCell::default(),
            ephemerals: Ephemerals::default(),
            to_generate: BTreeSet::new(),
            targeted: OnceCell::new(),
            refreshed: OnceCell::new(),
            destroyed: OnceCell::new(),
            uses: OnceCell::new(),
            limit: tokio::sync::Semaphore::new(options.parallelism.max(1)),
            recording: Cell::new(options.mode != PlanMode::Destroy),
            unknown_settings: UnknownSettings::CountAsUnset,
        }
    }
}

impl Planner<'_> {
    async fn run(&self) {
        let wanted = self.wanted();
        self.keep_data_left_out(&wanted);
        self.visit_all(&wanted).await;
        self.plan_orphans().await;
        self.plan_outputs(&wanted);
        self.check_everything();
        self.unused_requests();
    }

    /// Data sources that the targets leave out stay in the state as they were read before.
    fn keep_data_left_out(&self, wanted: &BTreeSet<usize>) {
        if self.options.targets.is_empty() {
            return;
        }
        let left_out = self.stored.resources.iter().filter(|((module, resource), _)| {
            let node = self.graph.resource(&module.path(), resource);
            resource.mode == ResourceMode::Data && node.is_none_or(|node| !wanted.contains(&node))
        });
        let left_out = left_out.map(|(at, resource)| (at.clone(), resource.clone()));
        self.prior.borrow_mut().resources.extend(left_out);
    }

    /// Visits nodes in the order of what they depend on.
    async fn visit_all(&self, wanted: &BTreeSet<usize>) {
        let dependencies: Vec<BTreeSet<usize>> = self
            .graph
            .dependencies
            .iter()
            .enumerate()
            .map(|(i, needs)| if wanted.contains(&i) { needs & wanted } else { BTreeSet::new() })
            .collect();
        self.ephemerals.expect(&self.graph, wanted);
        let visits = walk(&dependencies, |i| {
            let visit = wanted.contains(&i);
            async move {
                let visited = if visit { self.visit(i).await } else { Visited::Done };
                self.ephemerals.done(&self.world, self.ui, i).await;
                visited
            }
        });
        let left_out = self.ephemerals.around(&self.world, self.ui, visits).await;
        self.failed.borrow_mut().extend(left_out);
    }

    /// Tells what was found. A look around before everything is destroyed tells of errors only.
    fn report_looking(&self, problems: Diagnostics) {
        let telling = self.recording.get();
        self.world.report(problems.into_iter().filter(|problem| telling || problem.is_error()));
    }

    /// The nodes that are looked at: all of them, or those that the targets need; to destroy without refreshing, only
    /// what providers need, and nothing where there is nothing to destroy.
    fn wanted(&self) -> BTreeSet<usize> {
        let all = 0..self.graph.nodes.len();
        if self.options.mode == PlanMode::Destroy && self.stored.resources.is_empty() {
            return BTreeSet::new();
        }
        if self.options.mode == PlanMode::Destroy && !self.options.refresh {
            let providers = all.filter(|i| matches!(self.graph.nodes[*i], Node::Provider(_)));
            return targets::with_dependencies(&self.graph, providers);
        }
        if self.options.targets.is_empty() {
            return all.collect();
        }
        self.targeted().clone()
    }

    async fn visit(&self, node: usize) -> Visited {
        let done = match &self.graph.nodes[node] {
            Node::Provider(provider) => self.visit_provider(provider).await,
            Node::Module(path) => self.visit_module(path),
            Node::Resource(path, resource) => self.visit_resource(node, path, resource).await,
        };
        match done {
            true => Visited::Done,
            false => {
                self.failed.borrow_mut().insert(node);
                Visited::Failed
            }
        }
    }

    /// Adds a change to the plan.
    pub(crate) fn record(&self, change: ResourceChange) {
        if self.recording.get() {
            self.changes.borrow_mut().push(change);
        }
    }

    /// Warns about `-replace` options that name nothing.
    fn unused_requests(&self) {
        for address in &self.options.replace {
            let spoken_for = self.spoken_for.borrow();
            let without_key = |a: &ResourceInstance| {
                a.module == address.module && a.resource == address.resource && a.key != address.key
            };
            if spoken_for.contains(address) || address.key != infra_address::InstanceKey::None {
                continue;
            }
            let mut others: Vec<String> =
                spoken_for.iter().filter(|a| without_key(a)).map(|a| format!("  -replace='{a}'")).collect();
            if !others.is_empty() {
                others.sort();
                self.world.report([Diagnostic::warning(
                    "Incompletely-matched force-replace resource instance",
                    format!(
                        "-replace={address} names a resource with several instances, and an instance has to be named:\n\n{}",
                        others.join("\n")
                    ),
                )]);
            }
        }
    }

    /// Whether the refreshed state says another thing of an object than what it is: what it depends on, and in which order
    /// it is replaced.
    fn reordered(&self, refreshed: &State) -> bool {
        let objects = self.stored.instances().filter_map(|(address, _, slot)| Some((address, slot.current.as_ref()?)));
        let mut managed = objects.filter(|(address, _)| address.resource.mode == ResourceMode::Managed);
        managed.any(|(address, was)| {
            let needs = |object: &Instance| object.dependencies.iter().cloned().collect::<BTreeSet<String>>();
            let differs =
                |now: &Instance| now.create_before_destroy != was.create_before_destroy || needs(now) != needs(was);
            refreshed.current(&address).is_some_and(differs)
        })
    }

    fn finish(self, given: BTreeMap<Arc<str>, GivenVariable>, checks_before: serde_json::Value) -> (Plan, Diagnostics) {
        let errored = self.world.has_errors();
        let outputs = self.output_changes();
        let drift = self.drift();
        let mut changes = self.changes.take();
        changes.sort_by(crate::order::changes);
        if !errored {
            self.world.report(self.moves.blocked_warning());
        }
        if !self.options.targets.is_empty() {
            self.world.report([Diagnostic::warning(
                "Resource targeting is in effect",
                "This plan is made with -target, so it may leave out changes that the configuration asks for. -target is \
                 meant for exceptional situations, such as recovering from mistakes.",
            )]);
        }
        let releases = self.plan_releases(&mut changes);
        let errored = errored || self.world.has_errors();
        let relevant_attributes = self.relevant_attributes(&changes, &outputs);
        let mut prior_state = self.prior.take();
        prior_state.serial = self.stored.serial;
        prior_state.check_results = checks_before;
        self.put_known_outputs(&mut prior_state, &outputs);
        let any_change = changes.iter().any(ResourceChange::is_visible)
            || outputs.values().any(|o| o.action != crate::plan::Action::NoOp);
        let found = drift.iter().any(|change| change.action != crate::plan::Action::NoOp);
        let refreshed = self.options.mode == PlanMode::RefreshOnly && (found || self.reordered(&prior_state));
        let releasing = releases.iter().any(ReleaseChange::is_active);
        let config = self.world.config;
        let attention =
            crate::attention::findings(self.options.mode, &changes, &drift, &releases, self.registry, config);
        let plan = Plan {
            mode: self.options.mode,
            variables: given,
            changes,
            drift,
            outputs,
            prior_state,
            releases,
            attention,
            checks: self.world.conditions.borrow().to_list(),
            relevant_attributes,
            targets: self.options.targets.clone(),
            timestamp: timestamp(self.world.functions),
            applyable: !errored && (any_change || refreshed || releasing),
            complete: !errored && self.options.targets.is_empty(),
            errored,
        };
        (plan, self.world.take_problems())
    }
}

fn timestamp(functions: &FunctionContext<'_>) -> String {
    let now = functions.plan_timestamp.unwrap_or_else(|| (functions.now)());
    let now = jiff::Timestamp::try_from(now).unwrap_or_default();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
