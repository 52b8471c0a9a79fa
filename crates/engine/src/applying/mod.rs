//! From a plan to what it says: operations in the order of what they depend on, the state written after each.

mod book;
mod destroy;
mod finish;
mod make;
mod provisioners;
mod steps;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use infra_address::{ModulePath, ProviderConfig, ResourceInstance, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::{Config, Resource as Block};
use infra_lang::functions::FunctionContext;
use infra_provider::Configured;
use infra_state::{OutputValue, State, Underway};
use infra_value::Value;
use tracing::Instrument;

pub use book::StateStore;
pub(crate) use steps::operations;

use self::book::Book;
use self::steps::Step;
use crate::codec;
use crate::ephemeral::{self, Ephemerals};
use crate::expand::Repetition;
use crate::graph::{Graph, Node};
use crate::needs::{Needs, Part};
use crate::plan::{Action, Counts, Plan, PlanMode};
use crate::planning::{Expansion, UnknownSettings, configure, expand_as_stored, expand_block, expand_module};
use crate::registry::Registry;
use crate::releases::Ready;
use crate::ui::Ui;
use crate::walk::{Visited, walk};
use crate::world::World;
use crate::{observed, targets};

/// What an apply is made of.
pub struct ApplyInputs<'a> {
    /// The configuration that the plan was made from.
    pub config: &'a Config,
    /// The providers.
    pub registry: &'a Registry,
    /// What functions know about their surroundings.
    pub functions: &'a FunctionContext<'a>,
    /// The name of the workspace.
    pub workspace: &'a str,
    /// Root variables, converted: the same as for the plan.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// What is to be done.
    pub plan: &'a Plan,
    /// Where the state is written.
    pub store: &'a mut dyn StateStore,
    /// The record of what is being created, beside the state.
    pub underway: &'a Underway,
    /// Creations of earlier runs that the plan's prior state tells the end of.
    pub settled: &'a [String],
    /// Set when somebody wants to stop: what is under way ends, nothing else starts.
    pub stop: &'a AtomicBool,
    /// How many operations at once.
    pub parallelism: usize,
    /// Who is told.
    pub ui: &'a dyn Ui,
}

/// What came of an apply.
pub struct Applied {
    /// The state afterwards.
    pub state: State,
    /// What was done.
    pub counts: Counts,
    /// What was planned and not started, because somebody wanted to stop or something before it failed.
    pub left: usize,
    /// Why the state could not be written at the end, if it could not.
    pub unwritten: Option<String>,
    /// Releases that can go on now; none after an error.
    pub releases: Vec<Ready>,
    /// The providers that were made ready.
    pub providers: HashMap<ProviderConfig, Arc<dyn Configured>>,
    /// Errors and warnings.
    pub problems: Diagnostics,
}

pub(crate) struct Applier<'a> {
    pub world: World<'a>,
    pub graph: Graph,
    /// What is created before it is destroyed, by instances.
    creating_first: Needs,
    pub registry: &'a Registry,
    pub plan: &'a Plan,
    /// The numbers of the changes of present objects.
    by_address: HashMap<ResourceInstance, usize>,
    pub book: Book<'a>,
    pub ui: &'a dyn Ui,
    pub stop: &'a AtomicBool,
    pub providers: RefCell<HashMap<ProviderConfig, Arc<dyn Configured>>>,
    /// Keys of objects that a replacement has deposed, by the change's number.
    pub deposed: RefCell<HashMap<usize, String>>,
    pub counts: RefCell<Counts>,
    pub done: Cell<usize>,
    pub limit: tokio::sync::Semaphore,
    ephemerals: Ephemerals,
}

/// The state that an apply begins with. An output whose new value is not known yet keeps the one that it had, which stays if
/// the new one cannot be told.
fn with_former_outputs(plan: &Plan) -> State {
    let mut state = plan.prior_state.clone();
    let open = plan.outputs.iter().filter(|(_, o)| o.action == Action::Update && !o.after.is_wholly_known());
    for (name, output) in open {
        let (value, ty) = (output.before.clone(), output.before.ty());
        state.outputs.entry(name.clone()).or_insert(OutputValue { value, ty, sensitive: output.sensitive });
    }
    state
}

/// Does what a plan says.
pub async fn apply(inputs: ApplyInputs<'_>) -> Applied {
    let ApplyInputs { config, registry, functions, workspace, variables, plan, store, underway, settled, stop, .. } =
        inputs;
    let (parallelism, ui) = (inputs.parallelism, inputs.ui);
    let extra: BTreeSet<ProviderConfig> = plan.changes.iter().map(|c| c.provider.clone()).collect();
    let (graph, problems) = Graph::build(config, registry, &extra);
    let mut world = World::new(config, functions, workspace, variables, registry);
    world.applying = true;
    world.report(problems);
    let wanted = wanted(plan, &graph);
    let applier = Applier {
        world,
        creating_first: graph.forced_instances(config, &wanted),
        graph,
        registry,
        plan,
        by_address: plan
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.deposed.is_none())
            .map(|(i, change)| (change.address.clone(), i))
            .collect(),
        book: Book::new(with_former_outputs(plan), store, underway),
        ui,
        stop,
        providers: RefCell::default(),
        deposed: RefCell::default(),
        counts: RefCell::default(),
        done: Cell::new(0),
        limit: tokio::sync::Semaphore::new(parallelism.max(1)),
        ephemerals: Ephemerals::default(),
    };
    applier.book.take_over(settled);
    tokio::select! {
        () = applier.run(&wanted) => {}
        () = applier.book.keep_up() => {}
    }
    applier.finish()
}

/// The nodes that an apply visits: a destroy only the providers that it needs, and what these depend on.
fn wanted(plan: &Plan, graph: &Graph) -> BTreeSet<usize> {
    let all = 0..graph.nodes.len();
    if plan.mode == PlanMode::Destroy {
        let used = |i: &usize| match &graph.nodes[*i] {
            Node::Provider(p) => plan.changes.iter().any(|c| c.provider == *p),
            _ => false,
        };
        return targets::with_dependencies(graph, all.filter(used));
    }
    if plan.targets.is_empty() {
        return all.collect();
    }
    targets::wanted(graph, &plan.targets, &plan.prior_state, false)
}

impl Applier<'_> {
    async fn run(&self, wanted: &BTreeSet<usize>) {
        self.note_unchanged();
        let steps = steps::of_plan(self.plan, &self.graph, wanted);
        self.ephemerals.expect(&self.graph, wanted);
        let work = walk(&steps.before, |i| {
            let step = steps.steps[i];
            async move {
                let good = match step {
                    Step::Start(node) => self.start(node).await,
                    Step::End(node) => {
                        self.ephemerals.done(&self.world, self.ui, node).await;
                        true
                    }
                    Step::Make(change) => {
                        self.limited(change, self.plan.changes[change].action, self.make(change)).await
                    }
                    Step::Destroy(change) => self.limited(change, Action::Delete, self.destroy(change)).await,
                };
                if good { Visited::Done } else { Visited::Failed }
            }
        });
        self.ephemerals.around(&self.world, self.ui, work).await;
    }

    /// Runs an operation when there is room, unless nothing is to be started any more.
    async fn limited(&self, number: usize, action: Action, operation: impl Future<Output = bool>) -> bool {
        let _permit = self.limit.acquire().await;
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        let span = observed::operation(observed::word(action), &self.plan.changes[number].address);
        let good = operation.instrument(span.clone()).await;
        observed::ended(&span, good);
        self.done.set(self.done.get() + 1);
        good
    }

    /// Whether what is made of a change is replaced by creating first, as far as this run can tell: the next refresh says
    /// it of all instances of its block.
    pub(crate) fn creates_first(&self, address: &ResourceInstance) -> bool {
        let node = self.graph.resource(&address.module.path(), &address.resource);
        node.and_then(|node| self.creating_first.part(node)).is_some_and(|part: &Part| part.holds(&address.key))
    }

    /// What stays as it is gets the dependencies that it has now.
    fn note_unchanged(&self) {
        self.book.note(|state| {
            for change in self.plan.changes.iter().filter(|c| c.action == Action::NoOp && c.deposed.is_none()) {
                if state.current(&change.address).is_some() {
                    let slot = state.slot_mut(&change.address, &change.provider);
                    if let Some(object) = &mut slot.current {
                        object.dependencies.clone_from(&change.dependencies);
                        object.create_before_destroy = change.create_before_destroy;
                        object.private.clone_from(&change.private.0);
                    }
                }
                if change.importing.is_some() {
                    self.counts.borrow_mut().import += 1;
                }
            }
        });
    }

    /// Evaluates a node of the graph once what it depends on has its values.
    async fn start(&self, node: usize) -> bool {
        match &self.graph.nodes[node] {
            Node::Module(path) => expand_module(&self.world, path),
            Node::Provider(provider) => self.start_provider(provider).await,
            Node::Resource(path, resource) => {
                let Some(block) = self.world.config.module(path).and_then(|m| m.resource(resource)) else {
                    return true;
                };
                let Expansion { instances, failed } = expand_block(&self.world, path, block);
                let mut good = failed.is_empty();
                if self.plan.mode == PlanMode::RefreshOnly && resource.mode == ResourceMode::Managed {
                    expand_as_stored(&self.world, path, block, &self.plan.prior_state, |address, _| {
                        self.value_in_state(address)
                    });
                    if block.count.is_some() || block.for_each.is_some() {
                        return good;
                    }
                }
                for (address, repetition) in instances {
                    match address.resource.mode {
                        ResourceMode::Ephemeral => good &= self.open(node, path, block, &address, repetition).await,
                        _ => self.set_unchanged_value(&address),
                    }
                }
                good
            }
        }
    }

    async fn open(
        &self,
        node: usize,
        path: &ModulePath,
        block: &Block,
        address: &ResourceInstance,
        repetition: Repetition,
    ) -> bool {
        let provider = crate::graph::provider_of(self.world.config, path, block);
        let configured = self.providers.borrow().get(&provider).cloned();
        let (Some(known), Some(configured)) = (self.registry.get(&provider.source), configured) else { return false };
        let site = ephemeral::Site { node, block, provider: &**known, configured };
        self.ephemerals.open(&self.world, self.ui, &site, address, repetition).await
    }

    async fn start_provider(&self, provider: &ProviderConfig) -> bool {
        let used = self
            .plan
            .changes
            .iter()
            .any(|c| c.provider == *provider && !matches!(c.action, Action::NoOp | Action::Forget))
            || self.plan.releases.iter().any(|r| r.is_active() && r.provider == *provider)
            || ephemeral::uses(self.world.config, provider);
        if !used || self.registry.get(&provider.source).is_none() {
            return true;
        }
        match configure(&self.world, self.registry, provider, UnknownSettings::CountAsUnset).await {
            Some(configured) => {
                self.providers.borrow_mut().insert(provider.clone(), configured);
                true
            }
            None => false,
        }
    }

    /// The value of an instance that nothing is done with, or of a data source that has been read.
    fn set_unchanged_value(&self, address: &ResourceInstance) {
        let change = self.by_address.get(address).map(|i| &self.plan.changes[*i]);
        let value = match change {
            Some(change) if change.action == Action::NoOp => Some(change.after.clone()),
            // What is to be read, made or changed has its value when that is done.
            Some(_) => None,
            None => self.value_in_state(address),
        };
        let gone = self.plan.mode == PlanMode::RefreshOnly && change.is_none() && value.is_none();
        let value = match gone {
            true => self.unknown_of(address),
            false => value,
        };
        match value {
            Some(value) => self.world.set_value(&address.module, &address.resource, &address.key, value),
            // Left out by a target, and never made.
            None if change.is_none() && !self.plan.targets.is_empty() => {
                self.world.leave_out(&address.module, &address.resource, &address.key);
            }
            None => {}
        }
    }

    fn unknown_of(&self, address: &ResourceInstance) -> Option<Value> {
        let block = self.world.config.module(&address.module.path())?.resource(&address.resource)?;
        let provider = crate::graph::provider_of(self.world.config, &address.module.path(), block);
        let schema = self.registry.schema(&provider.source, address.resource.mode, &address.resource.ty)?;
        Some(Value::unknown(schema.block.ty()))
    }

    fn value_in_state(&self, address: &ResourceInstance) -> Option<Value> {
        let resource = self.plan.prior_state.resources.get(&(address.module.clone(), address.resource.clone()))?;
        let object = resource.instances.get(&address.key)?.current.as_ref()?;
        let known = self.registry.get(&resource.provider.source)?;
        let schema = self.registry.schema(&resource.provider.source, address.resource.mode, &address.resource.ty)?;
        codec::marked(&**known, schema, &address.resource, object)
    }

    /// The provider of a change, ready for calls.
    pub(crate) fn provider_of(&self, change: usize) -> Option<Arc<dyn Configured>> {
        self.providers.borrow().get(&self.plan.changes[change].provider).cloned()
    }

    pub(crate) fn internal(&self, address: &ResourceInstance, what: &str) -> bool {
        self.world.report([Diagnostic::error(
            format!("{address} could not be applied"),
            format!("{what} This is a defect of infra: please report it. Everything done so far is in the state."),
        )]);
        false
    }
}
