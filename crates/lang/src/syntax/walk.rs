//! Walking through expressions: what they refer to, and which functions they call.

use super::ast::{Call, Expr, ExprKind, TemplatePart, Traversal, TraversalStep};

/// What a walk finds, in source order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'e> {
    /// A traversal whose first name is not bound by a `for` around it.
    Traversal(&'e Traversal),
    /// The same traversal once more, after it: what is taken of its elements, by a key that is not literal or of each
    /// (`aws_eip.nat[count.index].id`, `aws_eip.nat[*].id`).
    Followed(&'e Traversal, &'e [TraversalStep]),
    /// A function call, before what is in its arguments.
    Call(&'e Call),
}

impl Expr {
    /// Shows every free traversal and every call in this expression to `see`.
    pub fn walk<'e>(&'e self, see: &mut dyn FnMut(Found<'e>)) {
        self.walk_within(None, see);
    }

    /// The same where names are bound around the expression already.
    pub(crate) fn walk_within<'e>(&'e self, bound: Option<&Bound<'_>>, see: &mut dyn FnMut(Found<'e>)) {
        Walk { see }.expr(self, bound);
    }
}

/// The names that are bound around an expression, from the innermost one outwards.
pub(crate) struct Bound<'b> {
    name: &'b str,
    outer: Option<&'b Bound<'b>>,
}

impl<'b> Bound<'b> {
    /// One more name.
    pub(crate) fn new(name: &'b str, outer: Option<&'b Bound<'b>>) -> Bound<'b> {
        Bound { name, outer }
    }

    /// With the names that a `for` binds: the value's, and the key's if it has one.
    pub(crate) fn by_for<T>(
        key: Option<&str>,
        value: &str,
        outer: Option<&Bound<'_>>,
        inside: impl FnOnce(&Bound<'_>) -> T,
    ) -> T {
        let value = Bound::new(value, outer);
        match key {
            Some(key) => inside(&Bound::new(key, Some(&value))),
            None => inside(&value),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.name == name || self.outer.is_some_and(|outer| outer.has(name))
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
            ExprKind::RelativeTraversal { source, steps } => {
                self.expr(source, bound);
                if let ExprKind::Index { collection, .. } = &source.kind {
                    self.followed(collection, steps, bound);
                }
            }
            ExprKind::Splat { source, each, .. } => {
                self.expr(source, bound);
                self.expr(each, bound);
                if let ExprKind::RelativeTraversal { source: item, steps } = &each.kind
                    && item.kind == ExprKind::SplatItem
                {
                    self.followed(source, steps, bound);
                }
            }
            ExprKind::Index { collection: a, key: b } => {
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
                Bound::by_for(f.key_name.as_deref(), &f.value_name, bound, |inside| {
                    for part in f.key.iter().chain([&f.value]).chain(&f.condition) {
                        self.expr(part, Some(inside));
                    }
                });
            }
        }
    }

    fn followed(&mut self, elements: &'e Expr, steps: &'e [TraversalStep], bound: Option<&Bound<'_>>) {
        if let ExprKind::Traversal(traversal) = &elements.kind
            && !bound.is_some_and(|b| b.has(&traversal.root))
        {
            (self.see)(Found::Followed(traversal, steps));
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
                    Bound::by_for(key_name.as_deref(), value_name, bound, |inside| self.parts(body, Some(inside)));
                }
            }
        }
    }
}
