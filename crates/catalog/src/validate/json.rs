//! Checks of JSON texts and policy documents.

use super::Check;
use super::go_json::{duplicate_key, syntax_error};

impl Check<'_> {
    /// JSON of any kind, or `""`.
    pub fn json(&mut self, name: &str) {
        self.text(name, |key, text| {
            if text.is_empty() {
                return None;
            }
            syntax_error(text).map(|e| format!("{key:?} contains an invalid JSON: {}", e.message))
        });
    }

    /// A policy document of IAM: a JSON object without duplicate keys.
    pub fn iam_policy(&mut self, name: &str) {
        self.text(name, policy_error);
    }
}

fn policy_error(key: &str, text: &str) -> Option<String> {
    let bare = text.trim_start_matches([' ', '\t', '\r', '\n']);
    let invalid = |what: String| Some(format!("{key:?} contains an invalid JSON policy: {what}"));
    let Some(first) = bare.bytes().next() else {
        return Some(format!("{key:?} is an empty string, which is not a valid JSON value"));
    };
    match first {
        b'{' => {}
        b'"' => {
            let mut what = "contains a JSON-encoded string, not a JSON-encoded object".to_string();
            if let Ok(inner) = serde_json::from_str::<String>(bare.trim_end()) {
                if syntax_error(&inner).is_none() {
                    what += " (have you double-encoded your JSON data?)";
                } else if inner.ends_with(".json") {
                    what += " (have you passed a JSON-encoded filename instead of the content of that file?)";
                }
            }
            return invalid(what);
        }
        b'[' => return invalid("contains a JSON array, not a JSON object".into()),
        _ => return invalid("not a JSON object".into()),
    }
    if let Some(error) = syntax_error(text) {
        return invalid(format!("{}, at byte offset {}", error.message, error.offset));
    }
    duplicate_key(text).map(|path| format!("{key:?} contains duplicate JSON keys: duplicate key {path:?}"))
}
