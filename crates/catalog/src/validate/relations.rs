//! Checks between attributes: which exclude, and which need each other.
//!
//! Names may be paths into single blocks, from the block under check: `ebs.0.size`.

use infra_provider::Problem;
use infra_value::Value;

use super::{Check, is_written};

/// What there is of an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Not,
    Unknown,
    Written,
}

impl Check<'_> {
    /// If `name` is written, none of `others` may be. To be called for each side that the type's schema has it for.
    pub fn conflicts(&mut self, name: &str, others: &[&str]) {
        let subject = self.known(name).is_none_or(Value::is_wholly_known);
        if self.there(name) != There::Written || !subject {
            return;
        }
        // A list with an unknown element is there all the same.
        let stands = |o: &&&str| self.there(o) == There::Written || self.known(o).is_some_and(is_written);
        if let Some(other) = others.iter().find(stands) {
            let detail = format!("{:?}: conflicts with {}", self.key(name), self.key(other));
            self.relation(name, "Conflicting configuration arguments", detail);
        }
    }
    /// At most one of these; each says so.
    pub fn conflict_with_each_other(&mut self, names: &[&str]) {
        for name in names {
            let others: Vec<&str> = names.iter().copied().filter(|n| n != name).collect();
            self.conflicts(name, &others);
        }
    }
    /// Exactly one of these; each says so.
    pub fn exactly_one_of(&mut self, names: &[&str]) {
        let (all, written) = (self.listed(names, |_| true), self.listed(names, |t| t == There::Written));
        let unknown = names.iter().any(|n| self.there(n) == There::Unknown);
        for name in names {
            let key = self.key(name);
            let detail = match written.len() {
                0 if !unknown => format!("{key:?}: one of `{}` must be specified", all.join(",")),
                0 | 1 => continue,
                _ => format!(
                    "{key:?}: only one of `{}` can be specified, but `{}` were specified.",
                    all.join(","),
                    written.join(",")
                ),
            };
            self.relation(name, "Invalid combination of arguments", detail);
        }
    }
    /// At least one of these; each says so.
    pub fn at_least_one_of(&mut self, names: &[&str]) {
        if names.iter().any(|n| self.there(n) != There::Not) {
            return;
        }
        let all = self.listed(names, |_| true).join(",");
        for name in names {
            let detail = format!("{:?}: one of `{all}` must be specified", self.key(name));
            self.relation(name, "Missing required argument", detail);
        }
    }
    /// If `name` is written, all of `others` have to be. To be called for each side that the type's schema has it for.
    pub fn required_with(&mut self, name: &str, others: &[&str]) {
        if self.there(name) == There::Not || others.iter().all(|o| self.there(o) != There::Not) {
            return;
        }
        let names: Vec<&str> = std::iter::once(name).chain(others.iter().copied()).collect();
        let all = self.listed(&names, |_| true).join(",");
        let detail = format!("{:?}: all of `{all}` must be specified", self.key(name));
        self.relation(name, "Missing required argument", detail);
    }

    /// The keys of those names whose presence is as asked for, sorted, each once.
    fn listed(&self, names: &[&str], wanted: impl Fn(There) -> bool) -> Vec<String> {
        let mut keys: Vec<String> = names.iter().filter(|n| wanted(self.there(n))).map(|n| self.key(n)).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn there(&self, name: &str) -> There {
        let mut value = self.value;
        for step in name.split('.') {
            if !value.is_known() {
                return There::Unknown;
            }
            let next = match step.parse::<usize>() {
                // A single block may be an object of its own instead of a list of one.
                Ok(0) if value.elements().is_none() => Some(value),
                Ok(i) => value.elements().and_then(|es| es.get(i)),
                Err(_) => value.get(step),
            };
            match next {
                Some(next) => value = next,
                None => return There::Not,
            }
        }
        match value {
            v if !is_written(v) => There::Not,
            v if !v.is_wholly_known() && !is_block(v) => There::Unknown,
            _ => There::Written,
        }
    }

    fn relation(&mut self, name: &str, summary: &str, detail: String) {
        let mut path = self.path.clone();
        for step in name.split('.') {
            path = match step.parse::<i64>() {
                Ok(i) => path.index(i),
                Err(_) => path.attr(step),
            };
        }
        self.problems.push(Problem::error(summary, detail).at(path));
    }
}

/// A block with an unknown part is there all the same; a text, list or map with one is not known yet.
fn is_block(value: &Value) -> bool {
    value.is_known() && value.elements().is_some_and(|es| es.iter().any(|e| e.members().is_some()))
}
