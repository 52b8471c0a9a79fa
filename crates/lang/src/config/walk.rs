//! Walking through expressions: what they refer to and which functions they call.

use std::sync::Arc;

use crate::syntax::ast::{Expr, ExprKind, For, TemplatePart, Traversal};

/// What a walk finds, in source order.
pub(crate) enum Found<'e> {
    /// A traversal whose root is not a name that the expression itself binds, and the expression that it is.
    Traversal(&'e Traversal),
    /// A function call.
    Call(&'e Expr),
}

/// Shows each free traversal and each call in an expression to `see`.
pub(crate) fn walk<'e>(expr: &'e Expr, see: &mut dyn FnMut(Found<'e>)) {
    Walker { bound: Vec::new(), see }.expr(expr);
}

struct Walker<'e, 's> {
    /// Names bound by the `for` expressions around.
    bound: Vec<Arc<str>>,
    see: &'s mut dyn FnMut(Found<'e>),
}

impl<'e> Walker<'e, '_> {
    fn expr(&mut self, expr: &'e Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::SplatItem => {}
            ExprKind::Template(parts) => self.parts(parts),
            ExprKind::TemplateWrap(inner) | ExprKind::Parens(inner) => self.expr(inner),
            ExprKind::Traversal(traversal) => {
                if !self.bound.contains(&traversal.root) {
                    (self.see)(Found::Traversal(traversal));
                }
            }
            ExprKind::RelativeTraversal { source, .. } => self.expr(source),
            ExprKind::Index { collection, key } => {
                self.expr(collection);
                self.expr(key);
            }
            ExprKind::Splat { source, each, .. } => {
                self.expr(source);
                self.expr(each);
            }
            ExprKind::Call(call) => {
                (self.see)(Found::Call(expr));
                call.args.iter().for_each(|arg| self.expr(arg));
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Conditional { condition, then, otherwise } => {
                self.expr(condition);
                self.expr(then);
                self.expr(otherwise);
            }
            ExprKind::Tuple(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Object(items) => {
                for item in items {
                    self.expr(&item.key);
                    self.expr(&item.value);
                }
            }
            ExprKind::For(repeat) => self.repeat(repeat),
        }
    }

    fn repeat(&mut self, repeat: &'e For) {
        self.expr(&repeat.collection);
        self.binding(&repeat.key_name, &repeat.value_name, |walker| {
            repeat.key.iter().for_each(|key| walker.expr(key));
            walker.expr(&repeat.value);
            repeat.condition.iter().for_each(|condition| walker.expr(condition));
        });
    }

    fn binding(&mut self, key: &Option<Arc<str>>, value: &Arc<str>, inside: impl FnOnce(&mut Self)) {
        let before = self.bound.len();
        self.bound.extend(key.iter().cloned());
        self.bound.push(value.clone());
        inside(self);
        self.bound.truncate(before);
    }

    fn parts(&mut self, parts: &'e [TemplatePart]) {
        for part in parts {
            match part {
                TemplatePart::Literal(..) => {}
                TemplatePart::Interpolation(expr) => self.expr(expr),
                TemplatePart::If { condition, then, otherwise, .. } => {
                    self.expr(condition);
                    self.parts(then);
                    self.parts(otherwise);
                }
                TemplatePart::For { key_name, value_name, collection, body, .. } => {
                    self.expr(collection);
                    self.binding(key_name, value_name, |walker| walker.parts(body));
                }
            }
        }
    }
}
