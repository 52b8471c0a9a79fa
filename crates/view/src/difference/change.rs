//! One place in an object, before and after: what the published JSON says about both sides, step by step into it.

use serde_json::Value as Json;

use super::diff::Sign;
use super::paths::Paths;

/// A value before and after. Null and absent are both `None`; `given` tells them apart where that matters.
#[derive(Clone, Debug)]
pub(crate) struct Change<'j> {
    pub(crate) before: Option<&'j Json>,
    pub(crate) after: Option<&'j Json>,
    /// Whether there is a value before, if only null.
    pub(crate) before_given: bool,
    /// Whether there is a value afterwards, if only null.
    pub(crate) after_given: bool,
    pub(crate) unknown: Option<&'j Json>,
    pub(crate) before_sensitive: Option<&'j Json>,
    pub(crate) after_sensitive: Option<&'j Json>,
    /// Where changes force a replacement.
    pub(crate) replace: Paths<'j>,
    /// Which parts are looked at; all others count as unchanged.
    pub(crate) relevant: Paths<'j>,
    /// Whether an empty text is shown as null: schemas of the older kind cannot tell them apart.
    pub(crate) empty_is_null: bool,
}

fn present(json: &Json) -> Option<&Json> {
    (!json.is_null()).then_some(json)
}

static SENSITIVE: Json = Json::Bool(true);

/// What is said about the sensitivity of a part: of a sensitive whole, every part is.
fn inward<'j>(whole: Option<&'j Json>, part: impl FnOnce(&'j Json) -> Option<&'j Json>) -> Option<&'j Json> {
    if whole == Some(&SENSITIVE) { whole } else { whole.and_then(part) }
}

fn steps(json: Option<&Json>) -> Paths<'_> {
    Paths::exactly(json.and_then(Json::as_array).map_or(&[][..], Vec::as_slice))
}

impl<'j> Change<'j> {
    /// What a `change` object of the published JSON says.
    pub(crate) fn of(json: &'j Json, relevant: Paths<'j>) -> Change<'j> {
        Change {
            before: json.get("before").and_then(present),
            after: json.get("after").and_then(present),
            before_given: false,
            after_given: false,
            unknown: json.get("after_unknown"),
            before_sensitive: json.get("before_sensitive"),
            after_sensitive: json.get("after_sensitive"),
            replace: steps(json.get("replace_paths")),
            relevant,
            empty_is_null: false,
        }
    }

    /// Two values of which nothing is unknown or sensitive.
    pub(crate) fn between(before: Option<&'j Json>, after: Option<&'j Json>) -> Change<'j> {
        Change {
            before: before.and_then(present),
            after: after.and_then(present),
            before_given: before.is_some(),
            after_given: after.is_some(),
            unknown: None,
            before_sensitive: None,
            after_sensitive: None,
            replace: Paths::none(),
            relevant: Paths::everything(),
            empty_is_null: false,
        }
    }

    /// A value that stays as it is.
    pub(crate) fn standing(value: &'j Json, sensitive: &'j Json) -> Change<'j> {
        let mut change = Change::between(Some(value), Some(value));
        change.before_sensitive = Some(sensitive);
        change.after_sensitive = Some(sensitive);
        change
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.unknown == Some(&Json::Bool(true))
    }
    pub(crate) fn was_sensitive(&self) -> bool {
        self.before_sensitive == Some(&Json::Bool(true))
    }
    pub(crate) fn is_sensitive(&self) -> bool {
        self.after_sensitive == Some(&Json::Bool(true))
    }
    /// Whether there is nothing on either side.
    pub(crate) fn is_nothing(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// The sign of this value by itself.
    pub(crate) fn sign(&self) -> Sign {
        let before = self.before.is_some() || self.before_given;
        let after = self.after.is_some() || self.after_given;
        match (before, after) {
            (false, true) => Sign::Create,
            (true, false) => Sign::Delete,
            _ if self.before == self.after && self.was_sensitive() == self.is_sensitive() => Sign::Same,
            _ => Sign::Update,
        }
    }

    /// The sign that a structure begins with, before its parts are looked at.
    pub(crate) fn outer_sign(&self) -> Sign {
        match (self.before, self.after) {
            (None, Some(_)) => Sign::Create,
            (Some(_), None) => Sign::Delete,
            _ => Sign::Same,
        }
    }

    /// A member of an object or a map.
    pub(crate) fn member(&self, name: &str) -> Change<'j> {
        let get = |json: Option<&'j Json>| json.and_then(|j| j.get(name));
        let (before, after) = (get(self.before), get(self.after));
        Change {
            before: before.and_then(present),
            after: after.and_then(present),
            before_given: before.is_some(),
            after_given: after.is_some(),
            unknown: get(self.unknown),
            before_sensitive: inward(self.before_sensitive, |j| j.get(name)),
            after_sensitive: inward(self.after_sensitive, |j| j.get(name)),
            replace: self.replace.in_member(name),
            relevant: self.relevant.in_member(name),
            empty_is_null: self.empty_is_null,
        }
    }

    /// An attribute or a block: a member that is no different where it is null from where it is absent.
    pub(crate) fn attribute(&self, name: &str) -> Change<'j> {
        let mut child = self.member(name);
        if !child.relevant.lead_on() {
            child = child.unchanged();
        }
        child.before_given = false;
        child.after_given = false;
        child
    }

    /// Elements of two lists that face each other. An index beyond the end stands for no element.
    pub(crate) fn element(&self, before: usize, after: usize) -> Change<'j> {
        fn get(json: Option<&Json>, index: usize) -> Option<&Json> {
            json.and_then(|j| j.get(index))
        }
        let (old, new) = (get(self.before, before), get(self.after, after));
        Change {
            before: old.and_then(present),
            after: new.and_then(present),
            before_given: old.is_some(),
            after_given: new.is_some(),
            unknown: get(self.unknown, after),
            before_sensitive: inward(self.before_sensitive, |j| j.get(before)),
            after_sensitive: inward(self.after_sensitive, |j| j.get(after)),
            replace: self.replace.in_element(before),
            relevant: Paths::everything(),
            empty_is_null: self.empty_is_null,
        }
    }

    /// The elements of both sides.
    pub(crate) fn elements(&self) -> (&'j [Json], &'j [Json]) {
        fn slice(json: Option<&Json>) -> &[Json] {
            json.and_then(Json::as_array).map_or(&[], Vec::as_slice)
        }
        (slice(self.before), slice(self.after))
    }

    /// The names of the members of either side, and of those that will be known later.
    pub(crate) fn member_names(&self) -> std::collections::BTreeSet<&'j str> {
        let sides = [self.before, self.after, self.unknown];
        sides.into_iter().flatten().filter_map(Json::as_object).flat_map(|o| o.keys().map(String::as_str)).collect()
    }

    /// As if nothing changed.
    #[must_use]
    pub(crate) fn unchanged(mut self) -> Change<'j> {
        self.after = self.before;
        self.after_given = self.before_given;
        self.after_sensitive = self.before_sensitive;
        self.unknown = None;
        self
    }

    /// Only the value before, going away.
    #[must_use]
    pub(crate) fn deleted(mut self) -> Change<'j> {
        self.after = None;
        self.after_given = false;
        self.after_sensitive = None;
        self.unknown = None;
        self
    }

    /// Only the value afterwards, coming to be.
    #[must_use]
    pub(crate) fn created(mut self) -> Change<'j> {
        self.before = None;
        self.before_given = false;
        self.before_sensitive = None;
        self
    }

    /// With each side that there is sensitive.
    #[must_use]
    pub(crate) fn closed(mut self) -> Change<'j> {
        self.before_sensitive = self.before.map(|_| &SENSITIVE).or(self.before_sensitive);
        self.after_sensitive = self.after.or(self.unknown).map(|_| &SENSITIVE).or(self.after_sensitive);
        self
    }

    /// Without what is said about sensitivity.
    #[must_use]
    pub(crate) fn revealed(mut self) -> Change<'j> {
        self.before_sensitive = None;
        self.after_sensitive = None;
        self
    }
}
