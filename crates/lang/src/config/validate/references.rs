//! Whether a reference leads to something, and may stand where it stands.

use std::sync::Arc;

use infra_address::{Resource as ResourceAddress, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};

use crate::config::{CheckRule, Module, ReleaseMember};
use crate::eval::reference::{undeclared_local, undeclared_variable};
use crate::eval::{Reference, Subject, free_traversals};
use crate::syntax::suggest::did_you_mean;
use crate::syntax::{Expr, Traversal, TraversalStep};

/// What an expression may refer to by the block that it stands in.
#[derive(Clone, Copy, Default)]
pub(super) struct Surroundings<'a> {
    /// `count.index`
    pub(super) count: bool,
    /// `each.key`, `each.value`
    pub(super) each: bool,
    /// `self`
    pub(super) own: bool,
    /// The data source of this check block.
    pub(super) check: Option<&'a str>,
}

/// Checks the references in a module.
pub(super) struct Checker<'a> {
    pub(super) module: &'a Module,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
    /// The references in an expression.
    pub(super) fn expr(&mut self, expr: &Expr, surroundings: Surroundings<'_>) {
        self.bound_expr(expr, &[], surroundings);
    }

    /// The references in an expression, other than those to `bound` names.
    pub(super) fn bound_expr(&mut self, expr: &Expr, bound: &[Arc<str>], surroundings: Surroundings<'_>) {
        free_traversals(expr, &mut |traversal| {
            if !bound.contains(&traversal.root) {
                self.traversal(traversal, surroundings);
            }
        });
    }

    /// The references in a condition and its message.
    pub(super) fn rule(&mut self, rule: &CheckRule, surroundings: Surroundings<'_>) {
        self.expr(&rule.condition, surroundings);
        self.expr(&rule.error_message, surroundings);
    }

    /// The references of `depends_on`, which name whole objects. What follows a mistake is not looked at.
    pub(super) fn depends_on(&mut self, traversals: &[Traversal], surroundings: Surroundings<'_>) {
        for traversal in traversals {
            let before = self.diagnostics.0.len();
            let part = Reference::parse(traversal).ok().and_then(|r| Some(r.remaining.first()?.range().clone()));
            match part {
                Some(range) => self.diagnostics.push(
                    Diagnostic::error(
                        "Invalid depends_on reference",
                        "depends_on names whole objects (resources, modules, …), not parts of them. Remove the \
                         attribute.",
                    )
                    .at(range),
                ),
                None => self.traversal(traversal, surroundings),
            }
            if self.diagnostics.0.len() > before {
                return;
            }
        }
    }

    /// A resource that a release is about.
    pub(super) fn release_member(&mut self, member: &ReleaseMember) {
        let problem = self.resource(&member.resource, member.key.is_some(), false, Surroundings::default());
        self.diagnostics.extend(problem.map(|problem| problem.at(member.range.clone())));
    }

    fn traversal(&mut self, traversal: &Traversal, surroundings: Surroundings<'_>) {
        let reference = match Reference::parse(traversal) {
            Ok(reference) => reference,
            Err(problems) => return self.diagnostics.extend(problems),
        };
        let range = reference.range.clone();
        let problem = match &reference.subject {
            Subject::Variable(name) if !self.module.variables.contains_key(name) => {
                let declared: Vec<&str> = self.module.variables.keys().map(|known| &**known).collect();
                undeclared_variable(name, &declared).at(range)
            }
            Subject::Local(name) if !self.module.locals.contains_key(name) => {
                let declared: Vec<&str> = self.module.locals.keys().map(|known| &**known).collect();
                undeclared_local(name, &declared).at(range)
            }
            Subject::Resource { resource, key } => {
                let attribute_follows = matches!(reference.remaining.first(), Some(TraversalStep::Attribute(..)));
                match self.resource(resource, key.is_some(), attribute_follows, surroundings) {
                    Some(problem) => problem.at(range),
                    None => return,
                }
            }
            Subject::Module { name, key, output } => {
                match self.module_call(name, key.is_some(), output.as_deref(), traversal, &range) {
                    Some(problem) => problem,
                    None => return,
                }
            }
            Subject::CountIndex if !surroundings.count => Diagnostic::error(
                "Reference to \"count\" in non-counted context",
                "count.index is there only in module, resource and data blocks that have the argument \"count\".",
            )
            .at(range),
            Subject::EachKey if !surroundings.each => each_without_for_each().at(range),
            Subject::EachValue if !surroundings.each => Diagnostic::error(
                "each.value cannot be used in this context",
                "each.value is there only in module, resource and data blocks that have the argument \"for_each\".",
            )
            .at(range),
            Subject::SelfRef if !surroundings.own => Diagnostic::error(
                "Invalid \"self\" reference",
                "self is there only in the provisioner, connection and postcondition blocks of a resource.",
            )
            .at(range),
            _ => return,
        };
        self.diagnostics.push(problem);
    }

    fn place(&self) -> String {
        match self.module.path.is_root() {
            true => "the root module".to_string(),
            false => self.module.path.to_string(),
        }
    }

    fn resource(
        &self,
        address: &ResourceAddress,
        keyed: bool,
        attribute_follows: bool,
        surroundings: Surroundings<'_>,
    ) -> Option<Diagnostic> {
        let Some(resource) = self.module.resources.get(address) else { return Some(self.undeclared(address)) };
        if resource.check.is_some() && resource.check.as_deref() != surroundings.check {
            return Some(Diagnostic::error(
                "Reference to scoped resource",
                format!("{address} is declared in a check block, and only that block can refer to it."),
            ));
        }
        let argument = match (&resource.count, &resource.for_each) {
            (Some(_), _) => Some(("count", "count.index")),
            (None, Some(_)) => Some(("for_each", "each.key")),
            (None, None) => None,
        };
        match argument {
            Some((argument, key)) if !keyed && attribute_follows => Some(Diagnostic::error(
                "Missing resource instance key",
                format!(
                    "{address} has the argument \"{argument}\", so it has several instances. Name one of them, for \
                     example {address}[{key}]."
                ),
            )),
            None if keyed => Some(Diagnostic::error(
                "Unexpected resource instance key",
                format!("{address} has neither \"count\" nor \"for_each\", so there is one instance and no key."),
            )),
            _ => None,
        }
    }

    fn undeclared(&self, address: &ResourceAddress) -> Diagnostic {
        let kind = match address.mode {
            ResourceMode::Managed => "managed resource",
            ResourceMode::Data => "data resource",
            ResourceMode::Ephemeral => "ephemeral resource",
        };
        let other_mode = match address.mode {
            ResourceMode::Managed => ResourceMode::Data,
            _ => ResourceMode::Managed,
        };
        let other = ResourceAddress { mode: other_mode, ..address.clone() };
        let hint = match self.module.resources.contains_key(&other) {
            true => format!(" Did you mean {other}?"),
            false => {
                let same_type = self.module.resources.keys().filter(|r| r.mode == address.mode && r.ty == address.ty);
                did_you_mean(&address.name, same_type.map(|r| &*r.name))
            }
        };
        Diagnostic::error(
            "Reference to undeclared resource",
            format!(
                "A {kind} \"{}\" \"{}\" has not been declared in {}.{hint}",
                address.ty,
                address.name,
                self.place()
            ),
        )
    }

    fn module_call(
        &self,
        name: &Arc<str>,
        keyed: bool,
        output: Option<&str>,
        traversal: &Traversal,
        range: &SourceRange,
    ) -> Option<Diagnostic> {
        let Some(call) = self.module.module_calls.get(name) else {
            let hint = did_you_mean(name, self.module.module_calls.keys().map(|known| &**known));
            return Some(
                Diagnostic::error(
                    "Reference to undeclared module",
                    format!("No module call named \"{name}\" is declared in {}.{hint}", self.place()),
                )
                .at(range.clone()),
            );
        };
        let output = output?;
        let step = traversal.steps.get(if keyed { 2 } else { 1 }).map(TraversalStep::range);
        if !keyed && call.count.is_some() {
            return Some(
                Diagnostic::error(
                    "Unsupported attribute",
                    format!(
                        "module.{name} has the argument \"count\", so it is a list of instances. Name one of them, \
                         for example module.{name}[0].{output}."
                    ),
                )
                .at(step.cloned()),
            );
        }
        if !keyed && call.for_each.is_some() {
            return None;
        }
        let outputs = &self.module.children.get(name)?.outputs;
        if outputs.contains_key(output) {
            return None;
        }
        let hint = did_you_mean(output, outputs.keys().map(|known| &**known));
        Some(
            Diagnostic::error("Unsupported attribute", format!("module.{name} has no output \"{output}\".{hint}"))
                .at(step.cloned()),
        )
    }
}

fn each_without_for_each() -> Diagnostic {
    Diagnostic::error(
        "Reference to \"each\" in context without for_each",
        "each.key is there only in module, resource and data blocks that have the argument \"for_each\".",
    )
}
