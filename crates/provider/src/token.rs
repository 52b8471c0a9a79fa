//! What one creation is known by: sent along with it where the API takes such a token, and part of names that nobody
//! gave, so that what was created can be found again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A token: 26 characters that sort by time and end names, then some that nobody can guess; 32 hexadecimal digits in
/// all, which every API accepts. An empty one stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(String);

impl Token {
    /// How many characters of it end a name.
    pub const SUFFIX_LENGTH: usize = 26;

    /// One that there has not been before.
    pub fn unique() -> Token {
        use std::hash::{BuildHasher, RandomState};
        let suffix = Token::suffix_of_now();
        let random = RandomState::new().hash_one(&suffix) & 0x00ff_ffff;
        Token(format!("{suffix}{random:06x}"))
    }

    /// One that was written down.
    pub fn of(text: &str) -> Token {
        Token(text.to_string())
    }

    /// The whole token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What ends a name that is made for the object; of no token a new one each time.
    pub fn suffix(&self) -> String {
        match self.0.get(..Token::SUFFIX_LENGTH) {
            Some(suffix) => suffix.to_string(),
            None => Token::suffix_of_now(),
        }
    }

    /// `YYYYMMDDhhmmss` (UTC), four digits of a tenth of a millisecond and eight hex digits that count the names made by
    /// this process: names made later sort later.
    fn suffix_of_now() -> String {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}{count:08x}", stamp(since))
    }
}

fn stamp(since: Duration) -> String {
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let tenths = since.subsec_micros() / 100;
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{tenths:04}")
}

/// The prefix that a name was made from; `""` if it does not look like one that was made.
pub fn prefix_of(name: &str) -> &str {
    match name.len().checked_sub(Token::SUFFIX_LENGTH).and_then(|at| name.split_at_checked(at)) {
        Some((prefix, suffix)) if suffix.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) => prefix,
        _ => "",
    }
}

/// The Gregorian year, month and day of a day since 1970-01-01. Years are taken to begin in March, so that leap days end
/// them.
pub fn date(days: u64) -> (u64, u64, u64) {
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
    fn a_token_is_hexadecimal_and_keeps_its_suffix() {
        let token = Token::unique();
        assert_eq!(token.as_str().len(), 32);
        assert!(token.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(token.suffix(), Token::of(token.as_str()).suffix());
        assert_eq!(token.suffix().len(), Token::SUFFIX_LENGTH);
        assert_ne!(Token::default().suffix(), Token::default().suffix());
    }
}
