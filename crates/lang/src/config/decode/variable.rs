//! `variable` blocks.

use infra_diag::{Diagnostic, Diagnostics};
use infra_value::{Type, Value, convert};

use super::check::rules;
use super::name_of;
use crate::config::content::{Spec, content};
use crate::config::static_expr::{constant, constant_bool, constant_text, keyword};
use crate::config::types::{error_text, type_constraint};
use crate::config::{CheckRule, Defaults, Variable, apply_defaults};
use crate::eval::{Subject, references};
use crate::syntax::ast::{Block, Body, Expr, ExprKind};

const VARIABLE: Spec = Spec {
    attributes: &[
        ("description", false),
        ("default", false),
        ("type", false),
        ("sensitive", false),
        ("ephemeral", false),
        ("nullable", false),
    ],
    blocks: &[("validation", &[])],
};

/// The arguments and blocks of a `module` block that have a meaning of their own, so that no variable can be called so.
const RESERVED: [&str; 9] =
    ["source", "version", "providers", "count", "for_each", "depends_on", "lifecycle", "locals", "provider"];

/// In JSON the texts in a variable are no templates.
fn with_literal_texts(body: &Body) -> Body {
    match body {
        Body::Native(_) => body.clone(),
        Body::Json(body) => Body::Json(body.with_literal_texts()),
        Body::Overridden(body) => {
            with_literal_texts(&body.base).overridden_by(with_literal_texts(&body.over), body.merged)
        }
    }
}

/// A `variable` block.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> Variable {
    let body = with_literal_texts(&block.body);
    let content = content(&body, &VARIABLE, diagnostics);
    let name = name_of(block, "Invalid variable name", diagnostics);
    if let Some(label) = block.labels.first()
        && RESERVED.contains(&&*name)
    {
        diagnostics.push(
            Diagnostic::error(
                "Invalid variable name",
                format!("The name \"{name}\" has a meaning of its own in module blocks. Choose another one."),
            )
            .at(label.range.clone()),
        );
    }
    let description = content.get("description").and_then(|a| constant_text(a, diagnostics));
    let (ty, defaults) = match content.get("type") {
        Some(attribute) => declared_type(&attribute.expr, diagnostics),
        None => (Type::Dynamic, None),
    };
    let mut flag = |name: &str| content.get(name).and_then(|a| constant_bool(a, diagnostics));
    let sensitive = flag("sensitive").unwrap_or(false);
    let ephemeral = flag("ephemeral").unwrap_or(false);
    let nullable = flag("nullable").unwrap_or(true);
    let default = content
        .get("default")
        .map(|a| default_value(&a.expr, &ty, defaults.as_ref(), nullable, diagnostics).unwrap_or_else(Value::dynamic));
    let mut validations = Vec::new();
    for rule in rules(content.blocks_of("validation"), diagnostics) {
        check_validation(&rule, &name, diagnostics);
        validations.push(rule);
    }
    // A rule that refers to nothing was reported, and does not refer to the variable either.
    report_unrelated(&content, &name, diagnostics);
    Variable {
        name,
        ty,
        has_type: content.get("type").is_some(),
        defaults,
        default,
        description,
        sensitive,
        ephemeral,
        nullable,
        validations,
        decl_range: block.header_range.clone(),
    }
}

/// The type of a variable: a type expression, or `list` and `map` alone for those of anything.
fn declared_type(expr: &Expr, diagnostics: &mut Diagnostics) -> (Type, Option<Defaults>) {
    if !expr.range.file.ends_with(".json")
        && let ExprKind::Literal(value) = &expr.kind
        && let Some(text) = value.as_str()
    {
        let (summary, detail) = match text {
            "string" | "list" | "map" => (
                "Invalid quoted type constraints",
                format!(
                    "A type is written without quotes: {}.",
                    if text == "string" { "string".to_string() } else { format!("{text}(string)") }
                ),
            ),
            _ => ("Invalid legacy variable type hint", "A type is written without quotes.".to_string()),
        };
        diagnostics.push(Diagnostic::error(summary, detail).at(expr.range.clone()));
        return (Type::Dynamic, None);
    }
    match keyword(expr).as_deref() {
        Some("list") => (Type::list(Type::Dynamic), None),
        Some("map") => (Type::map(Type::Dynamic), None),
        _ => type_constraint(expr, diagnostics),
    }
}

/// The default, converted to the type. `None` after an error.
fn default_value(
    expr: &Expr,
    ty: &Type,
    defaults: Option<&Defaults>,
    nullable: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let refuse =
        |detail: String| Diagnostic::error("Invalid default value for variable", detail).at(expr.range.clone());
    let value = constant(expr, diagnostics)?;
    let value = match (ty, defaults) {
        (Type::Dynamic, _) => value,
        (ty, defaults) => {
            let value = defaults.map_or_else(|| value.clone(), |d| apply_defaults(&value, d));
            match convert(&value, ty) {
                Ok(value) => value,
                Err(error) => {
                    let reason = error_text(&error);
                    diagnostics.push(refuse(format!("The default does not fit the variable's type: {reason}.")));
                    return None;
                }
            }
        }
    };
    if !nullable && value.is_null() {
        diagnostics.push(refuse("The default cannot be null, since nullable is false.".to_string()));
        return None;
    }
    Some(value)
}

/// A validation has to look at its own variable.
fn check_validation(rule: &CheckRule, name: &str, diagnostics: &mut Diagnostics) {
    if !refers_to(&rule.condition, name) {
        diagnostics.push(unrelated(&rule.condition, name));
    }
}

/// The same for the rules that were left out because their condition refers to nothing at all.
fn report_unrelated(content: &crate::syntax::Content, name: &str, diagnostics: &mut Diagnostics) {
    for block in content.blocks_of("validation") {
        let Some(condition) = crate::config::content::attribute_of(&block.body, "condition") else { continue };
        let mut refers = false;
        crate::eval::free_traversals(&condition, &mut |_| refers = true);
        if !refers {
            diagnostics.push(unrelated(&condition, name));
        }
    }
}

fn refers_to(expr: &Expr, name: &str) -> bool {
    let (references, _) = references(expr);
    references.iter().any(|r| matches!(&r.subject, Subject::Variable(other) if **other == *name))
}

fn unrelated(condition: &Expr, name: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid variable validation condition",
        format!("The condition has to refer to var.{name}, whose values it is to check."),
    )
    .at(condition.range.clone())
}
