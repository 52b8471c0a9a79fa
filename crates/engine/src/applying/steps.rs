//! The steps of an apply and what each waits for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use infra_address::InstanceKey;

use crate::graph::{Graph, Node};
use crate::needs::Part;
use crate::plan::{Action, Plan};
use crate::targets::are_apart;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A node of the graph can be evaluated: its dependencies have their values.
    Start(usize),
    /// All instances of a node have their values.
    End(usize),
    /// A change's object is created, updated, read or forgotten.
    Make(usize),
    /// A change's object (or the one that it replaces) is deleted.
    Destroy(usize),
}

/// The steps, and for each the numbers of those before it.
pub(crate) struct Steps {
    pub steps: Vec<Step>,
    pub before: Vec<BTreeSet<usize>>,
}

/// The steps of a plan. `wanted` are the nodes that are evaluated.
pub(crate) fn of_plan(plan: &Plan, graph: &Graph, wanted: &BTreeSet<usize>) -> Steps {
    let mut builder = Builder { steps: Vec::new(), before: Vec::new(), make: HashMap::new(), destroy: HashMap::new() };
    let starts: BTreeMap<usize, usize> = wanted.iter().map(|n| (*n, builder.add(Step::Start(*n)))).collect();
    let ends: BTreeMap<usize, usize> = wanted.iter().map(|n| (*n, builder.add(Step::End(*n)))).collect();
    for node in wanted {
        builder.edge(starts[node], ends[node]);
    }
    for (i, change) in plan.changes.iter().enumerate() {
        if !matches!(change.action, Action::NoOp | Action::Delete) {
            let step = builder.add(Step::Make(i));
            builder.make.insert(i, step);
        }
        if change.action == Action::Delete || change.action.is_replace() {
            let step = builder.add(Step::Destroy(i));
            builder.destroy.insert(i, step);
        }
    }
    let node_of = |i: usize| graph.resource(&plan.changes[i].address.module.path(), &plan.changes[i].address.resource);
    let mut present: HashMap<usize, Vec<usize>> = HashMap::new();
    for (i, change) in plan.changes.iter().enumerate() {
        if let Some(node) = node_of(i).filter(|_| change.deposed.is_none()) {
            present.entry(node).or_default().push(i);
        }
    }
    for node in wanted {
        for d in graph.dependencies[*node].iter().filter(|d| ends.contains_key(d)) {
            let instances = graph.part(*node, *d).and_then(|part| named(plan, part, present.get(d)?));
            match instances {
                // Another instance may fail or take its time.
                Some(instances) => {
                    builder.edge(starts[d], starts[node]);
                    for change in instances {
                        if let Some(made) = builder.make.get(&change).copied() {
                            builder.edge(made, starts[node]);
                        }
                    }
                }
                None => builder.edge(ends[d], starts[node]),
            }
        }
    }
    let makes: Vec<(usize, usize)> = builder.make.iter().map(|(i, s)| (*i, *s)).collect();
    for &(i, step) in &makes {
        if let Some(node) = node_of(i).filter(|n| starts.contains_key(n)) {
            builder.edge(starts[&node], step);
            builder.edge(step, ends[&node]);
        }
        if plan.changes[i].action == Action::DeleteThenCreate {
            builder.edge(builder.destroy[&i], step);
        }
        if plan.changes[i].action == Action::CreateThenDelete {
            builder.edge(step, builder.destroy[&i]);
        }
    }
    let mut by_address: HashMap<String, Vec<usize>> = HashMap::new();
    for i in builder.destroy.keys() {
        by_address.entry(plan.changes[*i].address.config_address()).or_default().push(*i);
    }
    let destroys: Vec<(usize, usize)> = builder.destroy.iter().map(|(i, s)| (*i, *s)).collect();
    for &(i, step) in &destroys {
        let provider = graph.find(&Node::Provider(plan.changes[i].provider.clone()));
        if let Some(end) = provider.and_then(|n| ends.get(&n)) {
            builder.edge(*end, step);
        }
        // What depends on an object goes before it.
        for needed in depended_on(plan, i, &by_address) {
            builder.soft_edge(step, builder.destroy[&needed]);
        }
    }
    // What used an object stops using it before it goes; what it is replaced by is used before the old one goes.
    for &(user, made) in &makes {
        for needed in depended_on(plan, user, &by_address) {
            let used = &plan.changes[needed];
            let goes_last = used.deposed.is_some() || used.create_before_destroy;
            match (plan.changes[user].action, used.action) {
                (_, Action::DeleteThenCreate) => {}
                // Its old object, which goes first, was what used it.
                (Action::DeleteThenCreate, Action::Delete) if !goes_last => {
                    builder.soft_edge(builder.destroy[&needed], made);
                }
                _ => builder.soft_edge(made, builder.destroy[&needed]),
            }
        }
        let Some(node) = node_of(user) else { continue };
        let ancestors = graph.ancestors(node);
        for &(i, gone) in &destroys {
            let replaced_first = plan.changes[i].action == Action::CreateThenDelete;
            if i != user && replaced_first && node_of(i).is_some_and(|n| ancestors.contains(&n)) {
                builder.soft_edge(made, gone);
            }
        }
    }
    // What depends on an object goes before that is changed, unless it is what was put aside for its replacement.
    let mut made: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, _) in makes.iter().filter(|(i, _)| plan.changes[*i].action != Action::Forget) {
        made.entry(plan.changes[*i].address.config_address()).or_default().push(*i);
    }
    for &(gone, step) in &destroys {
        let change = &plan.changes[gone];
        let put_aside = change.deposed.is_some()
            || change.action == Action::CreateThenDelete
            || (change.action == Action::Delete && change.create_before_destroy);
        if put_aside {
            continue;
        }
        for needed in depended_on(plan, gone, &made) {
            builder.soft_edge(step, builder.make[&needed]);
        }
    }
    Steps { steps: builder.steps, before: builder.before }
}

/// The changes of the instances that a reference names by their keys, if it names such and there is a change of each.
fn named(plan: &Plan, part: &Part, changes: &[usize]) -> Option<Vec<usize>> {
    let Part::Keys(keys) = part else { return None };
    let of_key = |key: &InstanceKey| changes.iter().any(|i| plan.changes[*i].address.key == *key);
    keys.iter().all(of_key).then(|| {
        let named = changes.iter().copied().filter(|i| part.holds(&plan.changes[*i].address.key));
        named.collect()
    })
}

/// Of changes by their address those of what the object of a change depended on when it was last written.
fn depended_on(plan: &Plan, change: usize, by_address: &HashMap<String, Vec<usize>>) -> Vec<usize> {
    let dependencies = stored_dependencies(plan, change);
    let named = dependencies.iter().flat_map(|address| by_address.get(address)).flatten().copied();
    named
        .filter(|needed| *needed != change && !are_apart(&plan.changes[change].address, &plan.changes[*needed].address))
        .collect()
}

/// What the object that a change is about depended on when it was last written.
fn stored_dependencies(plan: &Plan, change: usize) -> Vec<String> {
    let change = &plan.changes[change];
    let slot = plan.prior_state.slot(&change.address);
    let object = slot.and_then(|slot| match &change.deposed {
        Some(key) => slot.deposed.get(key),
        None => slot.current.as_ref(),
    });
    object.map(|o| o.dependencies.clone()).unwrap_or_default()
}

struct Builder {
    steps: Vec<Step>,
    before: Vec<BTreeSet<usize>>,
    make: HashMap<usize, usize>,
    destroy: HashMap<usize, usize>,
}

impl Builder {
    fn add(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.before.push(BTreeSet::new());
        self.steps.len() - 1
    }

    fn edge(&mut self, first: usize, then: usize) {
        self.before[then].insert(first);
    }

    /// An order that is kept where nothing stronger asks for the opposite.
    fn soft_edge(&mut self, first: usize, then: usize) {
        if first != then && !self.before[then].contains(&first) && !self.is_before(then, first) {
            self.edge(first, then);
        }
    }

    /// Whether a step comes before another one by the edges so far.
    fn is_before(&self, first: usize, then: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![then];
        while let Some(step) = open.pop() {
            if step == first {
                return true;
            }
            open.extend(self.before[step].iter().filter(|s| seen.insert(**s)));
        }
        false
    }
}

/// What each operation of a plan waits for, by what is done to what; the steps between are seen through.
pub(crate) fn operations(plan: &Plan, graph: &Graph) -> BTreeMap<String, Vec<String>> {
    let Steps { steps, before } = of_plan(plan, graph, &(0..graph.nodes.len()).collect());
    let name = |step: usize| {
        let (change, done) = match steps[step] {
            Step::Make(change) => (&plan.changes[change], made(plan.changes[change].action)),
            Step::Destroy(change) => (&plan.changes[change], "destroy"),
            Step::Start(_) | Step::End(_) => return None,
        };
        let deposed = change.deposed.as_ref().map(|key| format!(" deposed {key}")).unwrap_or_default();
        Some(format!("{}{deposed} ({done})", change.address))
    };
    let awaited = |step: usize| {
        let (mut names, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut open: Vec<usize> = before[step].iter().copied().collect();
        while let Some(next) = open.pop() {
            match name(next) {
                Some(name) => drop(names.insert(name)),
                None => open.extend(before[next].iter().filter(|step| seen.insert(**step))),
            }
        }
        names.into_iter().collect()
    };
    (0..steps.len()).filter_map(|step| Some((name(step)?, awaited(step)))).collect()
}

fn made(action: Action) -> &'static str {
    match action {
        Action::Read => "read",
        Action::Update => "update",
        Action::Forget => "forget",
        _ => "create",
    }
}
