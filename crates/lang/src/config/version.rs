//! Versions and version constraints: `~> 5.100`, `>= 1.3, < 2.0`.

use std::cmp::Ordering;
use std::fmt;

/// The Terraform version whose language this is.
pub const LANGUAGE_VERSION: &str = "1.11.4";
/// The version of the AWS provider whose resource types these are.
pub const AWS_PROVIDER_VERSION: &str = "5.100.0";

/// A version: `1.11.4`, `2.0.0-beta1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Three numbers at least; those not written are 0.
    numbers: Vec<u64>,
    /// How many of them were written.
    written: usize,
    /// What follows a `-`; empty in a release.
    prerelease: String,
}

impl Version {
    /// Parses a version; `None` if it is none.
    pub fn parse(text: &str) -> Option<Version> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = match text.split_once('+') {
            Some((version, metadata)) if is_dotted_word(metadata) => version,
            Some(_) => return None,
            None => text,
        };
        let (core, prerelease) = match text.split_once('-') {
            Some((core, pre)) if is_dotted_word(pre) => (core, pre),
            Some(_) => return None,
            None => (text, ""),
        };
        let mut numbers = Vec::new();
        for part in core.split('.') {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            numbers.push(digits.then(|| part.parse().ok()).flatten()?);
        }
        let written = numbers.len();
        numbers.resize(written.max(3), 0);
        Some(Version { numbers, written, prerelease: prerelease.to_string() })
    }

    /// Whether it comes before a release: `2.0.0-rc1`.
    pub fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }
}

fn is_dotted_word(text: &str) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'~');
    text.split('.').all(word)
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Version {
    /// By the numbers; a prerelease comes before its release.
    fn cmp(&self, other: &Version) -> Ordering {
        let count = self.numbers.len().max(other.numbers.len());
        let number = |v: &Version, i: usize| v.numbers.get(i).copied().unwrap_or(0);
        for i in 0..count {
            match number(self, i).cmp(&number(other, i)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_prereleases(&self.prerelease, &other.prerelease),
        }
    }
}

fn compare_prereleases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let ordering = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                (Ok(x), Ok(y)) => x.cmp(&y),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => x.cmp(y),
            },
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.numbers.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))?;
        match self.prerelease.is_empty() {
            true => Ok(()),
            false => write!(f, "-{}", self.prerelease),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// `~>`: at least this, and only the last written number may be greater.
    Pessimistic,
}

/// Conditions that a version has to meet, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraint(Vec<(Operator, Version)>);

impl Constraint {
    /// Parses conditions separated by commas; `None` if one is malformed.
    pub fn parse(text: &str) -> Option<Constraint> {
        text.split(',').map(parse_condition).collect::<Option<_>>().map(Constraint)
    }

    /// Whether the version meets all conditions.
    pub fn allows(&self, version: &Version) -> bool {
        self.0.iter().all(|(operator, bound)| allows(*operator, bound, version))
    }

    /// Whether the one condition is to be just this version.
    pub fn is_exactly(&self, version: &Version) -> bool {
        matches!(self.0.as_slice(), [(Operator::Equal, bound)] if bound.cmp(version) == Ordering::Equal)
    }
}

fn parse_condition(text: &str) -> Option<(Operator, Version)> {
    let text = text.trim();
    let operators = [
        ("~>", Operator::Pessimistic),
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        ("!=", Operator::NotEqual),
        ("=", Operator::Equal),
        (">", Operator::Greater),
        ("<", Operator::Less),
    ];
    for (sign, operator) in operators {
        if let Some(version) = text.strip_prefix(sign) {
            return Some((operator, Version::parse(version)?));
        }
    }
    Some((Operator::Equal, Version::parse(text)?))
}

fn allows(operator: Operator, bound: &Version, version: &Version) -> bool {
    match operator {
        Operator::Equal => version == bound || version.cmp(bound) == Ordering::Equal,
        Operator::NotEqual => version.cmp(bound) != Ordering::Equal,
        Operator::Greater => prerelease_fits(bound, version) && version > bound,
        Operator::GreaterOrEqual => prerelease_fits(bound, version) && version >= bound,
        Operator::Less => prerelease_fits(bound, version) && version < bound,
        Operator::LessOrEqual => prerelease_fits(bound, version) && version <= bound,
        Operator::Pessimistic => {
            let fixed = bound.written.saturating_sub(1);
            prerelease_fits(bound, version)
                && version >= bound
                && version.numbers.iter().take(fixed).eq(bound.numbers.iter().take(fixed))
        }
    }
}

/// A prerelease is only meant where the condition names a prerelease of the same version.
fn prerelease_fits(bound: &Version, version: &Version) -> bool {
    match (version.prerelease.is_empty(), bound.prerelease.is_empty()) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => version.numbers == bound.numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::{Constraint, Version};

    #[test]
    fn a_constraint_allows_what_terraform_allows() {
        for (constraint, version, allowed) in [
            ("~> 5.100", "5.100.0", true),
            ("~> 5.0", "5.100.0", true),
            ("~> 5.99.0", "5.100.0", false),
            ("~> 5", "5.100.0", true),
            ("~> 4.67", "5.100.0", false),
            (">= 1.3, < 2.0", "1.11.4", true),
            (">= 1.3,< 1.11", "1.11.4", false),
            ("1.11.4", "1.11.4", true),
            ("= 1.11", "1.11.4", false),
            ("!= 1.11.4", "1.11.4", false),
            (">= 1.11.4-beta1", "1.11.4", true),
            ("> 1.11.3", "1.11.4-rc1", false),
            ("> 1.11.4-alpha", "1.11.4-rc1", true),
            ("~> 1.11.0-beta", "1.11.4", true),
        ] {
            let (Some(parsed), Some(v)) = (Constraint::parse(constraint), Version::parse(version)) else {
                panic!("{constraint} or {version} does not parse")
            };
            assert_eq!(parsed.allows(&v), allowed, "{constraint} on {version}");
        }
    }

    #[test]
    fn what_is_no_constraint_is_refused() {
        for text in ["", "latest", "~>", ">= 1.x", "1.2,", "> > 1", "1..2", "=> 1.0"] {
            assert_eq!(Constraint::parse(text), None, "{text:?}");
        }
    }
}
