//! Checks of one text or number: enumerations, ranges, lengths, patterns.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{LazyLock, Mutex, PoisonError};

use infra_value::{Number, Value};
use regex::Regex;

use super::Check;

impl Check<'_> {
    /// One of these texts.
    pub fn one_of(&mut self, name: &str, choices: &[&str]) {
        self.choice(name, choices, |text, choice| text == choice);
    }
    /// One of these texts in any case.
    pub fn one_of_ignoring_case(&mut self, name: &str, choices: &[&str]) {
        self.choice(name, choices, |text, choice| text.eq_ignore_ascii_case(choice));
    }
    fn choice(&mut self, name: &str, choices: &[&str], same: fn(&str, &str) -> bool) {
        self.text(name, |key, text| {
            let quoted: Vec<String> = choices.iter().map(|c| format!("{c:?}")).collect();
            (!choices.iter().any(|c| same(text, c)))
                .then(|| format!("expected {key} to be one of [{}], got {text}", quoted.join(" ")))
        });
    }
    /// None of these texts.
    pub fn none_of(&mut self, name: &str, refused: &[&str]) {
        self.text(name, |key, text| {
            refused
                .contains(&text)
                .then(|| format!("expected {key} to not be any of [{}], got {text}", refused.join(" ")))
        });
    }
    /// One of these whole numbers.
    pub fn one_of_numbers(&mut self, name: &str, choices: &[i64]) {
        self.int(name, |key, n| {
            let listed: Vec<String> = choices.iter().map(i64::to_string).collect();
            (!choices.contains(&n)).then(|| format!("expected {key} to be one of [{}], got {n}", listed.join(" ")))
        });
    }
    /// A whole number in a range.
    pub fn range(&mut self, name: &str, range: RangeInclusive<i64>) {
        self.int(name, |key, n| {
            let (low, high) = (range.start(), range.end());
            (!range.contains(&n)).then(|| format!("expected {key} to be in the range ({low} - {high}), got {n}"))
        });
    }
    /// A whole number that is not less.
    pub fn at_least(&mut self, name: &str, least: i64) {
        self.int(name, |key, n| (n < least).then(|| format!("expected {key} to be at least ({least}), got {n}")));
    }
    /// A whole number that is not greater.
    pub fn at_most(&mut self, name: &str, most: i64) {
        self.int(name, |key, n| (n > most).then(|| format!("expected {key} to be at most ({most}), got {n}")));
    }
    /// A number in a range.
    pub fn range_f64(&mut self, name: &str, range: RangeInclusive<f64>) {
        self.scalars(name, |s| {
            let (n, low, high) = (s.value.as_number().map(Number::to_f64)?, range.start(), range.end());
            let outside = !range.contains(&n);
            outside.then(|| format!("expected {} to be in the range ({low:.6} - {high:.6}), got {n:.6}", s.key))
        });
    }
    /// A port, 1 to 65535.
    pub fn port(&mut self, name: &str) {
        self.int(name, |key, n| {
            (!(1..=65535).contains(&n)).then(|| format!("expected {key:?} to be a valid port number, got: {n}"))
        });
    }
    /// A port, or 0.
    pub fn port_or_zero(&mut self, name: &str) {
        self.int(name, |key, n| {
            (!(0..=65535).contains(&n)).then(|| format!("expected {key:?} to be a valid port number or 0, got: {n}"))
        });
    }
    /// Checks each known whole number of an attribute by a rule of its own; see [`Check::text`].
    pub fn int(&mut self, name: &str, rule: impl Fn(&str, i64) -> Option<String>) {
        self.scalars(name, |s| rule(&s.key, whole(s.value)?));
    }

    /// How many bytes the text may have.
    pub fn length(&mut self, name: &str, range: RangeInclusive<usize>) {
        self.text(name, |key, text| {
            let (low, high) = (range.start(), range.end());
            let outside = !range.contains(&text.len());
            outside.then(|| format!("expected length of {key} to be in the range ({low} - {high}), got {text}"))
        });
    }
    /// A text that the pattern matches (anywhere in it, unless the pattern is anchored). With a message:
    /// `invalid value for NAME (MESSAGE)`; with `""` the pattern itself is shown.
    pub fn matches(&mut self, name: &str, pattern: &'static str, message: &str) {
        let Some(regex) = regex(pattern) else { return };
        self.text(name, |key, text| {
            (!regex.is_match(text)).then(|| match message {
                "" => format!("expected value of {key} to match regular expression {pattern:?}, got {text}"),
                _ => format!("invalid value for {key} ({message})"),
            })
        });
    }
    /// A text that the pattern does not match.
    pub fn matches_not(&mut self, name: &str, pattern: &'static str, message: &str) {
        let Some(regex) = regex(pattern) else { return };
        self.text(name, |key, text| {
            regex.is_match(text).then(|| match message {
                "" => format!("expected value of {key} to not match regular expression {pattern:?}, got {text}"),
                _ => format!("invalid value for {key} ({message})"),
            })
        });
    }
    /// A text that the pattern matches; what is wrong otherwise is said by `message`, which gets the attribute's name
    /// and the text.
    pub fn matches_or(&mut self, name: &str, pattern: &'static str, message: impl Fn(&str, &str) -> String) {
        let Some(regex) = regex(pattern) else { return };
        self.text(name, |key, text| (!regex.is_match(text)).then(|| message(key, text)));
    }
    /// A text that is not empty.
    pub fn not_empty(&mut self, name: &str) {
        self.text(name, |key, text| {
            text.is_empty().then(|| format!("expected {key:?} to not be an empty string, got {text}"))
        });
    }
    /// A text that stands for a whole number within a range, or `""`.
    pub fn number_text(&mut self, name: &str, range: RangeInclusive<i64>) {
        self.text(name, |key, text| {
            let good = text.is_empty() || text.parse().is_ok_and(|n: i64| range.contains(&n));
            let (low, high) = (range.start(), range.end());
            (!good).then(|| format!("{key:?} ({text:?}) must be in the range {low} to {high}"))
        });
    }
    /// Base64.
    pub fn base64(&mut self, name: &str) {
        self.text(name, |key, text| {
            (!is_base64(text)).then(|| format!("expected {key:?} to be a base64 string, got {text}"))
        });
    }
}

/// A whole number, also one written as a text (as the older plugin kind has them in maps).
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn is_base64(text: &str) -> bool {
    let bare: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let body = bare.strip_suffix(b"==").or_else(|| bare.strip_suffix(b"=")).unwrap_or(&bare);
    bare.len().is_multiple_of(4) && body.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// A compiled pattern, kept for the next time. A pattern that does not compile is a defect of a type's code: debug
/// builds stop, release builds let everything pass.
fn regex(pattern: &'static str) -> Option<Regex> {
    static COMPILED: LazyLock<Mutex<HashMap<&'static str, Regex>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(pattern) {
        return Some(regex.clone());
    }
    let regex = Regex::new(pattern);
    debug_assert!(regex.is_ok(), "{pattern}");
    let regex = regex.ok()?;
    compiled.insert(pattern, regex.clone());
    Some(regex)
}
