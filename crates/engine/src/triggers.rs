//! `replace_triggered_by`: what it names, and whether that changes.

use infra_address::{InstanceKey, ModuleInstance, Resource, ResourceInstance, ResourceMode};
use infra_lang::eval::{Reference, Scope, Subject, evaluate};
use infra_lang::syntax::ast::{Expr, ExprKind, TraversalStep};
use infra_value::Value;

use crate::plan::{Action, ResourceChange};

/// A resource, an instance of it, or an attribute of that.
pub(crate) struct Trigger {
    resource: Resource,
    key: Option<InstanceKey>,
    steps: Vec<TraversalStep>,
}

/// What an entry names in one instance. `None` if it names no resource.
pub(crate) fn resolve(expr: &Expr, scope: &dyn Scope) -> Option<Trigger> {
    match &expr.kind {
        ExprKind::Traversal(traversal) => {
            let reference = Reference::parse(traversal).ok()?;
            let Subject::Resource { resource, key } = reference.subject else { return None };
            Some(Trigger { resource, key, steps: reference.remaining.to_vec() })
        }
        ExprKind::Parens(inner) => resolve(inner, scope),
        ExprKind::Index { collection, key } => {
            let mut trigger = resolve(collection, scope)?;
            let key = evaluate(key, scope).ok()?;
            trigger.key = match (key.as_str(), key.as_i64()) {
                (Some(text), _) => Some(InstanceKey::Str(text.into())),
                (_, Some(n)) => Some(InstanceKey::Int(n)),
                _ => return None,
            };
            Some(trigger)
        }
        ExprKind::RelativeTraversal { source, steps } => {
            let mut trigger = resolve(source, scope)?;
            trigger.steps.extend(steps.iter().cloned());
            Some(trigger)
        }
        _ => None,
    }
}

impl Trigger {
    /// Whether this instance, in the same module instance, is named.
    pub fn names(&self, module: &ModuleInstance, address: &ResourceInstance) -> bool {
        address.module == *module
            && address.resource == self.resource
            && self.key.as_ref().is_none_or(|key| *key == address.key)
    }

    /// Whether this is of a kind of which no changes are planned, unless it is put off.
    pub fn is_never_planned(&self) -> bool {
        self.resource.mode != ResourceMode::Managed
    }

    /// Whether the change of a named instance is one that triggers.
    pub fn fires(&self, change: &ResourceChange) -> bool {
        let changes = change.action == Action::Update || change.action.is_replace();
        changes && (self.steps.is_empty() || self.differs(&change.before, &change.after))
    }

    fn differs(&self, before: &Value, after: &Value) -> bool {
        let (before, _) = before.unmark_deep();
        let (after, _) = after.unmark_deep();
        match (follow(&before, &self.steps), follow(&after, &self.steps)) {
            (Some(before), Some(after)) => !after.is_wholly_known() || before != after,
            (None, None) => false,
            _ => true,
        }
    }
}

fn follow<'v>(value: &'v Value, steps: &[TraversalStep]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match step {
        _ if !value.is_known() => Some(value),
        TraversalStep::Attribute(name, _) => value.get(name),
        TraversalStep::Index(key, _) => match key.as_str() {
            Some(name) => value.get(name),
            None => value.elements()?.get(usize::try_from(key.as_i64()?).ok()?),
        },
    })
}
