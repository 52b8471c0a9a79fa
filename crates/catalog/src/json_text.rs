//! JSON texts the way Go's `encoding/json` writes them: what plans and states hold, and what the cloud is sent.

use serde_json::{Map, Value as Json};

/// The text parsed and written again: no white space, keys sorted. A text that is not JSON stays as it is.
pub fn normalise(text: &str) -> String {
    match parse(text) {
        Some(json) => compact(&sorted(json)),
        None => text.to_string(),
    }
}

/// Whether two texts hold the same JSON value: the order of keys and white space do not count, that of lists does. Texts
/// that are not JSON are not equal, even to themselves.
pub fn equal(a: &str, b: &str) -> bool {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => sorted(a) == sorted(b),
        _ => false,
    }
}

/// The value of a text, with numbers as Go's `float64` holds and writes them. `None` if it is not JSON.
pub fn parse(text: &str) -> Option<Json> {
    in_doubles(serde_json::from_str(text).ok()?)
}

/// Written without white space, keys in the order that they have.
pub fn compact(json: &Json) -> String {
    let mut text = String::new();
    write(json, None, &mut text);
    text
}

/// Written with two spaces of indent, keys in the order that they have.
pub fn indented(json: &Json) -> String {
    let mut text = String::new();
    write(json, Some(0), &mut text);
    text
}

/// A number in its shortest decimal form without exponent; `None` if it does not fit a double.
pub(crate) fn decimal(number: &serde_json::Number) -> Option<String> {
    number.as_f64().filter(|n| n.is_finite()).map(|n| n.to_string())
}

fn in_doubles(json: Json) -> Option<Json> {
    Some(match json {
        Json::Number(number) => {
            let double = number.as_f64().filter(|n| n.is_finite())?;
            serde_json::from_str(&go_number(double)).ok()?
        }
        Json::Array(elements) => Json::Array(elements.into_iter().map(in_doubles).collect::<Option<_>>()?),
        Json::Object(members) => {
            let members = members.into_iter().map(|(k, v)| Some((k, in_doubles(v)?)));
            Json::Object(members.collect::<Option<Map<_, _>>>()?)
        }
        other => other,
    })
}

fn go_number(double: f64) -> String {
    let size = double.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{double:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    double.to_string()
}

/// How Go's reader of JSON calls what stands in a text, in its errors.
pub(crate) fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// The keys of all objects in their order as bytes.
pub(crate) fn sorted(json: Json) -> Json {
    match json {
        Json::Array(elements) => Json::Array(elements.into_iter().map(sorted).collect()),
        Json::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(members.into_iter().collect())
        }
        other => other,
    }
}

fn write(json: &Json, indent: Option<usize>, text: &mut String) {
    let inner = indent.map(|n| n + 1);
    match json {
        Json::String(s) => write_string(s, text),
        Json::Array(elements) if !elements.is_empty() => {
            text.push('[');
            for (i, element) in elements.iter().enumerate() {
                separate(i, inner, text);
                write(element, inner, text);
            }
            line(indent, text);
            text.push(']');
        }
        Json::Object(members) if !members.is_empty() => {
            text.push('{');
            for (i, (key, value)) in members.iter().enumerate() {
                separate(i, inner, text);
                write_string(key, text);
                text.push_str(if indent.is_some() { ": " } else { ":" });
                write(value, inner, text);
            }
            line(indent, text);
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

fn separate(i: usize, indent: Option<usize>, text: &mut String) {
    if i > 0 {
        text.push(',');
    }
    line(indent, text);
}

fn line(indent: Option<usize>, text: &mut String) {
    if let Some(depth) = indent {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
}

fn write_string(s: &str, text: &mut String) {
    text.push('"');
    for c in s.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_normalised_as_go_writes_it() {
        for (text, wanted) in [
            ("", ""),
            ("not json", "not json"),
            (r#" { "b" : 1, "a" : [ true , null, {} ] } "#, r#"{"a":[true,null,{}],"b":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (
                r#"["<a&b>","\u00e9\/\u2028","\u0001\b\f\n"]"#,
                "[\"\\u003ca\\u0026b\\u003e\",\"é/\\u2028\",\"\\u0001\\b\\f\\n\"]",
            ),
            (
                "[1.0,1e3,12345678901234567890,1e21,1e-7,0.000001,-0.5]",
                "[1,1000,12345678901234567000,1e+21,1e-7,0.000001,-0.5]",
            ),
            ("[1e400]", "[1e400]"),
        ] {
            assert_eq!(normalise(text), wanted);
            assert_eq!(normalise(wanted), wanted);
        }
    }

    #[test]
    fn equality_looks_at_values() {
        assert!(equal(r#"{"a":1.0,"b":[1,2]}"#, r#" {"b":[1,2],"a":1}"#));
        assert!(!equal("[1,2]", "[2,1]"));
        assert!(!equal("", ""));
    }

    #[test]
    fn an_indented_text_has_two_spaces_a_level() {
        let json = serde_json::json!({"b": [1, {}], "a": []});
        assert_eq!(indented(&json), "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": []\n}");
    }
}
