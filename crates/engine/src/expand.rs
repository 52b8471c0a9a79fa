//! `count` and `for_each`: which instances a block has.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::InstanceKey;
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::eval::{Scope, evaluate};
use infra_lang::syntax::ast::Expr;
use infra_value::{Kind, Marks, Type, Value, convert};

/// How a block is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not at all.
    #[default]
    Single,
    /// `count`
    Count,
    /// `for_each`
    ForEach,
}

/// What `count` and `each` are in one instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Repetition {
    pub key: InstanceKey,
    /// `each.value`
    pub each_value: Option<Value>,
}

/// The instances of a block by its `count` and `for_each`.
pub(crate) fn expand(
    count: Option<&Expr>,
    for_each: Option<&Expr>,
    scope: &dyn Scope,
) -> Result<(Shape, BTreeMap<InstanceKey, Repetition>), Diagnostics> {
    let one = |key: InstanceKey, each_value| (key.clone(), Repetition { key, each_value });
    match (count, for_each) {
        (Some(expr), _) => {
            let number = expand_count(expr, scope)?.ok_or_else(|| unknown_count(expr))?;
            Ok((Shape::Count, (0..number).map(|n| one(InstanceKey::Int(n), None)).collect()))
        }
        (_, Some(expr)) => {
            let members = expand_for_each(expr, scope)?.map_err(|ty| unknown_for_each(expr, &ty))?;
            Ok((Shape::ForEach, members.into_iter().map(|(k, v)| one(InstanceKey::Str(k), Some(v))).collect()))
        }
        _ => Ok((Shape::Single, [one(InstanceKey::None, None)].into())),
    }
}

/// Checks what can be told of `count` and `for_each` where values may not be known yet.
pub(crate) fn check(count: Option<&Expr>, for_each: Option<&Expr>, scope: &dyn Scope) -> Result<(), Diagnostics> {
    match (count, for_each) {
        (Some(expr), _) => expand_count(expr, scope).map(drop),
        (_, Some(expr)) => expand_for_each(expr, scope).map(drop),
        _ => Ok(()),
    }
}

fn unknown_count(expr: &Expr) -> Diagnostics {
    let detail = "The \"count\" value depends on resource attributes that cannot be determined until apply, so how many \
                  instances there will be is not known. To work around this, use the -target argument to first apply only \
                  the resources that the count depends on.";
    Diagnostic::error("Invalid count argument", detail).at(expr.range.clone()).into()
}

fn unknown_for_each(expr: &Expr, ty: &Type) -> Diagnostics {
    let (what, instead) = match ty {
        Type::Set(_) => (
            "values",
            "use a map whose keys are defined in the configuration, and where only the values are results of apply",
        ),
        _ => ("keys", "define the map keys in the configuration and place apply-time results only in the map values"),
    };
    let detail = format!(
        "The \"for_each\" value includes {what} derived from resource attributes that cannot be determined until apply, \
         so the full set of keys that will identify the instances of this resource cannot be determined. It is better to \
         {instead}. Otherwise, use the -target argument to first apply only the resources that the for_each value \
         depends on."
    );
    Diagnostic::error("Invalid for_each argument", detail).at(expr.range.clone()).into()
}

/// More of them than this would take more memory than most machines have. It is likely a number of another kind.
const MOST_INSTANCES: i64 = 250_000;

/// `None` if it is not known yet.
fn expand_count(expr: &Expr, scope: &dyn Scope) -> Result<Option<i64>, Diagnostics> {
    let fail = |detail: &str| {
        Err(Diagnostics::from(Diagnostic::error("Invalid count argument", detail).at(expr.range.clone())))
    };
    let (value, marks) = evaluate(expr, scope)?.unmark_deep();
    if marks.contains(Marks::EPHEMERAL) {
        return fail(
            "The \"count\" value comes from an ephemeral value, so it can be another one during apply. It has to stay \
             the same.",
        );
    }
    if value.is_null() {
        return fail("The \"count\" value is null. It has to be a whole number, not below zero.");
    }
    let number = convert(&value, &Type::Number);
    match number.as_ref().map(|n| (n.is_known(), n.as_i64())) {
        Ok((false, _)) => Ok(None),
        Ok((true, Some(n))) if n > MOST_INSTANCES => fail(&format!(
            "The \"count\" value is {n}, and no more than {MOST_INSTANCES} instances of one block can be handled."
        )),
        Ok((true, Some(n))) if n >= 0 => Ok(Some(n)),
        Ok((true, Some(_))) => fail("The \"count\" value is below zero. It has to be a whole number, not below zero."),
        Ok((true, None)) => fail("The \"count\" value is not a whole number, and it has to be one, not below zero."),
        Err(error) => {
            let detail = format!("The \"count\" value is unsuitable: {error}.");
            Err(Diagnostic::error("Incorrect value type", detail).at(expr.range.clone()).into())
        }
    }
}

/// The keys with their values; or the type of the value, if they are not known yet.
type Keys = Result<BTreeMap<Arc<str>, Value>, Type>;

fn expand_for_each(expr: &Expr, scope: &dyn Scope) -> Result<Keys, Diagnostics> {
    let error = |summary: &str, detail: String| {
        Err(Diagnostics::from(Diagnostic::error(summary, detail).at(expr.range.clone())))
    };
    let fail = |detail: &str| error("Invalid for_each argument", detail.to_string());
    let (value, marks) = evaluate(expr, scope)?.unmark();
    // Marks on the members of a map stay with `each.value`; those of a set's elements are on the set.
    if marks.contains(Marks::EPHEMERAL) {
        return fail("The \"for_each\" value is ephemeral, so its keys could be other ones during apply.");
    }
    if marks.contains(Marks::SENSITIVE) {
        return fail(
            "The \"for_each\" value is sensitive, or comes from a sensitive value. Its keys are part of the addresses \
             of instances, which would show them. Use only the keys of the value, made nonsensitive, and look up the \
             values by each.key.",
        );
    }
    match value.kind() {
        Kind::Null(_) => fail(
            "The \"for_each\" value is null. It has to be a map, or a set of strings; for no instance, use an empty \
             one.",
        ),
        Kind::Unknown(u) => Ok(Err(u.ty().clone())),
        Kind::Map(_, members) | Kind::Object(members) => Ok(Ok((**members).clone())),
        Kind::Set(element, elements) => {
            if !matches!(element, Type::String | Type::Dynamic) && !elements.is_empty() {
                return error(
                    "Invalid for_each set argument",
                    format!(
                        "The \"for_each\" set has to be a set of strings, and this one is a set of {}.",
                        element.friendly_name()
                    ),
                );
            }
            let mut members = BTreeMap::new();
            for element in elements.iter() {
                match element.as_str() {
                    Some(text) => drop(members.insert(Arc::from(text), element.clone())),
                    None if element.is_known() => {
                        return error(
                            "Invalid for_each set argument",
                            "The \"for_each\" set holds null, and every element has to be a string.".into(),
                        );
                    }
                    None => return Ok(Err(value.ty())),
                }
            }
            Ok(Ok(members))
        }
        other => fail(&format!(
            "The \"for_each\" value has to be a map, or a set of strings, and this is {} {}.",
            article(other),
            value.ty().friendly_name()
        )),
    }
}

fn article(kind: &Kind) -> &'static str {
    if matches!(kind, Kind::Object(_)) { "an" } else { "a" }
}
