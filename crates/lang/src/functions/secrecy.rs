//! Messages about arguments whose content must not be shown.

use infra_value::{Kind, Marks, Value};

use super::FunctionError;
use super::quote::quote;

const HIDDEN: &str = "(sensitive value)";

/// The error without anything that a marked argument says: quoted parts of its texts, and its whole texts and numbers.
pub(super) fn without_secrets(error: FunctionError, args: &[Value]) -> FunctionError {
    let mut secrets = Vec::new();
    args.iter().for_each(|arg| collect(arg, false, &mut secrets));
    let message =
        secrets.iter().fold(error.message, |message, secret| hide_words(&hide_quoted(&message, secret), secret));
    FunctionError { message, ..error }
}

fn collect(value: &Value, inside_secret: bool, secrets: &mut Vec<String>) {
    let secret = inside_secret || value.marks() != Marks::NONE;
    match value.kind() {
        Kind::String(s) if secret && !s.is_empty() => secrets.push(s.to_string()),
        Kind::Number(n) if secret => secrets.push(n.to_string()),
        _ => {}
    }
    value.elements().into_iter().flatten().for_each(|e| collect(e, secret, secrets));
    value.members().into_iter().flatten().for_each(|(_, e)| collect(e, secret, secrets));
}

/// Hides each quoted part of the message that stands in the secret too.
fn hide_quoted(message: &str, secret: &str) -> String {
    let escaped = quote(secret);
    let mut out = String::new();
    let mut rest = message;
    while let Some(open) = rest.find('"') {
        let inside = &rest[open + 1..];
        let close = inside.char_indices().scan(false, |escaped, (at, c)| {
            let was_escaped = std::mem::replace(escaped, c == '\\' && !*escaped);
            Some((at, c == '"' && !was_escaped))
        });
        let Some((close, _)) = close.into_iter().find(|(_, is_end)| *is_end) else { break };
        let quoted = &inside[..close];
        out.push_str(&rest[..open]);
        if !quoted.is_empty() && escaped.contains(quoted) {
            out.push_str(HIDDEN);
        } else {
            out.push_str(&rest[open..open + close + 2]);
        }
        rest = &inside[close + 1..];
    }
    out + rest
}

/// Hides the secret where it stands in the message as a whole word.
fn hide_words(message: &str, secret: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        let part_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        out.push_str(before);
        let inside_word = part_of_word(before.chars().next_back()) || part_of_word(after.chars().next());
        out.push_str(if inside_word { secret } else { HIDDEN });
        rest = after;
    }
    out + rest
}
