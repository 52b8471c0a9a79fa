//! JSON as Terraform writes it: `<`, `>`, `&` and the line separators escaped, two spaces of indentation or none.

use std::fmt::Write;

use serde_json::Value as Json;

/// How to lay it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoJson {
    /// All on one line.
    Compact,
    /// Two spaces a level.
    Indented,
}

/// The JSON text, without a final newline. The order of members is kept.
pub fn to_go_json(json: &Json, layout: GoJson) -> String {
    let mut out = String::new();
    write_value(&mut out, json, layout, 0);
    out
}

fn write_value(out: &mut String, json: &Json, layout: GoJson, level: usize) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Json::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Json::String(s) => write_string(out, s),
        Json::Array(items) if items.is_empty() => out.push_str("[]"),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(out, i, layout, level + 1);
                write_value(out, item, layout, level + 1);
            }
            line(out, layout, level);
            out.push(']');
        }
        Json::Object(members) if members.is_empty() => out.push_str("{}"),
        Json::Object(members) => {
            out.push('{');
            for (i, (name, value)) in members.iter().enumerate() {
                separate(out, i, layout, level + 1);
                write_string(out, name);
                out.push_str(if layout == GoJson::Indented { ": " } else { ":" });
                write_value(out, value, layout, level + 1);
            }
            line(out, layout, level);
            out.push('}');
        }
    }
}

fn separate(out: &mut String, index: usize, layout: GoJson, level: usize) {
    if index > 0 {
        out.push(',');
    }
    line(out, layout, level);
}

fn line(out: &mut String, layout: GoJson, level: usize) {
    if layout == GoJson::Indented {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn html_is_escaped_and_order_is_kept() {
        let value = json!({"b": "<a&b>\u{1}\u{2028}é", "a": [1, {}], "c": []});
        assert_eq!(
            to_go_json(&value, GoJson::Compact),
            r#"{"b":"\u003ca\u0026b\u003e\u0001\u2028é","a":[1,{}],"c":[]}"#
        );
        assert_eq!(
            to_go_json(&value, GoJson::Indented),
            "{\n  \"b\": \"\\u003ca\\u0026b\\u003e\\u0001\\u2028é\",\n  \"a\": [\n    1,\n    {}\n  ],\n  \"c\": []\n}"
        );
    }
}
