//! Nested blocks, and lists and sets of objects that are written like blocks.

use infra_schema::{Attribute, Block, NestedBlock, Nesting};
use infra_value::{Type, Value};

use super::element::with_defaults;
use super::{Mode, Place, Traits, Walk};
use crate::plan::zero::{same_or_zero, unknown_as_zero};

/// What stands between a block and the collection that it is an element of.
#[derive(Clone, Copy)]
struct Group<'s> {
    block: &'s Block,
    computed: bool,
    force_new: bool,
}

impl Walk<'_> {
    pub(super) fn blocks(
        &mut self,
        nested: &NestedBlock,
        old: &Value,
        new: &Value,
        mode: Mode,
        place: &Place,
    ) -> Value {
        let group = Group { block: &nested.block, computed: nested.computed, force_new: nested.force_new };
        match nested.nesting {
            Nesting::List => self.element_list(group, old, new, mode, place),
            Nesting::Set => self.element_set(group, old, new, mode, place),
            // `timeouts`: not compared.
            Nesting::Single | Nesting::Group | Nesting::Map => old.clone(),
        }
    }

    pub(super) fn object_list(
        &mut self,
        traits: Traits<'_>,
        element: &Type,
        old: &Value,
        new: &Value,
        mode: Mode,
        place: &Place,
    ) -> Value {
        let block = self.block_of(traits, element, place);
        if let Some(answer) = self.not_given(traits, old, new, mode) {
            return answer;
        }
        let group = Group { block: &block, computed: false, force_new: traits.force_new };
        self.element_list(group, old, new, mode, place)
    }

    pub(super) fn object_set(
        &mut self,
        traits: Traits<'_>,
        element: &Type,
        old: &Value,
        new: &Value,
        mode: Mode,
        place: &Place,
    ) -> Value {
        let block = self.block_of(traits, element, place);
        if let Some(answer) = self.not_given(traits, old, new, mode) {
            return answer;
        }
        if old.is_null() && mode == Mode::Normal && new.is_known() && new.is_empty() {
            return new.clone();
        }
        let group = Group { block: &block, computed: false, force_new: traits.force_new };
        self.element_set(group, old, new, mode, place)
    }

    /// The plan for a collection that the configuration does not set; `None` where something has to be compared. Of a
    /// computed one nothing is asked for either as long as nothing at all is known of it.
    fn not_given(&self, traits: Traits<'_>, old: &Value, new: &Value, mode: Mode) -> Option<Value> {
        if traits.computed && !new.is_known() && old.len().is_some_and(|n| n > 0) {
            return Some(old.clone());
        }
        if !new.is_null() {
            return None;
        }
        match (traits.computed, old.len().unwrap_or(0)) {
            (true, _) if old.is_null() => Some(Value::unknown(traits.ty.clone())),
            (true, _) => Some(old.clone()),
            (false, 0) if mode == Mode::Normal => Some(old.clone()),
            _ => None,
        }
    }

    /// The block that stands for the elements of an attribute that is written like blocks.
    fn block_of(&self, traits: Traits<'_>, element: &Type, place: &Place) -> Block {
        let mut block = Block::default();
        let Type::Object(object) = element else { return block };
        for (name, ty) in &object.attributes {
            let mut names: Vec<&str> = place.names.iter().map(|n| &**n).collect();
            names.push(name);
            let attribute = Attribute {
                ty: ty.clone(),
                required: false,
                optional: true,
                computed: false,
                sensitive: false,
                write_only: false,
                deprecated: false,
                default: self.rules.member_default(&names),
                force_new: traits.force_new,
            };
            block.attributes.insert(name.clone(), attribute);
        }
        block
    }

    fn element_list(&mut self, group: Group<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Value {
        let ty = group.block.ty();
        if !new.is_known() {
            if self.suppressed(place, &old.len().unwrap_or(0).to_string(), "") {
                return old.clone();
            }
            if group.force_new {
                self.replaces(place);
            }
            return Value::unknown(Type::list(ty));
        }
        if !self.create && mode == Mode::Normal && reads_the_same(group.block, old, new) {
            return old.clone();
        }
        let (was, will) = (old.elements().unwrap_or(&[]), new.elements().unwrap_or(&[]));
        if will.is_empty() && group.computed {
            let unknown = was.is_empty() && (self.create || mode == Mode::Fresh);
            return if unknown { Value::unknown(Type::list(ty)) } else { old.clone() };
        }
        let mut length = will.len();
        if was.len() != will.len() {
            let (a, b) = (was.len().to_string(), will.len().to_string());
            if self.suppressed(place, &a, &b) {
                length = was.len();
            } else if group.force_new {
                self.replaces(place);
            }
        }
        let none = Value::null(ty.clone());
        let mut elements = Vec::new();
        for i in 0..was.len().max(will.len()) {
            let new = will.get(i);
            if new.is_some_and(|e| !e.is_known()) {
                elements.push(Value::unknown(ty.clone()));
                continue;
            }
            let planned = self.object(group.block, was.get(i).unwrap_or(&none), new, mode, &place.at(i));
            if i < length {
                elements.push(planned);
            }
        }
        Value::list(ty, elements)
    }

    fn element_set(&mut self, group: Group<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Value {
        let ty = group.block.ty();
        let (was, will) = (old.elements().unwrap_or(&[]), new.elements().unwrap_or(&[]));
        if !new.is_known() || will.iter().any(|e| !e.is_known()) {
            if group.computed && !new.is_known() && !was.is_empty() {
                return old.clone();
            }
            if group.force_new {
                self.replaces(place);
            }
            return Value::unknown(Type::set(ty));
        }
        if will.is_empty() && group.computed {
            let unknown = was.is_empty() && (self.create || mode == Mode::Fresh);
            return if unknown { Value::unknown(Type::set(ty)) } else { old.clone() };
        }
        let before: Vec<Option<Value>> = was.iter().map(|e| self.identity(group.block, e, false, place)).collect();
        let mut wanted: Vec<(Option<Value>, &Value)> = Vec::new();
        for element in will {
            let key = self.identity(group.block, element, true, place);
            // Of those that count as one the last says what it looks like.
            match wanted.iter_mut().find(|(k, _)| k.is_some() && *k == key) {
                Some((_, there)) => *there = element,
                None => wanted.push((key, element)),
            }
        }
        let held = |key: &Option<Value>| wanted.iter().any(|(k, _)| k.is_some() && k == key);
        // Where everything is written out, elements that stay are, too.
        if mode == Mode::Normal && wanted.len() == was.len() && before.iter().all(held) {
            return old.clone();
        }
        if was.len() != wanted.len() {
            if self.suppressed(place, &was.len().to_string(), &wanted.len().to_string()) {
                return old.clone();
            }
            if group.force_new {
                self.replaces(place);
            }
        }
        for (key, element) in before.iter().zip(was) {
            if !held(key) {
                // It goes: only what this replaces is of interest.
                self.object(group.block, element, None, Mode::Kept, &place.element(element));
            }
        }
        let none = Value::null(ty.clone());
        let mut elements = Vec::new();
        for (key, element) in &wanted {
            let same = before.iter().position(|k| k.is_some() && k == key);
            let (old, mode) = same.map_or((&none, Mode::Fresh), |i| (&was[i], Mode::Kept));
            elements.push(self.object(group.block, old, Some(element), mode, &place.element(element)));
        }
        Value::set(ty, elements)
    }
}

/// Whether a list of objects is what it was, read as a whole: numbers, truth values and collections that are not known yet
/// count as nothing there, so that a block in which nothing else changes does not change.
fn reads_the_same(block: &Block, old: &Value, new: &Value) -> bool {
    !new.is_wholly_known()
        && unknown_as_zero(new)
            .is_some_and(|read| same_or_zero(old, &read.map_elements(&mut |e| with_defaults(block, e))))
}
