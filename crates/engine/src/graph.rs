//! What waits for what: resources, module calls and provider configurations, with the values between them seen through.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use infra_address::{ModulePath, ProviderConfig, ProviderSource, Resource, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::{CheckRule, Config, Module, Resource as Block};
use infra_lang::eval::{Reference, Subject, body_references, references};
use infra_lang::syntax::ast::{Expr, Traversal};
use infra_schema::Block as Schema;

use crate::imports;
use crate::needs::{Needs, Part};
use crate::registry::Registry;

/// Something that is done once it is known what it depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Node {
    /// A provider configuration is evaluated and the provider made ready.
    Provider(ProviderConfig),
    /// A module call's instances are told.
    Module(ModulePath),
    /// A block's instances are told and handled.
    Resource(ModulePath, Resource),
}

impl Node {
    /// The address of a resource's block without keys.
    pub fn config_address(&self) -> Option<String> {
        match self {
            Node::Resource(module, resource) if module.is_root() => Some(resource.to_string()),
            Node::Resource(module, resource) => Some(format!("{module}.{resource}")),
            _ => None,
        }
    }

    fn is_managed(&self) -> bool {
        matches!(self, Node::Resource(_, r) if r.mode == ResourceMode::Managed)
    }

    fn describe(&self) -> String {
        match self {
            Node::Provider(p) => p.to_string(),
            Node::Module(m) => format!("{m} (expand)"),
            Node::Resource(..) => self.config_address().unwrap_or_default(),
        }
    }
}

/// The graph of a configuration.
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    index: HashMap<Node, usize>,
    /// What each node waits for.
    pub dependencies: Vec<BTreeSet<usize>>,
    /// The same, with how much of each is needed.
    needs: Vec<Needs>,
    /// For data sources: managed resources that are named in the block itself, or by a `depends_on`.
    pub waits_for_changes_of: Vec<BTreeSet<usize>>,
    /// Managed resources whose replacement is created first, by their own word or because something that depends on
    /// them is.
    pub create_before_destroy: BTreeSet<usize>,
}

impl Graph {
    /// Builds the graph. Cycles are errors.
    ///
    /// `of_state` are the provider configurations that the state names: they are needed for what is no longer configured.
    pub fn build(config: &Config, registry: &Registry, of_state: &BTreeSet<ProviderConfig>) -> (Graph, Diagnostics) {
        let mut builder = Builder {
            config,
            registry,
            nodes: Vec::new(),
            index: HashMap::new(),
            reached: HashMap::new(),
            visiting: Vec::new(),
            problems: Diagnostics::new(),
        };
        builder.add_nodes();
        for provider in of_state {
            if builder.is_configurable(provider) {
                builder.add(Node::Provider(provider.clone()));
            }
        }
        let mut needs = Vec::new();
        let mut waits = Vec::new();
        for i in 0..builder.nodes.len() {
            let (needed, awaited) = builder.dependencies_of(i);
            needs.push(needed);
            waits.push(awaited);
        }
        let dependencies: Vec<BTreeSet<usize>> = needs.iter().map(|needed| needed.nodes().collect()).collect();
        builder.look_for_cycles_of_names();
        let Builder { nodes, index, mut problems, .. } = builder;
        if let Some(cycle) = cycle(&dependencies) {
            let names: Vec<String> = cycle.iter().map(|i| nodes[*i].describe()).collect();
            problems.push(cycle_error(&names));
        }
        let create_before_destroy = BTreeSet::new();
        let mut graph = Graph { nodes, index, dependencies, needs, waits_for_changes_of: waits, create_before_destroy };
        let all = (0..graph.nodes.len()).collect();
        graph.create_before_destroy = graph.forced(config, &all);
        (graph, problems)
    }

    /// The number of a node.
    pub fn find(&self, node: &Node) -> Option<usize> {
        self.index.get(node).copied()
    }

    /// The number of a resource's block.
    pub fn resource(&self, module: &ModulePath, resource: &Resource) -> Option<usize> {
        self.find(&Node::Resource(module.clone(), resource.clone()))
    }

    /// Everything that a node depends on, directly or not; also what only its provider's configuration needs.
    pub fn ancestors(&self, node: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut open = vec![node];
        while let Some(next) = open.pop() {
            for &d in &self.dependencies[next] {
                if seen.insert(d) {
                    open.push(d);
                }
            }
        }
        seen
    }

    /// The resources that a node depends on, as a state lists them.
    pub fn state_dependencies(&self, node: usize) -> Vec<String> {
        let addresses = self.ancestors(node).into_iter().filter_map(|i| self.nodes[i].config_address());
        addresses.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The nodes that references in the root module lead to.
    pub fn reached_from_root(&self, config: &Config, found: &[Reference<'_>]) -> BTreeSet<usize> {
        let empty = Registry::default();
        let mut builder = Builder {
            config,
            registry: &empty,
            nodes: self.nodes.clone(),
            index: self.index.clone(),
            reached: HashMap::new(),
            visiting: Vec::new(),
            problems: Diagnostics::new(),
        };
        let mut needs = Needs::default();
        builder.all(&ModulePath::root(), found, &mut needs);
        needs.nodes().collect()
    }

    /// How much of a node another one that depends on it needs.
    pub fn part(&self, node: usize, needed: usize) -> Option<&Part> {
        self.needs[node].part(needed)
    }

    /// The managed resources among some nodes whose replacement is created first: what is left out by a target asks for
    /// nothing.
    pub fn forced(&self, config: &Config, among: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut forced = BTreeSet::new();
        for node in self.creating_first(config, among) {
            forced.insert(node);
            forced.extend(self.ancestors(node).into_iter().filter(|i| self.nodes[*i].is_managed()));
        }
        forced
    }

    /// The same by instances: where a reference names one by its key, the others are not meant.
    pub fn forced_instances(&self, config: &Config, among: &BTreeSet<usize>) -> Needs {
        let mut forced = Needs::default();
        let mut open: Vec<usize> = self.creating_first(config, among).collect();
        forced.extend(&open);
        while let Some(node) = open.pop() {
            for (needed, part) in self.needs[node].iter() {
                let seen = forced.part(needed).is_some();
                forced.add(needed, part);
                if !seen {
                    open.push(needed);
                }
            }
        }
        forced
    }

    /// The blocks that say it themselves.
    fn creating_first<'g>(
        &'g self,
        config: &'g Config,
        among: &'g BTreeSet<usize>,
    ) -> impl Iterator<Item = usize> + 'g {
        let says = |i: &usize| match &self.nodes[*i] {
            Node::Resource(module, resource) => config
                .module(module)
                .and_then(|m| m.resource(resource))
                .is_some_and(|b| b.lifecycle.create_before_destroy == Some(true)),
            _ => false,
        };
        among.iter().copied().filter(says)
    }
}

/// The summary of the error about a block that refers to itself, which only a plan tells.
pub(crate) const SELF_REFERENCE: &str = "Self-referential block";

fn cycle_error(names: &[String]) -> Diagnostic {
    Diagnostic::error(
        format!("Cycle: {}", names.join(", ")),
        "Each of these needs another one of them before it can be worked out. Take one of the references out.",
    )
}

/// The numbers of a cycle, if there is one.
fn cycle(dependencies: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut graph = petgraph::graph::DiGraph::<usize, ()>::with_capacity(dependencies.len(), 0);
    let ids: Vec<_> = (0..dependencies.len()).map(|i| graph.add_node(i)).collect();
    for (i, needs) in dependencies.iter().enumerate() {
        for &d in needs {
            graph.add_edge(ids[d], ids[i], ());
        }
    }
    let components = petgraph::algo::tarjan_scc(&graph);
    let component = components.into_iter().find(|c| c.len() > 1)?;
    let mut members: Vec<usize> = component.into_iter().map(|id| graph[id]).collect();
    members.sort_unstable();
    Some(members)
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Named {
    Variable(Arc<str>),
    Local(Arc<str>),
    Output(Arc<str>),
}

impl Named {
    fn describe(&self, module: &ModulePath) -> String {
        let own = match self {
            Named::Variable(n) => format!("var.{n} (expand)"),
            Named::Local(n) => format!("local.{n} (expand)"),
            Named::Output(n) => format!("output.{n} (expand)"),
        };
        if module.is_root() { own } else { format!("{module}.{own}") }
    }
}

struct Builder<'a> {
    config: &'a Config,
    registry: &'a Registry,
    nodes: Vec<Node>,
    index: HashMap<Node, usize>,
    /// What a named value's expressions lead to.
    reached: HashMap<(ModulePath, Named), Rc<Needs>>,
    visiting: Vec<(ModulePath, Named)>,
    problems: Diagnostics,
}

impl<'a> Builder<'a> {
    fn add(&mut self, node: Node) -> usize {
        if let Some(i) = self.index.get(&node) {
            return *i;
        }
        let i = self.nodes.len();
        self.nodes.push(node.clone());
        self.index.insert(node, i);
        i
    }

    fn add_nodes(&mut self) {
        let config = self.config;
        for module in config.modules() {
            if !module.path.is_root() {
                self.add(Node::Module(module.path.clone()));
            }
            for (resource, block) in &module.resources {
                self.add(Node::Provider(provider_of(config, &module.path, block)));
                self.add(Node::Resource(module.path.clone(), resource.clone()));
            }
        }
    }

    /// Cycles of values that no resource has anything to do with.
    fn look_for_cycles_of_names(&mut self) {
        for module in self.config.modules() {
            let locals = module.locals.keys().cloned().map(Named::Local);
            let outputs = module.outputs.keys().cloned().map(Named::Output);
            let variables = module.variables.keys().cloned().map(Named::Variable);
            for name in locals.chain(outputs).chain(variables) {
                self.named(&module.path, name, &mut Needs::default());
            }
        }
    }

    /// Whether there is a block for a provider configuration, or none is needed: the default one of the root module.
    fn is_configurable(&self, provider: &ProviderConfig) -> bool {
        let default = provider.module.is_root() && provider.alias.is_none();
        default || self.config.provider_block(provider).is_some()
    }

    /// What a node waits for, and for a data source the managed resources whose changes defer it.
    fn dependencies_of(&mut self, node: usize) -> (Needs, BTreeSet<usize>) {
        let mut needs = Needs::default();
        let mut awaited = BTreeSet::new();
        match self.nodes[node].clone() {
            Node::Provider(provider) => self.provider(&provider, &mut needs),
            Node::Module(path) => self.module_call(&path, &mut needs),
            Node::Resource(path, resource) => self.resource(node, &path, &resource, &mut needs, &mut awaited),
        }
        (needs, awaited)
    }

    fn provider(&mut self, provider: &ProviderConfig, needs: &mut Needs) {
        let Some(module) = self.config.module(&provider.module) else { return };
        self.expansion_of(&provider.module, needs);
        let Some(block) = self.config.provider_block(provider) else { return };
        let empty = Schema::default();
        let schema = self.registry.get(&provider.source).map_or(&empty, |p| &p.config_schema().block);
        let (found, _) = body_references(&block.body, schema, &[]);
        self.all(&module.path, &found, needs);
    }

    fn module_call(&mut self, path: &ModulePath, needs: &mut Needs) {
        let Some(parent) = path.parent() else { return };
        self.expansion_of(&parent, needs);
        let call = self.config.module(&parent).zip(path.0.last()).and_then(|(m, name)| m.module_calls.get(name));
        if let Some(call) = call {
            for expr in call.count.iter().chain(&call.for_each) {
                self.expr(&parent, expr, needs);
            }
        }
    }

    /// A block can be expanded only when the module that it is in is.
    fn expansion_of(&mut self, path: &ModulePath, needs: &mut Needs) {
        needs.extend(self.index.get(&Node::Module(path.clone())));
    }

    fn resource(
        &mut self,
        node: usize,
        path: &ModulePath,
        resource: &Resource,
        needs: &mut Needs,
        awaited: &mut BTreeSet<usize>,
    ) {
        let config = self.config;
        let Some(module) = config.module(path) else { return };
        let Some(block) = module.resource(resource) else { return };
        self.expansion_of(path, needs);
        let provider = provider_of(config, path, block);
        needs.extend(self.index.get(&Node::Provider(provider.clone())));

        let found = self.block_references(block, &provider);
        for reference in &found {
            if matches!(&reference.subject, Subject::Resource { resource: r, .. } if r == resource) {
                self.problems.push(
                    Diagnostic::error(
                        SELF_REFERENCE,
                        format!("The configuration of {resource} refers to itself, and it has no value yet then."),
                    )
                    .at(reference.range.clone()),
                );
                return;
            }
        }
        self.all(path, &found, needs);
        self.imports(path, resource, needs);
        for reference in &found {
            if let Subject::Resource { resource: r, .. } = &reference.subject
                && r.mode == ResourceMode::Managed
            {
                awaited.extend(self.index.get(&Node::Resource(path.clone(), r.clone())));
            }
        }
        self.conditions(path, resource, &block.lifecycle.preconditions, needs);
        self.conditions(path, resource, &block.lifecycle.postconditions, needs);
        let mut explicit = Needs::default();
        self.depends_on(path, &block.depends_on, &mut explicit);
        self.modules_depend_on(path, &mut explicit);
        needs.add_all(&explicit);
        needs.remove(node);
        if resource.mode == ResourceMode::Data {
            let conditions = &block.lifecycle;
            if !conditions.preconditions.is_empty() || !conditions.postconditions.is_empty() {
                explicit.add_all(needs);
            }
            awaited.extend(explicit.nodes().filter(|i| self.nodes[*i].is_managed()));
        }
    }

    /// What the `import` blocks of a resource refer to, in the root module.
    fn imports(&mut self, path: &ModulePath, resource: &Resource, needs: &mut Needs) {
        let config = self.config;
        for import in imports::of_resource(config, path, resource) {
            for expr in [&import.id].into_iter().chain(&import.for_each) {
                let (found, _) = references(expr);
                let own = |r: &&Reference<'_>| {
                    path.is_root() && matches!(&r.subject, Subject::Resource { resource: r, .. } if r == resource)
                };
                if let Some(own) = found.iter().find(own) {
                    let detail = format!("{resource} is to be imported by an id that is taken from itself.");
                    self.problems.push(Diagnostic::error("Invalid import id argument", detail).at(own.range.clone()));
                    return;
                }
                self.all(&ModulePath::root(), &found, needs);
            }
        }
    }

    fn conditions(&mut self, path: &ModulePath, own: &Resource, rules: &[CheckRule], needs: &mut Needs) {
        for rule in rules {
            for expr in [&rule.condition, &rule.error_message] {
                let (found, _) = references(expr);
                let others = found
                    .into_iter()
                    .filter(|r| !matches!(&r.subject, Subject::Resource { resource, .. } if resource == own));
                let others: Vec<_> = others.collect();
                self.all(path, &others, needs);
            }
        }
    }

    /// The references in a block's arguments, meta arguments and provisioners.
    fn block_references(&mut self, block: &Block, provider: &ProviderConfig) -> Vec<Reference<'static>> {
        let empty = Schema::default();
        let schema = self.registry.schema(&provider.source, block.address.mode, &block.address.ty);
        let schema = schema.map_or(&empty, |s| &s.block);
        let (mut found, _) = body_references(&block.body, schema, &[]);
        for provisioner in &block.provisioners {
            found.extend(body_references(&provisioner.body, &empty, &[]).0);
        }
        let meta = block.count.iter().chain(&block.for_each).chain(&block.lifecycle.replace_triggered_by);
        for expr in meta {
            found.extend(references(expr).0.into_iter().map(Reference::into_owned));
        }
        found
    }

    fn depends_on(&mut self, path: &ModulePath, named: &[Traversal], needs: &mut Needs) {
        for traversal in named {
            if let Ok(reference) = Reference::parse(traversal) {
                self.subject(path, &reference.subject, needs);
            }
        }
    }

    /// The `depends_on` of the calls of a module and of those around it.
    fn modules_depend_on(&mut self, path: &ModulePath, needs: &mut Needs) {
        let mut path = path.clone();
        while let Some(parent) = path.parent() {
            let call = self.config.module(&parent).zip(path.0.last()).and_then(|(m, n)| m.module_calls.get(n));
            if let Some(call) = call {
                self.depends_on(&parent, &call.depends_on, needs);
            }
            path = parent;
        }
    }

    fn everything_in(&mut self, path: &ModulePath, needs: &mut Needs) {
        for (i, node) in self.nodes.iter().enumerate() {
            if let Node::Resource(module, _) = node
                && module.0.starts_with(&path.0)
            {
                needs.extend([i]);
            }
        }
    }

    fn expr(&mut self, path: &ModulePath, expr: &Expr, needs: &mut Needs) {
        let (found, _) = references(expr);
        self.all(path, &found, needs);
    }

    fn all(&mut self, path: &ModulePath, found: &[Reference<'_>], needs: &mut Needs) {
        for reference in found {
            self.subject(path, &reference.subject, needs);
        }
    }

    fn subject(&mut self, path: &ModulePath, subject: &Subject, needs: &mut Needs) {
        match subject {
            Subject::Resource { resource, key } => {
                if let Some(node) = self.index.get(&Node::Resource(path.clone(), resource.clone())) {
                    needs.add(*node, &Part::of_key(key.as_ref()));
                }
            }
            Subject::Variable(name) => self.named(path, Named::Variable(name.clone()), needs),
            Subject::Local(name) => self.named(path, Named::Local(name.clone()), needs),
            Subject::Module { name, output, .. } => {
                let child = path.child(name.clone());
                self.expansion_of(&child, needs);
                if output.is_none() {
                    // The module as a whole has a value when everything in it has.
                    self.everything_in(&child, needs);
                }
                match output {
                    Some(output) => self.named(&child, Named::Output(output.clone()), needs),
                    None => {
                        let outputs = self.config.module(&child).map(|m| m.outputs.keys().cloned().collect::<Vec<_>>());
                        for output in outputs.into_iter().flatten() {
                            self.named(&child, Named::Output(output), needs);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn named(&mut self, path: &ModulePath, name: Named, needs: &mut Needs) {
        let key = (path.clone(), name);
        if let Some(reached) = self.reached.get(&key) {
            needs.add_all(reached);
            return;
        }
        if let Some(at) = self.visiting.iter().position(|v| *v == key) {
            let names: Vec<String> = self.visiting[at..].iter().map(|(p, n)| n.describe(p)).collect();
            let problem = cycle_error(&names);
            // A local value that is made from itself was reported when the configuration was loaded.
            if names.len() > 1 && !self.problems.0.contains(&problem) {
                self.problems.push(problem);
            }
            return;
        }
        self.visiting.push(key.clone());
        let mut reached = Needs::default();
        if let Some(module) = self.config.module(path) {
            self.named_anew(module, &key.1, &mut reached);
        }
        self.visiting.pop();
        needs.add_all(&reached);
        self.reached.insert(key, Rc::new(reached));
    }

    fn named_anew(&mut self, module: &'a Module, name: &Named, reached: &mut Needs) {
        let path = &module.path;
        match name {
            Named::Local(name) => {
                if let Some(local) = module.locals.get(name) {
                    self.expr(path, &local.expr, reached);
                }
            }
            Named::Output(name) => {
                if let Some(output) = module.outputs.get(name) {
                    output.value.iter().for_each(|v| self.expr(path, v, reached));
                    self.depends_on(path, &output.depends_on, reached);
                    for rule in &output.preconditions {
                        self.expr(path, &rule.condition, reached);
                        self.expr(path, &rule.error_message, reached);
                    }
                    self.modules_depend_on(path, reached);
                }
            }
            Named::Variable(name) => {
                if let Some(variable) = module.variables.get(name) {
                    for rule in &variable.validations {
                        let own = |r: &Reference<'_>| matches!(&r.subject, Subject::Variable(n) if n == name);
                        for expr in [&rule.condition, &rule.error_message] {
                            let found: Vec<_> = references(expr).0.into_iter().filter(|r| !own(r)).collect();
                            self.all(path, &found, reached);
                        }
                    }
                }
                let (Some(parent), Some(call)) = (path.parent(), path.0.last()) else { return };
                let call = self.config.module(&parent).and_then(|m| m.module_calls.get(call));
                if let Some(call) = call {
                    if let Some(input) = call.inputs.get(name) {
                        self.expr(&parent, &input.expr, reached);
                    }
                    // each.value in an input comes from the call's for_each.
                    self.expansion_of(path, reached);
                }
            }
        }
    }
}

/// The provider configuration of a block. One that names a configuration that there is not has been reported when the
/// configuration was loaded.
pub(crate) fn provider_of(config: &Config, path: &ModulePath, block: &Block) -> ProviderConfig {
    config.provider_for(path, block).unwrap_or_else(|| ProviderConfig {
        module: ModulePath::root(),
        source: ProviderSource::parse(block.address.implied_provider()),
        alias: None,
    })
}
