//! Walking through expressions: what they refer to, and which functions they call.

use std::sync::Arc;

use super::ast::{Call, Expr, ExprKind, TemplatePart, Traversal};

/// What a walk finds, in source order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'e> {
    /// A traversal whose first name is not bound by a `for` around it.
    Traversal(&'e Traversal),
    /// A function call, before what is in its arguments.
    Call(&'e Call),
}

impl Expr {
    /// Shows every free traversal and every call in this expression to `see`.
    pub fn walk<'e>(&'e self, see: &mut dyn FnMut(Found<'e>)) {
        Walk { see }.expr(self, None);
    }
}

/// The names that the `for` expressions around bind, from the innermost one outwards.
struct Bound<'b> {
    key: Option<&'b Arc<str>>,
    value: &'b Arc<str>,
    outer: Option<&'b Bound<'b>>,
}

impl Bound<'_> {
    fn has(&self, name: &Arc<str>) -> bool {
        self.value == name || self.key == Some(name) || self.outer.is_some_and(|o| o.has(name))
    }
}

struct Walk<'e, 's> {
    see: &'s mut dyn FnMut(Found<'e>),
}

impl<'e> Walk<'e, '_> {
    fn expr(&mut self, expr: &'e Expr, bound: Option<&Bound<'_>>) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::SplatItem => {}
            ExprKind::Template(parts) => self.parts(parts, bound),
            ExprKind::TemplateWrap(inner) | ExprKind::Parens(inner) => self.expr(inner, bound),
            ExprKind::Traversal(traversal) => {
                if !bound.is_some_and(|b| b.has(&traversal.root)) {
                    (self.see)(Found::Traversal(traversal));
                }
            }
            ExprKind::RelativeTraversal { source, .. } => self.expr(source, bound),
            ExprKind::Index { collection: a, key: b } | ExprKind::Splat { source: a, each: b, .. } => {
                self.expr(a, bound);
                self.expr(b, bound);
            }
            ExprKind::Call(call) => {
                (self.see)(Found::Call(call));
                self.all(&call.args, bound);
            }
            ExprKind::Unary { operand, .. } => self.expr(operand, bound),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, bound);
                self.expr(right, bound);
            }
            ExprKind::Conditional { condition, then, otherwise } => {
                self.expr(condition, bound);
                self.expr(then, bound);
                self.expr(otherwise, bound);
            }
            ExprKind::Tuple(items) => self.all(items, bound),
            ExprKind::Object(items) => {
                for item in items {
                    self.expr(&item.key, bound);
                    self.expr(&item.value, bound);
                }
            }
            ExprKind::For(f) => {
                self.expr(&f.collection, bound);
                let inside = Bound { key: f.key_name.as_ref(), value: &f.value_name, outer: bound };
                for part in f.key.iter().chain([&f.value]).chain(&f.condition) {
                    self.expr(part, Some(&inside));
                }
            }
        }
    }

    fn all(&mut self, exprs: &'e [Expr], bound: Option<&Bound<'_>>) {
        for expr in exprs {
            self.expr(expr, bound);
        }
    }

    fn parts(&mut self, parts: &'e [TemplatePart], bound: Option<&Bound<'_>>) {
        for part in parts {
            match part {
                TemplatePart::Literal(..) => {}
                TemplatePart::Interpolation(expr) => self.expr(expr, bound),
                TemplatePart::If { condition, then, otherwise, .. } => {
                    self.expr(condition, bound);
                    self.parts(then, bound);
                    self.parts(otherwise, bound);
                }
                TemplatePart::For { key_name, value_name, collection, body, .. } => {
                    self.expr(collection, bound);
                    self.parts(body, Some(&Bound { key: key_name.as_ref(), value: value_name, outer: bound }));
                }
            }
        }
    }
}
