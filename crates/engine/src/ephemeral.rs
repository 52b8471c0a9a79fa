//! Ephemeral resources: opened when something needs them, renewed while it does, closed afterwards. Nothing of them is
//! kept in a state or a plan.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_address::{ProviderConfig, ResourceInstance, ResourceMode};
use infra_diag::Severity;
use infra_lang::config::{Config, Resource as Block};
use infra_provider::plan as rules;
use infra_provider::{Configured, Private, Problem, Provider};
use infra_value::Marks;
use tracing::Instrument;

use crate::conditions::resource_rules;
use crate::expand::Repetition;
use crate::graph::{Graph, Node, provider_of};
use crate::planning::{configuration, instance_diagnostics};
use crate::ui::{EphemeralOperation, Event, Ui};
use crate::world::World;
use crate::{marks, observed, secrets};

/// What is open, and what still needs it.
#[derive(Default)]
pub(crate) struct Ephemerals {
    /// In the order in which they were opened.
    open: RefCell<Vec<Open>>,
    /// By the number of an ephemeral resource's node: the nodes that are not done with it.
    users: RefCell<BTreeMap<usize, BTreeSet<usize>>>,
}

struct Open {
    node: usize,
    address: ResourceInstance,
    configured: Arc<dyn Configured>,
    private: Private,
    renew_at: Option<Instant>,
}

/// An instance of an `ephemeral` block, and who provides it.
pub(crate) struct Site<'s> {
    pub node: usize,
    pub block: &'s Block,
    pub provider: &'s dyn Provider,
    pub configured: Arc<dyn Configured>,
}

impl Ephemerals {
    /// Notes who uses those of a graph, of which only some nodes are looked at. Who uses a provider or an ephemeral resource
    /// that was made with one needs that too.
    pub fn expect(&self, graph: &Graph, wanted: &BTreeSet<usize>) {
        let passes_on = |node: &Node| match node {
            Node::Provider(_) => true,
            Node::Resource(_, resource) => resource.mode == ResourceMode::Ephemeral,
            Node::Module(_) => false,
        };
        let mut users = BTreeMap::new();
        for node in wanted.iter().filter(|n| is_ephemeral(&graph.nodes[**n])) {
            let mut found = BTreeSet::new();
            let mut open = vec![*node];
            while let Some(next) = open.pop() {
                for user in wanted.iter().filter(|n| graph.dependencies[**n].contains(&next)) {
                    if found.insert(*user) && passes_on(&graph.nodes[*user]) {
                        open.push(*user);
                    }
                }
            }
            users.insert(*node, found);
        }
        *self.users.borrow_mut() = users;
    }

    /// Does something, keeps open meanwhile what it opens, and closes afterwards what it has left open.
    pub async fn around<T>(&self, world: &World<'_>, ui: &dyn Ui, work: impl Future<Output = T>) -> T {
        let done = tokio::select! {
            done = work => done,
            never = self.keep_open(world, ui) => match never {},
        };
        self.close(world, ui, |_| true).await;
        done
    }

    /// Opens one instance and puts its value into the world; puts that off where its configuration is not known yet.
    /// False after its errors have been told.
    pub async fn open(
        &self,
        world: &World<'_>,
        ui: &dyn Ui,
        site: &Site<'_>,
        address: &ResourceInstance,
        repetition: Repetition,
    ) -> bool {
        let Site { block, provider, .. } = site;
        let ty = &*address.resource.ty;
        let Some(schema) = provider.ephemeral_schema(ty) else { return false };
        let scope = world.scope(&address.module, Some(repetition.clone()));
        let Some(config) = configuration(world, block, address, &schema.block, &scope, Severity::Error) else {
            return false;
        };
        let marked_config = config;
        let (config, config_marks) = marks::take(&marked_config);
        let tell = |problems: Vec<Problem>| {
            let problems = secrets::hide(problems, world, &schema.block, &[&marked_config]);
            world.report(instance_diagnostics(problems, address, Some(block), &schema.block));
        };
        let value = if config.is_wholly_known() {
            let problems = provider.validate_ephemeral(ty, &config);
            let failed = problems.iter().any(Problem::is_error);
            tell(problems);
            if failed {
                return false;
            }
            let event = |elapsed| Event::Ephemeral { address, operation: EphemeralOperation::Open, elapsed };
            ui.event(event(None));
            let started = Instant::now();
            let span = observed::operation("open", address);
            match site.configured.open(ty, &config).instrument(span).await {
                Ok(opened) => {
                    ui.event(event(Some(started.elapsed())));
                    let one = Open {
                        node: site.node,
                        address: address.clone(),
                        configured: site.configured.clone(),
                        private: opened.private,
                        renew_at: opened.renew_after.map(|after| Instant::now() + after),
                    };
                    self.open.borrow_mut().push(one);
                    opened.value
                }
                Err(problems) => {
                    tell(problems);
                    return false;
                }
            }
        } else {
            ui.event(Event::EphemeralDeferred { address });
            rules::proposed_unknown(&schema.block, &config)
        };
        let value = marks::put(&value, &config_marks).with_marks(Marks::EPHEMERAL);
        world.set_value(&address.module, &address.resource, &address.key, value.clone());
        let scope = world.scope(&address.module, Some(repetition)).with_self(value);
        let after = &block.lifecycle.postconditions;
        resource_rules(address, after, "Resource postcondition failed", Severity::Error).check(world, &scope)
    }

    /// Says that a node is done, and closes what nothing needs any more.
    pub async fn done(&self, world: &World<'_>, ui: &dyn Ui, node: usize) {
        let mut unused = BTreeSet::new();
        for (ephemeral, users) in self.users.borrow_mut().iter_mut() {
            users.remove(&node);
            if users.is_empty() {
                unused.insert(*ephemeral);
            }
        }
        self.close(world, ui, |one| unused.contains(&one.node)).await;
    }

    /// Closes some of what is open, the last opened first: it may have been opened with what was opened before.
    async fn close(&self, world: &World<'_>, ui: &dyn Ui, which: impl Fn(&Open) -> bool) {
        let (closing, open) = self.open.take().into_iter().partition(|one| which(one));
        self.open.replace(open);
        let closing: Vec<Open> = closing;
        for one in closing.into_iter().rev() {
            let address = &one.address;
            let event = |elapsed| Event::Ephemeral { address, operation: EphemeralOperation::Close, elapsed };
            ui.event(event(None));
            let started = Instant::now();
            let span = observed::operation("close", address);
            match one.configured.close(&address.resource.ty, &one.private).instrument(span).await {
                Ok(()) => ui.event(event(Some(started.elapsed()))),
                Err(problems) => world.report(problems.into_iter().map(|p| p.into_diagnostic().about(address))),
            }
        }
    }

    /// Renews what is open whenever that is due; never ends.
    async fn keep_open(&self, world: &World<'_>, ui: &dyn Ui) -> Infallible {
        loop {
            let next = self.open.borrow().iter().filter_map(|one| one.renew_at).min();
            let Some(next) = next else {
                // Something may be opened meanwhile: nothing has to be renewed sooner than this.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let wait = next.saturating_duration_since(Instant::now()).min(Duration::from_secs(1));
            tokio::time::sleep(wait).await;
            if Instant::now() >= next {
                self.renew_due(world, ui).await;
            }
        }
    }

    async fn renew_due(&self, world: &World<'_>, ui: &dyn Ui) {
        let now = Instant::now();
        let mut due = Vec::new();
        for one in self.open.borrow_mut().iter_mut().filter(|one| one.renew_at.is_some_and(|at| at <= now)) {
            one.renew_at = None;
            due.push((one.address.clone(), one.configured.clone(), one.private.clone()));
        }
        for (address, configured, mut private) in due {
            let event = |elapsed| Event::Ephemeral { address: &address, operation: EphemeralOperation::Renew, elapsed };
            ui.event(event(None));
            let span = observed::operation("renew", &address);
            let renewed = configured.renew(&address.resource.ty, &mut private).instrument(span).await;
            match renewed {
                Ok(after) => {
                    ui.event(event(Some(now.elapsed())));
                    if let Some(one) = self.open.borrow_mut().iter_mut().find(|one| one.address == address) {
                        one.renew_at = after.map(|after| Instant::now() + after);
                        one.private = private;
                    }
                }
                Err(problems) => world.report(problems.into_iter().map(|p| p.into_diagnostic().about(&address))),
            }
        }
    }
}

/// Whether an ephemeral resource is opened with a provider configuration.
pub(crate) fn uses(config: &Config, provider: &ProviderConfig) -> bool {
    config.modules().into_iter().any(|module| {
        let mut blocks = module.resources_of(ResourceMode::Ephemeral);
        blocks.any(|block| provider_of(config, &module.path, block) == *provider)
    })
}

fn is_ephemeral(node: &Node) -> bool {
    matches!(node, Node::Resource(_, resource) if resource.mode == ResourceMode::Ephemeral)
}
