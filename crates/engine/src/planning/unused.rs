//! Attributes that nothing depends on, for a refresh that asks no more than a plan can need.
//!
//! An attribute that the provider gives, that the configuration does not set and that no expression refers to has no
//! influence on a plan, whatever its value is. Where the cloud tells it by a call of its own, that call is left out, and
//! the state keeps what it knew. `-refresh-only`, `refresh` and `import` read everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_address::{ModulePath, Resource};
use infra_lang::config::{CheckRule, Config, Module, ReleaseBlock, ReleaseStrategy, Resource as Block};
use infra_lang::eval::{Reference, Subject};
use infra_lang::syntax::Found;
use infra_lang::syntax::ast::{Attribute, Body, Expr, NativeBody, Traversal, TraversalStep};
use infra_schema::Block as Schema;

/// What is used of a resource by expressions of its module.
#[derive(Debug, PartialEq)]
enum Used {
    All,
    Attributes(BTreeSet<Arc<str>>),
}

/// What a configuration uses of its resources.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    of: BTreeMap<(ModulePath, Resource), Used>,
    /// Modules with blocks in JSON, where only a type's schema tells what is an expression: all may be used there.
    opaque: BTreeSet<ModulePath>,
}

impl Uses {
    /// Looks through every expression of a configuration.
    pub fn in_config(config: &Config) -> Uses {
        let mut uses = Uses::default();
        for module in config.modules() {
            Walk { uses: &mut uses, module: &module.path, own: None }.module(module);
        }
        uses
    }

    /// The attributes of a resource that nothing depends on.
    pub fn unused(&self, module: &ModulePath, block: &Block, schema: &Schema) -> BTreeSet<Arc<str>> {
        let Body::Native(body) = &block.body else { return BTreeSet::new() };
        let used = match self.of.get(&(module.clone(), block.address.clone())) {
            _ if self.opaque.contains(module) => return BTreeSet::new(),
            Some(Used::All) => return BTreeSet::new(),
            Some(Used::Attributes(names)) => Some(names),
            None => None,
        };
        let given = schema.attributes.iter().filter(|(_, attribute)| attribute.computed);
        let free = given.filter(|(name, _)| !used.is_some_and(|u| u.contains(*name)) && !is_set(body, name));
        free.map(|(name, _)| name.clone()).collect()
    }
}

/// Whether a body has an argument or a block of a name, also a `dynamic` one.
fn is_set(body: &NativeBody, name: &str) -> bool {
    body.attributes.iter().any(|a| *a.name == *name) || body.blocks.iter().any(|b| *b.produced_type() == *name)
}

struct Walk<'w> {
    uses: &'w mut Uses,
    module: &'w ModulePath,
    /// What `self` means.
    own: Option<&'w Resource>,
}

impl Walk<'_> {
    fn module(&mut self, module: &Module) {
        for local in module.locals.values() {
            self.expr(&local.expr);
        }
        for variable in module.variables.values() {
            self.rules(&variable.validations);
        }
        for output in module.outputs.values() {
            self.exprs(&output.value);
            self.rules(&output.preconditions);
        }
        for (address, block) in &module.resources {
            Walk { uses: &mut *self.uses, module: self.module, own: Some(address) }.resource(block);
        }
        for call in module.module_calls.values() {
            self.exprs(call.count.iter().chain(&call.for_each));
            self.exprs(call.inputs.values().map(|input| &input.expr));
        }
        for provider in &module.providers {
            self.body(&provider.body);
        }
        for meta in &module.provider_meta {
            self.body(&meta.body);
        }
        for removed in &module.removed {
            for provisioner in &removed.provisioners {
                self.body(&provisioner.body);
            }
        }
        for import in &module.imports {
            self.exprs([&import.id].into_iter().chain(&import.for_each));
        }
        for check in module.checks.values() {
            self.rules(&check.asserts);
        }
        for release in module.releases.values() {
            self.release(release);
        }
    }

    fn resource(&mut self, block: &Block) {
        self.body(&block.body);
        self.exprs(block.count.iter().chain(&block.for_each).chain(&block.lifecycle.replace_triggered_by));
        self.rules(&block.lifecycle.preconditions);
        self.rules(&block.lifecycle.postconditions);
        let connections = block.provisioners.iter().filter_map(|p| p.connection.as_ref());
        for connection in connections.chain(&block.connection) {
            self.body(&connection.body);
        }
        for provisioner in &block.provisioners {
            self.body(&provisioner.body);
        }
    }

    /// A release may look at everything of what it is about.
    fn release(&mut self, release: &ReleaseBlock) {
        let members = [&release.services, &release.target_groups, &release.listener, &release.test_listener];
        for member in members.into_iter().flatten() {
            self.uses.of.insert((self.module.clone(), member.resource.clone()), Used::All);
        }
        let checks = release.checks.iter().map(|check| &check.settings);
        let blocks = checks.chain(&release.before_shift).chain([&release.settings, &release.revert_when]);
        self.attributes(blocks.flat_map(BTreeMap::values));
        match &release.strategy {
            ReleaseStrategy::Usual => {}
            ReleaseStrategy::Named(name) => self.attributes([name]),
            ReleaseStrategy::Block { settings, .. } => self.attributes(settings.values()),
        }
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Native(body) => self.native(body),
            Body::Json(_) | Body::Overridden(_) => {
                self.uses.opaque.insert(self.module.clone());
            }
        }
    }

    fn native(&mut self, body: &NativeBody) {
        self.attributes(&body.attributes);
        for block in &body.blocks {
            self.body(&block.body);
        }
    }

    fn attributes<'e>(&mut self, attributes: impl IntoIterator<Item = &'e Attribute>) {
        self.exprs(attributes.into_iter().map(|attribute| &attribute.expr));
    }

    fn rules(&mut self, rules: &[CheckRule]) {
        for rule in rules {
            self.exprs([&rule.condition, &rule.error_message]);
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        // A traversal comes before what follows it.
        let mut found: Vec<(&Traversal, &[TraversalStep])> = Vec::new();
        expr.walk(&mut |part| match part {
            Found::Traversal(traversal) => found.push((traversal, &[])),
            Found::Followed(traversal, steps) => {
                let last = found.iter_mut().rev().find(|(other, _)| std::ptr::eq(*other, traversal));
                if let Some((_, followed)) = last {
                    *followed = steps;
                }
            }
            Found::Call(_) => {}
        });
        for (traversal, followed) in found {
            let Ok(reference) = Reference::parse(traversal) else { continue };
            let resource = match &reference.subject {
                Subject::Resource { resource, .. } => Some(resource),
                Subject::SelfRef => self.own,
                _ => None,
            };
            let Some(resource) = resource else { continue };
            let mut steps = reference.remaining.iter().chain(followed);
            let attribute = steps.find_map(|step| match step {
                TraversalStep::Attribute(name, _) => Some(name.clone()),
                TraversalStep::Index(..) => None,
            });
            self.used(resource, attribute);
        }
    }

    fn used(&mut self, resource: &Resource, attribute: Option<Arc<str>>) {
        let entry = self.uses.of.entry((self.module.clone(), resource.clone()));
        let used = entry.or_insert_with(|| Used::Attributes(BTreeSet::new()));
        match (attribute, used) {
            (Some(name), Used::Attributes(names)) => {
                names.insert(name);
            }
            (None, used) => *used = Used::All,
            (Some(_), Used::All) => {}
        }
    }
}
