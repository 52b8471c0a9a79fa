//! What a release decides of its resources: their plans leave it alone.
//!
//! This is said once, as a change of the configuration before anything looks at it: the attributes are added to the
//! blocks' `ignore_changes`, and the first count of every colour but the first is 0.

use std::borrow::Cow;
use std::sync::Arc;

use infra_lang::config::{Config, IgnoreChanges, Module, ReleaseBlock, ReleaseMember, Resource};
use infra_lang::syntax::ast::{Attribute, BinaryOp, Body, Expr, ExprKind, For, Traversal, TraversalStep};
use infra_value::{Path, Value};

use crate::registry::Registry;

/// The configuration with what its releases own taken out of the ordinary plan.
pub fn owned<'c>(config: &'c Config, registry: &Registry) -> Cow<'c, Config> {
    if !has_releases(&config.root) {
        return Cow::Borrowed(config);
    }
    let mut config = config.clone();
    own_module(&mut config.root, registry);
    Cow::Owned(config)
}

fn has_releases(module: &Module) -> bool {
    !module.releases.is_empty() || module.children.values().any(has_releases)
}

fn own_module(module: &mut Module, registry: &Registry) {
    module.children.values_mut().for_each(|child| own_module(child, registry));
    for release in module.releases.clone().into_values() {
        let members = [&release.services, &release.target_groups, &release.listener, &release.test_listener];
        for member in members.into_iter().flatten() {
            own_resource(module, &release, member, registry);
        }
    }
}

fn own_resource(module: &mut Module, release: &ReleaseBlock, member: &ReleaseMember, registry: &Registry) {
    let is_service = release.services.as_ref().is_some_and(|s| s.resource == member.resource);
    let Some(block) = module.resource(&member.resource) else { return };
    let local_name = block.provider.as_ref().map_or_else(|| provider_name(block), |p| p.local_name.clone());
    let source = module.provider_source(&local_name);
    let Some(rules) = registry.get(&source).and_then(|p| p.release_rules()) else { return };
    let Some(block) = module.resources.get_mut(&member.resource) else { return };
    let rolling = super::is_rolling(release);
    // In place, the count stays with the configuration.
    let owned = match rules.version_attributes(&member.resource.ty) {
        Some((definition, _)) if rolling => &[definition][..],
        _ => rules.owned(&member.resource.ty),
    };
    ignore(block, owned, member);
    if is_service
        && !rolling
        && let Some((_, count)) = rules.version_attributes(&member.resource.ty)
    {
        first_count(block, count);
    }
}

/// The local name of a block's provider where none is given: what stands before the type's first `_`.
fn provider_name(block: &Resource) -> Arc<str> {
    block.address.ty.split('_').next().unwrap_or_default().into()
}

fn ignore(block: &mut Resource, owned: &[&str], member: &ReleaseMember) {
    let IgnoreChanges::Paths(paths) = &mut block.lifecycle.ignore_changes else { return };
    for name in owned {
        let path = Path::attribute(*name);
        if !paths.iter().any(|(given, _)| *given == path) {
            paths.push((path, member.range.clone()));
        }
    }
}

/// Makes the count of every instance but the one with the first key 0. Only a creation looks at it: afterwards the
/// attribute is ignored.
fn first_count(block: &mut Resource, name: &str) {
    let Some(for_each) = block.for_each.clone() else { return };
    let Body::Native(body) = &mut block.body else { return };
    let range = for_each.range.clone();
    let expr = |kind| Expr { kind, range: range.clone() };
    let each = TraversalStep::Attribute("key".into(), range.clone());
    let each = Traversal { root: "each".into(), root_range: range.clone(), steps: vec![each] };
    let name_only = |name: &str| Traversal { root: name.into(), root_range: range.clone(), steps: Vec::new() };
    let keys = For {
        key_name: Some("key".into()),
        value_name: "value".into(),
        collection: for_each,
        key: None,
        value: expr(ExprKind::Traversal(name_only("key"))),
        condition: None,
        group: false,
        open_range: range.clone(),
    };
    let first = ExprKind::Index {
        collection: Box::new(expr(ExprKind::For(Box::new(keys)))),
        key: Box::new(expr(ExprKind::Literal(Value::from(0_i64)))),
    };
    let is_first = ExprKind::Binary {
        op: BinaryOp::Equal,
        left: Box::new(expr(ExprKind::Traversal(each))),
        right: Box::new(expr(first)),
    };
    let choose = |given: Expr| {
        expr(ExprKind::Conditional {
            condition: Box::new(expr(is_first.clone())),
            then: Box::new(given),
            otherwise: Box::new(expr(ExprKind::Literal(Value::from(0_i64)))),
        })
    };
    match body.attributes.iter_mut().find(|a| &*a.name == name) {
        Some(attribute) => attribute.expr = choose(attribute.expr.clone()),
        None => body.attributes.push(Attribute {
            name: name.into(),
            name_range: range.clone(),
            expr: choose(expr(ExprKind::Literal(Value::from(1_i64)))),
            range: range.clone(),
        }),
    }
}
