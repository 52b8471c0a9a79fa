//! One text, number or truth value.

use infra_value::{Type, Value};

use super::{Mode, Place, Traits, Walk};
use crate::plan::zero::{is_zero, text, zero_like};

/// What a type's rules are told of a text that is not known yet: none that anybody would write.
const UNKNOWN: &str = "74D93920-ED26-11E3-AC10-0800200C9A66";

impl Walk<'_> {
    pub(super) fn scalar(&mut self, traits: Traits<'_>, old: &Value, new: &Value, mode: Mode, place: &Place) -> Value {
        let unknown = || Value::unknown(traits.ty.clone());
        if !new.is_known() {
            if self.suppressed(place, &text(old), UNKNOWN) {
                return self.suppressed_value(traits, old, mode);
            }
            if traits.force_new {
                self.replaces(place);
            }
            return unknown();
        }
        let new = match traits.default {
            Some(default) if new.is_null() => default.clone(),
            _ => new.clone(),
        };
        if new.is_null() {
            return self.unset(traits, old, mode, place);
        }
        let new = self.state_form(place, &new);
        let (was, will) = (text(old), text(&new));
        let appears = self.create || mode != Mode::Normal;
        if will.is_empty() && traits.computed {
            // An empty text counts as not given, unless the type makes nothing of it.
            let asked_for = was.is_empty() && appears && !self.suppressed(place, "", "");
            return if asked_for { unknown() } else { old.clone() };
        }
        if was == will {
            return if old.is_null() && mode != Mode::Normal { new } else { old.clone() };
        }
        if self.suppressed(place, &was, &will) {
            return self.suppressed_value(traits, old, mode);
        }
        if traits.force_new {
            self.replaces(place);
        }
        new
    }

    /// The plan where the type makes nothing of a difference. A required text cannot be nothing; nor can one in an element
    /// of a set that is written out.
    fn suppressed_value(&self, traits: Traits<'_>, old: &Value, mode: Mode) -> Value {
        let written_out = (mode != Mode::Normal || traits.required) && old.is_null() && *traits.ty == Type::String;
        if written_out { Value::string("") } else { old.clone() }
    }

    /// The plan for what the configuration does not set.
    fn unset(&mut self, traits: Traits<'_>, old: &Value, mode: Mode, place: &Place) -> Value {
        let null = || Value::null(traits.ty.clone());
        if traits.computed {
            let appears = self.create || mode == Mode::Fresh;
            return if old.is_null() && appears { Value::unknown(traits.ty.clone()) } else { old.clone() };
        }
        if is_zero(old) {
            return match mode {
                Mode::Normal => old.clone(),
                Mode::Fresh if *traits.ty == Type::String => Value::string(""),
                Mode::Fresh | Mode::Kept => null(),
            };
        }
        if self.suppressed(place, &text(old), &text(&zero_like(traits.ty))) {
            return old.clone();
        }
        if traits.force_new {
            self.replaces(place);
        }
        null()
    }
}
