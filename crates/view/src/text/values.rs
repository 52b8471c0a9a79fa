//! Values as they are printed after an apply and by `output`.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_lang::eval::render_console;
use infra_state::OutputValue;
use infra_value::Value;

/// A value as an expression that gives it.
pub fn output_text(value: &Value) -> String {
    render_console(value)
}

/// A line (or several) for each output, by name. What is sensitive is not shown.
pub fn outputs_text(outputs: &BTreeMap<Arc<str>, OutputValue>) -> String {
    let mut text = String::new();
    for (name, output) in outputs {
        let value = if output.sensitive { "<sensitive>".to_string() } else { output_text(&output.value) };
        text += &format!("{name} = {value}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_value::Type;

    #[test]
    fn outputs_are_written_as_expressions() {
        let output = |value: Value, sensitive| OutputValue { ty: value.ty(), value, sensitive };
        let deep = Value::object([
            ("list", Value::strings(["x"])),
            ("none", Value::null(Type::String)),
            ("odd key", Value::bool(true)),
            ("text", Value::string("a\nb\n")),
        ]);
        let outputs = BTreeMap::from([
            ("a".into(), output(deep, false)),
            ("s".into(), output(Value::string("x"), true)),
            ("txt".into(), output(Value::string("a\nb"), false)),
        ]);
        insta::assert_snapshot!(outputs_text(&outputs), @r#"
        a = {
          "list" = tolist([
            "x",
          ])
          "none" = tostring(null)
          "odd key" = true
          "text" = <<-EOT
          a
          b
          
          EOT
        }
        s = <sensitive>
        txt = <<EOT
        a
        b
        EOT
        "#);
    }
}
