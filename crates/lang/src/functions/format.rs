//! `format` and `formatlist`: verbs such as `%s`, `%05d`, `%-10.2f`, `%[2]v`.

use infra_value::{Kind, Number, Refinements, Type, Value, convert};
use unicode_segmentation::UnicodeSegmentation;

use super::quote::quote;
use super::{Function, FunctionError, Param, gives_string, gives_strings, json, text};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "format",
        params: &[Param::string("format")],
        variadic: Some(Param::any("args").or_null().or_unknown()),
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            if !args.iter().all(Value::is_wholly_known) {
                return Ok(unknown_result(text(&args[0])));
            }
            Ok(Value::string(format(text(&args[0]), &args[1..])?))
        },
    },
    Function {
        name: "formatlist",
        params: &[Param::string("format")],
        variadic: Some(Param::any("args").or_null().or_unknown()),
        not_null: true,
        returns: gives_strings,
        body: |args, _, _| format_list(text(&args[0]), &args[1..]),
    },
];

/// An unknown text that begins as the format does, up to its first verb.
fn unknown_result(format: &str) -> Value {
    let literal = format.split('%').next().unwrap_or_default();
    // The last character may yet combine with what follows.
    let safe = match literal.grapheme_indices(true).next_back() {
        Some((at, last)) if !(last.len() == 1 && last.as_bytes()[0].is_ascii_punctuation()) => &literal[..at],
        _ => literal,
    };
    let prefix = (!safe.is_empty()).then(|| safe.into());
    Value::unknown(Type::String).refined(Refinements { not_null: true, prefix, ..Refinements::default() })
}

fn format_list(format_text: &str, args: &[Value]) -> Result<Value, FunctionError> {
    if args.is_empty() {
        return Ok(Value::strings([format(format_text, args)?]));
    }
    let is_iterated = |arg: &Value| matches!(arg.ty(), Type::List(_) | Type::Set(_) | Type::Tuple(_)) && !arg.is_null();
    let mut length: Option<(usize, usize)> = None;
    for (i, arg) in args.iter().enumerate().filter(|(_, arg)| is_iterated(arg)) {
        let this = match (arg.len(), arg.ty()) {
            (Some(this), _) => this,
            (None, Type::Tuple(types)) => types.len(),
            _ => return Ok(Value::unknown(Type::list(Type::String))),
        };
        match length {
            Some((first, expected)) if expected != this => {
                let message = format!(
                    "argument {} has length {this}, which is inconsistent with argument {} of length {expected}",
                    i + 1,
                    first + 1
                );
                return Err(FunctionError::argument(i + 1, message));
            }
            Some(_) => {}
            None => length = Some((i, this)),
        }
    }
    let rows = length.map_or(1, |(_, length)| length);
    let mut results = Vec::with_capacity(rows);
    for row in 0..rows {
        let row_args: Vec<Value> = args
            .iter()
            .map(|arg| match (is_iterated(arg), arg.elements(), arg.ty()) {
                (true, Some(elements), _) => elements[row].clone(),
                (true, None, Type::Tuple(types)) => Value::unknown(types[row].clone()),
                _ => arg.clone(),
            })
            .collect();
        if !row_args.iter().all(Value::is_wholly_known) {
            results.push(unknown_result(format_text));
            continue;
        }
        let result = format(format_text, &row_args).map_err(|e| match e.argument {
            Some(_) => e,
            None => FunctionError::call(format!("error on format iteration {row}: {}", e.message)),
        })?;
        results.push(Value::string(result));
    }
    Ok(Value::list(Type::String, results))
}

/// One `%…` of a format.
#[derive(Clone, Debug)]
struct Verb {
    raw: String,
    offset: usize,
    plus: bool,
    space: bool,
    sharp: bool,
    minus: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
    /// Counted from one.
    argument: usize,
    letter: char,
}

/// The greatest width and precision: more has no use, and would only exhaust the memory.
const WIDEST: usize = 1_000_000;

fn format(format: &str, args: &[Value]) -> Result<String, FunctionError> {
    let mut out = String::new();
    let mut next = 1;
    let mut highest = 0;
    let mut at = 0;
    while let Some(found) = format[at..].find('%') {
        out.push_str(&format[at..at + found]);
        let start = at + found;
        if format[start + 1..].starts_with('%') {
            out.push('%');
            at = start + 2;
            continue;
        }
        let verb = read_verb(format, start, next).map_err(FunctionError::call)?;
        at = start + verb.raw.len();
        next = verb.argument.saturating_add(1);
        highest = highest.max(verb.argument);
        let Some(arg) = args.get(verb.argument - 1) else {
            return Err(FunctionError::call(format!(
                "not enough arguments for {} at {}: need index {} but have {} total",
                quote(&verb.raw),
                verb.offset,
                verb.argument,
                args.len()
            )));
        };
        out.push_str(&apply(&verb, arg).map_err(FunctionError::call)?);
    }
    out.push_str(&format[at..]);
    if highest < args.len() {
        let used = match highest {
            0 => "no verbs in format string".to_owned(),
            n => format!("only {n} used by format string"),
        };
        return Err(FunctionError::argument(highest + 1, format!("too many arguments; {used}")));
    }
    Ok(out)
}

fn read_verb(format: &str, start: usize, next: usize) -> Result<Verb, String> {
    let mut verb = Verb {
        raw: String::new(),
        offset: start,
        plus: false,
        space: false,
        sharp: false,
        minus: false,
        zero: false,
        width: None,
        precision: None,
        argument: next,
        letter: 's',
    };
    let mut at = start + 1;
    let peek = |at: usize| format.as_bytes().get(at).copied();
    let digits = |at: &mut usize| -> Option<usize> {
        let from = *at;
        while matches!(peek(*at), Some(b'0'..=b'9')) {
            *at += 1;
        }
        (*at > from).then(|| format[from..*at].parse().unwrap_or(usize::MAX))
    };
    loop {
        match peek(at) {
            Some(b'+') => verb.plus = true,
            Some(b' ') => verb.space = true,
            Some(b'#') => verb.sharp = true,
            Some(b'-') => verb.minus = true,
            Some(b'0') => verb.zero = true,
            _ => break,
        }
        at += 1;
    }
    verb.width = digits(&mut at);
    if peek(at) == Some(b'.') {
        at += 1;
        verb.precision = Some(digits(&mut at).unwrap_or(0));
    }
    let unrecognized = |at: usize| match format[at..].chars().next() {
        Some(c) => format!("unrecognized format character '{c}' at offset {at}"),
        None => format!("invalid format string starting at offset {at}"),
    };
    if peek(at) == Some(b'[') {
        at += 1;
        if !matches!(peek(at), Some(b'1'..=b'9')) {
            return Err(unrecognized(at));
        }
        verb.argument = digits(&mut at).unwrap_or(usize::MAX);
        if peek(at) != Some(b']') {
            return Err(unrecognized(at));
        }
        at += 1;
    }
    match peek(at) {
        Some(letter) if letter.is_ascii_alphabetic() => verb.letter = char::from(letter),
        _ => return Err(unrecognized(at)),
    }
    verb.raw = format[start..=at].to_owned();
    for (what, given) in [("width", verb.width), ("precision", verb.precision)] {
        if given.is_some_and(|given| given > WIDEST) {
            return Err(format!("the {what} of {} at {start} is more than {WIDEST}", quote(&verb.raw)));
        }
    }
    Ok(verb)
}

fn apply(verb: &Verb, arg: &Value) -> Result<String, String> {
    let unsupported = |reason: &str| format!("unsupported value for {} at {}: {reason}", quote(&verb.raw), verb.offset);
    let converted = |ty: Type| -> Result<Value, String> {
        let value = convert(arg, &ty).map_err(|e| unsupported(&e.to_string()))?;
        if value.is_null() { Err(unsupported("null value cannot be formatted")) } else { Ok(value) }
    };
    match verb.letter {
        'v' => match arg.kind() {
            Kind::String(s) if !verb.sharp => Ok(pad(verb, s)),
            Kind::Number(n) if !verb.sharp => Ok(pad(verb, &shortest_general(n))),
            _ => Ok(pad(verb, &json::encode(arg).map_err(|e| unsupported(&e))?)),
        },
        's' => Ok(pad(verb, &shortened(verb, text(&converted(Type::String)?)))),
        'q' => {
            let value = converted(Type::String)?;
            let mut quoted = String::new();
            super::quote::json_quote(&shortened(verb, text(&value)), &mut quoted);
            Ok(pad(verb, &quoted))
        }
        't' => Ok(pad(verb, if converted(Type::Bool)?.as_bool() == Some(true) { "true" } else { "false" })),
        'b' | 'd' | 'o' | 'x' | 'X' => {
            let value = converted(Type::Number)?;
            let number = value.as_number().filter(|n| n.is_integer() && !n.is_infinite());
            Ok(integer(verb, number.ok_or_else(|| unsupported("an integer is required"))?))
        }
        'e' | 'E' | 'f' | 'g' | 'G' => {
            let value = converted(Type::Number)?;
            value.as_number().map(|n| float(verb, n)).ok_or_else(|| unsupported("a number is required"))
        }
        letter => Err(format!("unsupported format verb '{letter}' in {} at offset {}", quote(&verb.raw), verb.offset)),
    }
}

/// As many characters as the precision allows.
fn shortened(verb: &Verb, s: &str) -> String {
    match verb.precision {
        Some(precision) => s.graphemes(true).take(precision).collect(),
        None => s.to_owned(),
    }
}

/// Filled to the width, counted in what a person sees as characters.
fn pad(verb: &Verb, s: &str) -> String {
    let missing = verb.width.unwrap_or(0).saturating_sub(s.graphemes(true).count());
    let filling = if verb.zero { "0" } else { " " }.repeat(missing);
    if verb.minus { format!("{s}{filling}") } else { format!("{filling}{s}") }
}

fn sign(verb: &Verb, negative: bool) -> &'static str {
    match (negative, verb.plus, verb.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}

fn integer(verb: &Verb, number: &Number) -> String {
    let (radix, prefix) = match verb.letter {
        'b' => (2, "0b"),
        'o' => (8, "0"),
        'x' => (16, "0x"),
        'X' => (16, "0X"),
        _ => (10, ""),
    };
    let digits = number.abs().to_radix(radix).unwrap_or_default();
    let mut digits = digits.trim_start_matches('-').to_owned();
    if verb.letter == 'X' {
        digits = digits.to_ascii_uppercase();
    }
    if digits == "0" && verb.precision == Some(0) {
        return String::new();
    }
    let sign = sign(verb, number.is_negative());
    let prefix = if verb.sharp { prefix } else { "" };
    let mut zeros = verb.precision.unwrap_or(0).saturating_sub(digits.len());
    let missing = verb.width.unwrap_or(0).saturating_sub(sign.len() + prefix.len() + zeros + digits.len());
    let (mut left, mut right) = (0, 0);
    match (verb.minus, verb.zero && verb.precision.is_none()) {
        (true, _) => right = missing,
        (false, true) => zeros += missing,
        _ => left = missing,
    }
    format!("{}{sign}{prefix}{}{digits}{}", " ".repeat(left), "0".repeat(zeros), " ".repeat(right))
}

fn float(verb: &Verb, number: &Number) -> String {
    let magnitude = number.abs();
    let body = if magnitude.is_infinite() {
        "Inf".to_owned()
    } else {
        match verb.letter {
            'f' => magnitude.to_fixed(verb.precision.unwrap_or(6)),
            'e' | 'E' => magnitude.to_exponent(verb.precision.unwrap_or(6)),
            _ => verb.precision.map_or_else(|| shortest_general(&magnitude), |p| magnitude.to_general(p)),
        }
    };
    let body = if matches!(verb.letter, 'E' | 'G') { body.replace('e', "E") } else { body };
    let body = body.trim_start_matches('-');
    let sign = if magnitude.is_infinite() && !number.is_negative() {
        if verb.space { " " } else { "+" }
    } else {
        sign(verb, number.is_negative())
    };
    let missing = verb.width.unwrap_or(0).saturating_sub(sign.len() + body.len());
    if verb.zero && !magnitude.is_infinite() {
        format!("{sign}{}{body}", "0".repeat(missing))
    } else if verb.minus {
        format!("{sign}{body}{}", " ".repeat(missing))
    } else {
        format!("{}{sign}{body}", " ".repeat(missing))
    }
}

/// The shortest text that means the same number: with an exponent if that is less than -4, or 6 and more.
fn shortest_general(number: &Number) -> String {
    let plain = number.to_string();
    if number.is_infinite() {
        return plain;
    }
    let (sign, magnitude) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain.as_str()),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    if significant.is_empty() {
        return plain;
    }
    let leading = all.len() - significant.len();
    let point = whole.len() as i64 - leading as i64;
    let exponent = point - 1;
    if (-4..SHORTEST_EXPONENT).contains(&exponent) {
        return plain;
    }
    let significant = significant.trim_end_matches('0');
    let (first, rest) = significant.split_at(1);
    let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{rest}e{exponent_sign}{:02}", exponent.unsigned_abs())
}

/// From this exponent on the shortest form has an exponent.
const SHORTEST_EXPONENT: i64 = 6;
