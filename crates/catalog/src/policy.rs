//! Policy documents of IAM and of resources: when two of them mean the same, and in which form they are planned, stored
//! and sent.

mod data_source;
mod document;
mod written;

use crate::json_text;
pub use crate::json_text::normalise;
pub use data_source::write_document;
pub use document::equivalent;
pub use written::written;

const PRESENT_VERSION: &str = r#""Version":"2012-10-17""#;

/// Whether a planned text is no change of the one in the state: a policy argument's rule of suppression.
pub fn same(old: &str, new: &str) -> bool {
    let nothing = |text: &str| matches!(text.trim(), "" | "{}");
    (nothing(old) && nothing(new)) || equivalent(old, new)
}

/// The text that a read stores: that of the state where the cloud's text means the same, else the cloud's; normalised.
pub fn to_store(state: &str, cloud: &str) -> String {
    match cloud.trim() {
        "" => String::new(),
        "{}" => "{}".to_string(),
        _ if !matches!(state.trim(), "" | "{}") && equivalent(state, cloud) => normalise(state),
        _ => normalise(cloud),
    }
}

/// The form of inline policies: normalised, with the first `"Version":"2012-10-17"` in front.
pub fn legacy_form(text: &str) -> String {
    let normal = normalise(text);
    let Some(at) = normal.find(PRESENT_VERSION).filter(|_| normal.starts_with('{')) else { return normal };
    let (before, after) = (&normal[1..at], &normal[at + PRESENT_VERSION.len()..]);
    let (before, comma) = match before.strip_suffix(',') {
        Some(bare) => (bare, ","),
        None => (before, ""),
    };
    let moved = format!("{{{PRESENT_VERSION}{comma}{before}{after}");
    // In a statement the pattern may stand where it cannot be taken out.
    if json_text::parse(&moved).is_some() { moved } else { normal }
}

/// [`to_store`] for inline policies.
pub fn legacy_to_store(state: &str, cloud: &str) -> String {
    legacy_form(&to_store(state, cloud))
}

#[cfg(test)]
mod tests;
