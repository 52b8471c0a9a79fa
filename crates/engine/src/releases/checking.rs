//! What can be said against a release block without a state: its settings, and the blocks that it names.

use infra_address::{InstanceKey, ModuleInstance};
use infra_diag::{Diagnostic, SourceRange};
use infra_lang::config::{Module, ReleaseBlock, ReleaseMember};
use infra_provider::fleet::{Colour, ReleaseRules};

use super::{is_rolling, settings};
use crate::expand;
use crate::graph::provider_of;
use crate::registry::Registry;
use crate::world::World;

/// Checks the releases of a module where values may not be known yet.
pub(crate) fn check(world: &World<'_>, registry: &Registry, module: &Module, instance: &ModuleInstance) {
    let scope = world.scope(instance, None);
    for block in module.releases.values() {
        world.report(settings::check(block, &scope));
        let known = |member: &ReleaseMember| {
            let resource = module.resource(&member.resource)?;
            let (_, found) = expand::expand(resource.count.as_ref(), resource.for_each.as_ref(), &scope).ok()?;
            let named = |key: &&InstanceKey| member.key.as_ref().is_none_or(|wanted| wanted == *key);
            Some(found.keys().filter(named).map(|key| colour(member, key)).collect::<Vec<_>>())
        };
        let Some(services) = &block.services else { continue };
        let Some(resource) = module.resource(&services.resource) else { continue };
        let source = provider_of(world.config, &module.path, resource).source;
        if let Some(rules) = registry.get(&source).and_then(|provider| provider.release_rules())
            && let Err(problem) = types(block, rules)
        {
            world.report([problem]);
            continue;
        }
        let groups = block.target_groups.as_ref().map_or(Some(Vec::new()), known);
        if let Some(services) = known(services)
            && let Err(problem) = colours(block, &services, groups.as_deref())
        {
            world.report([problem]);
        }
        if !is_rolling(block) && block.listener.is_none() {
            world.report([no_listener(block)]);
        }
        for member in block.listener.iter().chain(&block.test_listener) {
            if let Some(found) = known(member)
                && found.len() != 1
            {
                world.report([not_one(member, found.len())]);
            }
        }
    }
}

/// What an instance of a resource is called as a colour.
pub(super) fn colour(member: &ReleaseMember, key: &InstanceKey) -> Colour {
    match key {
        InstanceKey::None => member.resource.name.to_string(),
        InstanceKey::Int(n) => n.to_string(),
        InstanceKey::Str(text) => text.to_string(),
    }
}

/// Whether the resources are of types that can have their part in a release.
pub(super) fn types(block: &ReleaseBlock, rules: &dyn ReleaseRules) -> Result<(), Diagnostic> {
    let wrong = |member: &Option<ReleaseMember>, fits: &dyn Fn(&str) -> bool, wanted: &str| {
        let member = member.as_ref().filter(|member| !fits(&member.resource.ty));
        member.map(|m| invalid(&format!("{} is not {wanted}.", m.resource), &m.range))
    };
    let is_service = |ty: &str| rules.version_attributes(ty).is_some();
    let is_listener = |ty: &str| !is_service(ty) && !rules.owned(ty).is_empty();
    let is_group = |ty: &str| rules.is_target_group(ty);
    let found = wrong(&block.services, &is_service, "a service that can be released, such as an aws_ecs_service")
        .or_else(|| wrong(&block.target_groups, &is_group, "a target group (aws_lb_target_group)"))
        .or_else(|| wrong(&block.listener, &is_listener, "a listener or a listener rule with weights"))
        .or_else(|| wrong(&block.test_listener, &is_listener, "a listener or a listener rule with weights"));
    found.map_or(Ok(()), Err)
}

/// Whether there are as many services as the strategy needs, and the same target groups. `groups` are `None` while their
/// keys are not known.
pub(super) fn colours(block: &ReleaseBlock, services: &[Colour], groups: Option<&[Colour]>) -> Result<(), Diagnostic> {
    let Some(member) = &block.services else { return Err(invalid("services is missing.", &block.decl_range)) };
    let instances = match services.len() {
        1 => "1 instance".to_string(),
        n => format!("{n} instances"),
    };
    if is_rolling(block) {
        if services.len() != 1 {
            let what = format!(
                "A rolling release is about one service, and {} has {instances}. Name one of them with its key.",
                member.resource
            );
            return Err(invalid(&what, &member.range));
        }
        return Ok(());
    }
    if services.len() != 2 {
        let what = match &member.key {
            Some(_) => format!(
                "A release has two colours, and this is one instance of {}. Name the whole resource, with two \
                 instances, or use strategy = \"rolling\" for one service.",
                member.resource
            ),
            None => format!(
                "A release has two colours, and {} has {instances}. Give it two: for_each = toset([\"blue\", \
                 \"green\"]), or use strategy = \"rolling\" for one service.",
                member.resource
            ),
        };
        return Err(invalid(&what, &member.range));
    }
    let Some(groups) = groups else { return Ok(()) };
    let shown = services.join(", ");
    match &block.target_groups {
        Some(_) if groups == services => Ok(()),
        Some(member) => {
            let has = if groups.is_empty() { "none".into() } else { groups.join(", ") };
            let what = format!("target_groups must have the keys of services ({shown}): it has {has}.");
            Err(invalid(&what, &member.range))
        }
        None => {
            let what = format!(
                "target_groups is missing: target_groups = aws_lb_target_group.NAME, with the keys of services ({shown})."
            );
            Err(invalid(&what, &block.decl_range))
        }
    }
}

/// The error about a listener that is not named.
pub(super) fn no_listener(block: &ReleaseBlock) -> Diagnostic {
    let what = "The listener or the listener rule that forwards to both target groups is missing: listener = \
                aws_lb_listener.NAME, or listener_rule = aws_lb_listener_rule.NAME.";
    invalid(what, &block.decl_range)
}

/// The error about a listener that is none or several.
pub(super) fn not_one(member: &ReleaseMember, found: usize) -> Diagnostic {
    let what = match &member.key {
        Some(_) => format!("{} has no instance with this key.", member.resource),
        None => {
            format!("{} has {found} instances, and a release needs one of them: name it with its key.", member.resource)
        }
    };
    invalid(&what, &member.range)
}

pub(super) fn invalid(what: &str, range: &SourceRange) -> Diagnostic {
    Diagnostic::error("Invalid release", what.to_string()).at(range.clone())
}
