//! The creations that have begun and not ended, as their lines in the journal.

use std::collections::BTreeMap;

use infra_address::{ProviderConfig, parse_resource_instance};
use serde_json::{Value as Json, json};

use super::Intent;
use crate::json::parse_instance;

/// The lines of each creation that has not ended, by token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Open(BTreeMap<String, Vec<String>>);

/// What ending some creations comes to.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The lines that say so.
    pub lines: String,
    /// How many lines of the journal count for nothing now, those among them.
    pub dead: usize,
}

impl Open {
    /// From the text of a journal. A line that was cut off is as if it had not been written.
    pub fn parse(text: &str) -> Open {
        let mut open: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            let Ok(json) = serde_json::from_str::<Json>(line) else { continue };
            if let Some(token) = json["ended"].as_str() {
                open.remove(token);
            } else if let Some(token) = json["begun"].as_str().or(json["made"].as_str()) {
                open.entry(token.to_string()).or_default().push(format!("{line}\n"));
            }
        }
        Open(open)
    }

    /// The text of a journal that holds nothing else.
    pub fn text(&self) -> String {
        self.0.values().flatten().map(String::as_str).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a line about a creation.
    pub fn add(&mut self, token: &str, line: String) {
        self.0.entry(token.to_string()).or_default().push(line);
    }

    /// Takes back the last line about a creation, which could not be written.
    pub fn take_back(&mut self, token: &str) {
        if let Some(lines) = self.0.get_mut(token) {
            lines.pop();
            if lines.is_empty() {
                self.0.remove(token);
            }
        }
    }

    /// Ends creations, and with them those of the same instance about which nothing could be found out: they are past
    /// when the instance has an object.
    pub fn end(&mut self, tokens: &[&str]) -> Ended {
        let mut ended = Ended::default();
        let mut made = Vec::new();
        for token in tokens {
            if let Some(gone) = self.take(token, &mut ended)
                && gone.len() > 1
                && !self.is_empty()
            {
                made.extend(address_of(&gone));
            }
        }
        if !made.is_empty() {
            let past = self.0.iter().filter(|(_, lines)| address_of(lines).is_some_and(|a| made.contains(&a)));
            for token in past.map(|(token, _)| token.clone()).collect::<Vec<_>>() {
                self.take(&token, &mut ended);
            }
        }
        ended
    }

    fn take(&mut self, token: &str, ended: &mut Ended) -> Option<Vec<String>> {
        let gone = self.0.remove(token)?;
        ended.dead += gone.len() + 1;
        ended.lines.push_str(&format!("{}\n", json!({"ended": token})));
        Some(gone)
    }

    /// What is known of each, in the order of their tokens.
    pub fn intents(&self) -> Vec<Intent> {
        let mut intents: Vec<Intent> = self.0.values().filter_map(|lines| parse(lines)).collect();
        intents.sort_by(|a, b| a.token.cmp(&b.token));
        intents
    }
}

/// The instance that a creation is of, as it is written.
fn address_of(lines: &[String]) -> Option<String> {
    let json: Json = serde_json::from_str(lines.first()?).ok()?;
    json["address"].as_str().map(str::to_string)
}

fn parse(lines: &[String]) -> Option<Intent> {
    let mut found: Option<Intent> = None;
    for line in lines {
        let mut json: Json = serde_json::from_str(line).ok()?;
        let Json::Object(object) = json["object"].take() else { continue };
        let Ok((_, _, object)) = parse_instance(object) else { continue };
        match (&mut found, json["begun"].as_str()) {
            (_, Some(token)) => {
                found = Some(Intent {
                    token: token.to_string(),
                    address: parse_resource_instance(json["address"].as_str()?).ok()?,
                    provider: ProviderConfig::parse(json["provider"].as_str()?)?,
                    began: json["time"].as_u64().unwrap_or_default(),
                    object,
                    made: false,
                });
            }
            (Some(intent), None) => {
                intent.object = object;
                intent.made = true;
            }
            (None, None) => {}
        }
    }
    found
}
