//! The values that a failing expression refers to, for its error message. Sensitive and ephemeral ones are left out.

use infra_value::{Kind, Secrets, Value};

use super::evaluator::{Env, Evaluator, apply};
use super::variables::free_traversals;
use crate::syntax::ast::{Expr, Traversal, TraversalStep};

/// `("var.x", "is 3")` for each reference in the expression, sorted by name.
pub(super) fn involved(evaluator: &Evaluator<'_>, expr: &Expr, env: Env<'_>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    free_traversals(expr, &mut |traversal| {
        let Some((steps, value)) = longest(evaluator, traversal, env) else { return };
        let name = name(traversal, steps);
        if found.iter().any(|(known, _)| *known == name) || !value.marks().is_empty() || !value.is_known() {
            return;
        }
        found.push((name, format!("is {}", brief(&value))));
    });
    found.sort();
    found
}

/// What of the expression's references must not be said.
pub(super) fn secrets(evaluator: &Evaluator<'_>, expr: &Expr, env: Env<'_>) -> Secrets {
    let mut found: Vec<Value> = Vec::new();
    free_traversals(expr, &mut |traversal| found.extend(longest(evaluator, traversal, env).map(|(_, value)| value)));
    Secrets::of(&found)
}

/// The value after as many steps as have one; a root alone does not count.
fn longest(evaluator: &Evaluator<'_>, traversal: &Traversal, env: Env<'_>) -> Option<(usize, Value)> {
    let (start, rest) = evaluator.root(traversal, env).ok()?;
    let named = traversal.steps.len() - rest.len();
    let mut reached = (named, start);
    for (i, step) in rest.iter().enumerate() {
        match apply(&reached.1, step) {
            Ok(value) => reached = (named + i + 1, value),
            Err(_) => break,
        }
    }
    (reached.0 > 0).then_some(reached)
}

fn name(traversal: &Traversal, steps: usize) -> String {
    let mut out = traversal.root.to_string();
    for step in &traversal.steps[..steps] {
        match step {
            TraversalStep::Attribute(name, _) => {
                out.push('.');
                out.push_str(name);
            }
            TraversalStep::Index(key, _) => {
                out.push('[');
                out.push_str(&brief(key));
                out.push(']');
            }
        }
    }
    out
}

/// A short description. Only names of elements are shown, never what may be sensitive inside.
fn brief(value: &Value) -> String {
    if !value.marks().is_empty() {
        return "(sensitive value)".into();
    }
    match value.kind() {
        Kind::Null(_) => "null".into(),
        Kind::Unknown(_) => "(not yet known)".into(),
        Kind::Bool(b) => b.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::String(s) => format!("{s:?}"),
        Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) | Kind::Map(..) => {
            let ty = value.ty().friendly_name();
            match value.len().unwrap_or(0) {
                0 => format!("empty {ty}"),
                1 => format!("{ty} with 1 element"),
                n => format!("{ty} with {n} elements"),
            }
        }
        Kind::Object(attributes) => match attributes.len() {
            0 => "object with no attributes".into(),
            1 => format!("object with 1 attribute {:?}", attributes.keys().next().map_or("", |k| &**k)),
            n => format!("object with {n} attributes"),
        },
    }
}
