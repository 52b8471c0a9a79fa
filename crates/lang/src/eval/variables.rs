//! The free names of an expression: the traversals whose first name is not bound by a `for` around them.

use crate::syntax::ast::{Expr, Traversal};
use crate::syntax::{Bound, Found};

/// Calls `found` with each traversal from a free name, in source order.
pub fn free_traversals<'e>(expr: &'e Expr, found: &mut dyn FnMut(&'e Traversal)) {
    in_expr(expr, None, found);
}

/// The same within bindings.
pub(super) fn in_expr<'e>(expr: &'e Expr, bound: Option<&Bound<'_>>, found: &mut dyn FnMut(&'e Traversal)) {
    expr.walk_within(bound, &mut |part| {
        if let Found::Traversal(traversal) = part {
            found(traversal);
        }
    });
}
