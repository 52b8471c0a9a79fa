//! Regular expressions: from the RE2 syntax of Terraform to that of the `regex` crate.
//!
//! What RE2 does not know is refused with RE2's words; what means something else to the crate is written differently:
//! `\d`, `\w`, `\s` and `\b` are ASCII, `\Q…\E` quotes, a lone `{` is literal, names of groups may be anything and may
//! repeat (so groups lose their names in the translation, and are named here).

/// A pattern in the crate's syntax.
#[derive(Debug)]
pub(super) struct Translated {
    /// The pattern, without names of groups.
    pub pattern: String,
    /// The name of each group, if it has one, without that of the whole match.
    pub groups: Vec<Option<String>>,
}

/// Why a pattern is refused: what is wrong, and which part of it.
#[derive(Debug)]
pub(super) struct PatternError {
    pub problem: &'static str,
    pub part: String,
}

const LARGEST_REPEAT: u32 = 1000;

/// Translates a pattern.
pub(super) fn translate(pattern: &str) -> Result<Translated, PatternError> {
    let mut translator =
        Translator { source: pattern, at: 0, out: String::new(), groups: Vec::new(), open: 0, repeat_from: None };
    translator.run()?;
    Ok(Translated { pattern: translator.out, groups: translator.groups })
}

struct Translator<'a> {
    source: &'a str,
    at: usize,
    out: String,
    groups: Vec<Option<String>>,
    open: usize,
    /// Where the repetition began that stands directly before, if there is one.
    repeat_from: Option<usize>,
}

fn fault<T>(problem: &'static str, part: &str) -> Result<T, PatternError> {
    Err(PatternError { problem, part: part.to_owned() })
}

/// Whether an atom stands before, that a repetition can repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Atom,
}

impl<'a> Translator<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            self.out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
        } else {
            self.out.push(c);
        }
    }

    fn run(&mut self) -> Result<(), PatternError> {
        let mut before = Before::Nothing;
        let mut outer = Vec::new();
        while let Some(c) = self.rest().chars().next() {
            let repeats = self.repeat_from.take();
            match c {
                '(' => {
                    if self.group()? {
                        outer.push(before);
                        before = Before::Nothing;
                    }
                }
                ')' => {
                    if outer.pop().is_none() {
                        return fault("unexpected )", self.source);
                    }
                    self.open -= 1;
                    self.at += 1;
                    self.out.push(')');
                    before = Before::Atom;
                }
                '|' => {
                    self.at += 1;
                    self.out.push('|');
                    before = Before::Nothing;
                }
                '*' | '+' | '?' => self.repetition(1, before, repeats)?,
                '{' => match repeat_count(self.rest()) {
                    Some((length, min, max)) => {
                        let part = &self.rest()[..length];
                        if min > LARGEST_REPEAT || max.is_some_and(|max| max > LARGEST_REPEAT || max < min) {
                            return fault("invalid repeat count", part);
                        }
                        self.repetition(length, before, repeats)?;
                    }
                    None => {
                        self.at += 1;
                        self.literal('{');
                        before = Before::Atom;
                    }
                },
                '[' => {
                    self.class()?;
                    before = Before::Atom;
                }
                '\\' => {
                    self.escape()?;
                    before = Before::Atom;
                }
                '^' | '$' | '.' => {
                    self.at += 1;
                    self.out.push(c);
                    before = Before::Atom;
                }
                c => {
                    self.at += c.len_utf8();
                    self.literal(c);
                    before = Before::Atom;
                }
            }
        }
        if self.open > 0 { fault("missing closing )", self.source) } else { Ok(()) }
    }

    /// A repetition of `length` bytes, with the `?` behind it that makes it prefer less.
    fn repetition(&mut self, length: usize, before: Before, repeats: Option<usize>) -> Result<(), PatternError> {
        let start = self.at;
        let lazy = self.rest()[length..].starts_with('?');
        let end = start + length + usize::from(lazy);
        if before == Before::Nothing {
            return fault("missing argument to repetition operator", &self.source[start..start + length]);
        }
        if let Some(first) = repeats {
            return fault("invalid nested repetition operator", &self.source[first..end]);
        }
        self.out.push_str(&self.source[start..end]);
        self.at = end;
        self.repeat_from = Some(start);
        Ok(())
    }

    /// `(`, `(?:`, `(?P<name>`, `(?i)`. Whether a group opens.
    fn group(&mut self) -> Result<bool, PatternError> {
        let rest = self.rest();
        let Some(inside) = rest.strip_prefix("(?") else {
            self.at += 1;
            self.open += 1;
            self.groups.push(None);
            self.out.push('(');
            return Ok(true);
        };
        if let Some(named) = inside.strip_prefix("P<").or_else(|| inside.strip_prefix('<')) {
            let Some(end) = named.find('>') else { return fault("invalid named capture", rest) };
            let name = &named[..end];
            let length = rest.len() - named.len() + end + 1;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return fault("invalid named capture", &rest[..length]);
            }
            self.at += length;
            self.open += 1;
            self.groups.push(Some(name.to_owned()));
            self.out.push('(');
            return Ok(true);
        }
        let mut negated = false;
        let mut flags_since_minus = 0;
        for (i, c) in inside.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => flags_since_minus += 1,
                '-' if !negated => {
                    negated = true;
                    flags_since_minus = 0;
                }
                ':' | ')' if !(negated && flags_since_minus == 0) => {
                    let length = 2 + i + 1;
                    self.at += length;
                    self.out.push_str(if &rest[..length] == "(?)" { "(?:)" } else { &rest[..length] });
                    self.open += usize::from(c == ':');
                    return Ok(c == ':');
                }
                _ => {
                    return fault("invalid or unsupported Perl syntax", &rest[..2 + i + c.len_utf8()]);
                }
            }
        }
        fault("missing closing )", self.source)
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<(), PatternError> {
        let rest = self.rest();
        match rest[1..].chars().next() {
            None => return fault("trailing backslash at end of expression", ""),
            Some('Q') => {
                let quoted = rest[2..].split("\\E").next().unwrap_or_default();
                self.at += 2 + quoted.len();
                if self.rest().starts_with("\\E") {
                    self.at += 2;
                }
                self.out.push_str("(?:");
                quoted.chars().for_each(|c| self.literal(c));
                self.out.push(')');
                return Ok(());
            }
            Some('A') => self.out.push_str("\\A"),
            Some('z') => self.out.push_str("\\z"),
            Some('b') => self.out.push_str("(?-u:\\b)"),
            Some('B') => self.out.push_str("\\B"),
            _ => {
                if let Some((length, class)) = class_escape(rest)? {
                    self.out.push_str(&class);
                    self.at += length;
                } else {
                    let (length, c) = character_escape(rest)?;
                    self.at += length;
                    self.literal(c);
                }
                return Ok(());
            }
        }
        self.at += 2;
        Ok(())
    }

    /// `[…]`
    fn class(&mut self) -> Result<(), PatternError> {
        let whole = self.rest();
        self.at += 1;
        self.out.push('[');
        if self.rest().starts_with('^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let rest = self.rest();
            match rest.chars().next() {
                None => return fault("missing closing ]", whole),
                Some(']') if !first => {
                    self.at += 1;
                    self.out.push(']');
                    return Ok(());
                }
                _ => {}
            }
            first = false;
            if rest.starts_with("[:")
                && let Some(end) = rest.find(":]")
            {
                let name = &rest[..end + 2];
                if !is_posix_class(name) {
                    return fault("invalid character class range", name);
                }
                self.out.push_str(name);
                self.at += name.len();
                continue;
            }
            if rest.starts_with('\\')
                && let Some((length, class)) = class_escape(rest)?
            {
                self.out.push_str(&class);
                self.at += length;
                continue;
            }
            let low = self.class_character(whole)?;
            let mut after = self.rest().chars();
            if after.next() == Some('-') && after.next().is_some_and(|c| c != ']') {
                self.at += 1;
                let high = self.class_character(whole)?;
                if high < low {
                    return fault("invalid character class range", &rest[..rest.len() - self.rest().len()]);
                }
                self.literal(low);
                self.out.push('-');
                self.literal(high);
            } else {
                self.literal(low);
            }
        }
    }

    fn class_character(&mut self, whole: &str) -> Result<char, PatternError> {
        let rest = self.rest();
        match rest.chars().next() {
            None => fault("missing closing ]", whole),
            Some('\\') => {
                let (length, c) = character_escape(rest)?;
                self.at += length;
                Ok(c)
            }
            Some(c) => {
                self.at += c.len_utf8();
                Ok(c)
            }
        }
    }
}

/// `{2}`, `{2,}`, `{2,5}` at the start of a text: its length, the least and the greatest count.
fn repeat_count(rest: &str) -> Option<(usize, u32, Option<u32>)> {
    let inside = &rest[1..rest.find('}')?];
    let number = |digits: &str| -> Option<u32> {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        (plain && !leading_zero).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match inside.split_once(',') {
        None => (number(inside)?, Some(number(inside)?)),
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((inside.len() + 2, min, max))
}

fn is_posix_class(name: &str) -> bool {
    let name = name.trim_start_matches("[:").trim_end_matches(":]").trim_start_matches('^');
    matches!(
        name,
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

/// `\d`, `\pL`, `\p{Greek}` and the like at the start of a text: its length, and the same in the crate's syntax.
fn class_escape(rest: &str) -> Result<Option<(usize, String)>, PatternError> {
    let mut chars = rest.char_indices().skip(1);
    let perl = match chars.next().map(|(_, c)| c) {
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        Some('s') => "[\\t\\n\\f\\r ]",
        Some('S') => "[^\\t\\n\\f\\r ]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        Some(p @ ('p' | 'P')) => {
            let Some((at, first)) = chars.next() else {
                return fault("invalid character class range", rest);
            };
            let (length, name) = if first == '{' {
                let Some(end) = rest.find('}') else { return fault("invalid character class range", rest) };
                (end + 1, &rest[at + 1..end])
            } else {
                (at + first.len_utf8(), &rest[at..at + first.len_utf8()])
            };
            let (negated, name) = match name.strip_prefix('^') {
                Some(name) => (p == 'p', name),
                None => (p == 'P', name),
            };
            let letter = if negated { 'P' } else { 'p' };
            let class = format!("\\{letter}{{{name}}}");
            if !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') || regex::Regex::new(&class).is_err() {
                return fault("invalid character class range", &rest[..length]);
            }
            return Ok(Some((length, class)));
        }
        _ => return Ok(None),
    };
    Ok(Some((2, perl.to_owned())))
}

/// An escape that stands for one character, at the start of a text: its length, and the character.
fn character_escape(rest: &str) -> Result<(usize, char), PatternError> {
    let Some(c) = rest[1..].chars().next() else {
        return fault("trailing backslash at end of expression", "");
    };
    let invalid = || fault("invalid escape sequence", &rest[..1 + c.len_utf8()]);
    let plain = match c {
        'a' => '\u{7}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '0'..='7' => {
            let digits = rest[1..].bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            // One digit other than 0 would be a reference to a group.
            if c != '0' && digits == 1 {
                return invalid();
            }
            let code = u32::from_str_radix(&rest[1..=digits], 8).ok().and_then(char::from_u32);
            return code.map_or_else(invalid, |c| Ok((1 + digits, c)));
        }
        'x' => {
            let (digits, length) = match rest[2..].strip_prefix('{') {
                Some(braced) => {
                    let Some(end) = braced.find('}') else { return fault("invalid escape sequence", rest) };
                    (&braced[..end], end + 4)
                }
                None => match rest.get(2..4) {
                    Some(digits) => (digits, 4),
                    None => return fault("invalid escape sequence", rest),
                },
            };
            let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain).and_then(char::from_u32);
            return match code {
                Some(c) => Ok((length, c)),
                None => fault("invalid escape sequence", &rest[..length]),
            };
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
        _ => return invalid(),
    };
    Ok((2, plain))
}
