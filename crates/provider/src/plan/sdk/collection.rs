//! Lists, sets and maps of texts, numbers and truth values.

use std::sync::Arc;

use infra_value::{Kind, Type, Value};

use super::{Mode, Place, Traits, Walk};
use crate::plan::zero::text;

impl Walk<'_> {
    /// What does not depend on the elements: `Some` is the answer.
    fn whole(&mut self, traits: Traits<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Option<Value> {
        if !new.is_wholly_known() {
            if self.suppressed(place, &old.len().unwrap_or(0).to_string(), "") {
                return Some(old.clone());
            }
            // Of a computed one nothing is asked for as long as nothing at all is known of it.
            let is_map = matches!(traits.ty, Type::Map(_));
            if traits.computed && !is_map && !new.is_known() && old.len().is_some_and(|n| n > 0) {
                return Some(old.clone());
            }
            if traits.force_new {
                self.replaces(place);
            }
            return Some(Value::unknown(traits.ty.clone()));
        }
        if !new.is_null() {
            return None;
        }
        if traits.computed {
            // Unlike texts and numbers, a collection that was nothing is asked for at every change.
            return Some(if old.is_null() { Value::unknown(traits.ty.clone()) } else { old.clone() });
        }
        let is_map = matches!(traits.ty, Type::Map(_));
        match (old.len().unwrap_or(0), mode) {
            (0, Mode::Normal) => Some(old.clone()),
            (0, _) if is_map => Some(old.clone()),
            (0, _) => Some(empty(traits.ty)),
            _ => None,
        }
    }

    pub(super) fn list(&mut self, traits: Traits<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Value {
        if let Some(answer) = self.whole(traits, old, new, mode, place) {
            return answer;
        }
        let was = old.elements().unwrap_or(&[]);
        let will: Vec<Value> = new.elements().unwrap_or(&[]).iter().map(|e| self.state_form(place, e)).collect();
        if same_texts(was, &will) {
            return if old.is_null() && mode != Mode::Normal { empty(traits.ty) } else { old.clone() };
        }
        let mut changed = false;
        let mut length = will.len();
        if was.len() != will.len() {
            match self.suppressed(place, &was.len().to_string(), &will.len().to_string()) {
                true => length = was.len(),
                false => changed = true,
            }
        }
        let mut elements = Vec::new();
        for i in 0..was.len().max(will.len()) {
            let (a, b) = (was.get(i).map(text).unwrap_or_default(), will.get(i).map(text).unwrap_or_default());
            let keep = a == b || self.suppressed(&place.at(i), &a, &b);
            changed |= !keep;
            if i < length {
                let (first, second) = if keep { (was.get(i), will.get(i)) } else { (will.get(i), was.get(i)) };
                elements.extend(first.or(second).cloned());
            }
        }
        if !changed && mode == Mode::Normal {
            return old.clone();
        }
        if changed && traits.force_new {
            self.replaces(place);
        }
        Value::list(element_type(traits.ty), elements)
    }

    pub(super) fn set(&mut self, traits: Traits<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Value {
        if let Some(answer) = self.whole(traits, old, new, mode, place) {
            return answer;
        }
        let was = old.elements().unwrap_or(&[]);
        let will: Vec<Value> = new.elements().unwrap_or(&[]).iter().map(|e| self.state_form(place, e)).collect();
        let identity = |walk: &Self, e: &Value| walk.own_identity(place, e).unwrap_or_else(|| Value::string(text(e)));
        let before: Vec<Value> = was.iter().map(|e| identity(self, e)).collect();
        let after: Vec<Value> = will.iter().map(|e| identity(self, e)).collect();
        let gone = before.iter().any(|k| !after.contains(k));
        let come = after.iter().any(|k| !before.contains(k));
        if !gone && !come {
            return if mode == Mode::Normal || !old.is_null() { old.clone() } else { empty(traits.ty) };
        }
        let mut elements: Vec<(Value, Value)> = Vec::new();
        let mut changed = false;
        for (key, element) in after.iter().zip(&will) {
            let new_here = !before.contains(key);
            if new_here && self.suppressed(&place.key(element.clone()), "", &text(element)) {
                continue;
            }
            changed |= new_here;
            if !elements.iter().any(|(k, _)| k == key) {
                elements.push((key.clone(), element.clone()));
            }
        }
        for (key, element) in before.iter().zip(was).filter(|(k, _)| !after.contains(k)) {
            if self.suppressed(&place.key(element.clone()), &text(element), "") {
                elements.push((key.clone(), element.clone()));
            } else {
                changed = true;
            }
        }
        if !changed {
            return old.clone();
        }
        if traits.force_new {
            self.replaces(place);
        }
        Value::set(element_type(traits.ty), elements.into_iter().map(|(_, e)| e))
    }

    pub(super) fn map(&mut self, traits: Traits<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Value {
        // A member that is null is one that is not there.
        let new = without_nulls(new);
        if let Some(answer) = self.whole(traits, old, &new, mode, place) {
            return answer;
        }
        if traits.computed && old.is_null() && new.is_empty() {
            return Value::unknown(traits.ty.clone());
        }
        let none = infra_value::Members::new();
        let (was, will) = (old.members().unwrap_or(&none), new.members().unwrap_or(&none));
        let mut members: Vec<(Arc<str>, Value)> = Vec::new();
        let mut changed = false;
        for (key, value) in will {
            let value = &self.state_form(place, value);
            let before = was.get(key);
            let (a, b) = (before.map(text).unwrap_or_default(), text(value));
            if before.is_some() && a == b {
                members.extend(before.map(|v| (key.clone(), v.clone())));
            } else if traits.computed && b.is_empty() && a.is_empty() {
                return Value::unknown(traits.ty.clone());
            } else if (traits.computed && b.is_empty()) || self.suppressed(&place.key(Value::string(key)), &a, &b) {
                members.extend(before.map(|v| (key.clone(), v.clone())));
            } else {
                changed = true;
                members.push((key.clone(), value.clone()));
            }
        }
        for (key, value) in was.iter().filter(|(k, _)| !will.contains_key(*k)) {
            if self.suppressed(&place.key(Value::string(key)), &text(value), "") {
                members.push((key.clone(), value.clone()));
            } else {
                changed = true;
            }
        }
        if !changed {
            return old.clone();
        }
        if traits.force_new {
            self.replaces(place);
        }
        Value::map(element_type(traits.ty), members)
    }
}

fn same_texts(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| text(a) == text(b))
}

fn element_type(ty: &Type) -> Type {
    ty.element().cloned().unwrap_or(Type::Dynamic)
}

fn empty(ty: &Type) -> Value {
    match ty {
        Type::List(t) => Value::list((**t).clone(), []),
        Type::Set(t) => Value::set((**t).clone(), []),
        Type::Map(t) => Value::map::<Arc<str>>((**t).clone(), []),
        other => Value::null(other.clone()),
    }
}

fn without_nulls(map: &Value) -> Value {
    match map.kind() {
        Kind::Map(ty, members) if members.values().any(Value::is_null) => {
            let kept = members.iter().filter(|(_, v)| !v.is_null());
            Value::map(ty.clone(), kept.map(|(k, v)| (k.clone(), v.clone())))
        }
        _ => map.clone(),
    }
}
