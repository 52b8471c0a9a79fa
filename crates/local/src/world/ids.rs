//! Ids, names and times of AWS's forms.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infra_provider::{Object, date, prefix_of};

use super::Cx;

const DIGITS: &[u8] = b"0123456789";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CAPITALS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn some(cx: &mut Cx<'_>, alphabet: &[u8], length: usize) -> String {
    let one = |_| {
        let letter = cx.bits() % alphabet.len() as u64;
        char::from(alphabet[usize::try_from(letter).unwrap_or_default()])
    };
    (0..length).map(one).collect()
}

/// `vpc-0` and 16 hexadecimal digits.
pub(super) fn resource(cx: &mut Cx<'_>, prefix: &str) -> String {
    format!("{prefix}-0{}", hex(cx, 16))
}

/// Hexadecimal digits.
pub(super) fn hex(cx: &mut Cx<'_>, length: usize) -> String {
    some(cx, HEX, length)
}

/// Capital letters and digits, after a prefix.
pub(super) fn capitals(cx: &mut Cx<'_>, prefix: &str, length: usize) -> String {
    format!("{prefix}{}", some(cx, CAPITALS_AND_DIGITS, length))
}

/// Letters and digits.
pub(super) fn letters(cx: &mut Cx<'_>, length: usize) -> String {
    some(cx, LETTERS, length)
}

/// A password that needs no quoting anywhere.
pub(super) fn password(cx: &mut Cx<'_>) -> String {
    // A letter first, and one digit and one capital at least.
    format!("{}{}{}", some(cx, CAPITALS, 1), some(cx, DIGITS, 1), letters(cx, 26))
}

/// A random UUID.
pub(super) fn uuid(cx: &mut Cx<'_>) -> String {
    let bits = (u128::from(cx.bits()) << 64) | u128::from(cx.bits());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// The prefix, and 26 characters that begin with the time: names made later sort later.
pub(super) fn unique(cx: &mut Cx<'_>, prefix: &str) -> String {
    let since = cx.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp: String = rfc3339(cx.now).chars().filter(char::is_ascii_digit).collect();
    format!("{prefix}{stamp}{:04}{}", since.subsec_micros() / 100, hex(cx, 8))
}

/// Sets `name` and `name_prefix` (or the like): the name given, or one made from the prefix given or the default one.
pub(super) fn set_name(cx: &mut Cx<'_>, object: &mut Object, attribute: &str, default: &str) -> String {
    let prefixed = format!("{attribute}_prefix");
    let name = match (object.str(attribute), object.str(&prefixed).to_string()) {
        ("", prefix) if prefix.is_empty() => unique(cx, default),
        ("", prefix) => unique(cx, &prefix),
        (name, _) => name.to_string(),
    };
    object.set(attribute, &name);
    object.set(&prefixed, prefix_of(&name).to_string());
    name
}

/// `2026-01-02T03:04:05Z`
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (1_749_000_000, "2025-06-04T01:20:00Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), wanted);
        }
    }

    #[test]
    fn a_made_name_tells_its_prefix() {
        assert_eq!(prefix_of("web-20250604012000000000000001"), "web-");
        assert_eq!(prefix_of("web"), "");
        assert_eq!(prefix_of("a-name-that-is-long-enough-to-hold-one"), "");
    }
}
