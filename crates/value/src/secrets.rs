//! The texts of marked values, to be taken out of what is said about them: errors repeat what they are about.

use std::collections::BTreeSet;

use crate::{Kind, Value};

/// What stands in place of a sensitive value.
const HIDDEN: &str = "(sensitive value)";

/// Anything shorter is in half of all words, and no secret.
const SHORTEST: usize = 4;

/// Texts that must not be said.
#[derive(Clone, Default)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// The texts in what is marked of some values.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v Value>) -> Secrets {
        let mut secrets = Secrets::default();
        values.into_iter().for_each(|value| secrets.take(value, false));
        secrets
    }

    /// Adds all texts of a value, marked or not.
    pub fn add(&mut self, value: &Value) {
        self.take(value, true);
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text without them.
    pub fn hide(&self, text: String) -> String {
        let mut found: Vec<&String> = self.0.iter().filter(|secret| text.contains(secret.as_str())).collect();
        // What is part of something longer goes with it.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        found.into_iter().fold(text, |text, secret| text.replace(secret.as_str(), HIDDEN))
    }

    fn put(&mut self, text: &str) {
        if text.chars().count() >= SHORTEST {
            self.0.insert(text.to_string());
            // As Rust and Terraform quote it.
            let quoted = format!("{text:?}");
            self.0.insert(quoted[1..quoted.len() - 1].to_string());
        }
    }

    fn take(&mut self, value: &Value, within: bool) {
        let secret = within || !value.marks().is_empty();
        match value.kind() {
            Kind::String(text) if secret => {
                self.put(text);
                self.put(text.trim());
                self.inside(text);
            }
            Kind::Number(number) if secret => self.put(&number.to_string()),
            Kind::List(_, es) | Kind::Set(_, es) => es.iter().for_each(|e| self.take(e, secret)),
            Kind::Tuple(es) => es.iter().for_each(|e| self.take(e, secret)),
            // Keys are words that are said elsewhere, too; one that is secret is a value somewhere before it is a key.
            Kind::Map(_, ms) | Kind::Object(ms) => ms.values().for_each(|value| self.take(value, secret)),
            _ => {}
        }
    }

    /// The texts in a document that is sensitive as a whole: parts of it are repeated.
    fn inside(&mut self, text: &str) {
        if text.starts_with(['{', '['])
            && let Ok(json) = serde_json::from_str(text)
        {
            self.strings(&json);
        }
    }

    fn strings(&mut self, json: &serde_json::Value) {
        match json {
            serde_json::Value::String(text) => self.put(text),
            serde_json::Value::Array(all) => all.iter().for_each(|one| self.strings(one)),
            serde_json::Value::Object(all) => all.values().for_each(|one| self.strings(one)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Marks;

    fn hidden(said: &str, value: Value) -> String {
        Secrets::of([&Value::object([("a", value)])]).hide(said.to_string())
    }

    fn secret(text: &str) -> Value {
        Value::string(text).with_marks(Marks::SENSITIVE)
    }

    #[test]
    fn a_sensitive_value_is_taken_out_wherever_it_is_repeated() {
        assert_eq!(hidden("password hunter2x is bad", secret("hunter2x")), format!("password {HIDDEN} is bad"));
        assert_eq!(hidden("no hunter2x", Value::tuple([secret("hunter2x")])), format!("no {HIDDEN}"));
        let document = secret(r#"[{"environment": [{"value": "hunter2x"}]}]"#);
        assert_eq!(hidden("bad value: hunter2x", document), format!("bad value: {HIDDEN}"));
        assert_eq!(hidden(r#"no "hunter\"2x""#, secret("hunter\"2x")), format!("no \"{HIDDEN}\""));
    }

    #[test]
    fn what_is_not_sensitive_or_short_stays() {
        assert_eq!(hidden("no hunter2x", Value::string("hunter2x")), "no hunter2x");
        assert_eq!(hidden("not one", secret("no")), "not one");
    }
}
