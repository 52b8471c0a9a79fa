//! Values and types as the console prints them.

use infra_diag::Diagnostics;
use infra_value::{Kind, Marks, Type, Value};

use super::{Scope, evaluate};
use crate::functions::quote::quote;
use crate::syntax::ast::{Expr, ExprKind};

/// What the console answers to an expression. Only here there is `type(…)`, around the whole expression.
///
/// # Errors
/// As [`evaluate`].
pub fn answer(expr: &Expr, scope: &dyn Scope) -> Result<String, Diagnostics> {
    match &expr.kind {
        ExprKind::Call(call) if &*call.name == "type" && call.args.len() == 1 && !call.expand_last => {
            Ok(render_type(&evaluate(&call.args[0], scope)?.ty()))
        }
        _ => Ok(render_console(&evaluate(expr, scope)?)),
    }
}

/// A value as the console prints it.
pub fn render_console(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out
}

fn write(out: &mut String, value: &Value, indent: usize) {
    if !value.is_known() {
        return out.push_str("(known after apply)");
    }
    if value.marks().contains(Marks::SENSITIVE) {
        return out.push_str("(sensitive value)");
    }
    if value.marks().contains(Marks::EPHEMERAL) {
        return out.push_str("(ephemeral value)");
    }
    match value.kind() {
        Kind::Null(ty) => out.push_str(&null(ty)),
        Kind::Unknown(_) => {}
        Kind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Kind::Number(n) => out.push_str(&n.to_string()),
        Kind::String(text) if text.contains('\n') => heredoc(out, text, indent),
        Kind::String(text) => out.push_str(&quote(text)),
        Kind::Tuple(items) => sequence(out, items, indent),
        Kind::List(_, items) => wrapped(out, "tolist(", |out| sequence(out, items, indent)),
        Kind::Set(_, items) => wrapped(out, "toset(", |out| sequence(out, items, indent)),
        Kind::Object(members) => mapping(out, members, indent),
        Kind::Map(_, members) => wrapped(out, "tomap(", |out| mapping(out, members, indent)),
    }
}

fn null(ty: &Type) -> String {
    match ty {
        Type::Dynamic => "null".into(),
        Type::String => "tostring(null)".into(),
        Type::Number => "tonumber(null)".into(),
        Type::Bool => "tobool(null)".into(),
        Type::List(t) => format!("tolist(null) /* of {} */", t.friendly_name()),
        Type::Set(t) => format!("toset(null) /* of {} */", t.friendly_name()),
        Type::Map(t) => format!("tomap(null) /* of {} */", t.friendly_name()),
        other => format!("null /* {} */", other.friendly_name()),
    }
}

fn wrapped(out: &mut String, open: &str, inner: impl FnOnce(&mut String)) {
    out.push_str(open);
    inner(out);
    out.push(')');
}

fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

fn sequence(out: &mut String, items: &[Value], indent: usize) {
    out.push('[');
    for item in items {
        new_line(out, indent + 2);
        write(out, item, indent + 2);
        out.push(',');
    }
    if !items.is_empty() {
        new_line(out, indent);
    }
    out.push(']');
}

fn mapping(out: &mut String, members: &infra_value::Members, indent: usize) {
    out.push('{');
    for (name, value) in members {
        new_line(out, indent + 2);
        write(out, &Value::string(name), indent + 2);
        out.push_str(" = ");
        write(out, value, indent + 2);
    }
    if !members.is_empty() {
        new_line(out, indent);
    }
    out.push('}');
}

fn heredoc(out: &mut String, text: &str, indent: usize) {
    let mut delimiter = "EOT".to_owned();
    while text.split('\n').any(|line| line.trim() == delimiter) {
        delimiter.push('_');
    }
    out.push_str(if indent > 0 { "<<-" } else { "<<" });
    out.push_str(&delimiter);
    for line in text.split('\n').chain([&*delimiter]) {
        new_line(out, indent);
        out.push_str(line);
    }
}

/// A type as the console's `type(…)` prints it.
pub fn render_type(ty: &Type) -> String {
    let mut out = String::new();
    write_type(&mut out, ty, 0);
    out
}

fn write_type(out: &mut String, ty: &Type, indent: usize) {
    match ty {
        Type::Dynamic => out.push_str("dynamic"),
        Type::Bool => out.push_str("bool"),
        Type::Number => out.push_str("number"),
        Type::String => out.push_str("string"),
        Type::List(t) => wrapped(out, "list(", |out| write_element_type(out, t, indent)),
        Type::Set(t) => wrapped(out, "set(", |out| write_element_type(out, t, indent)),
        Type::Map(t) => wrapped(out, "map(", |out| write_element_type(out, t, indent)),
        Type::Tuple(types) => wrapped(out, "tuple(", |out| {
            out.push('[');
            for ty in types.iter() {
                new_line(out, indent + 4);
                write_type(out, ty, indent + 4);
                out.push(',');
            }
            if !types.is_empty() {
                new_line(out, indent);
            }
            out.push(']');
        }),
        Type::Object(object) => wrapped(out, "object(", |out| {
            out.push('{');
            for (name, ty) in &object.attributes {
                new_line(out, indent + 4);
                out.push_str(name);
                out.push_str(": ");
                write_type(out, ty, indent + 4);
                out.push(',');
            }
            if !object.attributes.is_empty() {
                new_line(out, indent);
            }
            out.push('}');
        }),
    }
}

fn write_element_type(out: &mut String, ty: &Type, indent: usize) {
    if !ty.is_structural() {
        return write_type(out, ty, indent);
    }
    new_line(out, indent + 4);
    write_type(out, ty, indent + 4);
    out.push(',');
    new_line(out, indent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_expressions() {
        let object = Value::object([
            ("a", Value::strings(["x", "y"])),
            ("b", Value::null(Type::list(Type::String))),
            ("c", Value::string("one\ntwo \"three\"")),
            ("d", Value::string("s").with_marks(Marks::SENSITIVE)),
            ("e", Value::unknown(Type::String)),
            ("f", Value::tuple([])),
            ("g", Value::set(Type::Bool, [Value::bool(true)])),
            ("h", Value::map(Type::Number, [("k", Value::from(5))])),
        ]);
        assert_eq!(
            render_console(&object),
            r#"{
  "a" = tolist([
    "x",
    "y",
  ])
  "b" = tolist(null) /* of string */
  "c" = <<-EOT
  one
  two "three"
  EOT
  "d" = (sensitive value)
  "e" = (known after apply)
  "f" = []
  "g" = toset([
    true,
  ])
  "h" = tomap({
    "k" = 5
  })
}"#
        );
        assert_eq!(render_console(&Value::string("a \"b\"\t${c}")), r#""a \"b\"\t${c}""#);
        assert_eq!(render_console(&Value::string("EOT\n")), "<<EOT_\nEOT\n\nEOT_");
    }

    #[test]
    fn types_are_written_as_constraints() {
        let ty = Type::list(Type::object([("a", Type::Number), ("b", Type::tuple([Type::Bool]))]));
        assert_eq!(
            render_type(&ty),
            "list(\n    object({\n        a: number,\n        b: tuple([\n            bool,\n        ]),\n    }),\n)"
        );
        assert_eq!(render_type(&Type::map(Type::Dynamic)), "map(dynamic)");
    }
}
