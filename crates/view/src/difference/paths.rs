//! Sets of paths that lead into a value, followed step by step.

use serde_json::Value as Json;

/// What is left of some paths at a place in a value.
#[derive(Clone, Debug)]
pub(crate) struct Paths<'j> {
    open: Vec<&'j [Json]>,
    /// Where a path ends, everything inside is meant too.
    with_inside: bool,
    everything: bool,
}

impl<'j> Paths<'j> {
    /// No path.
    pub(crate) fn none() -> Paths<'j> {
        Paths { open: Vec::new(), with_inside: false, everything: false }
    }
    /// Every place.
    pub(crate) fn everything() -> Paths<'j> {
        Paths { everything: true, ..Paths::none() }
    }
    /// The places that these paths lead to, not what is inside of them.
    pub(crate) fn exactly(paths: &'j [Json]) -> Paths<'j> {
        Paths { open: paths.iter().filter_map(Json::as_array).map(Vec::as_slice).collect(), ..Paths::none() }
    }
    /// The places that these paths lead to, with all that is inside of them.
    pub(crate) fn within(paths: impl IntoIterator<Item = &'j Json>) -> Paths<'j> {
        let open = paths.into_iter().filter_map(Json::as_array).map(Vec::as_slice).collect();
        Paths { open, with_inside: true, everything: false }
    }

    /// Whether this place is one of them.
    pub(crate) fn reached(&self) -> bool {
        self.everything || self.open.iter().any(|rest| rest.is_empty())
    }
    /// Whether this place is one of them, or leads to one.
    pub(crate) fn lead_on(&self) -> bool {
        self.everything || !self.open.is_empty()
    }

    fn step(&self, is: impl Fn(&Json) -> bool) -> Paths<'j> {
        let next = |rest: &&'j [Json]| match rest.split_first() {
            None => self.with_inside.then_some(*rest),
            Some((step, rest)) => is(step).then_some(rest),
        };
        Paths { open: self.open.iter().filter_map(next).collect(), ..*self }
    }
    /// What is left of them in a member.
    pub(crate) fn in_member(&self, name: &str) -> Paths<'j> {
        self.step(|step| step.as_str() == Some(name))
    }
    /// What is left of them in an element.
    pub(crate) fn in_element(&self, index: usize) -> Paths<'j> {
        self.step(|step| match step {
            Json::String(text) => text.parse() == Ok(index),
            other => other.as_u64() == Some(index as u64),
        })
    }
}
