//! The one form of a JSON that digests are made of.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// A JSON as text, without spaces, with the keys of each object in the order of their bytes. Numbers stay as they are
/// written.
pub fn canonical(json: &Json) -> String {
    let mut out = String::new();
    write(json, &mut out);
    out
}

fn write(json: &Json, out: &mut String) {
    match json {
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (i, (key, value)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                *out += &Json::String(key.clone()).to_string();
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Json::Array(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(element, out);
            }
            out.push(']');
        }
        other => *out += &other.to_string(),
    }
}

/// The digest of a record's JSON: of its canonical form without its own `digest`.
pub fn digest(record: &Json) -> String {
    let mut record = record.clone();
    if let Json::Object(members) = &mut record {
        members.shift_remove("digest");
    }
    of_bytes(canonical(&record).as_bytes())
}

/// `sha256:…`
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
