//! Texts: case, trimming, parts, joining. What a person sees as one character is one, where Terraform counts so.

use infra_value::{Kind, Type, Value};
use unicode_segmentation::UnicodeSegmentation;

use super::{
    Function, FunctionError, MOST_BYTES, Param, ParamType, gives_bool, gives_string, gives_strings, text, whole,
    within_bounds,
};

/// A function from one text to another.
macro_rules! text_function {
    ($name:literal, $body:expr) => {
        Function {
            name: $name,
            params: &[Param::string("str")],
            variadic: None,
            not_null: true,
            returns: gives_string,
            body: |args, _, _| {
                let change: fn(&str) -> String = $body;
                Ok(Value::string(change(text(&args[0]))))
            },
        }
    };
}

/// A function from two texts to a text.
macro_rules! two_texts_function {
    ($name:literal, $second:literal, $body:expr) => {
        Function {
            name: $name,
            params: &[Param::string("str"), Param::string($second)],
            variadic: None,
            not_null: true,
            returns: gives_string,
            body: |args, _, _| {
                let change: fn(&str, &str) -> String = $body;
                Ok(Value::string(change(text(&args[0]), text(&args[1]))))
            },
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    text_function!("chomp", |s| s.trim_end_matches(['\r', '\n']).to_owned()),
    text_function!("lower", |s| s.chars().map(lower).collect()),
    text_function!("upper", |s| s.chars().map(upper).collect()),
    text_function!("title", title),
    text_function!("strrev", |s| s.graphemes(true).rev().collect()),
    text_function!("trimspace", |s| s.trim_matches(char::is_whitespace).to_owned()),
    two_texts_function!("trim", "cutset", |s, cutset| s.trim_matches(|c| cutset.contains(c)).to_owned()),
    two_texts_function!("trimprefix", "prefix", |s, prefix| s.strip_prefix(prefix).unwrap_or(s).to_owned()),
    two_texts_function!("trimsuffix", "suffix", |s, suffix| s.strip_suffix(suffix).unwrap_or(s).to_owned()),
    Function {
        name: "endswith",
        params: &[Param::string("str"), Param::string("suffix")],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| Ok(Value::bool(text(&args[0]).ends_with(text(&args[1])))),
    },
    Function {
        name: "startswith",
        params: &[Param::string("str").or_unknown(), Param::string("prefix")],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| Ok(starts_with(&args[0], text(&args[1]))),
    },
    Function {
        name: "strcontains",
        params: &[Param::string("str"), Param::string("substr")],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| Ok(Value::bool(text(&args[0]).contains(text(&args[1])))),
    },
    Function {
        name: "indent",
        params: &[Param::number("spaces"), Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let spaces = whole(&args[0]).map_err(FunctionError::call)?;
            let spaces = usize::try_from(spaces).ok().filter(|spaces| *spaces <= MOST_SPACES).ok_or_else(|| {
                FunctionError::call(format!("the number of spaces must be between 0 and {MOST_SPACES}"))
            })?;
            Ok(Value::string(text(&args[1]).replace('\n', &format!("\n{}", " ".repeat(spaces)))))
        },
    },
    Function {
        name: "join",
        params: &[Param::string("separator")],
        variadic: Some(Param::new("lists", ParamType::ListOfString)),
        not_null: true,
        returns: gives_string,
        body: |args, _, _| join(text(&args[0]), &args[1..]),
    },
    Function {
        name: "split",
        params: &[Param::string("separator"), Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_strings,
        body: |args, _, _| Ok(Value::strings(split(text(&args[0]), text(&args[1])))),
    },
    Function {
        name: "substr",
        params: &[Param::string("str"), Param::number("offset"), Param::number("length")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let offset = whole(&args[1]).map_err(FunctionError::call)?;
            let length = whole(&args[2]).map_err(FunctionError::call)?;
            Ok(Value::string(substr(text(&args[0]), offset, length)))
        },
    },
];

/// More spaces than this in front of each line would only exhaust the memory.
const MOST_SPACES: usize = 10_000;

/// The lower case of one character alone (not of a whole word, where some characters become two).
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        // The one character whose full mapping has two: a dotted capital I.
        (Some(first), Some(_)) => first,
        _ => c,
    }
}

/// The upper case of one character alone; a character whose upper case is several characters stays.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The title case of one character: that of the letters that are two letters in one (`ǆ`) has a form of its own.
fn title_case(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        // Georgian letters have capitals that are used for whole texts only.
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => c,
        c => upper(c),
    }
}

fn title(s: &str) -> String {
    let separates = |c: char| {
        if c.is_ascii() { !c.is_ascii_alphanumeric() && c != '_' } else { !c.is_alphanumeric() && c.is_whitespace() }
    };
    let mut before = ' ';
    s.chars()
        .map(|c| {
            let c_out = if separates(before) { title_case(c) } else { c };
            before = c;
            c_out
        })
        .collect()
}

/// The prefix that an unknown text certainly has.
fn known_prefix(value: &Value) -> String {
    match value.kind() {
        Kind::Unknown(u) => u.refinements().and_then(|r| r.prefix.as_deref()).unwrap_or_default().to_owned(),
        _ => text(value).to_owned(),
    }
}

fn starts_with(value: &Value, prefix: &str) -> Value {
    if value.is_known() {
        return Value::bool(text(value).starts_with(prefix));
    }
    let known = known_prefix(value);
    if known.starts_with(prefix) {
        Value::bool(true)
    } else if prefix.starts_with(known.as_str()) {
        Value::unknown(Type::Bool)
    } else {
        Value::bool(false)
    }
}

fn join(separator: &str, lists: &[Value]) -> Result<Value, FunctionError> {
    if lists.is_empty() {
        return Err(FunctionError::call("at least one list is required"));
    }
    if !lists.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(Type::String));
    }
    let mut parts = Vec::new();
    for (l, list) in lists.iter().enumerate() {
        for (e, element) in list.elements().unwrap_or_default().iter().enumerate() {
            let Some(part) = element.as_str() else {
                let of_list = if lists.len() > 1 { format!(" of list {}", l + 1) } else { String::new() };
                let message = format!("element {e}{of_list} is null; cannot concatenate null values");
                return Err(FunctionError::argument(l + 1, message));
            };
            parts.push(part);
        }
    }
    let separators = separator.len().checked_mul(parts.len().saturating_sub(1));
    let size = separators.and_then(|size| parts.iter().map(|part| part.len()).try_fold(size, usize::checked_add));
    within_bounds(size, MOST_BYTES, "bytes")?;
    Ok(Value::string(parts.join(separator)))
}

fn split<'a>(separator: &str, s: &'a str) -> Vec<&'a str> {
    if separator.is_empty() {
        return s.char_indices().map(|(at, c)| &s[at..at + c.len_utf8()]).collect();
    }
    s.split(separator).collect()
}

fn substr(s: &str, offset: i64, length: i64) -> String {
    let skip = if offset < 0 {
        let all = s.graphemes(true).count();
        all.saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX))
    } else {
        usize::try_from(offset).unwrap_or(usize::MAX)
    };
    let take = usize::try_from(length).unwrap_or(usize::MAX);
    s.graphemes(true).skip(skip).take(take).collect()
}
