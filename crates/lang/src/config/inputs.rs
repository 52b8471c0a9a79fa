//! Values for input variables: `*.tfvars` files, `-var` and `TF_VAR_…`.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_diag::{Diagnostics, Pos, SourceRange};
use infra_value::Value;

use super::Variable;
use super::static_expr::constant;
use crate::syntax::{parse_expression, parse_file, parse_json_file};

/// A value that was given for an input variable, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct InputValue {
    /// The value, not yet of the variable's type.
    pub value: Value,
    /// Where it is written.
    pub range: SourceRange,
}

/// The values in a `*.tfvars` or `*.tfvars.json` file, by the names of the variables.
pub fn variables_file(file: &Arc<str>, text: &str) -> (BTreeMap<Arc<str>, InputValue>, Diagnostics) {
    let (body, mut diagnostics) = match file.ends_with(".json") {
        true => parse_json_file(file, text),
        false => parse_file(file, text),
    };
    let (attributes, problems) = body.just_attributes();
    diagnostics.extend(problems);
    let mut values = BTreeMap::new();
    for attribute in attributes {
        if let Some(value) = constant(&attribute.expr, &mut diagnostics) {
            values.insert(attribute.name, InputValue { value, range: attribute.expr.range });
        }
    }
    (values, diagnostics)
}

/// The value that a text on the command line or in the environment stands for: the text itself if the variable is of a
/// primitive type or has no type, and otherwise the expression that is written in it.
///
/// # Errors
/// When the text is no constant expression.
pub fn parse_variable_arg(text: &str, variable: &Variable) -> Result<Value, Diagnostics> {
    if !variable.has_type || variable.ty.is_primitive() {
        return Ok(Value::string(text));
    }
    let file: Arc<str> = format!("<value for var.{}>", variable.name).into();
    let expr = parse_expression(&file, text, Pos::default())?;
    let mut diagnostics = Diagnostics::new();
    constant(&expr, &mut diagnostics).ok_or(diagnostics)
}
