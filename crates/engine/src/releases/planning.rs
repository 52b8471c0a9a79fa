//! What each release of a configuration would do, once everything else is planned.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{InstanceKey, ModuleInstance, ProviderConfig, ResourceInstance};
use infra_diag::Diagnostic;
use infra_lang::config::{Module, ReleaseBlock, ReleaseMember};
use infra_lang::eval::{Reference, Subject, evaluate, references};
use infra_lang::syntax::ast::Expr;
use infra_provider::fleet::{Colour, Member, ReleaseRules, Version};
use infra_release::{Phase, Record, steps};
use infra_value::Value;

use super::checking::{self, invalid};
use super::under_way;
use super::{Kept, Members, ReleaseChange, ReleaseKind, is_rolling, records, settings};
use crate::plan::{Action, PlanMode, ResourceChange};
use crate::planning::Planner;
use crate::world::World;

/// A release block in one instance of its module.
pub(super) struct Site<'a> {
    pub module: ModuleInstance,
    pub config: &'a Module,
    pub block: &'a ReleaseBlock,
}

impl Site<'_> {
    /// `module.api.release.api`
    pub fn address(&self) -> String {
        match self.module.0.is_empty() {
            true => format!("release.{}", self.block.name),
            false => format!("{}.release.{}", self.module, self.block.name),
        }
    }
}

/// Every release in every instance of its module.
pub(super) fn sites<'a>(world: &World<'a>) -> Vec<Site<'a>> {
    let mut found = Vec::new();
    let modules = world.modules.borrow();
    for instances in modules.instances.values() {
        for module in instances {
            let Some(config) = world.module(module) else { continue };
            let site = |block| Site { module: module.clone(), config, block };
            found.extend(config.releases.values().map(site));
        }
    }
    found.sort_by_key(Site::address);
    found
}

impl Planner<'_> {
    /// Plans the releases. What they keep from the live service is taken out of the changes.
    pub(crate) fn plan_releases(&self, changes: &mut [ResourceChange]) -> Vec<ReleaseChange> {
        if self.options.mode != PlanMode::Normal || self.world.has_errors() || !self.options.targets.is_empty() {
            return Vec::new();
        }
        let records = records(&self.prior.borrow());
        let mut planned = Vec::new();
        for site in sites(&self.world) {
            match self.plan_release(&site, &records, changes) {
                Ok(release) => planned.push(release),
                Err(problem) => self.world.report(problem),
            }
        }
        planned
    }

    fn plan_release(
        &self,
        site: &Site<'_>,
        records: &BTreeMap<String, Kept>,
        changes: &mut [ResourceChange],
    ) -> Result<ReleaseChange, Vec<Diagnostic>> {
        let one = |d: Diagnostic| vec![d];
        let scope = self.world.scope(&site.module, None);
        let mut release = settings::release(site.block, &scope, &site.config.dir.display().to_string())
            .map_err(|problems| problems.into_iter().collect::<Vec<_>>())?;
        release.address = site.address();
        let Looked { members, provider, rules } = self.look(site).map_err(one)?;
        release.colours = members.services.keys().cloned().collect();

        let change_of =
            |address: &ResourceInstance| changes.iter().find(|c| c.address == *address && c.deposed.is_none());
        let is_new = |address: &ResourceInstance| {
            change_of(address).is_some_and(|c| c.action == Action::Create || c.action.is_replace())
        };
        let first = members.all().any(is_new);
        let record = records.get(&release.address).map(|kept| kept.record.clone());
        let (live, idle) = self.colours(site, &members, rules, first).map_err(one)?;
        let service = |colour: &Colour| members.services.get(colour);
        let object = |address: &ResourceInstance| self.value(address);
        let Some(running) = service(&live).and_then(object) else {
            return Err(one(invalid("The live service has no value yet.", &site.block.decl_range)));
        };
        let ty = service(&live).map(|a| a.resource.ty.clone()).unwrap_or_default();
        let Some((definition, count)) = rules.version_attributes(&ty) else {
            return Err(one(invalid(&format!("{ty} is not a service that can be released."), &site.block.decl_range)));
        };
        let count_now = attribute(&running, count).and_then(|v| v.as_i64()).and_then(|n| u32::try_from(n).ok());
        let wanted = self.wanted_version(site, service(&idle), definition, rules);
        let present = attribute(&running, definition).and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default();
        let rolling = is_rolling(site.block);
        let old = self.version_of(&present, record.as_ref());
        let kind = kind(first, &wanted, &old, record.as_ref());
        if !first && !rolling && matches!(kind, ReleaseKind::New | ReleaseKind::Nothing | ReleaseKind::CleanUp) {
            withhold(changes, service(&live), rules.restarting(&ty));
        }
        let (mut live, mut idle, mut old, mut wanted) = (live, idle, old, wanted);
        if let (ReleaseKind::Resume | ReleaseKind::CleanUp, Some(record)) = (kind, &record) {
            (live, idle) = (record.from.clone(), record.to.clone());
            (old, wanted) = (record.old.clone(), record.new.clone());
        }
        let late = self.providers.borrow().get(&provider).map(|p| p.evidence_delay()).unwrap_or_default();
        let all = || steps(&release, &live, &idle, &wanted, count_now, late);
        let steps = match (kind, &record) {
            (ReleaseKind::New, Some(record)) => [under_way::first(record), all()].concat(),
            (ReleaseKind::New, None) => all(),
            (ReleaseKind::Resume, Some(record)) => under_way::rest(all(), &record.phase),
            (ReleaseKind::CleanUp, Some(record)) => under_way::end(record),
            _ => Vec::new(),
        };
        let module = site.module.clone();
        Ok(ReleaseChange {
            release,
            module,
            provider,
            members,
            kind,
            live,
            idle,
            old,
            new: wanted,
            count: count_now,
            steps,
            record,
        })
    }

    /// The objects that the block names, and who provides them.
    fn look(&self, site: &Site<'_>) -> Result<Looked<'_>, Diagnostic> {
        let block = site.block;
        let Some(services) = &block.services else { return Err(invalid("services is missing.", &block.decl_range)) };
        let path = site.module.path();
        let Some(resource) = site.config.resource(&services.resource) else {
            return Err(undeclared(services));
        };
        let provider = crate::graph::provider_of(self.world.config, &path, resource);
        let Some(rules) = self.registry.get(&provider.source).and_then(|p| p.release_rules()) else {
            let what = format!("{} is of a provider that knows no releases.", services.resource);
            return Err(invalid(&what, &services.range));
        };
        let rolling = is_rolling(block);
        let members = Members {
            services: self.instances(site, Some(services))?,
            target_groups: self.instances(site, block.target_groups.as_ref())?,
            listener: self.single(site, block.listener.as_ref())?,
            test_listener: self.single(site, block.test_listener.as_ref())?,
        };
        checking::colours(block, &keys(&members.services), Some(&keys(&members.target_groups)))?;
        if !rolling && members.listener.is_none() {
            return Err(checking::no_listener(block));
        }
        checking::types(block, rules)?;
        Ok(Looked { members, provider, rules })
    }

    /// The instances of a resource by their keys.
    fn instances(
        &self,
        site: &Site<'_>,
        member: Option<&ReleaseMember>,
    ) -> Result<BTreeMap<Colour, ResourceInstance>, Diagnostic> {
        let Some(member) = member else { return Ok(BTreeMap::new()) };
        let resources = self.world.resources.borrow();
        let Some(expanded) = resources.get(&(site.module.clone(), member.resource.clone())) else {
            return Err(undeclared(member));
        };
        let keys = expanded.repetitions.keys().filter(|key| member.key.as_ref().is_none_or(|wanted| wanted == *key));
        let one = |key: &InstanceKey| {
            let (module, resource) = (site.module.clone(), member.resource.clone());
            (checking::colour(member, key), ResourceInstance { module, resource, key: key.clone() })
        };
        Ok(keys.map(one).collect())
    }

    fn single(&self, site: &Site<'_>, member: Option<&ReleaseMember>) -> Result<Option<ResourceInstance>, Diagnostic> {
        let Some(member) = member else { return Ok(None) };
        let found = self.instances(site, Some(member))?;
        match found.len() {
            1 => Ok(found.into_values().next()),
            n => Err(checking::not_one(member, n)),
        }
    }

    fn value(&self, address: &ResourceInstance) -> Option<Value> {
        let resources = self.world.resources.borrow();
        let expanded = resources.get(&(address.module.clone(), address.resource.clone()))?;
        expanded.values.get(&address.key).map(|value| crate::marks::take(value).0)
    }

    fn member(&self, address: &ResourceInstance) -> Option<Member> {
        Some(Member { ty: address.resource.ty.to_string(), object: self.value(address)? })
    }

    /// The live colour and the other one: by the weights where there are some, else the first key is to be live.
    fn colours(
        &self,
        site: &Site<'_>,
        members: &Members,
        rules: &dyn ReleaseRules,
        first: bool,
    ) -> Result<(Colour, Colour), Diagnostic> {
        let mut keys = members.services.keys().cloned();
        let (Some(one), other) = (keys.next(), keys.next()) else {
            return Err(invalid("There is no service.", &site.block.decl_range));
        };
        let Some(other) = other else { return Ok((one.clone(), one)) };
        let groups = members.target_groups.iter().filter_map(|(k, a)| Some((k.clone(), self.member(a)?))).collect();
        let Some(listener) = members.listener.as_ref().and_then(|a| self.member(a)) else { return Ok((one, other)) };
        if let Some(why) = rules.cannot_carry(&listener) {
            let range = site.block.listener.as_ref().map_or(&site.block.decl_range, |l| &l.range);
            return Err(invalid(&why, range));
        }
        let weights = rules.weights(&listener, &groups);
        let range = site.block.listener.as_ref().map_or(&site.block.decl_range, |l| &l.range);
        match weights {
            Ok(weights) => {
                let share = |colour: &Colour| weights.get(colour).copied().unwrap_or_default();
                match share(&other) > share(&one) {
                    true => Ok((other, one)),
                    false => Ok((one, other)),
                }
            }
            // The groups have no ARNs yet.
            Err(_) if first => Ok((one, other)),
            Err(why) => Err(invalid(&why, range)),
        }
    }

    /// The version that the configuration wants for the idle colour.
    fn wanted_version(
        &self,
        site: &Site<'_>,
        service: Option<&ResourceInstance>,
        definition: &str,
        rules: &dyn ReleaseRules,
    ) -> Version {
        let Some(service) = service else { return Version::default() };
        let Some((value, expr)) = wanted_definition(&self.world, site.config, service, definition) else {
            return Version::default();
        };
        let mut version = Version { definition: value.unwrap_or_default(), images: Vec::new() };
        if let Some(member) = self.definition_object(service, &expr) {
            version.images = rules.version(&member).images;
        }
        version
    }

    /// The task definition that an expression refers to.
    fn definition_object(&self, service: &ResourceInstance, expr: &Expr) -> Option<Member> {
        for Reference { subject, .. } in references(expr).0 {
            let Subject::Resource { resource, key } = subject else { continue };
            let resources = self.world.resources.borrow();
            let expanded = resources.get(&(service.module.clone(), resource.clone()))?;
            let key = key.unwrap_or_else(|| match expanded.values.contains_key(&service.key) {
                true => service.key.clone(),
                false => InstanceKey::None,
            });
            // With its marks: images that are sensitive are no part of a version's name.
            let object = expanded.values.get(&key)?.clone();
            return Some(Member { ty: resource.ty.to_string(), object });
        }
        None
    }

    /// The version that a definition is, as far as state and record know it.
    fn version_of(&self, definition: &str, record: Option<&Record>) -> Version {
        let known = record.into_iter().flat_map(|r| [&r.new, &r.old]).find(|v| v.definition == definition);
        if let Some(version) = known {
            return version.clone();
        }
        let prior = self.prior.borrow();
        for (address, provider, object) in prior.instances() {
            let Some(object) = &object.current else { continue };
            let names = ["arn", "arn_without_revision", "id"];
            let is_it =
                |name: &&str| object.attributes.get(*name).and_then(serde_json::Value::as_str) == Some(definition);
            if !names.iter().any(is_it) {
                continue;
            }
            let Some(known) = self.registry.get(&provider.source) else { continue };
            let Some(schema) = known.resource_schema(&address.resource.ty) else { continue };
            let value = crate::codec::marked(&**known, schema, &address.resource, object);
            let (Some(value), Some(rules)) = (value, known.release_rules()) else { continue };
            let member = Member { ty: address.resource.ty.to_string(), object: value };
            return Version { definition: definition.into(), images: rules.version(&member).images };
        }
        Version { definition: definition.into(), images: Vec::new() }
    }
}

fn keys(of: &BTreeMap<Colour, ResourceInstance>) -> Vec<Colour> {
    of.keys().cloned().collect()
}

struct Looked<'p> {
    members: Members,
    provider: ProviderConfig,
    rules: &'p dyn ReleaseRules,
}

/// What the block of a service wants as its version: `None` for the text while it is unknown.
pub(super) fn wanted_definition(
    world: &World<'_>,
    config: &Module,
    service: &ResourceInstance,
    definition: &str,
) -> Option<(Option<String>, Expr)> {
    let block = config.resource(&service.resource)?;
    let (attributes, _) = block.body.just_attributes();
    let expr = attributes.into_iter().find(|a| *a.name == *definition)?.expr;
    let repetition = {
        let resources = world.resources.borrow();
        let expanded = resources.get(&(service.module.clone(), service.resource.clone()))?;
        expanded.repetitions.get(&service.key).cloned()
    };
    let scope = world.scope(&service.module, repetition);
    let value = evaluate(&expr, &scope).ok()?;
    let text = crate::marks::take(&value).0.as_str().map(Arc::from).map(|t: Arc<str>| t.to_string());
    Some((text, expr))
}

fn kind(first: bool, wanted: &Version, old: &Version, record: Option<&Record>) -> ReleaseKind {
    if first {
        return ReleaseKind::First;
    }
    let same = !wanted.definition.is_empty() && wanted.definition == old.definition;
    if let Some(record) = record {
        let wants_it = !wanted.definition.is_empty() && record.new.definition == wanted.definition;
        let taken_back = record.reverted.as_ref().is_some_and(|r| !r.may_retry);
        match record.phase {
            Phase::Finished | Phase::Reverted => {}
            _ if !record.has_begun() => {}
            Phase::GoBack => return ReleaseKind::CleanUp,
            Phase::CleanUp if same || (wants_it && taken_back) => return ReleaseKind::CleanUp,
            Phase::CleanUp => {}
            _ if wants_it => return ReleaseKind::Resume,
            // What is live already is wanted, and not what is on its way.
            _ if same => return ReleaseKind::CleanUp,
            _ => {}
        }
        if taken_back && wants_it && !same {
            return ReleaseKind::RevertedBefore;
        }
    }
    if same { ReleaseKind::Nothing } else { ReleaseKind::New }
}

/// Keeps a change that would start the live service's tasks anew from it: the idle colour gets it first.
fn withhold(changes: &mut [ResourceChange], service: Option<&ResourceInstance>, restarting: &[&str]) {
    let Some(change) = changes.iter_mut().find(|c| Some(&c.address) == service && c.deposed.is_none()) else { return };
    let differs = |name: &&str| attribute(&change.before, name) != attribute(&change.after, name);
    if change.action == Action::Update && restarting.iter().any(differs) {
        change.action = Action::NoOp;
        change.after = change.before.clone();
    }
}

fn attribute(object: &Value, name: &str) -> Option<Value> {
    let bare = crate::marks::take(object).0;
    bare.members().and_then(|m| m.get(name).cloned()).filter(Value::is_known)
}

fn undeclared(member: &ReleaseMember) -> Diagnostic {
    Diagnostic::error(
        "Reference to undeclared resource",
        format!("There is no resource {} in this module.", member.resource),
    )
    .at(member.range.clone())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use infra_release::{Release, RevertWhen, Reverted, Strategy};

    use super::*;

    fn version(name: &str) -> Version {
        Version { definition: name.into(), images: Vec::new() }
    }

    /// A release of v2 over v1 that is in this phase.
    fn record(phase: Phase) -> Record {
        let revert_when = RevertWhen {
            error_rate_percent: 1.0,
            window: Duration::from_secs(60),
            min_requests: 20,
            alarms: Vec::new(),
            probe: None,
        };
        let release = Release {
            address: "release.it".into(),
            colours: vec!["blue".into(), "green".into()],
            strategy: Strategy::BlueGreen,
            standby: Duration::from_secs(60),
            start_timeout: Duration::from_secs(60),
            checks: Vec::new(),
            before_shift: None,
            revert_when,
        };
        let (from, to) = (("blue".into(), version("v1")), ("green".into(), version("v2")));
        let mut record = Record::begin(release, from, to, 1, SystemTime::UNIX_EPOCH, "somebody".into());
        record.phase = phase;
        record
    }

    #[test]
    fn what_is_planned_follows_from_what_is_live_wanted_and_under_way() {
        use ReleaseKind::{CleanUp, New, Nothing, Resume, RevertedBefore};
        let cases = [
            (Phase::Prepare, "v1", "v2", New),
            (Phase::Healthy, "v1", "v2", Resume),
            (Phase::Healthy, "v1", "v1", CleanUp),
            (Phase::Healthy, "v1", "v3", New),
            (Phase::Watch, "v2", "v2", Resume),
            (Phase::Watch, "v2", "v3", New),
            (Phase::GoBack, "v2", "v2", CleanUp),
            (Phase::GoBack, "v2", "v3", CleanUp),
            (Phase::CleanUp, "v1", "v2", CleanUp),
            (Phase::CleanUp, "v1", "v1", CleanUp),
            (Phase::CleanUp, "v1", "v3", New),
            (Phase::Reverted, "v1", "v2", RevertedBefore),
            (Phase::Reverted, "v1", "v1", Nothing),
            (Phase::Reverted, "v1", "", New),
            (Phase::Finished, "v2", "v2", Nothing),
            (Phase::Finished, "v2", "v1", New),
        ];
        for (phase, live, wanted, expected) in cases {
            let mut record = record(phase);
            if matches!(record.phase, Phase::GoBack | Phase::CleanUp | Phase::Reverted) {
                let (at, by) = (SystemTime::UNIX_EPOCH.into(), "somebody".into());
                record.reverted = Some(Reverted { at, by, reason: "by hand".into(), may_retry: false });
            }
            let found = kind(false, &version(wanted), &version(live), Some(&record));
            assert_eq!(found, expected, "{:?}: {live} is live, {wanted} is wanted", record.phase);
            // A way back that follows what was under way is taken up even before it has done anything.
            if record.phase == Phase::Prepare {
                record.holds_scaling = true;
                assert_eq!(kind(false, &version(wanted), &version(live), Some(&record)), Resume);
                assert_eq!(kind(false, &version(live), &version(live), Some(&record)), CleanUp);
            }
            if let Some(reverted) = record.reverted.as_mut().filter(|_| found == RevertedBefore) {
                reverted.may_retry = true;
                assert_eq!(kind(false, &version(wanted), &version(live), Some(&record)), New);
            }
        }
        assert_eq!(kind(false, &version("v2"), &version("v1"), None), New);
        assert_eq!(kind(true, &version("v2"), &version(""), None), ReleaseKind::First);
    }
}
