//! What something needs of the nodes of a graph: all of one, or the instances of it that references name.

use std::collections::{BTreeMap, BTreeSet};

use infra_address::InstanceKey;

/// How much of a node is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// These instances of a resource.
    Keys(BTreeSet<InstanceKey>),
}

impl Part {
    /// What a reference with this key needs.
    pub fn of_key(key: Option<&InstanceKey>) -> Part {
        key.map_or(Part::Whole, |key| Part::Keys([key.clone()].into()))
    }

    /// Whether an instance belongs to it.
    pub fn holds(&self, key: &InstanceKey) -> bool {
        match self {
            Part::Whole => true,
            Part::Keys(keys) => keys.contains(key),
        }
    }
}

/// Nodes by their number, with how much of each is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs(BTreeMap<usize, Part>);

impl Needs {
    /// Adds a part of a node to what was needed of it before.
    pub fn add(&mut self, node: usize, part: &Part) {
        match (self.0.get_mut(&node), part) {
            (None, _) => drop(self.0.insert(node, part.clone())),
            (Some(Part::Keys(before)), Part::Keys(keys)) => before.extend(keys.iter().cloned()),
            (Some(before), Part::Whole) => *before = Part::Whole,
            (Some(Part::Whole), _) => {}
        }
    }

    /// Adds everything that something else needs.
    pub fn add_all(&mut self, other: &Needs) {
        other.0.iter().for_each(|(node, part)| self.add(*node, part));
    }

    pub fn remove(&mut self, node: usize) {
        self.0.remove(&node);
    }

    pub fn part(&self, node: usize) -> Option<&Part> {
        self.0.get(&node)
    }

    pub fn nodes(&self) -> impl Iterator<Item = usize> {
        self.0.keys().copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, &Part)> {
        self.0.iter().map(|(node, part)| (*node, part))
    }
}

/// Nodes that are needed as a whole.
impl Extend<usize> for Needs {
    fn extend<I: IntoIterator<Item = usize>>(&mut self, nodes: I) {
        nodes.into_iter().for_each(|node| self.add(node, &Part::Whole));
    }
}

impl<'n> Extend<&'n usize> for Needs {
    fn extend<I: IntoIterator<Item = &'n usize>>(&mut self, nodes: I) {
        self.extend(nodes.into_iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_of_a_node_adds_up() {
        let (one, two) = (InstanceKey::Int(1), InstanceKey::Int(2));
        let mut needs = Needs::default();
        needs.add(7, &Part::of_key(Some(&one)));
        assert!(needs.part(7).is_some_and(|part| part.holds(&one) && !part.holds(&two)));
        let mut more = Needs::default();
        more.add(7, &Part::of_key(Some(&two)));
        needs.add_all(&more);
        assert!(needs.part(7).is_some_and(|part| part.holds(&one) && part.holds(&two)));
        needs.extend([7]);
        assert_eq!(needs.part(7), Some(&Part::Whole));
        needs.add_all(&more);
        assert_eq!(needs.part(7), Some(&Part::Whole));
    }
}
