//! Values of YAML texts, as `yamldecode` gives them.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::panic::UnwindSafe;
use std::sync::{Arc, Once};

use infra_value::{Kind, Members, Number, Type, Value, convert};
use libyaml_safer::{ErrorKind, Event, EventData, Mark, Parser, ScalarStyle};

use super::encoding::base64_bytes;
use super::quote::quote;
use super::yaml_time;

/// The value of the only document in a text: sequences are tuples, mappings are objects.
pub(super) fn decode(source: &str) -> Result<Value, String> {
    // The parser panics at a comma directly behind some tags, as in `[!,a]`, which is a fault of the text.
    let caught = quietly(|| document(source));
    caught.unwrap_or_else(|| Err("did not find expected whitespace or line break".to_owned()))
}

thread_local! {
    /// Whether a panic on this thread is expected, and nobody is told.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What a function gives, or `None` if it panics, of which nothing is printed then.
fn quietly<T>(f: impl FnOnce() -> T + UnwindSafe) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let result = std::panic::catch_unwind(f);
    QUIET.set(false);
    result.ok()
}

fn document(source: &str) -> Result<Value, String> {
    // The parser cannot bear a text that ends within a scalar, so the last line always gets an end. What that would
    // add to the value of a block scalar is taken away again, and an error is never on a line that is not there.
    let lacks_end = !source.is_empty() && !source.ends_with(['\n', '\r']);
    let ended = if lacks_end { Cow::Owned(format!("{source}\n")) } else { Cow::Borrowed(source) };
    let last_line = lacks_end.then(|| source.matches('\n').count() as u64);
    let added_end = lacks_end.then(|| ended.len() as u64);
    let mut input = ended.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut reader = Reader { parser, anchors: HashMap::new(), depth: 0, size: 0, last_line, added_end };
    let missing = || "on line 1, column 1: missing start of document".to_owned();
    reader.next()?;
    if !matches!(reader.next()?.data, EventData::DocumentStart { .. }) {
        return Err(missing());
    }
    let first = reader.next()?;
    let value = reader.value(first)?;
    reader.next()?;
    if !matches!(reader.next()?.data, EventData::StreamEnd) {
        return Err("unexpected extra content after value".to_owned());
    }
    Ok(value)
}

/// How deep collections may stand in each other: a bound on the stack.
const DEEPEST: usize = 1000;
/// How many values aliases may make of a document: a few lines could stand for billions of them.
const MOST_VALUES: usize = 1_000_000;
const TAG_PREFIX: &str = "tag:yaml.org,2002:";

struct Reader<'a> {
    parser: Parser<&'a mut &'a [u8]>,
    /// What each anchor stands for, and how many values that are; `None` while its own definition is being read.
    anchors: HashMap<String, Option<(Value, usize)>>,
    /// How many values there are so far, those that aliases stand for with all that is in them.
    size: usize,
    depth: usize,
    /// The number of the last line, counted from zero, if an end was added to it.
    last_line: Option<u64>,
    /// The length of the text with the end that was added.
    added_end: Option<u64>,
}

/// The message with the position, which Terraform leaves out on the first line.
fn at(line: u64, column: u64, message: &str) -> String {
    if line == 0 { message.to_owned() } else { format!("on line {line}, column {}: {message}", column + 1) }
}

fn fault<T>(mark: Mark, message: impl AsRef<str>) -> Result<T, String> {
    Err(at(mark.line, mark.column, message.as_ref()))
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Event, String> {
        self.parser.parse().map_err(|e| {
            let line_of = |mark: Mark| self.last_line.map_or(mark.line, |last| mark.line.min(last));
            let line = match (e.problem_mark().map(line_of), e.context_mark().map(line_of)) {
                // What the scanner says of the line that it is still on.
                (Some(line), _) if line > 0 => line + u64::from(e.kind() == ErrorKind::Scanner),
                (_, Some(line)) => line,
                _ => 0,
            };
            let problem = if e.problem().is_empty() { "invalid YAML syntax" } else { e.problem() };
            at(line, 0, problem)
        })
    }

    fn value(&mut self, event: Event) -> Result<Value, String> {
        let mark = event.start_mark;
        match event.data {
            EventData::Alias { anchor } => match self.anchors.get(&anchor) {
                Some(Some((value, size))) => {
                    self.size += size;
                    if self.size > MOST_VALUES {
                        return fault(mark, "document contains excessive aliasing");
                    }
                    Ok(value.clone())
                }
                Some(None) => {
                    fault(mark, format!("cannot refer to anchor {} from inside its own definition", quote(&anchor)))
                }
                None => fault(mark, format!("reference to undefined anchor {}", quote(&anchor))),
            },
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let plain = style == ScalarStyle::Plain && plain_implicit;
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let at_added_end = is_block && self.added_end.is_some_and(|end| event.end_mark.index >= end);
                let value = value.strip_suffix('\n').filter(|_| at_added_end).unwrap_or(&value);
                let value = scalar(tag.as_deref(), value, plain).or_else(|e| fault(mark, e))?;
                self.size += 1;
                if let Some(anchor) = anchor {
                    self.anchors.insert(anchor, Some((value.clone(), 1)));
                }
                Ok(value)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                collection_tag(tag.as_deref(), "seq", "sequence").or_else(|e| fault(mark, e))?;
                self.collection(anchor, mark, Self::sequence)
            }
            EventData::MappingStart { anchor, tag, .. } => {
                collection_tag(tag.as_deref(), "map", "mapping").or_else(|e| fault(mark, e))?;
                self.collection(anchor, mark, Self::mapping)
            }
            _ => fault(mark, "unexpected content"),
        }
    }

    fn collection(
        &mut self,
        anchor: Option<String>,
        mark: Mark,
        read: fn(&mut Self) -> Result<Value, String>,
    ) -> Result<Value, String> {
        if self.depth >= DEEPEST {
            return fault(mark, "exceeded max depth");
        }
        self.depth += 1;
        if let Some(anchor) = &anchor {
            self.anchors.insert(anchor.clone(), None);
        }
        let before = self.size;
        let value = read(self)?;
        self.size += 1;
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some((value.clone(), self.size - before)));
        }
        self.depth -= 1;
        Ok(value)
    }

    fn sequence(&mut self) -> Result<Value, String> {
        let mut elements = Vec::new();
        loop {
            let event = self.next()?;
            if event.data == EventData::SequenceEnd {
                return Ok(Value::tuple(elements));
            }
            elements.push(self.value(event)?);
        }
    }

    fn mapping(&mut self) -> Result<Value, String> {
        let mut members: Members = BTreeMap::new();
        let mut merged: Members = BTreeMap::new();
        loop {
            let event = self.next()?;
            if event.data == EventData::MappingEnd {
                for (name, value) in merged {
                    members.entry(name).or_insert(value);
                }
                return Ok(Kind::Object(Arc::new(members)).into());
            }
            let mark = event.start_mark;
            let is_merge = matches!(&event.data, EventData::Scalar { value, .. } if value == "<<");
            let key = self.value(event)?;
            let following = self.next()?;
            let value = self.value(following)?;
            if is_merge {
                merge(&value, &mut merged).or_else(|e| fault(mark, e))?;
                continue;
            }
            if key.is_null() {
                return fault(mark, "mapping key cannot be null");
            }
            match convert(&key, &Type::String).ok().as_ref().and_then(Value::as_str) {
                Some(name) => members.insert(name.into(), value),
                None => return fault(mark, "only strings are allowed as mapping keys"),
            };
        }
    }
}

/// Takes the members of a mapping, or of several, of which the first one that has a name wins.
fn merge(value: &Value, merged: &mut Members) -> Result<(), String> {
    match value.kind() {
        Kind::Object(members) => {
            for (name, member) in members.iter() {
                merged.entry(name.clone()).or_insert_with(|| member.clone());
            }
            Ok(())
        }
        Kind::Tuple(elements) => elements.iter().try_for_each(|element| merge(element, merged)),
        Kind::Null(_) => Ok(()),
        _ => Err(format!("cannot merge {} into mapping", value.ty().friendly_name())),
    }
}

fn collection_tag(tag: Option<&str>, expected: &str, what: &str) -> Result<(), String> {
    match tag {
        None | Some("!" | "") => Ok(()),
        Some(tag) => match tag.strip_prefix(TAG_PREFIX) {
            Some(name) if name == expected => Ok(()),
            Some(_) => Err(format!("can't interpret {what} as {tag}")),
            None => Err(format!("unsupported tag {}", quote(tag))),
        },
    }
}

fn scalar(tag: Option<&str>, text: &str, plain: bool) -> Result<Value, String> {
    let name = match tag {
        None | Some("") => return if plain { resolve(text) } else { Ok(Value::string(text)) },
        Some("!") => return Ok(Value::string(text)),
        Some(tag) => tag.strip_prefix(TAG_PREFIX).ok_or_else(|| format!("unsupported tag {}", quote(tag)))?,
    };
    let cannot = |why: &str| Err(format!("cannot parse {} as {TAG_PREFIX}{name}{why}", quote(text)));
    match name {
        "str" => Ok(Value::string(text)),
        "timestamp" => match yaml_time::rfc3339(text) {
            Some(time) => Ok(Value::string(if plain { &time } else { text })),
            None => cannot(""),
        },
        "binary" => match base64_bytes(text) {
            Ok(_) => Ok(Value::string(text)),
            Err(_) => cannot(": not valid base64"),
        },
        "null" => Ok(Value::null(Type::Dynamic)),
        "bool" => Ok(match resolve_word(text) {
            Some(value)
                if value.as_bool().is_some() && matches!(text.to_ascii_lowercase().as_str(), "true" | "false") =>
            {
                value
            }
            _ => Value::string(text),
        }),
        "int" | "float" => match resolve(text)? {
            value if value.as_number().is_some() => Ok(value),
            _ => cannot(""),
        },
        _ => Err(format!("unsupported tag {}", quote(&format!("{TAG_PREFIX}{name}")))),
    }
}

/// The words that are not texts.
fn resolve_word(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::null(Type::Dynamic),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Value::bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Value::bool(false),
        _ => return None,
    })
}

/// What a plain scalar means.
fn resolve(text: &str) -> Result<Value, String> {
    if let Some(word) = resolve_word(text) {
        return Ok(word);
    }
    let infinite = |sign: f64| Number::from_f64(f64::INFINITY * sign).map(Value::number).map_err(|e| e.to_string());
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return infinite(1.0),
        "-.inf" | "-.Inf" | "-.INF" => return infinite(-1.0),
        ".nan" | ".NaN" | ".NAN" => return Err("floating point NaN is not supported".to_owned()),
        _ => {}
    }
    let in_radix = |digits: &str, radix: u32| -> Option<Value> {
        let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        if plain { Number::parse_int(digits, radix).ok().map(Value::number) } else { None }
    };
    let radix =
        text.strip_prefix("0x").map(|d| in_radix(d, 16)).or_else(|| text.strip_prefix("0o").map(|d| in_radix(d, 8)));
    if let Some(number) = radix {
        return Ok(number.unwrap_or_else(|| Value::string(text)));
    }
    let number = if is_decimal(text) { Number::parse(text.trim_start_matches('+')).ok() } else { None };
    let other = || Value::string(yaml_time::rfc3339(text).as_deref().unwrap_or(text));
    Ok(number.map_or_else(other, Value::number))
}

/// `12`, `-1.5`, `.5`, `1e3`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}
