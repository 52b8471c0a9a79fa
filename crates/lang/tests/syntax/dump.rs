//! Expressions as short s-expressions, so that tables can show how a text is read.

use std::sync::Arc;

use infra_lang::syntax::{BinaryOp, Expr, ExprKind, TemplatePart, TraversalStep, UnaryOp, parse_expression};
use infra_value::{Kind, Value};

/// How an expression is read, or the summaries of what is wrong with it.
pub fn read(text: &str) -> String {
    match parse_expression(&Arc::from("x"), text, Default::default()) {
        Ok(expr) => dump(&expr),
        Err(errors) => errors.iter().map(|e| format!("! {}", e.summary)).collect::<Vec<_>>().join(", "),
    }
}

pub fn dump(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Literal(value) => literal(value),
        ExprKind::Template(parts) => format!("(template{})", all_parts(parts)),
        ExprKind::TemplateWrap(inner) => format!("(wrap {})", dump(inner)),
        ExprKind::Parens(inner) => format!("(parens {})", dump(inner)),
        ExprKind::Traversal(t) => format!("{}{}", t.root, steps(&t.steps)),
        ExprKind::RelativeTraversal { source, steps: s } => format!("{}{}", dump(source), steps(s)),
        ExprKind::Index { collection, key } => format!("(index {} {})", dump(collection), dump(key)),
        ExprKind::Splat { source, each, .. } => format!("(splat {} {})", dump(source), dump(each)),
        ExprKind::SplatItem => "_".to_owned(),
        ExprKind::Call(call) => {
            let expand = if call.expand_last { " ..." } else { "" };
            format!("(call {}{}{expand})", call.name, each(&call.args))
        }
        ExprKind::Unary { op, operand } => {
            let sign = match op {
                UnaryOp::Not => "!",
                UnaryOp::Negate => "-",
            };
            format!("({sign} {})", dump(operand))
        }
        ExprKind::Binary { op, left, right } => format!("({} {} {})", sign(*op), dump(left), dump(right)),
        ExprKind::Conditional { condition, then, otherwise } => {
            format!("(? {} {} {})", dump(condition), dump(then), dump(otherwise))
        }
        ExprKind::Tuple(items) => format!("[{}]", each(items).trim_start()),
        ExprKind::Object(items) => {
            let items: Vec<String> = items.iter().map(|i| format!("{}: {}", dump(&i.key), dump(&i.value))).collect();
            format!("{{{}}}", items.join(", "))
        }
        ExprKind::For(f) => {
            let key_name = f.key_name.as_ref().map(|k| format!("{k},")).unwrap_or_default();
            let key = f.key.as_ref().map(|k| format!(" {} =>", dump(k))).unwrap_or_default();
            let group = if f.group { " ..." } else { "" };
            let condition = f.condition.as_ref().map(|c| format!(" if {}", dump(c))).unwrap_or_default();
            let (collection, value) = (dump(&f.collection), dump(&f.value));
            format!("(for {key_name}{} {collection}{key} {value}{group}{condition})", f.value_name)
        }
    }
}

fn literal(value: &Value) -> String {
    match value.kind() {
        Kind::Null(_) => "null".to_owned(),
        Kind::Bool(b) => b.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::String(s) => format!("{s:?}"),
        other => format!("{other:?}"),
    }
}

fn each(exprs: &[Expr]) -> String {
    exprs.iter().map(|e| format!(" {}", dump(e))).collect()
}

fn steps(steps: &[TraversalStep]) -> String {
    let step = |s: &TraversalStep| match s {
        TraversalStep::Attribute(name, _) => format!(".{name}"),
        TraversalStep::Index(key, _) => format!("[{}]", literal(key)),
    };
    steps.iter().map(step).collect()
}

fn all_parts(parts: &[TemplatePart]) -> String {
    let part = |p: &TemplatePart| match p {
        TemplatePart::Literal(text, _) => format!(" {text:?}"),
        TemplatePart::Interpolation(expr) => format!(" {}", dump(expr)),
        TemplatePart::If { condition, then, otherwise, .. } => {
            format!(
                " (if {} ({}) ({}))",
                dump(condition),
                all_parts(then).trim_start(),
                all_parts(otherwise).trim_start()
            )
        }
        TemplatePart::For { key_name, value_name, collection, body, .. } => {
            let key_name = key_name.as_ref().map(|k| format!("{k},")).unwrap_or_default();
            format!(" (for {key_name}{value_name} {}{})", dump(collection), all_parts(body))
        }
    };
    parts.iter().map(part).collect()
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => "||",
        BinaryOp::And => "&&",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessOrEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterOrEqual => ">=",
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
    }
}
