//! Bodies to values by a schema.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_schema::{Attribute as AttributeSchema, Block as Schema, NestedBlock, Nesting};
use infra_value::{Marks, Members, Type, Value, convert};

use super::Scope;
use super::evaluator::{Env, Evaluator, Roots};
use super::reference::Reference;
use super::variables::in_expr;
use crate::syntax::Bound;
use crate::syntax::ast::{Attribute, Block, Body, NativeBody, Traversal};
use crate::syntax::suggest::did_you_mean;

/// The value of a body by its schema: an object with every attribute and nested block of the schema. Arguments and
/// blocks named in `skip` (the meta arguments) are left out. With errors, what has none is in the value all the same.
pub fn decode_body(body: &Body, schema: &Schema, scope: &dyn Scope, skip: &[&str]) -> (Value, Diagnostics) {
    let evaluator = Evaluator::new(Roots::Scope(scope), scope.functions());
    let mut decoder = Decoder { evaluator, problems: Diagnostics::new() };
    let value = decoder.body(body, schema, Inside { skip, ..Inside::default() });
    // A fault in the content of a dynamic block is found once for each element.
    decoder.problems.leave_out_repeats();
    (value, decoder.problems)
}

/// Every reference in a body's expressions, those to names of `for`s and of dynamic blocks' iterators aside; also what
/// is wrong with some.
pub fn body_references(body: &Body, schema: &Schema, skip: &[&str]) -> (Vec<Reference<'static>>, Diagnostics) {
    let mut found = Vec::new();
    let mut problems = Diagnostics::new();
    in_body(body, schema, skip, None, &mut |traversal| match Reference::parse(traversal) {
        Ok(reference) => found.push(reference.into_owned()),
        Err(more) => problems.extend(more),
    });
    (found, problems)
}

/// Where a body stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Inside<'i> {
    /// The iterators of the dynamic blocks around it.
    pub env: Env<'i>,
    /// The marks of what a dynamic block iterates: everything in its blocks has them.
    pub marks: Marks,
    /// Whether it is not known if, or how many times, the body is there at all.
    pub unknown: bool,
    /// What is not the schema's.
    pub skip: &'i [&'i str],
}

pub(super) struct Decoder<'a> {
    pub evaluator: Evaluator<'a>,
    pub problems: Diagnostics,
}

/// The values of all blocks of one type.
#[derive(Default)]
pub(super) struct Gathered {
    /// The value of each, with its label if it has one and where it stands.
    pub items: Vec<(Value, Option<Arc<str>>, SourceRange)>,
    /// Whether it is not known what else there is.
    pub unknown: bool,
    /// The marks of what dynamic blocks iterate.
    pub marks: Marks,
    /// Whether some could not be read, so that counting makes no sense.
    pub incomplete: bool,
}

impl Decoder<'_> {
    pub(super) fn body(&mut self, body: &Body, schema: &Schema, inside: Inside<'_>) -> Value {
        let content = content(body, schema, inside.skip, &mut self.problems);
        self.check_names(&content, schema, inside.skip);
        let mut members = Members::new();
        for (name, attribute) in &schema.attributes {
            members.insert(name.clone(), self.attribute(name, attribute, &content, inside));
        }
        for (name, nested) in &schema.blocks {
            let value = self.nested(name, nested, &content, inside);
            members.insert(name.clone(), value);
        }
        Value::object(members).with_marks(inside.marks)
    }

    /// Reports what the schema does not know.
    fn check_names(&mut self, content: &NativeBody, schema: &Schema, skip: &[&str]) {
        for attribute in &content.attributes {
            let name = &attribute.name;
            if schema.attributes.contains_key(name) || skip.contains(&&**name) {
                continue;
            }
            let hint = match schema.blocks.contains_key(name) {
                true => format!(" Did you mean to define a block of type {name:?}?"),
                false => did_you_mean(name, schema.attributes.keys().map(|k| &**k)),
            };
            let detail = format!("An argument named {name:?} is not expected here.{hint}");
            self.problems.push(Diagnostic::error("Unsupported argument", detail).at(attribute.name_range.clone()));
        }
        for block in &content.blocks {
            let (name, range) = match (&*block.ty, &block.labels[..]) {
                ("dynamic", [label]) if !schema.blocks.contains_key("dynamic") => (&label.text, &label.range),
                ("dynamic", []) => {
                    let detail = "All dynamic blocks must have 1 labels (type).";
                    let problem = Diagnostic::error("Missing type for dynamic", detail);
                    self.problems.push(problem.at(block.header_range.clone()));
                    continue;
                }
                ("dynamic", [_, extra, ..]) => {
                    let detail = "Only 1 labels (type) are expected for dynamic blocks.";
                    let problem = Diagnostic::error("Extraneous label for dynamic", detail);
                    self.problems.push(problem.at(extra.range.clone()));
                    continue;
                }
                _ => (&block.ty, &block.ty_range),
            };
            let known = schema.blocks.contains_key(name)
                || schema.attributes.get(name).is_some_and(AttributeSchema::allows_blocks)
                || skip.contains(&&**name);
            if known {
                continue;
            }
            let hint = match schema.attributes.contains_key(name) {
                true => {
                    format!(
                        " Did you mean to define argument {name:?}? If so, use the equals sign to assign it a value."
                    )
                }
                false => did_you_mean(name, schema.blocks.keys().map(|k| &**k)),
            };
            let detail = format!("Blocks of type {name:?} are not expected here.{hint}");
            self.problems.push(Diagnostic::error("Unsupported block type", detail).at(range.clone()));
        }
    }

    fn attribute(&mut self, name: &str, schema: &AttributeSchema, content: &NativeBody, inside: Inside<'_>) -> Value {
        let given = content.attributes.iter().find(|a| &*a.name == name);
        if let Some(given) = given {
            return self.given(given, schema, inside);
        }
        let blocks = schema.allows_blocks() && content.blocks.iter().any(|b| is_for(b, name));
        if blocks {
            return self.attribute_as_blocks(name, schema, content, inside);
        }
        if schema.required {
            let detail = format!("The argument {name:?} is required, but no definition was found.");
            let problem = Diagnostic::error("Missing required argument", detail);
            self.problems.push(problem.at(content.missing_item_range.clone()));
        }
        Value::null(schema.ty.without_optional())
    }

    fn given(&mut self, given: &Attribute, schema: &AttributeSchema, inside: Inside<'_>) -> Value {
        let unknown = || Value::unknown(schema.ty.without_optional());
        if inside.unknown {
            return unknown();
        }
        let value = match self.evaluator.finish(&given.expr, inside.env) {
            Ok(value) => value,
            Err(more) => {
                self.problems.extend(more);
                return unknown();
            }
        };
        match convert(&value, &schema.ty) {
            Ok(value) => value.with_marks(inside.marks),
            Err(e) => {
                let detail = format!("Inappropriate value for attribute {:?}: {e}.", given.name);
                let problem = Diagnostic::error("Incorrect attribute value type", detail).at(given.expr.range.clone());
                self.problems.push(self.evaluator.with_values(problem, &given.expr, inside.env));
                unknown()
            }
        }
    }

    /// An attribute whose type is a list or set of objects, written as blocks.
    fn attribute_as_blocks(
        &mut self,
        name: &str,
        schema: &AttributeSchema,
        content: &NativeBody,
        inside: Inside<'_>,
    ) -> Value {
        let nesting = if matches!(schema.ty, Type::Set(_)) { Nesting::Set } else { Nesting::List };
        let nested = NestedBlock {
            nesting,
            min_items: 0,
            max_items: 0,
            force_new: false,
            computed: false,
            deprecated: false,
            block: schema.ty.element().map(schema_of_object).unwrap_or_default(),
        };
        let mut gathered = self.gather(name, &nested, content, inside);
        // Dynamic blocks of unknown number count as one each, in which what is written is unknown.
        gathered.unknown = false;
        let value = self.assemble(name, &nested, gathered, &content.missing_item_range);
        if value.is_empty() && value.marks().is_empty() {
            // Dynamic blocks that come to nothing leave the attribute unset.
            return Value::null(schema.ty.clone());
        }
        convert(&value, &schema.ty).unwrap_or_else(|_| Value::unknown(schema.ty.without_optional()))
    }

    fn nested(&mut self, name: &str, schema: &NestedBlock, content: &NativeBody, inside: Inside<'_>) -> Value {
        let gathered = self.gather(name, schema, content, inside);
        self.assemble(name, schema, gathered, &content.missing_item_range)
    }

    fn gather(&mut self, name: &str, schema: &NestedBlock, content: &NativeBody, inside: Inside<'_>) -> Gathered {
        let mut gathered = Gathered::default();
        let inside = Inside { marks: Marks::NONE, skip: &[], ..inside };
        for block in content.blocks.iter().filter(|b| is_for(b, name)) {
            match is_dynamic(block) {
                true => self.dynamic(block, name, schema, inside, &mut gathered),
                false => {
                    let label = self.label(block, schema, &mut gathered);
                    let value = self.body(&block.body, &schema.block, inside);
                    gathered.items.push((value, label, block.header_range.clone()));
                }
            }
        }
        gathered
    }

    /// The label of a block of a map; for others, there must be none.
    fn label(&mut self, block: &Block, schema: &NestedBlock, gathered: &mut Gathered) -> Option<Arc<str>> {
        let ty = &block.ty;
        let expected = usize::from(schema.nesting == Nesting::Map);
        if let Some(extra) = block.labels.get(expected) {
            let detail = match expected {
                0 => format!("No labels are expected for {ty} blocks."),
                _ => format!("Only 1 labels (key) are expected for {ty} blocks."),
            };
            let problem = Diagnostic::error(format!("Extraneous label for {ty}"), detail);
            self.problems.push(problem.at(extra.range.clone()));
            gathered.incomplete = true;
        } else if block.labels.len() < expected {
            let detail = format!("All {ty} blocks must have 1 labels (key).");
            let problem = Diagnostic::error(format!("Missing key for {ty}"), detail);
            self.problems.push(problem.at(block.header_range.clone()));
            gathered.incomplete = true;
        }
        block.labels.first().map(|label| label.text.clone())
    }

    /// The value that all blocks of a type together are.
    fn assemble(&mut self, name: &str, schema: &NestedBlock, gathered: Gathered, missing: &SourceRange) -> Value {
        let Gathered { mut items, unknown, marks, incomplete } = gathered;
        if matches!(schema.nesting, Nesting::Single | Nesting::Group) {
            return match items.len() {
                0 if schema.min_items > 0 && !unknown && !incomplete => {
                    let detail = format!("A block of type {name:?} is required here.");
                    self.problems.push(Diagnostic::error(format!("Missing {name} block"), detail).at(missing.clone()));
                    schema.empty()
                }
                0 => schema.empty(),
                count => {
                    if count > 1 {
                        let detail = format!(
                            "Only one block of type {name:?} is allowed. Previous definition was at {}.",
                            items[0].2
                        );
                        let problem = Diagnostic::error(format!("Duplicate {name} block"), detail);
                        self.problems.push(problem.at(items[1].2.clone()));
                    }
                    items.swap_remove(0).0
                }
            };
        }
        let element = schema.block.ty();
        let dynamic = element.has_dynamic();
        if unknown {
            return match dynamic {
                true => Value::dynamic(),
                false => Value::unknown(schema.ty()),
            }
            .with_marks(marks);
        }
        if !incomplete {
            self.check_count(name, schema, &items, missing);
        }
        let value = match schema.nesting {
            Nesting::Map => {
                let mut members: BTreeMap<Arc<str>, Value> = BTreeMap::new();
                for (value, label, range) in items {
                    let label = label.unwrap_or_else(|| "".into());
                    match members.entry(label) {
                        Entry::Vacant(free) => {
                            free.insert(value);
                        }
                        Entry::Occupied(taken) => {
                            let label = taken.key();
                            let detail = format!(
                                "A block for {name} {label:?} was already defined. The {name} labels must be unique."
                            );
                            let problem = Diagnostic::error(format!("Duplicate {name} block"), detail);
                            self.problems.push(problem.at(range));
                        }
                    }
                }
                match dynamic {
                    true => Value::object(members),
                    false => Value::map(element, members),
                }
            }
            Nesting::Set if !dynamic => Value::set(element, items.into_iter().map(|i| i.0)),
            _ if !dynamic => Value::list(element, items.into_iter().map(|i| i.0)),
            _ => Value::tuple(items.into_iter().map(|i| i.0)),
        };
        value.with_marks(marks)
    }

    fn check_count(
        &mut self,
        name: &str,
        schema: &NestedBlock,
        items: &[(Value, Option<Arc<str>>, SourceRange)],
        missing: &SourceRange,
    ) {
        let count = items.len() as u64;
        if count < schema.min_items {
            let detail = format!("At least {} {name:?} blocks are required.", schema.min_items);
            self.problems.push(Diagnostic::error(format!("Insufficient {name} blocks"), detail).at(missing.clone()));
        } else if schema.max_items > 0 && count > schema.max_items {
            let detail = format!("No more than {} {name:?} blocks are allowed", schema.max_items);
            let range = items.get(schema.max_items as usize).map(|i| i.2.clone());
            self.problems.push(Diagnostic::error(format!("Too many {name} blocks"), detail).at(range));
        }
    }
}

/// The attributes and blocks of a body; JSON is read by the schema.
pub(super) fn content<'b>(
    body: &'b Body,
    schema: &Schema,
    skip: &[&str],
    problems: &mut Diagnostics,
) -> Cow<'b, NativeBody> {
    match body {
        Body::Native(native) => Cow::Borrowed(native),
        _ => Cow::Owned(super::json_body::content(body, schema, skip, problems)),
    }
}

/// Whether a block, static or dynamic, makes blocks of a type.
pub(super) fn is_for(block: &Block, name: &str) -> bool {
    match is_dynamic(block) {
        true => block.labels.first().is_some_and(|label| &*label.text == name),
        false => &*block.ty == name,
    }
}

pub(super) fn is_dynamic(block: &Block) -> bool {
    &*block.ty == "dynamic"
}

/// The schema of blocks that stand for objects of a type: everything is optional.
pub(super) fn schema_of_object(ty: &Type) -> Schema {
    let Type::Object(object) = ty else { return Schema::default() };
    let attribute = |ty: &Type| AttributeSchema {
        ty: ty.clone(),
        required: false,
        optional: true,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
        default: None,
        force_new: false,
    };
    let attributes = object.attributes.iter().map(|(name, ty)| (name.clone(), attribute(ty))).collect();
    Schema { attributes, blocks: BTreeMap::new() }
}

/// The schema of the blocks of a name: nested blocks, or an attribute that is written as blocks.
pub(super) fn schema_of_blocks<'s>(schema: &'s Schema, name: &str) -> Cow<'s, Schema> {
    match (schema.blocks.get(name), schema.attributes.get(name)) {
        (Some(nested), _) => Cow::Borrowed(&nested.block),
        (_, Some(attribute)) => Cow::Owned(attribute.ty.element().map(schema_of_object).unwrap_or_default()),
        _ => Cow::Owned(Schema::default()),
    }
}

fn in_body(body: &Body, schema: &Schema, skip: &[&str], bound: Option<&Bound<'_>>, found: &mut dyn FnMut(&Traversal)) {
    // Faults of the body are reported when it is decoded.
    let content = content(body, schema, skip, &mut Diagnostics::new());
    for attribute in content.attributes.iter().filter(|a| !skip.contains(&&*a.name)) {
        in_expr(&attribute.expr, bound, found);
    }
    for block in content.blocks.iter().filter(|b| !skip.contains(&&*b.ty)) {
        match is_dynamic(block) {
            true => super::dynamic::in_dynamic(block, schema, bound, found, &mut in_body),
            false => in_body(&block.body, &schema_of_blocks(schema, &block.ty), &[], bound, found),
        }
    }
}
