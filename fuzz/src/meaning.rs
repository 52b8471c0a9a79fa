//! What a syntax tree says, without places and without what the formatter may write in another way.

use infra_lang::syntax::ast::{Body, Expr, ExprKind, TemplatePart, TraversalStep};

/// A text that is the same for trees which mean the same.
pub fn meaning(body: &Body) -> String {
    let mut out = String::new();
    write_body(body, &mut out);
    out
}

fn write_body(body: &Body, out: &mut String) {
    let Body::Native(body) = body else { return };
    for attribute in &body.attributes {
        out.push_str(&format!("{} = ", attribute.name));
        // `type = "string"` of a variable becomes `type = string`.
        if &*attribute.name != "type" {
            write_expr(&attribute.expr, out);
        }
        out.push('\n');
    }
    for block in &body.blocks {
        let labels: Vec<&str> = block.labels.iter().map(|l| &*l.text).collect();
        out.push_str(&format!("{} {labels:?} {{\n", block.ty));
        write_body(&block.body, out);
        out.push_str("}\n");
    }
}

fn write_all<'e>(exprs: impl IntoIterator<Item = &'e Expr>, out: &mut String) {
    for expr in exprs {
        write_expr(expr, out);
        out.push_str(", ");
    }
}

fn write_steps(steps: &[TraversalStep], out: &mut String) {
    for step in steps {
        match step {
            TraversalStep::Attribute(name, _) => out.push_str(&format!(".{name}")),
            TraversalStep::Index(key, _) => out.push_str(&format!("[{key:?}]")),
        }
    }
}

fn write_expr(expr: &Expr, out: &mut String) {
    match &expr.kind {
        ExprKind::Literal(value) => out.push_str(&format!("{value:?}")),
        ExprKind::Template(parts) => {
            out.push_str("template(");
            write_parts(parts, out);
            out.push(')');
        }
        ExprKind::TemplateWrap(inner) | ExprKind::Parens(inner) => write_expr(inner, out),
        ExprKind::Traversal(traversal) => {
            out.push_str(&traversal.root);
            write_steps(&traversal.steps, out);
        }
        ExprKind::RelativeTraversal { source, steps } => {
            write_expr(source, out);
            write_steps(steps, out);
        }
        ExprKind::Index { collection, key } => {
            write_expr(collection, out);
            out.push('[');
            write_expr(key, out);
            out.push(']');
        }
        ExprKind::Splat { source, each, .. } => {
            write_expr(source, out);
            out.push_str("[*](");
            write_expr(each, out);
            out.push(')');
        }
        ExprKind::SplatItem => out.push('_'),
        ExprKind::Call(call) => {
            out.push_str(&format!("{}(", call.name));
            write_all(&call.args, out);
            out.push_str(if call.expand_last { "...)" } else { ")" });
        }
        ExprKind::Unary { op, operand } => {
            out.push_str(&format!("{op:?}("));
            write_expr(operand, out);
            out.push(')');
        }
        ExprKind::Binary { op, left, right } => {
            out.push_str(&format!("{op:?}("));
            write_all([&**left, &**right], out);
            out.push(')');
        }
        ExprKind::Conditional { condition, then, otherwise } => {
            out.push_str("if(");
            write_all([&**condition, &**then, &**otherwise], out);
            out.push(')');
        }
        ExprKind::Tuple(items) => {
            out.push('[');
            write_all(items, out);
            out.push(']');
        }
        ExprKind::Object(items) => {
            out.push('{');
            for item in items {
                write_all([&item.key, &item.value], out);
            }
            out.push('}');
        }
        ExprKind::For(f) => {
            out.push_str(&format!("for({:?}, {}, {}, ", f.key_name, f.value_name, f.group));
            write_all([&f.collection].into_iter().chain(&f.key).chain([&f.value]).chain(&f.condition), out);
            out.push(')');
        }
    }
}

fn write_parts(parts: &[TemplatePart], out: &mut String) {
    for part in parts {
        match part {
            TemplatePart::Literal(text, _) => out.push_str(&format!("{text:?}")),
            TemplatePart::Interpolation(expr) => {
                out.push_str("${");
                write_expr(expr, out);
                out.push('}');
            }
            TemplatePart::If { condition, then, otherwise, .. } => {
                out.push_str("%if ");
                write_expr(condition, out);
                write_parts(then, out);
                out.push_str("%else ");
                write_parts(otherwise, out);
                out.push_str("%endif");
            }
            TemplatePart::For { key_name, value_name, collection, body, .. } => {
                out.push_str(&format!("%for {key_name:?} {value_name} "));
                write_expr(collection, out);
                write_parts(body, out);
                out.push_str("%endfor");
            }
        }
    }
}
