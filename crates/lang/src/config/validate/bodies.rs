//! The expressions in a body whose schema is not known.

use std::sync::Arc;

use crate::syntax::{Block, Body, Expr, ExprKind, NativeBody};

/// Shows each expression in a body to `see`, with the names that dynamic blocks around it bind.
pub(super) fn body_expressions(body: &Body, see: &mut dyn FnMut(&Expr, &[Arc<str>])) {
    match body {
        Body::Native(body) => native(body, &mut Vec::new(), see),
        Body::Json(_) => {
            let (attributes, _) = body.just_attributes();
            for attribute in &attributes {
                member(&attribute.name, &attribute.expr, &mut Vec::new(), see);
            }
        }
        Body::Overridden(body) => {
            body_expressions(&body.base, see);
            body_expressions(&body.over, see);
        }
    }
}

fn native(body: &NativeBody, bound: &mut Vec<Arc<str>>, see: &mut dyn FnMut(&Expr, &[Arc<str>])) {
    for attribute in &body.attributes {
        see(&attribute.expr, bound);
    }
    for block in &body.blocks {
        match (&block.body, block.labels.as_slice()) {
            (Body::Native(body), [label]) if &*block.ty == "dynamic" => dynamic(body, &label.text, bound, see),
            (Body::Native(body), _) => native(body, bound, see),
            (Body::Json(_) | Body::Overridden(_), _) => {}
        }
    }
}

fn dynamic(body: &NativeBody, ty: &Arc<str>, bound: &mut Vec<Arc<str>>, see: &mut dyn FnMut(&Expr, &[Arc<str>])) {
    let mut iterator = ty.clone();
    for attribute in &body.attributes {
        match &*attribute.name {
            "iterator" => {
                if let ExprKind::Traversal(t) = &attribute.expr.kind {
                    iterator = t.root.clone();
                }
            }
            "labels" => {}
            _ => see(&attribute.expr, bound),
        }
    }
    bound.push(iterator);
    for labels in body.attributes.iter().filter(|a| &*a.name == "labels") {
        see(&labels.expr, bound);
    }
    for Block { body, .. } in &body.blocks {
        if let Body::Native(content) = body {
            native(content, bound, see);
        }
    }
    bound.pop();
}

/// A property of a JSON body, which may be an argument or blocks.
fn member(name: &str, expr: &Expr, bound: &mut Vec<Arc<str>>, see: &mut dyn FnMut(&Expr, &[Arc<str>])) {
    if name != "dynamic" {
        return json(expr, bound, see);
    }
    for (ty, blocks) in properties(expr) {
        let one = [blocks];
        let blocks = match &blocks.kind {
            ExprKind::Tuple(items) => items.iter().collect::<Vec<_>>(),
            _ => one.to_vec(),
        };
        for block in blocks {
            let members = properties(block);
            let given = members.iter().find(|(name, _)| &**name == "iterator").and_then(|(_, expr)| text(expr));
            for (_, expr) in members.iter().filter(|(name, _)| &**name == "for_each") {
                see(expr, bound);
            }
            bound.push(given.unwrap_or_else(|| ty.clone()));
            for (_, content) in members.iter().filter(|(name, _)| matches!(&**name, "content" | "labels")) {
                json(content, bound, see);
            }
            bound.pop();
        }
    }
}

/// Objects may be blocks with dynamic blocks in them.
fn json(expr: &Expr, bound: &mut Vec<Arc<str>>, see: &mut dyn FnMut(&Expr, &[Arc<str>])) {
    match &expr.kind {
        ExprKind::Object(items) => {
            for item in items {
                see(&item.key, bound);
                member(&text(&item.key).unwrap_or_default(), &item.value, bound, see);
            }
        }
        ExprKind::Tuple(items) => items.iter().for_each(|item| json(item, bound, see)),
        _ => see(expr, bound),
    }
}

fn properties(expr: &Expr) -> Vec<(Arc<str>, &Expr)> {
    match &expr.kind {
        ExprKind::Object(items) => items.iter().filter_map(|item| Some((text(&item.key)?, &item.value))).collect(),
        _ => Vec::new(),
    }
}

fn text(expr: &Expr) -> Option<Arc<str>> {
    match &expr.kind {
        ExprKind::Literal(value) => value.as_str().map(Arc::from),
        _ => None,
    }
}
