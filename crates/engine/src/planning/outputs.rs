//! What would happen to the outputs of the root module.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_address::ModuleInstance;
use infra_lang::eval::references;
use infra_state::{OutputValue, State};
use infra_value::{Type, Value};

use super::Planner;
use crate::graph::{Graph, Node};
use crate::plan::{Action, OutputChange, PlanMode};
use crate::world::World;

impl Planner<'_> {
    /// Evaluates what nothing has asked for yet, so that its errors are told: outputs, and then locals.
    pub(super) fn plan_outputs(&self, wanted: &BTreeSet<usize>) {
        if self.options.mode == PlanMode::Destroy && !self.options.refresh {
            return;
        }
        if self.options.targets.is_empty() {
            return self.world.evaluate_rest();
        }
        let root = ModuleInstance::root();
        for (name, output) in &self.world.config.root.outputs {
            if reaches_only(&self.graph, &self.world, output, wanted) {
                let _ = self.world.output(&root, name);
            }
        }
    }

    /// The changes of the root module's outputs.
    pub(super) fn output_changes(&self) -> BTreeMap<Arc<str>, OutputChange> {
        let mut changes = BTreeMap::new();
        let stored = &self.stored.outputs;
        let root = ModuleInstance::root();
        let destroy = self.options.mode == PlanMode::Destroy;
        let outputs = &self.world.config.root.outputs;
        let before = |name: &Arc<str>| match stored.get(name) {
            Some(output) => (output.value.clone(), output.sensitive),
            None => (Value::null(Type::Dynamic), false),
        };
        if !destroy && !self.world.has_errors() {
            let wanted = self.wanted();
            for (name, output) in outputs {
                let whole = self.options.targets.is_empty();
                if output.ephemeral || !(whole || reaches_only(&self.graph, &self.world, output, &wanted)) {
                    continue;
                }
                let Ok(value) = self.world.output(&root, name) else { continue };
                let (after, _) = value.unmark_deep();
                let (before, was_sensitive) = before(name);
                let known = stored.contains_key(name);
                let action = match () {
                    () if before.is_null() && after.is_null() => Action::NoOp,
                    () if !known => Action::Create,
                    () if before == after && was_sensitive == output.sensitive => Action::NoOp,
                    () => Action::Update,
                };
                changes.insert(
                    name.clone(),
                    OutputChange {
                        action,
                        before,
                        after,
                        sensitive: was_sensitive || output.sensitive,
                        sensitive_after: output.sensitive,
                    },
                );
            }
        }
        // What is destroyed is told as the refresh before it found it, also what an earlier run could not write any more.
        let refreshed = destroy && self.options.refresh;
        let found = |name: &Arc<str>| match refreshed && outputs.get(name).is_none_or(|output| !output.ephemeral) {
            true => self.world.output(&root, name).ok().map(|v| v.unmark_deep().0).filter(Value::is_wholly_known),
            false => None,
        };
        let declared = outputs.keys().filter(|name| refreshed && !stored.contains_key(*name));
        for name in stored.keys().chain(declared) {
            let gone = destroy && self.options.targets.is_empty() || !destroy && !outputs.contains_key(name);
            if gone && !self.world.has_errors() {
                let (before, sensitive) = match (found(name), stored.get(name)) {
                    (found, Some(stored)) => (found.unwrap_or_else(|| stored.value.clone()), stored.sensitive),
                    (Some(found), None) if !found.is_null() => {
                        (found, outputs.get(name).is_some_and(|output| output.sensitive))
                    }
                    (_, None) => continue,
                };
                let after = Value::null(Type::Dynamic);
                let change = OutputChange { action: Action::Delete, before, after, sensitive, sensitive_after: false };
                changes.insert(name.clone(), change);
            }
        }
        changes
    }

    /// Puts new values of outputs into the refreshed state, as far as they are known.
    pub(super) fn put_known_outputs(&self, prior: &mut State, outputs: &BTreeMap<Arc<str>, OutputChange>) {
        if self.options.mode == PlanMode::Destroy {
            return;
        }
        for (name, change) in outputs {
            match change.after.is_wholly_known() && !change.after.is_null() {
                true => {
                    let (value, ty) = (change.after.clone(), change.after.ty());
                    let output = OutputValue { value, ty, sensitive: change.sensitive_after };
                    prior.outputs.insert(name.clone(), output);
                }
                false => drop(prior.outputs.remove(name)),
            }
        }
    }
}

/// Whether everything that an output depends on is looked at, and there is such a thing.
fn reaches_only(
    graph: &Graph,
    world: &World<'_>,
    output: &infra_lang::config::Output,
    wanted: &BTreeSet<usize>,
) -> bool {
    let Some(expr) = &output.value else { return false };
    let reached = graph.reached_from_root(world.config, &references(expr).0);
    let mut resources = reached.iter().filter(|i| matches!(graph.nodes[**i], Node::Resource(..))).peekable();
    resources.peek().is_some() && resources.all(|i| wanted.contains(i))
}
