//! `allowed_signers`: whose key is which, and for what and how long, in OpenSSH's format.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use crate::NAMESPACE;
use crate::pattern::{matches_list, names};

/// Who may sign.
#[derive(Clone, Debug, Default)]
pub struct AllowedSigners {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    number: usize,
    principals: String,
    options: Options,
    key: KeyData,
}

#[derive(Clone, Debug, Default)]
struct Options {
    authority: bool,
    namespaces: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

/// Why a file is no list of allowed signers.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {why}")]
pub struct AllowedSignersError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The owner of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The name that counts.
    pub principal: String,
    /// Every name that the key's lines give to its owner, the one that counts first.
    pub names: Vec<String>,
}

/// Why a key does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// No line has it.
    Unknown {
        /// The first line for a certificate authority, which might have been meant to cover it.
        authority: Option<usize>,
    },
    /// Its line is for signatures of other things.
    OtherNamespace {
        /// The line.
        line: usize,
        /// What it is for.
        namespaces: String,
    },
    /// Its line is not valid yet.
    NotYet {
        /// The line.
        line: usize,
        /// From when on it is.
        from: Timestamp,
    },
    /// Its line is not valid any more.
    Expired {
        /// The line.
        line: usize,
        /// Until when it was.
        until: Timestamp,
    },
    /// Its line holds patterns only, and the name that the signer gave fits none of them.
    NotNamed {
        /// The line.
        line: usize,
        /// The patterns.
        principals: String,
    },
}

impl AllowedSigners {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// When a line is not understood: what a line was meant to forbid must not be allowed.
    pub fn parse(text: &str) -> Result<AllowedSigners, AllowedSignersError> {
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let number = index + 1;
            lines.push(line(number, text).map_err(|why| AllowedSignersError { line: number, why })?);
        }
        Ok(AllowedSigners { lines })
    }

    /// How many keys it lists.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whose key this is. `called` is what the signer says to be called: it counts where the key's line fits it, and it has
    /// to where the line has patterns only; else the line's own name counts.
    ///
    /// # Errors
    /// When the key does not count at that moment.
    pub fn find(&self, key: &KeyData, called: &str, now: Timestamp) -> Result<Signer, NotAllowed> {
        let of_key: Vec<&Line> = self.lines.iter().filter(|l| !l.options.authority && l.key == *key).collect();
        let valid: Vec<&Line> = of_key.iter().copied().filter(|line| line.refuses(now).is_none()).collect();
        let mut all: Vec<String> = valid.iter().flat_map(|l| names(&l.principals)).map(str::to_string).collect();
        let principal = match valid.iter().any(|line| matches_list(called, &line.principals)) {
            true => Some(called.to_string()),
            false => all.first().cloned(),
        };
        if let Some(principal) = principal {
            all.retain(|name| *name != principal);
            all.insert(0, principal.clone());
            return Ok(Signer { principal, names: all });
        }
        if let Some(line) = valid.first() {
            return Err(NotAllowed::NotNamed { line: line.number, principals: line.principals.clone() });
        }
        let refused = of_key.iter().find_map(|line| line.refuses(now));
        Err(refused.unwrap_or_else(|| NotAllowed::Unknown {
            authority: self.lines.iter().find(|line| line.options.authority).map(|line| line.number),
        }))
    }
}

impl Line {
    fn refuses(&self, now: Timestamp) -> Option<NotAllowed> {
        let line = self.number;
        let Options { namespaces, after, before, .. } = &self.options;
        if let Some(namespaces) = namespaces.as_ref().filter(|list| !matches_list(NAMESPACE, list)) {
            return Some(NotAllowed::OtherNamespace { line, namespaces: namespaces.clone() });
        }
        if let Some(from) = after.filter(|from| now < *from) {
            return Some(NotAllowed::NotYet { line, from });
        }
        before.filter(|until| now > *until).map(|until| NotAllowed::Expired { line, until })
    }
}

fn line(number: usize, text: &str) -> Result<Line, String> {
    let (principals, rest) = word(text)?;
    let principals = principals.trim_matches('"').to_string();
    if principals.is_empty() {
        return Err("it names nobody: a line is NAMES KEYTYPE KEY".into());
    }
    // Options come first where there are any: what begins with a key is a key.
    if let Ok(key) = PublicKey::from_openssh(rest) {
        return Ok(Line { number, principals, options: Options::default(), key: key.key_data().clone() });
    }
    let (given, key) = word(rest)?;
    let key = match (key.is_empty(), PublicKey::from_openssh(key)) {
        (false, Ok(key)) => key,
        _ if looks_like_a_key_type(given) => return Err("its key is damaged, or of a type that is not known".into()),
        _ => return Err("it has no key that can be read: a line is NAMES [OPTIONS] KEYTYPE KEY".into()),
    };
    Ok(Line { number, principals, options: options(given)?, key: key.key_data().clone() })
}

fn looks_like_a_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-", "rsa-"].iter().any(|start| word.starts_with(start))
}

/// The first word, up to white space outside of quotes, and what follows.
fn word(text: &str) -> Result<(&str, &str), String> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Ok((&text[..at], text[at..].trim_start())),
            _ => {}
        }
    }
    if quoted { Err("a quotation mark is not closed".into()) } else { Ok((text, "")) }
}

fn options(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let value = match rest.strip_prefix('=') {
            Some(value) => {
                let (value, after) =
                    quoted(value).ok_or_else(|| format!("the option {name} has no value in quotes"))?;
                rest = after;
                Some(value)
            }
            None => None,
        };
        let twice = match (name.as_str(), value) {
            ("cert-authority", None) => std::mem::replace(&mut options.authority, true),
            ("namespaces", Some(value)) => options.namespaces.replace(value).is_some(),
            ("valid-after", Some(value)) => options.after.replace(moment(&value)?).is_some(),
            ("valid-before", Some(value)) => options.before.replace(moment(&value)?).is_some(),
            ("namespaces" | "valid-after" | "valid-before", None) => {
                return Err(format!("the option {name} has no value"));
            }
            _ => return Err(format!("there is no option {name:?}")),
        };
        if twice {
            return Err(format!("the option {name} is given twice"));
        }
        rest = match rest.strip_prefix(',') {
            Some("") => return Err("there is nothing behind the last comma of its options".into()),
            Some(more) => more,
            None if rest.is_empty() => rest,
            None => return Err(format!("there is no comma behind the option {name}")),
        };
    }
    match (options.after, options.before) {
        (Some(after), Some(before)) if before <= after => Err("valid-before is not later than valid-after".into()),
        _ => Ok(options),
    }
}

/// A value in quotation marks, in which `\"` is one of them; and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &inner[at + 1..])),
            '\\' if inner[at + 1..].starts_with('"') => {
                value.push('"');
                characters.next();
            }
            c => value.push(c),
        }
    }
    None
}

/// A moment as `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`: in UTC with a `Z` behind it, else in the zone of this machine.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is no time: write it like 20261231 or 202612312359Z");
    let (digits, zone) = match text.strip_suffix('Z').or_else(|| text.strip_suffix("UTC")) {
        Some(digits) => (digits, TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    if !digits.bytes().all(|c| c.is_ascii_digit()) || ![8, 12, 14].contains(&digits.len()) {
        return Err(wrong());
    }
    let number = |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), str::parse::<i8>).map_err(|_| wrong());
    let year = digits[..4].parse::<i16>().map_err(|_| wrong())?;
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    let time = DateTime::new(year, month, day, number(8, 10)?, number(10, 12)?, number(12, 14)?, 0);
    let time: Zoned = time.and_then(|time| time.to_zoned(zone)).map_err(|_| wrong())?;
    Ok(time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn key(text: &str) -> KeyData {
        PublicKey::from_openssh(text).expect("a key").key_data().clone()
    }

    fn find(file: &str, called: &str) -> Result<String, NotAllowed> {
        let now = "2026-06-15T12:00:00Z".parse().expect("a time");
        let signers = AllowedSigners::parse(file).expect("a file that is understood");
        signers.find(&key(ALICE), called, now).map(|signer| signer.principal)
    }

    #[test]
    fn a_key_belongs_to_whom_its_line_names() {
        for (file, called, wanted) in [
            (format!("alice {ALICE}"), "alice", "alice"),
            (format!("alice {ALICE} laptop of Alice"), "alice", "alice"),
            // The key is what counts: its owner's name is the line's.
            (format!("alice {ALICE}"), "root@ci", "alice"),
            (format!("# team\n\n  bob {BOB}\n\talice@example.com {ALICE}\n"), "", "alice@example.com"),
            (format!("*@example.com {ALICE}"), "alice@example.com", "alice@example.com"),
            (format!("\"alice@example.com,*@ops\" {ALICE}"), "x@ops", "x@ops"),
            (format!("alice namespaces=\"git,infra-plan\" {ALICE}"), "", "alice"),
            (format!("alice namespaces=\"infra-*\" {ALICE}"), "", "alice"),
            (format!("alice NAMESPACES=\"infra-plan\",valid-after=\"20260615Z\" {ALICE}"), "", "alice"),
            // One line that is valid is enough.
            (format!("old valid-before=\"20200101Z\" {ALICE}\nnew {ALICE}"), "", "new"),
        ] {
            assert_eq!(find(&file, called).as_deref(), Ok(wanted), "{file}");
        }
    }

    #[test]
    fn every_name_of_a_key_is_known() {
        let file = format!("alice,alice@example.com {ALICE}\na.smith {ALICE}\n* {ALICE}\n");
        let signers = AllowedSigners::parse(&file).expect("a file");
        let found = signers.find(&key(ALICE), "somebody", Timestamp::UNIX_EPOCH).expect("allowed");
        assert_eq!(found.names, ["somebody", "alice", "alice@example.com", "a.smith"]);
    }

    #[test]
    fn it_is_said_why_a_key_does_not_count() {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let patterns = "*@example.com".to_string();
        for (file, wanted) in [
            (String::new(), NotAllowed::Unknown { authority: None }),
            (format!("bob {BOB}"), NotAllowed::Unknown { authority: None }),
            (format!("bob {BOB}\n*@x cert-authority {ALICE}"), NotAllowed::Unknown { authority: Some(2) }),
            (
                format!("alice namespaces=\"git,file\" {ALICE}"),
                NotAllowed::OtherNamespace { line: 1, namespaces: "git,file".into() },
            ),
            (
                format!("\nalice valid-after=\"20260616Z\" {ALICE}"),
                NotAllowed::NotYet { line: 2, from: time("2026-06-16T00:00:00Z") },
            ),
            (
                format!("alice valid-before=\"202606151159UTC\" {ALICE}"),
                NotAllowed::Expired { line: 1, until: time("2026-06-15T11:59:00Z") },
            ),
            (format!("*@example.com {ALICE}"), NotAllowed::NotNamed { line: 1, principals: patterns }),
        ] {
            assert_eq!(find(&file, "alice@laptop"), Err(wanted), "{file}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_line() {
        for (line, wanted) in [
            ("alice".to_string(), "it has no key"),
            (format!("alice verify-required {ALICE}"), "no option \"verify-required\""),
            (format!("alice namespaces=git {ALICE}"), "no value in quotes"),
            (format!("alice namespaces {ALICE}"), "has no value"),
            (format!("alice namespaces=\"a\",namespaces=\"b\" {ALICE}"), "given twice"),
            (format!("alice namespaces=\"a\", {ALICE}"), "behind the last comma"),
            (format!("alice valid-after=\"tomorrow\" {ALICE}"), "is no time"),
            (format!("alice valid-after=\"20261399\" {ALICE}"), "is no time"),
            (format!("alice valid-after=\"20260102\",valid-before=\"20260101\" {ALICE}"), "not later"),
            ("alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM".to_string(), "its key is damaged"),
            (format!("\"alice {ALICE}"), "not closed"),
            (format!("\"\" {ALICE}"), "names nobody"),
        ] {
            let error = AllowedSigners::parse(&format!("# team\n{line}\n")).expect_err(&line);
            assert_eq!(error.line, 2);
            assert!(error.why.contains(wanted), "{line}: {}", error.why);
        }
    }
}
