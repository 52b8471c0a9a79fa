//! From a part of a decoded value back to the place in the source that gave it.

use infra_diag::{Diagnostics, SourceRange};
use infra_schema::Block as Schema;
use infra_value::{Path, PathStep, Value};

use super::decode::{content, is_dynamic, is_for, schema_of_blocks};
use crate::syntax::ast::{Block, Body, Expr, ExprKind};

/// Where the value at a path of a decoded body comes from: the expression of an argument (or the part of it, where it
/// is written out), the header of a block, or where a missing argument would stand.
pub fn range_of(body: &Body, schema: &Schema, path: &Path) -> SourceRange {
    in_body(body, schema, &path.0, 0)
}

fn in_body(body: &Body, schema: &Schema, path: &[PathStep], depth: usize) -> SourceRange {
    let content = content(body, schema, &[], &mut Diagnostics::new());
    let missing = content.missing_item_range.clone();
    let Some((PathStep::Attribute(name), rest)) = path.split_first() else { return missing };
    if let Some(attribute) = content.attributes.iter().find(|a| a.name == *name) {
        return in_expr(&attribute.expr, rest);
    }
    // What a dynamic block makes has no place of its own.
    let blocks: Vec<&Block> = content.blocks.iter().filter(|b| !is_dynamic(b) && is_for(b, name)).collect();
    if rest.is_empty() {
        // All blocks of this kind, such as those of a set, whose elements have no place of their own.
        return match &blocks[..] {
            [block] if depth > 0 => block.header_range.clone(),
            _ => missing,
        };
    }
    let (key, rest) = match rest.split_first() {
        Some((PathStep::Index(key), rest)) => (Some(key), rest),
        _ => (None, rest),
    };
    let Some(block) = pick(&blocks, key) else { return missing };
    if rest.is_empty() {
        return block.header_range.clone();
    }
    in_body(&block.body, &schema_of_blocks(schema, name), rest, depth + 1)
}

/// The block of an index or label.
fn pick<'b>(blocks: &[&'b Block], key: Option<&Value>) -> Option<&'b Block> {
    if let Some(label) = key.and_then(Value::as_str) {
        return blocks.iter().find(|b| b.labels.first().is_some_and(|l| &*l.text == label)).copied();
    }
    let index = key.and_then(Value::as_i64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    blocks.get(index).copied()
}

fn in_expr(expr: &Expr, path: &[PathStep]) -> SourceRange {
    let inner = match (path.split_first(), &expr.kind) {
        (Some((PathStep::Index(key), rest)), ExprKind::Tuple(items)) => {
            let item = key.as_i64().and_then(|n| items.get(usize::try_from(n).ok()?));
            item.map(|item| in_expr(item, rest))
        }
        (Some((step, rest)), ExprKind::Object(items)) => {
            let name = match step {
                PathStep::Attribute(name) => Some(&**name),
                PathStep::Index(key) => key.as_str(),
            };
            let literal = |key: &Expr| matches!(&key.kind, ExprKind::Literal(text) if text.as_str() == name);
            let item = items.iter().find(|item| name.is_some() && literal(&item.key));
            item.map(|item| in_expr(&item.value, rest))
        }
        (Some(_), ExprKind::Parens(inner)) => Some(in_expr(inner, path)),
        _ => None,
    };
    inner.unwrap_or_else(|| expr.range.clone())
}
