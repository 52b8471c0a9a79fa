//! One `moved` block: what it moves where, which of two goes first, and which contradict each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_address::{InstanceKey, ModuleInstance, ModulePath, Resource, ResourceInstance, Target};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_lang::config::Config;

use crate::world::World;

/// One move, for objects in any instance of the module that declares it.
pub(crate) struct Statement {
    /// The module that declares it.
    pub module: ModulePath,
    /// The former address, in the module.
    pub from: Target,
    /// The address now, in the module.
    pub to: Target,
    /// Where it stands.
    pub range: SourceRange,
}

/// What an end names.
#[derive(PartialEq)]
enum Subject<'a> {
    Module,
    Resource(&'a Resource),
    Instance(&'a Resource, &'a InstanceKey),
}

/// One end: where it is, a step without a key standing for any, and what it names there.
struct End<'a> {
    module: Vec<(&'a Arc<str>, Option<&'a InstanceKey>)>,
    subject: Subject<'a>,
}

impl End<'_> {
    fn is_in(&self, outer: &End<'_>) -> bool {
        outer.module.len() <= self.module.len()
            && outer
                .module
                .iter()
                .zip(&self.module)
                .all(|(a, b)| a.0 == b.0 && a.1.zip(b.1).is_none_or(|(a, b)| a == b))
    }

    /// Whether an object that has moved to the other end can be named by this one.
    fn chains_from(&self, other: &End<'_>) -> bool {
        self.module.len() == other.module.len() && self.is_in(other) && self.subject == other.subject
    }

    /// Whether this end is inside of what the other one names.
    fn nested_within(&self, other: &End<'_>) -> bool {
        if !self.is_in(other) {
            return false;
        }
        let deeper = self.module.len() > other.module.len();
        match (&self.subject, &other.subject) {
            (Subject::Module, Subject::Module) => deeper,
            (_, Subject::Module) => true,
            (Subject::Instance(own, _), Subject::Resource(other)) => !deeper && own == other,
            _ => false,
        }
    }
}

impl Statement {
    /// Whether a whole block or call moves, with all its instances.
    pub fn is_whole(&self) -> bool {
        let keyless = |target: &Target| match target {
            Target::Resource(r) => r.key == InstanceKey::None,
            Target::Module(m) => m.0.last().is_none_or(|(_, key)| *key == InstanceKey::None),
        };
        keyless(&self.from) && keyless(&self.to)
    }

    fn end<'a>(&'a self, target: &'a Target) -> End<'a> {
        let declared = self.module.0.iter().map(|name| (name, None));
        let (steps, subject) = match target {
            Target::Module(m) => (m, Subject::Module),
            Target::Resource(r) if self.is_whole() => (&r.module, Subject::Resource(&r.resource)),
            Target::Resource(r) => (&r.module, Subject::Instance(&r.resource, &r.key)),
        };
        let mut module: Vec<_> = declared.chain(steps.0.iter().map(|(name, key)| (name, Some(key)))).collect();
        if let (Subject::Module, true, Some(call)) = (&subject, self.is_whole(), module.last_mut()) {
            call.1 = None;
        }
        End { module, subject }
    }

    /// Whether only keys of a module's instances change.
    fn changes_only_keys(&self) -> bool {
        match (&self.from, &self.to) {
            (Target::Module(from), Target::Module(to)) => !self.is_whole() && from.path() == to.path(),
            _ => false,
        }
    }

    /// Whether the other one has to be made before this one: because this one takes up what it has moved, or because
    /// one of them moves something inside of what the other one names.
    fn waits_for(&self, other: &Statement) -> bool {
        let (from, to) = (self.end(&self.from), self.end(&self.to));
        let (other_from, other_to) = (other.end(&other.from), other.end(&other.to));
        if from.chains_from(&other_to) {
            return true;
        }
        let nested = from.nested_within(&other_to)
            || to.nested_within(&other_to)
            || other_from.nested_within(&from)
            || other_to.nested_within(&from);
        // A call that only gets other keys has all that moves inside of it at both of its ends.
        nested && (self.module.0.len() >= other.module.0.len() || !self.changes_only_keys())
    }

    /// Where the module is now, if it or one around it is moved.
    pub fn moved_module(&self, address: &ModuleInstance) -> Option<ModuleInstance> {
        let (Target::Module(from), Target::Module(to)) = (&self.from, &self.to) else { return None };
        let (outer, inner) = self.split(address)?;
        if inner.len() < from.0.len() {
            return None;
        }
        let (called, rest) = inner.split_at(from.0.len());
        let (((last_from, before), (last_to, to_before)), (last, called_before)) =
            from.0.split_last().zip(to.0.split_last()).zip(called.split_last())?;
        let same = self.is_whole() || last.1 == last_from.1;
        if called_before != before || last.0 != last_from.0 || !same {
            return None;
        }
        let key = if self.is_whole() { &last.1 } else { &last_to.1 };
        let call = (last_to.0.clone(), key.clone());
        let steps = outer.iter().chain(to_before).cloned().chain([call]).chain(rest.iter().cloned());
        Some(ModuleInstance(steps.collect()))
    }

    /// Where the instance of a resource is now, if the statement is about the resource.
    pub fn moved_instance(&self, address: &ResourceInstance) -> Option<ResourceInstance> {
        let (Target::Resource(from), Target::Resource(to)) = (&self.from, &self.to) else { return None };
        let (outer, inner) = self.split(&address.module)?;
        let same = self.is_whole() || from.key == address.key;
        if from.module.0 != inner || from.resource != address.resource || !same {
            return None;
        }
        let key = if self.is_whole() { address.key.clone() } else { to.key.clone() };
        let module = ModuleInstance(outer.iter().chain(&to.module.0).cloned().collect());
        Some(ResourceInstance { module, resource: to.resource.clone(), key })
    }

    /// Whether one of its ends is this resource or an instance of it.
    pub fn touches(&self, address: &ResourceInstance) -> bool {
        [&self.from, &self.to].into_iter().any(|end| match end {
            Target::Resource(r) => {
                r.resource == address.resource
                    && address.module.path().0 == [&self.module.0[..], &r.module.path().0[..]].concat()
            }
            Target::Module(_) => false,
        })
    }

    /// The steps to the instance of the declaring module, and those inside of it.
    fn split<'m>(&self, address: &'m ModuleInstance) -> Option<(&'m [Step], &'m [Step])> {
        let inside = address.path().0.starts_with(&self.module.0);
        inside.then(|| address.0.split_at(self.module.0.len()))
    }
}

type Step = (Arc<str>, InstanceKey);

/// The statements in an order in which they can be made, or those that wait for each other.
pub(crate) fn in_order(statements: &[Statement]) -> Result<Vec<usize>, Vec<usize>> {
    let count = statements.len();
    let waits = |i: usize| -> BTreeSet<usize> {
        (0..count).filter(|other| *other != i && statements[i].waits_for(&statements[*other])).collect()
    };
    let mut left: BTreeMap<usize, BTreeSet<usize>> = (0..count).map(|i| (i, waits(i))).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(next) = left.iter().find(|(_, waits)| waits.iter().all(|w| !left.contains_key(w))).map(|(i, _)| *i) {
        left.remove(&next);
        order.push(next);
    }
    if left.is_empty() {
        return Ok(order);
    }
    // What nothing else in the rest waits for only comes after the cycle.
    while let Some(end) = left.keys().copied().find(|i| !left.values().any(|waits| waits.contains(i))) {
        left.remove(&end);
    }
    Err(left.into_keys().collect())
}

/// Moves that cannot be meant: to the same address, from one that is still declared, from or to one that another
/// statement says something else about, in a circle.
pub(crate) fn contradictions(config: &Config, statements: &[Statement]) -> Diagnostics {
    let mut problems = Diagnostics::new();
    let mut leaving = BTreeMap::new();
    let mut arriving = BTreeMap::new();
    for statement in statements {
        let (from, to) = (&statement.from, &statement.to);
        if from == to {
            let detail = format!("The move is from {from} to the same address. Take the block out.");
            problems.push(Diagnostic::error("Redundant move statement", detail).at(statement.range.clone()));
            continue;
        }
        if let Some(place) = declared_at(config, statement) {
            let detail = format!(
                "The move is from {from}, which is still declared at {}:{}. Declare it as {to} instead, or take the \
                 block out.",
                place.file, place.start.line
            );
            problems.push(Diagnostic::error("Moved object still exists", detail).at(statement.range.clone()));
        }
        let names = [from, to].map(|end| absolute(config, statement, end));
        let [from_name, to_name] = &names;
        let mut ambiguous = |known: &mut BTreeMap<String, (String, SourceRange)>, key: &String, other: &String| {
            let (said, place) = known.entry(key.clone()).or_insert_with(|| (other.clone(), statement.range.clone()));
            if said != other {
                let detail = format!(
                    "The move is from {from} to {to}, and the one at {}:{} says something else about one of these two \
                     addresses. What is at an address has one origin and one destination.",
                    place.file, place.start.line
                );
                problems.push(Diagnostic::error("Ambiguous move statements", detail).at(statement.range.clone()));
            }
        };
        ambiguous(&mut leaving, from_name, to_name);
        ambiguous(&mut arriving, to_name, from_name);
    }
    if let (true, Err(cycle)) = (problems.is_empty(), in_order(statements)) {
        let line = |i: &usize| {
            let s = &statements[*i];
            format!("\n  - {}:{}: {} to {}", s.range.file, s.range.start.line, s.from, s.to)
        };
        let lines: String = cycle.iter().map(line).collect();
        problems.push(Diagnostic::error(
            "Cyclic dependency in move statements",
            format!(
                "These moves follow one another in a circle, so there is no address to end at:{lines}\n\nTake out those \
                 that no longer say where things are."
            ),
        ));
    }
    problems
}

/// Moves of single instances from where there still is one, which can be told once blocks and calls are expanded.
pub(crate) fn instances_still_there(world: &World<'_>, statements: &[Statement]) -> Diagnostics {
    let mut problems = Diagnostics::new();
    let (modules, resources) = (world.modules.borrow(), world.resources.borrow());
    for statement in statements.iter().filter(|statement| !statement.is_whole()) {
        let inside = |declaring: &ModuleInstance, path: &ModuleInstance| {
            ModuleInstance(declaring.0.iter().chain(&path.0).cloned().collect())
        };
        let there = |declaring: &ModuleInstance| match &statement.from {
            Target::Module(module) => modules.repetition.contains_key(&inside(declaring, module)),
            Target::Resource(from) => resources
                .get(&(inside(declaring, &from.module), from.resource.clone()))
                .is_some_and(|expanded| expanded.repetitions.contains_key(&from.key)),
        };
        if modules.instances.get(&statement.module).into_iter().flatten().any(there) {
            let detail = format!(
                "The move is from {}, and there still is such an instance. Change count or for_each, or take the block \
                 out.",
                statement.from
            );
            problems.push(Diagnostic::error("Moved object still exists", detail).at(statement.range.clone()));
        }
    }
    problems
}

/// An end as it is named from the root module. Where the declaring module has several instances, all of them are meant.
fn absolute(config: &Config, statement: &Statement, end: &Target) -> String {
    let mut name = String::from(if statement.is_whole() { "" } else { "instance " });
    let mut parent = ModulePath::root();
    for step in &statement.module.0 {
        let call = config.module(&parent).and_then(|m| m.module_calls.get(step));
        let repeated = call.is_some_and(|call| call.count.is_some() || call.for_each.is_some());
        name.push_str(&format!("module.{step}{}.", if repeated { "[*]" } else { "" }));
        parent = parent.child(step.clone());
    }
    name + &end.to_string()
}

/// Where the block that was moved is declared, if it is and the move is one of a whole block.
fn declared_at(config: &Config, statement: &Statement) -> Option<SourceRange> {
    let within = |path: &ModulePath| ModulePath(statement.module.0.iter().chain(&path.0).cloned().collect());
    let whole = |m: &ModuleInstance| m.0.iter().all(|(_, key)| *key == InstanceKey::None);
    match (&statement.from, &statement.to) {
        (Target::Resource(from), Target::Resource(_)) => {
            let block = config.module(&within(&from.module.path()))?.resource(&from.resource)?;
            (whole(&from.module) && statement.is_whole()).then(|| block.decl_range.clone())
        }
        (Target::Module(from), Target::Module(to)) => {
            let whole = whole(from) && to.0.last().is_some_and(|(_, key)| *key == InstanceKey::None);
            let path = within(&from.path());
            let call = config.module(&path.parent()?)?.module_calls.get(path.0.last()?)?;
            whole.then(|| call.decl_range.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_address::parse_target;
    use infra_diag::Pos;

    fn statements(lines: &[(&str, &str, &str)]) -> Vec<Statement> {
        let parse = |text: &str| parse_target(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let statement = |(module, from, to): &(&str, &str, &str)| Statement {
            module: ModulePath(module.split('.').filter(|m| !m.is_empty()).map(Arc::from).collect()),
            from: parse(from),
            to: parse(to),
            range: SourceRange { file: "main.tf".into(), start: Pos::default(), end: Pos::default() },
        };
        lines.iter().map(statement).collect()
    }

    #[test]
    fn a_move_follows_the_one_that_brings_what_it_moves_and_those_around_it() {
        type Line = (&'static str, &'static str, &'static str);
        type Order = Result<&'static [usize], &'static [usize]>;
        let cases: &[(&[Line], Order)] = &[
            (&[("", "x.b", "x.c"), ("", "x.a", "x.b")], Ok(&[1, 0])),
            (&[("", "x.a", "module.n.x.a"), ("", "module.m", "module.n")], Ok(&[1, 0])),
            (&[("", "module.m", "module.n"), ("m", "x.a", "x.b")], Ok(&[1, 0])),
            (&[("", "x.a[0]", "x.a[\"k\"]"), ("", "x.a[1]", "x.b")], Ok(&[0, 1])),
            (&[("", "module.m", "module.m[0]"), ("m", "x.a", "x.b")], Ok(&[0, 1])),
            (&[("", "x.a", "x.b"), ("", "x.b", "x.a"), ("", "x.b", "x.c")], Err(&[0, 1])),
        ];
        for (lines, expected) in cases {
            let order = in_order(&statements(lines));
            let order = order.as_ref().map(Vec::as_slice).map_err(Vec::as_slice);
            assert_eq!(order, *expected, "{lines:?}");
        }
    }
}
