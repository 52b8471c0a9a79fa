//! Unique names: a prefix, the time, a counter.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What names begin with that nobody gave a prefix.
pub(crate) const DEFAULT_PREFIX: &str = "terraform-";

/// How many characters follow the prefix.
pub(crate) const SUFFIX_LENGTH: usize = 26;

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// The prefix, `YYYYMMDDhhmmss` (UTC), four digits of a tenth of a millisecond and eight hex digits that count the names
/// made by this process: names made later sort later.
pub(crate) fn unique(prefix: &str) -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{prefix}{}{count:08x}", stamp(since))
}

/// The name of an object: the one given, or one made from the prefix given or the default prefix.
pub(crate) fn name(name: &str, prefix: &str) -> String {
    match (name, prefix) {
        ("", "") => unique(DEFAULT_PREFIX),
        ("", prefix) => unique(prefix),
        (name, _) => name.to_string(),
    }
}

/// The prefix that a name was made from; `""` if it does not look like one that was made.
pub(crate) fn prefix_of(name: &str) -> &str {
    match name.len().checked_sub(SUFFIX_LENGTH).and_then(|at| name.split_at_checked(at)) {
        Some((prefix, suffix)) if suffix.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) => prefix,
        _ => "",
    }
}

fn stamp(since: Duration) -> String {
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let tenths = since.subsec_micros() / 100;
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{tenths:04}")
}

/// The Gregorian date of a day since 1970-01-01. Years are taken to begin in March, so that leap days end them.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_utc_to_a_tenth_of_a_millisecond() {
        for (seconds, micros, wanted) in [
            (0, 0, "197001010000000000"),
            (951_782_399, 123_456, "200002282359591234"),
            (951_827_696, 999_999, "200002291234569999"),
            (1_749_000_000, 0, "202506040120000000"),
        ] {
            assert_eq!(stamp(Duration::from_secs(seconds) + Duration::from_micros(micros)), wanted);
        }
    }

    #[test]
    fn a_made_name_tells_its_prefix() {
        assert_eq!(prefix_of(&unique("web-")), "web-");
        assert_eq!(prefix_of(&name("", "")), DEFAULT_PREFIX);
        assert_eq!(prefix_of("web"), "");
        assert_eq!(prefix_of("a-name-that-is-long-enough-to-hold-one"), "");
        assert_eq!(unique("").len(), SUFFIX_LENGTH);
    }
}
