//! Attributes that contribute to what changes: drift is told where it may have caused a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_address::{InstanceKey, ModuleInstance, ModulePath, ResourceInstance};
use infra_lang::eval::{Reference, Subject, body_references, references};
use infra_lang::syntax::ast::TraversalStep;
use infra_schema::Block as Schema;
use infra_value::{Path, PathStep};

use super::Planner;
use crate::plan::{Action, OutputChange, ResourceChange};

/// A reference in a module, still to be followed.
type Open = (ModuleInstance, Subject, Vec<TraversalStep>);

impl Planner<'_> {
    /// Every resource attribute that is referred to, directly or through other values, by a resource or an output that
    /// changes.
    pub(super) fn relevant_attributes(
        &self,
        changes: &[ResourceChange],
        outputs: &BTreeMap<Arc<str>, OutputChange>,
    ) -> Vec<(String, Path)> {
        let mut open: Vec<Open> = Vec::new();
        for change in changes.iter().filter(|c| c.action != Action::NoOp) {
            self.references_of_block(&change.address, &mut open);
        }
        let root = ModuleInstance::root();
        for (name, change) in outputs {
            if change.action != Action::NoOp
                && let Some(expr) = self.world.config.root.outputs.get(name).and_then(|o| o.value.as_ref())
            {
                push(&root, &references(expr).0, &mut open);
            }
        }
        let mut seen = BTreeSet::new();
        let mut found = BTreeMap::new();
        while let Some((module, subject, steps)) = open.pop() {
            let text = format!("{module} {subject:?} {}", path_of(&steps));
            if seen.insert(text) {
                self.follow(&module, subject, &steps, &mut open, &mut found);
            }
        }
        found.into_values().collect()
    }

    fn references_of_block(&self, address: &ResourceInstance, open: &mut Vec<Open>) {
        let path = address.module.path();
        let Some(block) = self.world.config.module(&path).and_then(|m| m.resource(&address.resource)) else { return };
        let provider = crate::graph::provider_of(self.world.config, &path, block);
        let schema = self.registry.schema(&provider.source, address.resource.mode, &address.resource.ty);
        let empty = Schema::default();
        let (found, _) = body_references(&block.body, schema.map_or(&empty, |s| &s.block), &[]);
        push(&address.module, &found, open);
        for expr in block.count.iter().chain(&block.for_each) {
            push(&address.module, &references(expr).0, open);
        }
    }

    fn follow(
        &self,
        module: &ModuleInstance,
        subject: Subject,
        steps: &[TraversalStep],
        open: &mut Vec<Open>,
        found: &mut BTreeMap<String, (String, Path)>,
    ) {
        let Some(block) = self.world.module(module) else { return };
        match subject {
            Subject::Local(name) => {
                if let Some(local) = block.locals.get(&name) {
                    push(module, &references(&local.expr).0, open);
                }
            }
            Subject::Variable(name) => {
                let call = module.parent().zip(module.0.last());
                if let Some((parent, (call, _))) = call
                    && let Some(call) = self.world.module(&parent).and_then(|m| m.module_calls.get(call))
                    && let Some(input) = call.inputs.get(&name)
                {
                    push(&parent, &references(&input.expr).0, open);
                }
            }
            Subject::Module { name, key, output } => {
                let path: ModulePath = module.path().child(name.clone());
                let Some(child) = self.world.config.module(&path) else { return };
                let instances = self.world.modules.borrow().instances.get(&path).cloned().unwrap_or_default();
                let own = instances.into_iter().filter(|i| {
                    i.parent().as_ref() == Some(module)
                        && key.as_ref().is_none_or(|k| i.0.last().is_some_and(|(_, own)| own == k))
                });
                for instance in own {
                    for (_, o) in child.outputs.iter().filter(|(n, _)| output.as_ref().is_none_or(|o| o == *n)) {
                        if let Some(expr) = &o.value {
                            push(&instance, &references(expr).0, open);
                        }
                    }
                }
            }
            Subject::Resource { resource, key } => {
                let address =
                    ResourceInstance { module: module.clone(), resource, key: key.unwrap_or(InstanceKey::None) };
                let path = path_of(steps);
                let text = format!("{address} {path}");
                found.insert(text, (address.to_string(), path.clone()));
                self.arguments_behind(&address, &path, open);
            }
            _ => {}
        }
    }

    /// What the expression of the referred attribute itself refers to.
    fn arguments_behind(&self, address: &ResourceInstance, path: &Path, open: &mut Vec<Open>) {
        let Some(PathStep::Attribute(name)) = path.0.first() else {
            self.references_of_block(address, open);
            return;
        };
        let module = address.module.path();
        let Some(block) = self.world.config.module(&module).and_then(|m| m.resource(&address.resource)) else { return };
        if let infra_lang::syntax::ast::Body::Native(body) = &block.body
            && let Some(attribute) = body.attributes.iter().find(|a| a.name == *name)
        {
            push(&address.module, &references(&attribute.expr).0, open);
        }
    }
}

fn push(module: &ModuleInstance, found: &[Reference<'_>], open: &mut Vec<Open>) {
    open.extend(found.iter().map(|r| (module.clone(), r.subject.clone(), r.remaining.to_vec())));
}

fn path_of(steps: &[TraversalStep]) -> Path {
    let step = |step: &TraversalStep| match step {
        TraversalStep::Attribute(name, _) => PathStep::Attribute(name.clone()),
        TraversalStep::Index(key, _) => PathStep::Index(key.clone()),
    };
    Path(steps.iter().map(step).collect())
}
