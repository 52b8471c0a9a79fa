//! Expressions that are read as they are written rather than evaluated: keywords, references, lists, constants.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::{Members, Type, Value, convert};

use crate::eval::evaluate_with_variables;
use crate::functions::{FunctionContext, FunctionError, Phase};
use crate::syntax::{Attribute, Expr, ExprKind, Found, Traversal, parse_expression};

/// The expression that a quoted text holds; `None` if it holds none.
pub(crate) fn inner_expression(text: &str, quoted: &SourceRange) -> Option<Expr> {
    let mut start = quoted.start;
    start.column += 1;
    start.byte += 1;
    parse_expression(&quoted.file, text, start).ok()
}

/// The expression; a text in a JSON file stands for the expression that is written in it.
pub(crate) fn as_written(expr: &Expr) -> Cow<'_, Expr> {
    let in_json = expr.range.file.ends_with(".json");
    match &expr.kind {
        ExprKind::Literal(value) if in_json => match value.as_str() {
            Some(text) => inner_expression(text, &expr.range).map_or(Cow::Borrowed(expr), Cow::Owned),
            None => Cow::Borrowed(expr),
        },
        _ => Cow::Borrowed(expr),
    }
}

/// A bare word: `all`, `string`, `destroy`.
pub(crate) fn keyword(expr: &Expr) -> Option<Arc<str>> {
    match &as_written(expr).kind {
        ExprKind::Traversal(t) if t.steps.is_empty() => Some(t.root.clone()),
        _ => None,
    }
}

/// A reference, with literal keys only.
pub(crate) fn traversal(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<Traversal> {
    match &as_written(expr).kind {
        ExprKind::Traversal(t) => Some(t.clone()),
        _ => {
            diagnostics.extend(not_a_reference(&expr.range));
            None
        }
    }
}

/// The error about an expression that is no reference.
pub(crate) fn not_a_reference(range: &SourceRange) -> Diagnostics {
    Diagnostic::error(
        "Invalid expression",
        "A plain reference is needed here: names, attributes and constant keys, without functions, operators or \
         templates.",
    )
    .at(range.clone())
    .into()
}

/// The items of a list that is written as one.
pub(crate) fn list_items(expr: &Expr) -> Option<Vec<Expr>> {
    match &as_written(expr).kind {
        ExprKind::Tuple(items) => Some(items.clone()),
        _ => None,
    }
}

/// The items of a list that has to be written as one.
pub(crate) fn static_list(expr: &Expr, diagnostics: &mut Diagnostics) -> Vec<Expr> {
    list_items(expr).unwrap_or_else(|| {
        let problem = Diagnostic::error("Invalid expression", "A list that is written out, [a, b], is needed here.");
        diagnostics.push(problem.at(inside_quotes(expr)));
        Vec::new()
    })
}

/// The keys and values of a map that is written as one.
pub(crate) fn map_items(expr: &Expr, diagnostics: &mut Diagnostics) -> Vec<(Expr, Expr)> {
    match &as_written(expr).kind {
        ExprKind::Object(items) => items.iter().map(|item| (item.key.clone(), item.value.clone())).collect(),
        _ => {
            let problem =
                Diagnostic::error("Invalid expression", "A map that is written out, { a = b }, is needed here.");
            diagnostics.push(problem.at(expr.range.clone()));
            Vec::new()
        }
    }
}

/// The value of an expression in which neither variables nor functions may be used. `None` after an error.
pub(crate) fn constant(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<Value> {
    let before = diagnostics.0.len();
    expr.walk(&mut |found| match found {
        Found::Traversal(t) => diagnostics.push(
            Diagnostic::error(
                "Variables not allowed",
                "The value has to be constant here; it cannot refer to anything.",
            )
            .at(t.range()),
        ),
        Found::Followed(..) => {}
        Found::Call(call) => diagnostics.push(
            Diagnostic::error(
                "Function calls not allowed",
                "The value has to be constant here; it cannot call functions.",
            )
            .at(call.name_range.to(&call.close_range)),
        ),
    });
    if diagnostics.0.len() > before {
        return None;
    }
    match evaluate_constant(expr) {
        Ok(value) => Some(value),
        Err(problems) => {
            diagnostics.extend(problems);
            None
        }
    }
}

/// The value of an expression that neither refers to anything nor calls a function.
fn evaluate_constant(expr: &Expr) -> Result<Value, Diagnostics> {
    let surroundings = FunctionContext {
        base_dir: PathBuf::new(),
        home_dir: None,
        phase: Phase::Plan,
        plan_timestamp: None,
        now: &|| SystemTime::UNIX_EPOCH,
        render_template: &|_, _, _| Err(FunctionError::call("templates cannot be rendered here")),
        inside_template: false,
    };
    evaluate_with_variables(expr, &Members::new(), &surroundings)
}

/// A constant of a type that is neither null nor unknown.
pub(crate) fn constant_of(attribute: &Attribute, ty: &Type, diagnostics: &mut Diagnostics) -> Option<Value> {
    let refuse = |reason: &str, diagnostics: &mut Diagnostics| {
        let problem = Diagnostic::error("Unsuitable value type", format!("Unsuitable value: {reason}."));
        diagnostics.push(problem.at(attribute.expr.range.clone()));
    };
    let Some(value) = constant(&attribute.expr, diagnostics) else {
        refuse("it has to be known before anything is evaluated", diagnostics);
        return None;
    };
    match convert(&value, ty) {
        Ok(value) if value.is_null() => refuse("it must not be null", diagnostics),
        Ok(value) => return Some(value),
        Err(error) => refuse(&error.message, diagnostics),
    }
    None
}

/// A constant bool argument.
pub(crate) fn constant_bool(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<bool> {
    constant_of(attribute, &Type::Bool, diagnostics)?.as_bool()
}

/// A constant text argument.
pub(crate) fn constant_text(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    constant_of(attribute, &Type::String, diagnostics)?.as_str().map(Arc::from)
}

/// Where messages about the content of a quoted text point to: after the quote.
fn inside_quotes(expr: &Expr) -> SourceRange {
    let mut range = expr.range.clone();
    let quoted = matches!(&expr.kind, ExprKind::Literal(v) if v.as_str().is_some())
        || matches!(&expr.kind, ExprKind::Template(_));
    if quoted && !range.file.ends_with(".json") {
        range.start.column += 1;
        range.start.byte += 1;
    }
    range
}
