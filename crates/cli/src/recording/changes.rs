//! What was done to objects and outputs, as a record lists it: from a plan and what became of it, and from two states.

use std::collections::{BTreeMap, BTreeSet};

use infra_address::{ProviderConfig, ResourceInstance, ResourceMode};
use infra_engine::Registry;
use infra_engine::plan::{Action, Plan, ResourceChange};
use infra_history::{
    Action as Word, AttributeChange, Change, ChangeResult, Secrets, Shown, attribute_changes, marked_paths,
};
use infra_state::{InstanceSlot, OutputValue, State};
use infra_value::{Type, Value};
use serde_json::Value as Json;

use super::secrets::object;
use super::watching::{Operations, Seen};

/// What an apply came to.
pub(super) struct Outcome<'a> {
    pub plan: &'a Plan,
    /// The state afterwards, if it is known.
    pub state: Option<&'a State>,
    pub operations: &'a Operations,
    /// Whether everything was done.
    pub whole: bool,
    pub registry: &'a Registry,
    pub secrets: &'a Secrets,
}

impl Outcome<'_> {
    /// What was done, then what the refresh had found.
    pub fn changes(&self) -> Vec<Change> {
        let drift = self.plan.drift.iter().filter_map(|change| self.drift(change));
        self.plan.changes.iter().filter_map(|change| self.change(change)).chain(drift).collect()
    }

    fn drift(&self, change: &ResourceChange) -> Option<Change> {
        let gone = change.after.is_null();
        let mut attributes = attribute_changes(&change.before, &change.after, &[], self.secrets);
        // Whether nothing is told as null or as something empty is the habit of an API, and no change.
        attributes.retain(|a| gone || ![&a.before, &a.after].into_iter().flatten().all(is_empty));
        let moved = change.previous_address.is_some();
        (gone || moved || !attributes.is_empty()).then(|| Change {
            address: change.address.to_string(),
            previous_address: change.previous_address.as_ref().map(ToString::to_string),
            deposed: change.deposed.clone(),
            action: if moved && attributes.is_empty() { Word::Move } else { Word::Refresh },
            reason: gone.then(|| "deleted outside of infra".to_string()),
            object: id(&change.before, self.secrets),
            result: ChangeResult::Done,
            attributes,
            attributes_left_out: 0,
        })
    }

    fn change(&self, change: &ResourceChange) -> Option<Change> {
        let result = self.result(change);
        let action = match change.action {
            Action::NoOp if change.importing.is_some() => Word::Import,
            Action::NoOp if change.previous_address.is_some() => Word::Move,
            Action::NoOp => return None,
            // What a data source says now is no change.
            Action::Read if result == ChangeResult::Done => return None,
            action => Word::from(action.names().join(", ")),
        };
        let now = self.state.and_then(|state| self.now(state, change));
        let gone = matches!(change.action, Action::Delete | Action::Forget);
        // What was not done is told as it was meant.
        let after = match (&result, &now) {
            (ChangeResult::Done, Some(now)) if !gone => now,
            _ => &change.after,
        };
        let hidden = marked_paths(&change.after);
        let nothing = Value::null(Type::Dynamic);
        let before = if action == Word::Import { &nothing } else { &change.before };
        let new = if gone { None } else { now.as_ref().and_then(|now| id(now, self.secrets)) };
        Some(Change {
            address: change.address.to_string(),
            previous_address: change.previous_address.as_ref().map(ToString::to_string),
            deposed: change.deposed.clone(),
            action,
            reason: change.reason.map(|reason| reason.name().to_string()),
            object: new.or_else(|| id(&change.before, self.secrets)),
            result,
            attributes: attribute_changes(before, after, &hidden, self.secrets),
            attributes_left_out: 0,
        })
    }

    fn now(&self, state: &State, change: &ResourceChange) -> Option<Value> {
        let instance = state.current(&change.address)?;
        let value = object(self.registry, &change.address, &change.provider, instance);
        Some(value).filter(|value| !value.is_null())
    }

    fn result(&self, change: &ResourceChange) -> ChangeResult {
        let address = change.address.to_string();
        let replaced = change.action.is_replace();
        let seen: Vec<Seen> = self
            .operations
            .iter()
            .filter(|((of, deposed), _)| {
                *of == address && (*deposed == change.deposed || (replaced && change.deposed.is_none()))
            })
            .flat_map(|(_, seen)| seen.iter().copied())
            .collect();
        let steps = if replaced { 2 } else { 1 };
        let done = seen.iter().filter(|seen| seen.ended == Some(true)).count();
        match () {
            () if seen.iter().any(|seen| seen.ended == Some(false)) => ChangeResult::Failed,
            () if seen.iter().any(|seen| seen.ended.is_none()) => ChangeResult::Unfinished,
            () if done >= steps || self.whole => ChangeResult::Done,
            () if done > 0 => ChangeResult::Unfinished,
            // Nothing is told of what only the state says.
            () if matches!(change.action, Action::NoOp | Action::Forget) && self.state.is_some() => ChangeResult::Done,
            () => ChangeResult::NotStarted,
        }
    }

    /// Outputs that differ.
    pub fn outputs(&self) -> Vec<AttributeChange> {
        let Some(state) = self.state else { return Vec::new() };
        let mut before = State::new();
        for (name, change) in self.plan.outputs.iter().filter(|(_, change)| !change.before.is_null()) {
            let (value, ty) = (change.before.clone(), change.before.ty());
            before.outputs.insert(name.clone(), OutputValue { value, ty, sensitive: change.sensitive });
        }
        let mut changes = outputs_between(&before, state, self.secrets);
        changes.retain(|change| self.plan.outputs.contains_key(&*change.path));
        changes
    }
}

/// Whether a value says as little as null.
fn is_empty(shown: &Shown) -> bool {
    match &shown.value {
        Some(Json::Array(elements)) => elements.is_empty(),
        Some(Json::Object(members)) => members.is_empty(),
        Some(Json::String(text)) => text.is_empty(),
        _ => false,
    }
}

fn id(value: &Value, secrets: &Secrets) -> Option<String> {
    let id = value.get("id")?;
    id.as_str().filter(|text| id.marks().is_empty() && !secrets.hides(text)).map(str::to_string)
}

/// The managed objects of a state.
type Objects<'a> = BTreeMap<ResourceInstance, (&'a ProviderConfig, &'a InstanceSlot)>;

fn objects(state: &State) -> Objects<'_> {
    let managed = state.instances().filter(|(address, _, _)| address.resource.mode == ResourceMode::Managed);
    managed.map(|(address, provider, slot)| (address, (provider, slot))).collect()
}

/// What makes one state of another: objects that are known under another address, no longer, or from now on.
pub(super) fn between(before: &State, after: &State, registry: &Registry, secrets: &Secrets) -> Vec<Change> {
    let (olds, news) = (objects(before), objects(after));
    let value = |address: &ResourceInstance, from: &Objects<'_>| {
        let found = from.get(address).and_then(|(provider, slot)| Some((*provider, slot.current.as_ref()?)));
        found.map_or_else(
            || Value::null(Type::Dynamic),
            |(provider, instance)| object(registry, address, provider, instance),
        )
    };
    let mut arrived: BTreeSet<&ResourceInstance> = news.keys().filter(|a| !olds.contains_key(*a)).collect();
    let mut changes = Vec::new();
    for (address, (provider, slot)) in &olds {
        let old = value(address, &olds);
        let change = |action: Word| Change {
            address: address.to_string(),
            previous_address: None,
            deposed: None,
            action,
            reason: None,
            object: id(&old, secrets),
            result: ChangeResult::Done,
            attributes: Vec::new(),
            attributes_left_out: 0,
        };
        let Some((new_provider, new_slot)) = news.get(address) else {
            let moved =
                arrived.iter().copied().find(|new| news[*new].1 == *slot && new.resource.ty == address.resource.ty);
            match moved {
                Some(new) => {
                    arrived.remove(new);
                    let previous_address = Some(address.to_string());
                    changes.push(Change { address: new.to_string(), previous_address, ..change(Word::Move) });
                }
                None => changes.push(change(Word::Forget)),
            }
            continue;
        };
        if provider.source != new_provider.source {
            let reason = Some(format!("{} -> {}", provider.source, new_provider.source));
            changes.push(Change { reason, ..change(Word::ReplaceProvider) });
        }
        let tainted = |slot: &InstanceSlot| slot.current.as_ref().is_some_and(|object| object.tainted);
        match (tainted(slot), tainted(new_slot)) {
            (false, true) => changes.push(change(Word::Taint)),
            (true, false) => changes.push(change(Word::Untaint)),
            _ => {}
        }
        let attributes = attribute_changes(&old, &value(address, &news), &[], secrets);
        if !attributes.is_empty() {
            changes.push(Change { attributes, ..change(Word::Refresh) });
        }
    }
    for address in arrived {
        changes.extend(imported(after, address, registry, secrets));
    }
    changes
}

/// An object that a state holds from now on.
pub(super) fn imported(
    state: &State,
    address: &ResourceInstance,
    registry: &Registry,
    secrets: &Secrets,
) -> Option<Change> {
    let nothing = Value::null(Type::Dynamic);
    let (provider, slot) = objects(state).remove(address)?;
    let new = slot.current.as_ref().map_or(nothing.clone(), |instance| object(registry, address, provider, instance));
    Some(Change {
        address: address.to_string(),
        previous_address: None,
        deposed: None,
        action: Word::Import,
        reason: None,
        object: id(&new, secrets),
        result: ChangeResult::Done,
        attributes: attribute_changes(&nothing, &new, &[], secrets),
        attributes_left_out: 0,
    })
}

/// Outputs that differ between two states.
pub(super) fn outputs_between(before: &State, after: &State, secrets: &Secrets) -> Vec<AttributeChange> {
    let names: BTreeSet<_> = before.outputs.keys().chain(after.outputs.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let (old, new) = (before.outputs.get(name), after.outputs.get(name));
        if old.map(|output| &output.value) == new.map(|output| &output.value) {
            continue;
        }
        let sensitive = [old, new].into_iter().flatten().any(|output| output.sensitive);
        let show = |output: Option<&OutputValue>| {
            output.map(|output| if sensitive { Shown::sensitive() } else { Shown::of(&output.value, secrets) })
        };
        changes.push(AttributeChange { path: name.to_string(), before: show(old), after: show(new) });
    }
    changes
}
