//! The free names of an expression: the traversals whose first name is not bound by a `for` around them.

use crate::syntax::ast::{Expr, ExprKind, TemplatePart, Traversal};

/// Names bound by the `for`s around an expression, innermost first.
pub(super) struct Bound<'b> {
    name: &'b str,
    outer: Option<&'b Bound<'b>>,
}

impl<'b> Bound<'b> {
    /// One more name.
    pub(super) fn new(name: &'b str, outer: Option<&'b Bound<'b>>) -> Bound<'b> {
        Bound { name, outer }
    }

    fn holds(bound: Option<&Bound<'_>>, name: &str) -> bool {
        let mut next = bound;
        while let Some(bound) = next {
            if bound.name == name {
                return true;
            }
            next = bound.outer;
        }
        false
    }
}

/// Calls `found` with each traversal from a free name, in source order.
pub fn free_traversals<'e>(expr: &'e Expr, found: &mut dyn FnMut(&'e Traversal)) {
    in_expr(expr, None, found);
}

/// Calls `found` with each traversal from a name that is free in the template's parts.
pub fn free_traversals_of_template<'e>(parts: &'e [TemplatePart], found: &mut dyn FnMut(&'e Traversal)) {
    in_parts(parts, None, found);
}

/// The same within bindings.
pub(super) fn in_expr<'e>(expr: &'e Expr, bound: Option<&Bound<'_>>, found: &mut dyn FnMut(&'e Traversal)) {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::SplatItem => {}
        ExprKind::Template(parts) => in_parts(parts, bound, found),
        ExprKind::TemplateWrap(inner) | ExprKind::Parens(inner) => in_expr(inner, bound, found),
        ExprKind::Traversal(traversal) => {
            if !Bound::holds(bound, &traversal.root) {
                found(traversal);
            }
        }
        ExprKind::RelativeTraversal { source, .. } => in_expr(source, bound, found),
        ExprKind::Index { collection, key } => {
            in_expr(collection, bound, found);
            in_expr(key, bound, found);
        }
        ExprKind::Splat { source, each, .. } => {
            in_expr(source, bound, found);
            in_expr(each, bound, found);
        }
        ExprKind::Call(call) => call.args.iter().for_each(|arg| in_expr(arg, bound, found)),
        ExprKind::Unary { operand, .. } => in_expr(operand, bound, found),
        ExprKind::Binary { left, right, .. } => {
            in_expr(left, bound, found);
            in_expr(right, bound, found);
        }
        ExprKind::Conditional { condition, then, otherwise } => {
            in_expr(condition, bound, found);
            in_expr(then, bound, found);
            in_expr(otherwise, bound, found);
        }
        ExprKind::Tuple(items) => items.iter().for_each(|item| in_expr(item, bound, found)),
        ExprKind::Object(items) => {
            for item in items {
                in_expr(&item.key, bound, found);
                in_expr(&item.value, bound, found);
            }
        }
        ExprKind::For(each) => {
            in_expr(&each.collection, bound, found);
            let value = Bound::new(&each.value_name, bound);
            let key = each.key_name.as_deref().map(|name| Bound::new(name, Some(&value)));
            let bound = Some(key.as_ref().unwrap_or(&value));
            if let Some(key) = &each.key {
                in_expr(key, bound, found);
            }
            in_expr(&each.value, bound, found);
            if let Some(condition) = &each.condition {
                in_expr(condition, bound, found);
            }
        }
    }
}

fn in_parts<'e>(parts: &'e [TemplatePart], bound: Option<&Bound<'_>>, found: &mut dyn FnMut(&'e Traversal)) {
    for part in parts {
        match part {
            TemplatePart::Literal(..) => {}
            TemplatePart::Interpolation(expr) => in_expr(expr, bound, found),
            TemplatePart::If { condition, then, otherwise, .. } => {
                in_expr(condition, bound, found);
                in_parts(then, bound, found);
                in_parts(otherwise, bound, found);
            }
            TemplatePart::For { key_name, value_name, collection, body, .. } => {
                in_expr(collection, bound, found);
                let value = Bound::new(value_name, bound);
                let key = key_name.as_deref().map(|name| Bound::new(name, Some(&value)));
                in_parts(body, Some(key.as_ref().unwrap_or(&value)), found);
            }
        }
    }
}
