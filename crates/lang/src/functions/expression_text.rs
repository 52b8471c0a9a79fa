//! Values as expressions of the language: what `provider::terraform::encode_expr` and `encode_tfvars` write.

use infra_value::{Kind, Value};

use super::FunctionError;

/// The value as an expression.
pub fn expression(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

/// The attributes of an object as lines of a variable file, with the equal signs under each other.
pub(super) fn variables(value: &Value) -> Result<String, FunctionError> {
    let Kind::Object(members) = value.kind() else {
        return Err(FunctionError::argument(
            0,
            "invalid value to encode: must be an object whose attribute names will become the encoded variable names",
        ));
    };
    if let Some(invalid) = members.keys().find(|name| !is_identifier(name)) {
        return Err(FunctionError::argument(
            0,
            format!(
                "invalid variable name {}: must be a valid identifier, per Terraform's rules for input variable \
                     declarations",
                super::quote::quote(invalid)
            ),
        ));
    }
    let mut out = String::new();
    write_members(members.iter().map(|(name, value)| (name.to_string(), value)), 0, &mut out);
    Ok(out)
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Lines of `name = value`. Neighbours that take one line each have their equal signs under each other.
fn write_members<'a>(members: impl Iterator<Item = (String, &'a Value)>, indent: usize, out: &mut String) {
    let lines: Vec<(String, String)> = members
        .map(|(name, value)| {
            let mut text = String::new();
            write(value, indent, &mut text);
            (name, text)
        })
        .collect();
    let mut start = 0;
    while start < lines.len() {
        let mut end = start;
        while end < lines.len() {
            end += 1;
            if lines[end - 1].1.contains('\n') {
                break;
            }
        }
        let width = lines[start..end].iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, text) in &lines[start..end] {
            let fill = " ".repeat(width - name.chars().count());
            out.push_str(&format!("{}{name}{fill} = {text}\n", " ".repeat(indent)));
        }
        start = end;
    }
}

fn write(value: &Value, indent: usize, out: &mut String) {
    match value.kind() {
        Kind::Null(_) | Kind::Unknown(_) => out.push_str("null"),
        Kind::Bool(b) => out.push_str(&b.to_string()),
        Kind::Number(n) => out.push_str(&n.to_string()),
        Kind::String(s) => quoted(s, out),
        Kind::List(_, elements) | Kind::Set(_, elements) | Kind::Tuple(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write(element, indent, out);
            }
            out.push(']');
        }
        Kind::Map(_, members) | Kind::Object(members) if members.is_empty() => out.push_str("{}"),
        Kind::Map(_, members) | Kind::Object(members) => {
            out.push_str("{\n");
            let named = members.iter().map(|(name, value)| {
                let mut key = String::new();
                if is_identifier(name) {
                    key.push_str(name)
                } else {
                    quoted(name, &mut key)
                }
                (key, value)
            });
            write_members(named, indent + 2, out);
            out.push_str(&" ".repeat(indent));
            out.push('}');
        }
    }
}

fn quoted(s: &str, out: &mut String) {
    out.push('"');
    let mut chars = s.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
