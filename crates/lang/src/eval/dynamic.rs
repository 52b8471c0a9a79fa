//! Dynamic blocks: one block for each element of a collection.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics};
use infra_schema::{Block as Schema, NestedBlock, Nesting};
use infra_value::{Type, Value, convert};

use super::collection::Elements;
use super::decode::{Decoder, Gathered, Inside, content, schema_of_blocks};
use super::evaluator::{Binding, Env};
use super::variables::in_expr;
use crate::config::static_expr::keyword;
use crate::syntax::Bound;
use crate::syntax::ast::{Attribute, Block, Body, Expr, ExprKind, NativeBody, Traversal};

/// What a dynamic block says.
struct Spec<'s> {
    /// What is iterated.
    for_each: &'s Expr,
    /// The name of the iterator.
    iterator: Arc<str>,
    /// The labels of each block.
    labels: &'s [Expr],
    /// What is in each block.
    content: &'s Block,
}

impl Decoder<'_> {
    /// Adds the blocks that a dynamic block makes.
    pub(super) fn dynamic(
        &mut self,
        block: &Block,
        name: &str,
        schema: &NestedBlock,
        inside: Inside<'_>,
        gathered: &mut Gathered,
    ) {
        let body = content(&block.body, &spec_schema(&schema.block), &[], &mut self.problems);
        let spec = match spec(&body, name, schema.nesting == Nesting::Map) {
            Ok(spec) => spec,
            Err(problems) => {
                self.problems.extend(problems);
                gathered.incomplete = true;
                return;
            }
        };
        let elements = match self.for_each(&spec, inside.env) {
            Ok(elements) => elements,
            Err(problems) => {
                self.problems.extend(problems);
                gathered.incomplete = true;
                return;
            }
        };
        let (elements, marks, unknown) = match elements {
            Elements::Known(elements, marks) => (elements, marks, inside.unknown),
            Elements::Unknown(marks) => (vec![(Value::dynamic(), Value::dynamic())], marks, true),
        };
        gathered.marks |= marks;
        gathered.unknown |= unknown;
        for (key, value) in elements {
            let iterator = Value::object([("key", key), ("value", value)]);
            let binding = Binding { name: &spec.iterator, value: iterator, outer: inside.env.names };
            let env = inside.env.with(&binding);
            let label = match spec.labels.first().filter(|_| !unknown) {
                None => None,
                Some(expr) => match self.dynamic_label(expr, env) {
                    Ok(label) => Some(label),
                    Err(problems) => {
                        self.problems.extend(problems);
                        gathered.incomplete = true;
                        continue;
                    }
                },
            };
            let value = self.body(&spec.content.body, &schema.block, Inside { env, marks, unknown, skip: &[] });
            gathered.items.push((value, label, spec.content.header_range.clone()));
        }
    }

    fn for_each(&self, spec: &Spec<'_>, env: Env<'_>) -> Result<Elements, Diagnostics> {
        let value = self.evaluator.finish(spec.for_each, env)?;
        let (bare, marks) = value.unmark();
        if bare.has_unknown_type() && !bare.is_null() {
            return Ok(Elements::Unknown(marks));
        }
        let iterable = matches!(bare.ty(), Type::List(_) | Type::Set(_) | Type::Map(_))
            || matches!(bare.ty(), Type::Tuple(_) | Type::Object(_));
        let detail = if bare.is_null() {
            "Cannot use a null value in for_each.".to_owned()
        } else if !iterable {
            format!("Cannot use a {} value in for_each. An iterable collection is required.", bare.ty().friendly_name())
        } else if !bare.is_known() {
            return Ok(Elements::Unknown(marks));
        } else {
            match bare.iter_elements() {
                Ok(elements) => return Ok(Elements::Known(elements, marks)),
                Err(e) => e.to_string(),
            }
        };
        let problem = Diagnostic::error("Invalid dynamic for_each value", detail).at(spec.for_each.range.clone());
        Err(self.evaluator.with_values(problem, spec.for_each, env).into())
    }

    fn dynamic_label(&self, expr: &Expr, env: Env<'_>) -> Result<Arc<str>, Diagnostics> {
        let value = self.evaluator.finish(expr, env)?;
        let detail = match convert(&value, &Type::String) {
            Err(e) => format!("Cannot use this value as a dynamic block label: {e}."),
            Ok(label) if label.is_null() => "Cannot use a null value as a dynamic block label.".to_owned(),
            Ok(label) if !label.is_known() => {
                "This value is not yet known. Dynamic block labels must be immediately-known values.".to_owned()
            }
            Ok(label) if !label.marks().is_empty() => {
                "A sensitive or ephemeral value cannot be the label of a block.".to_owned()
            }
            Ok(label) => return Ok(label.as_str().unwrap_or_default().into()),
        };
        let problem = Diagnostic::error("Invalid dynamic block label", detail).at(expr.range.clone());
        Err(self.evaluator.with_values(problem, expr, env).into())
    }
}

/// Reads the body of a dynamic block.
fn spec<'s>(body: &'s NativeBody, name: &'s str, labelled: bool) -> Result<Spec<'s>, Diagnostics> {
    let mut problems = Diagnostics::new();
    for attribute in &body.attributes {
        let known = matches!(&*attribute.name, "for_each" | "iterator") || (labelled && &*attribute.name == "labels");
        if !known {
            let detail = format!("An argument named {:?} is not expected here.", attribute.name);
            problems.push(Diagnostic::error("Unsupported argument", detail).at(attribute.name_range.clone()));
        }
    }
    for block in body.blocks.iter().filter(|b| &*b.ty != "content") {
        let detail = format!("Blocks of type {:?} are not expected here.", block.ty);
        problems.push(Diagnostic::error("Unsupported block type", detail).at(block.ty_range.clone()));
    }
    let attribute = |name: &str| body.attributes.iter().find(|a| &*a.name == name);
    let for_each = attribute("for_each");
    if for_each.is_none() {
        let detail = "The argument \"for_each\" is required, but no definition was found.";
        problems.push(Diagnostic::error("Missing required argument", detail).at(body.missing_item_range.clone()));
    }
    let iterator = match attribute("iterator").map(iterator_name) {
        None => name.into(),
        Some(Ok(name)) => name,
        Some(Err(problem)) => {
            problems.push(*problem);
            name.into()
        }
    };
    let labels = match attribute("labels").filter(|_| labelled).map(|a| (&a.expr.kind, &a.expr.range)) {
        Some((ExprKind::Tuple(labels), _)) if labels.len() == 1 => &labels[..],
        Some((ExprKind::Tuple(labels), range)) => {
            let which = if labels.is_empty() { "Insufficient" } else { "Extraneous" };
            let at = labels.get(1).map_or(range, |extra| &extra.range);
            let problem = Diagnostic::error(
                format!("{which} dynamic block label{}", if labels.is_empty() { "s" } else { "" }),
                format!("Blocks of type {name:?} require 1 label(s)."),
            );
            problems.push(problem.at(at.clone()));
            &[]
        }
        Some((_, range)) => {
            let problem = Diagnostic::error("Invalid expression", "A static list expression is required.");
            problems.push(problem.at(range.clone()));
            &[]
        }
        None => &[],
    };
    let mut contents = body.blocks.iter().filter(|b| &*b.ty == "content");
    let content = contents.next();
    if content.is_none() {
        let detail = "A dynamic block must have a nested block of type \"content\" to describe the body of each \
                      generated block.";
        problems.push(Diagnostic::error("Missing dynamic content block", detail).at(body.missing_item_range.clone()));
    }
    if let Some(extra) = contents.next() {
        let detail = "Only one nested content block is allowed for each dynamic block.";
        problems.push(Diagnostic::error("Extraneous dynamic content block", detail).at(extra.header_range.clone()));
    }
    match (for_each, content) {
        (Some(for_each), Some(content)) if problems.is_empty() => {
            Ok(Spec { for_each: &for_each.expr, iterator, labels, content })
        }
        _ => Err(problems),
    }
}

fn iterator_name(attribute: &Attribute) -> Result<Arc<str>, Box<Diagnostic>> {
    keyword(&attribute.expr).ok_or_else(|| {
        let detail = "Dynamic iterator must be a single variable name.";
        Diagnostic::error("Invalid dynamic iterator name", detail).at(attribute.expr.range.clone()).into()
    })
}

/// The schema of a dynamic block's own body, for bodies that are read by their schema.
fn spec_schema(block: &Schema) -> Schema {
    let mut schema = Schema::default();
    for name in ["for_each", "iterator", "labels"] {
        let object = Type::object([(name, Type::Dynamic)]);
        schema.attributes.extend(super::decode::schema_of_object(&object).attributes);
    }
    let content = NestedBlock {
        nesting: Nesting::List,
        min_items: 1,
        max_items: 1,
        force_new: false,
        computed: false,
        deprecated: false,
        block: block.clone(),
    };
    schema.blocks.insert("content".into(), content);
    schema
}

/// Walks a body with names bound.
type WalkBody<'w> = dyn FnMut(&Body, &Schema, &[&str], Option<&Bound<'_>>, &mut dyn FnMut(&Traversal)) + 'w;

/// The free traversals of a dynamic block: its iterator is bound in its labels and its content.
pub(super) fn in_dynamic(
    block: &Block,
    schema: &Schema,
    bound: Option<&Bound<'_>>,
    found: &mut dyn FnMut(&Traversal),
    walk: &mut WalkBody<'_>,
) {
    let Some(label) = block.labels.first() else { return };
    let inner = schema_of_blocks(schema, &label.text);
    let body = content(&block.body, &spec_schema(&inner), &[], &mut Diagnostics::new());
    let attribute = |name: &str| body.attributes.iter().find(|a| &*a.name == name);
    if let Some(for_each) = attribute("for_each") {
        in_expr(&for_each.expr, bound, found);
    }
    let iterator = attribute("iterator").and_then(|a| iterator_name(a).ok()).unwrap_or_else(|| label.text.clone());
    let bound = Bound::new(&iterator, bound);
    if let Some(labels) = attribute("labels") {
        in_expr(&labels.expr, Some(&bound), found);
    }
    for content in body.blocks.iter().filter(|b| &*b.ty == "content") {
        walk(&content.body, &inner, &[], Some(&bound), found);
    }
}
