//! Sensitive values that a run has to do with, so that none of them gets into a record by another way.

use std::collections::BTreeSet;

use infra_value::{Kind, Path, Value};

/// A shorter text may be a part of anything.
const SHORTEST: usize = 4;
/// A shorter one is hidden only where it is a whole value.
const SHORTEST_PART: usize = 8;

/// The texts of sensitive values.
#[derive(Clone, Default)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Adds a value that is sensitive as a whole.
    pub fn add(&mut self, value: &Value) {
        match value.kind() {
            Kind::String(text) => self.add_text(text),
            Kind::Number(number) => self.add_text(&number.to_string()),
            Kind::List(_, elements) | Kind::Set(_, elements) | Kind::Tuple(elements) => {
                elements.iter().for_each(|element| self.add(element));
            }
            Kind::Map(_, members) | Kind::Object(members) => members.values().for_each(|member| self.add(member)),
            Kind::Null(_) | Kind::Unknown(_) | Kind::Bool(_) => {}
        }
    }

    /// Adds what is marked, sensitive or ephemeral, in a value.
    pub fn add_marked(&mut self, value: &Value) {
        if !value.marks().is_empty() {
            return self.add(value);
        }
        match value.kind() {
            Kind::List(_, elements) | Kind::Tuple(elements) => elements.iter().for_each(|e| self.add_marked(e)),
            Kind::Map(_, members) | Kind::Object(members) => members.values().for_each(|m| self.add_marked(m)),
            _ => {}
        }
    }

    /// Adds what is at a path of a value, as far as the path leads.
    pub fn add_at(&mut self, value: &Value, path: &Path) {
        let mut part = Some(value.clone());
        for step in &path.0 {
            part = part.and_then(|value| match step {
                infra_value::PathStep::Attribute(name) => value.get(name).cloned(),
                infra_value::PathStep::Index(key) => match (key.as_str(), key.as_i64()) {
                    (Some(name), _) => value.members().and_then(|members| members.get(name)).cloned(),
                    (_, Some(index)) => value.elements().and_then(|e| e.get(usize::try_from(index).ok()?)).cloned(),
                    _ => Some(value),
                },
            });
        }
        if let Some(part) = part {
            self.add(&part);
        }
    }

    fn add_text(&mut self, text: &str) {
        // A text of several lines is often shown line by line.
        for part in text.lines().chain([text]).map(str::trim) {
            if part.len() >= SHORTEST {
                self.0.insert(part.to_string());
            }
        }
    }

    /// Whether a value's text is one of them, or has one in it.
    pub fn hides(&self, text: &str) -> bool {
        self.0.contains(text) || self.0.iter().any(|secret| secret.len() >= SHORTEST_PART && text.contains(&**secret))
    }

    /// A text with none of them in it, also not as JSON or `%q` would write them.
    pub fn scrub(&self, text: &str) -> String {
        let mut out = text.to_string();
        // The longest first: one may be a part of another.
        let mut secrets: Vec<&String> = self.0.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            let quoted = serde_json::Value::String(secret.clone()).to_string();
            for form in [secret.as_str(), &quoted[1..quoted.len() - 1]] {
                if out.contains(form) {
                    out = out.replace(form, "(sensitive value)");
                }
            }
        }
        out
    }
}

impl std::fmt::Debug for Secrets {
    /// How many, not which.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}
