//! `-target`: which parts of the graph are looked at.

use std::collections::{BTreeSet, HashMap};

use infra_address::{ModulePath, ResourceInstance, ResourceMode, Target};
use infra_diag::Diagnostic;
use infra_state::State;

use crate::graph::{Graph, Node};
use crate::moves::Moved;

/// Nodes with everything that they depend on.
pub(crate) fn with_dependencies(graph: &Graph, nodes: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = nodes.into_iter().collect();
    while let Some(node) = open.pop() {
        if seen.insert(node) {
            open.extend(&graph.dependencies[node]);
        }
    }
    seen
}

/// Whether a block, keys aside, is what a target names or in it.
pub(crate) fn names_block(target: &Target, module: &ModulePath, resource: &infra_address::Resource) -> bool {
    match target {
        Target::Module(m) => module.0.starts_with(&m.path().0),
        Target::Resource(r) => r.module.path() == *module && r.resource == *resource,
    }
}

/// What a destroy takes away: the instances that the targets name, and those that depended on one when they were last
/// written. Instances of one module in several do not depend on each other.
pub(crate) fn destroyed(targets: &[Target], state: &State) -> BTreeSet<ResourceInstance> {
    let mut users: HashMap<&str, Vec<ResourceInstance>> = HashMap::new();
    let mut open = Vec::new();
    for (address, _, slot) in state.instances().filter(|(a, _, _)| a.resource.mode == ResourceMode::Managed) {
        for used in slot.objects().flat_map(|(_, object)| &object.dependencies) {
            users.entry(used).or_default().push(address.clone());
        }
        if targets.iter().any(|t| t.contains(&address)) {
            open.push(address);
        }
    }
    let mut destroyed = BTreeSet::new();
    while let Some(address) = open.pop() {
        let users = users.get(&*address.config_address()).into_iter().flatten();
        open.extend(users.filter(|user| !destroyed.contains(*user) && !are_apart(user, &address)).cloned());
        destroyed.insert(address);
    }
    destroyed
}

/// Whether two objects belong to different instances of one module.
pub(crate) fn are_apart(one: &ResourceInstance, other: &ResourceInstance) -> bool {
    one.module != other.module && one.module.path() == other.module.path()
}

/// The nodes that the targets need. When destroying, also what depends on a target, since it goes with it.
pub(crate) fn wanted(graph: &Graph, targets: &[Target], state: &State, destroy: bool) -> BTreeSet<usize> {
    let named = |node: &Node| match node {
        Node::Resource(module, resource) => targets.iter().any(|t| names_block(t, module, resource)),
        _ => false,
    };
    let mut nodes: BTreeSet<usize> = (0..graph.nodes.len()).filter(|i| named(&graph.nodes[*i])).collect();
    if destroy {
        let dependents = (0..graph.nodes.len()).filter(|i| !graph.ancestors(*i).is_disjoint(&nodes));
        let dependents: Vec<usize> = dependents.collect();
        nodes.extend(dependents);
    }
    // The providers of objects that are in the state only.
    let orphans = state.instances().filter(|(address, _, _)| targets.iter().any(|t| t.contains(address)));
    nodes.extend(orphans.filter_map(|(_, provider, _)| graph.find(&Node::Provider(provider.clone()))));
    with_dependencies(graph, nodes)
}

/// Moves that the targets leave out one end of cannot be planned.
pub(crate) fn check_moves(targets: &[Target], moved: &Moved) -> Option<Diagnostic> {
    if targets.is_empty() {
        return None;
    }
    let covered = |address: &ResourceInstance| targets.iter().any(|t| t.contains(address));
    let left_out: Vec<String> = moved
        .previous
        .iter()
        .filter(|(to, from)| !covered(to) || !covered(from))
        .flat_map(|(to, from)| [to, from].into_iter().filter(|a| !covered(a)).map(|a| format!("  -target='{a}'")))
        .collect();
    if left_out.is_empty() {
        return None;
    }
    Some(Diagnostic::error(
        "Moved resource instances excluded by targeting",
        format!(
            "Objects in the state have new addresses, and both ends of each move have to be among the targets. Add:\n\n{}",
            left_out.join("\n")
        ),
    ))
}
