//! The JSON syntax (`.tf.json`): a tree of values with their ranges, in which only a schema tells what is a block.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};
use infra_value::{Number, Type, Value};

use super::ast::{Attribute, Block, Body, Expr, ExprKind, Label, ObjectItem};
use super::body::{BlockSchema, BodySchema, Content, did_you_mean_property, duplicate, missing};
use super::json_text::JsonReader;
use super::lexer::advance;
use super::template::parse_template;

/// A value in a JSON file and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonNode {
    /// What it is.
    pub kind: JsonKind,
    /// From its first to its last character.
    pub range: SourceRange,
}

/// What a JSON value is.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text with its escapes resolved; as an expression it is a template.
    String(Arc<str>),
    /// `[ … ]`
    Array(Vec<Arc<JsonNode>>),
    /// `{ … }`, in source order; names may repeat.
    Object(Vec<JsonMember>),
}

/// `"name": value`
#[derive(Clone, Debug, PartialEq)]
pub struct JsonMember {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name stands, with its quotes.
    pub name_range: SourceRange,
    /// Its value.
    pub value: Arc<JsonNode>,
}

/// The inside of a file or a block in JSON: an object, or an array of objects that count as one.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonBody {
    node: Arc<JsonNode>,
    /// Properties that have been taken out by [`Body::partial_content`].
    taken: Arc<[Arc<str>]>,
    /// Texts stand for themselves, not for templates: where nothing can be referred to.
    literal: bool,
}

/// Reads a file in JSON syntax. What could be read is returned along with the errors.
pub fn parse_json_file(file: &Arc<str>, text: &str) -> (Body, Diagnostics) {
    let (node, mut diagnostics) = JsonReader::read(file, text);
    let is_body = match &node.kind {
        JsonKind::Object(_) => true,
        JsonKind::Array(items) => items.iter().all(|i| matches!(i.kind, JsonKind::Object(_))),
        _ => false,
    };
    if !is_body && !diagnostics.has_errors() {
        let detail = "A configuration in JSON is an object, or an array of objects.";
        diagnostics.push(Diagnostic::error("Root value must be object", detail).at(node.range.clone()));
    }
    let node = if is_body { node } else { JsonNode { kind: JsonKind::Object(Vec::new()), range: node.range } };
    (Body::Json(JsonBody::new(Arc::new(node))), diagnostics)
}

impl JsonBody {
    fn new(node: Arc<JsonNode>) -> JsonBody {
        JsonBody { node, taken: Arc::new([]), literal: false }
    }

    /// The same with arguments in which texts stand for themselves. The blocks in it are as they were.
    pub(crate) fn with_literal_texts(&self) -> JsonBody {
        JsonBody { literal: true, ..self.clone() }
    }

    /// All of it.
    pub fn range(&self) -> &SourceRange {
        &self.node.range
    }

    /// Where a missing argument is reported.
    pub fn missing_item_range(&self) -> SourceRange {
        let range = &self.node.range;
        let at = match self.node.kind {
            // The closing brace.
            JsonKind::Object(_) => Pos {
                line: range.end.line,
                column: range.end.column.saturating_sub(1).max(1),
                byte: range.end.byte.saturating_sub(1),
            },
            _ => range.start,
        };
        SourceRange { start: at, end: at, ..range.clone() }
    }

    /// What the schema describes; with `whole`, anything else is an error, and otherwise it is in the body returned.
    pub(super) fn content(&self, schema: &BodySchema<'_>, whole: bool) -> (Content, JsonBody, Diagnostics) {
        let mut diagnostics = Diagnostics::new();
        let mut content = Content::new(self.missing_item_range());
        let expected = "An object, or an array of objects, must stand here: the content of a block.";
        for member in members(&self.node, expected, &mut diagnostics) {
            if &*member.name == "//" || self.taken.contains(&member.name) {
                continue;
            }
            if schema.attributes.iter().any(|a| a.name == &*member.name) {
                match content.get(&member.name) {
                    Some(first) => diagnostics.push(duplicate(&member.name, &first.name_range, &member.name_range)),
                    None => content.attributes.push(self.attribute(member, &mut diagnostics)),
                }
            } else if let Some(block) = schema.blocks.iter().find(|b| b.ty == &*member.name) {
                Unpacking { schema: block, member, labels: Vec::new() }.blocks(
                    &member.value,
                    &mut content.blocks,
                    &mut diagnostics,
                );
            } else if whole {
                let hint = did_you_mean_property(&member.name, schema);
                let detail = format!("There is no argument and no block type named \"{}\".{hint}", member.name);
                let error = Diagnostic::error("Extraneous JSON object property", detail);
                diagnostics.push(error.at(member.name_range.clone()));
            }
        }
        diagnostics.extend(missing(schema, &content));
        let known = schema.attributes.iter().map(|a| a.name).chain(schema.blocks.iter().map(|b| b.ty));
        let taken = self.taken.iter().cloned().chain(known.map(Arc::from)).collect();
        (content, JsonBody { taken, ..self.clone() }, diagnostics)
    }

    /// This body with the properties of `other` in the place of its own of the same names. Those named in `merged` are
    /// replaced property by property themselves, where both are objects.
    pub(crate) fn overridden_by(&self, other: &JsonBody, merged: &[&str]) -> JsonBody {
        let own = self.own_members();
        let mut members = other.own_members();
        for member in &mut members {
            let inside = own.iter().find(|m| m.name == member.name && merged.contains(&&*m.name));
            if let Some(inside) = inside
                && matches!((&inside.value.kind, &member.value.kind), (JsonKind::Object(_), JsonKind::Object(_)))
            {
                let of = |node: &Arc<JsonNode>| JsonBody::new(node.clone());
                member.value = of(&inside.value).overridden_by(&of(&member.value), &[]).node;
            }
        }
        let kept: Vec<JsonMember> =
            own.into_iter().filter(|m| !members.iter().any(|replaced| replaced.name == m.name)).collect();
        let kind = JsonKind::Object(kept.into_iter().chain(members).collect());
        JsonBody::new(Arc::new(JsonNode { kind, range: self.node.range.clone() }))
    }

    /// The properties that have not been taken out.
    fn own_members(&self) -> Vec<JsonMember> {
        let all = members(&self.node, "", &mut Diagnostics::new()).into_iter();
        all.filter(|m| !self.taken.contains(&m.name)).cloned().collect()
    }

    /// The same with one property only; `None` if it does not have it.
    pub(crate) fn only(&self, name: &str) -> Option<JsonBody> {
        let member = self.own_members().into_iter().find(|m| &*m.name == name)?;
        let node = JsonNode { kind: JsonKind::Object(vec![member]), range: self.node.range.clone() };
        Some(JsonBody::new(Arc::new(node)))
    }

    /// Every property as an argument.
    pub(super) fn just_attributes(&self) -> (Vec<Attribute>, Diagnostics) {
        let mut diagnostics = Diagnostics::new();
        let mut attributes: Vec<Attribute> = Vec::new();
        let JsonKind::Object(members) = &self.node.kind else {
            let detail = "An object must stand here, with the arguments as its properties.";
            return (attributes, wrong_type(&self.node, detail).into());
        };
        for member in members {
            if &*member.name == "//" || self.taken.contains(&member.name) {
                continue;
            }
            match attributes.iter().find(|a| a.name == member.name) {
                Some(first) => diagnostics.push(duplicate(&member.name, &first.name_range, &member.name_range)),
                None => attributes.push(self.attribute(member, &mut diagnostics)),
            }
        }
        (attributes, diagnostics)
    }

    fn attribute(&self, member: &JsonMember, diagnostics: &mut Diagnostics) -> Attribute {
        Attribute {
            name: member.name.clone(),
            name_range: member.name_range.clone(),
            expr: match self.literal {
                true => literal(&member.value),
                false => expression(&member.value, diagnostics),
            },
            range: member.name_range.to(&member.value.range),
        }
    }
}

/// The members of an object, or of all objects of an array.
fn members<'n>(node: &'n JsonNode, expected: &str, diagnostics: &mut Diagnostics) -> Vec<&'n JsonMember> {
    match &node.kind {
        JsonKind::Object(members) => members.iter().collect(),
        JsonKind::Array(items) => {
            let mut all = Vec::new();
            for item in items {
                match &item.kind {
                    JsonKind::Object(members) => all.extend(members),
                    _ => diagnostics.push(wrong_type(item, expected)),
                }
            }
            all
        }
        JsonKind::Null => Vec::new(),
        _ => {
            diagnostics.push(wrong_type(node, expected));
            Vec::new()
        }
    }
}

fn wrong_type(node: &JsonNode, expected: &str) -> Diagnostic {
    Diagnostic::error("Incorrect JSON value type", expected).at(node.range.clone())
}

/// Making blocks of a property: first a level of objects for each label, then the bodies.
struct Unpacking<'n> {
    schema: &'n BlockSchema<'n>,
    member: &'n JsonMember,
    labels: Vec<Label>,
}

impl Unpacking<'_> {
    fn blocks(&mut self, node: &Arc<JsonNode>, blocks: &mut Vec<Block>, diagnostics: &mut Diagnostics) {
        let ty = self.schema.ty;
        if let Some(label) = self.schema.labels.get(self.labels.len()) {
            let expected = format!(
                "An object, or an array of objects, must stand here: it has a property for each {label} of {ty} blocks."
            );
            let before = diagnostics.0.len();
            let members = members(node, &expected, diagnostics);
            if members.is_empty() && diagnostics.0.len() == before {
                let detail =
                    format!("There must be a property here at least, whose name is the {label} of the {ty} block.");
                diagnostics.push(Diagnostic::error("Missing block label", detail).at(node.range.clone()));
            }
            for member in members {
                self.labels.push(Label { text: member.name.clone(), range: member.name_range.clone() });
                self.blocks(&member.value, blocks, diagnostics);
                self.labels.pop();
            }
            return;
        }
        match &node.kind {
            JsonKind::Null => {}
            JsonKind::Object(_) => blocks.push(self.block(node)),
            JsonKind::Array(items) => blocks.extend(items.iter().map(|item| self.block(item))),
            _ => {
                let detail = format!("An object, or an array of objects, must stand here: the content of {ty} blocks.");
                diagnostics.push(wrong_type(node, &detail));
            }
        }
    }

    fn block(&self, node: &Arc<JsonNode>) -> Block {
        let ty_range = self.member.name_range.clone();
        let header_range = self.labels.last().map_or(ty_range.clone(), |l| ty_range.to(&l.range));
        let body = Body::Json(JsonBody::new(node.clone()));
        Block { ty: self.member.name.clone(), ty_range, labels: self.labels.clone(), body, header_range }
    }
}

/// A JSON value as an expression: texts are templates, also those that name the members of objects.
pub fn expression(node: &JsonNode, diagnostics: &mut Diagnostics) -> Expr {
    let kind = match &node.kind {
        JsonKind::Null => ExprKind::Literal(Value::null(Type::Dynamic)),
        JsonKind::Bool(b) => ExprKind::Literal(Value::bool(*b)),
        JsonKind::Number(n) => ExprKind::Literal(Value::number(n.clone())),
        JsonKind::String(text) => return template(text, &node.range, diagnostics),
        JsonKind::Array(items) => ExprKind::Tuple(items.iter().map(|i| expression(i, diagnostics)).collect()),
        JsonKind::Object(members) => {
            let item = |member: &JsonMember| ObjectItem {
                key: template(&member.name, &member.name_range, diagnostics),
                value: expression(&member.value, diagnostics),
            };
            ExprKind::Object(members.iter().map(item).collect())
        }
    };
    Expr { kind, range: node.range.clone() }
}

/// A JSON value as an expression in which texts stand for themselves.
fn literal(node: &JsonNode) -> Expr {
    let text =
        |text: &str, range: &SourceRange| Expr { kind: ExprKind::Literal(Value::string(text)), range: range.clone() };
    let kind = match &node.kind {
        JsonKind::String(content) => return text(content, &node.range),
        JsonKind::Array(items) => ExprKind::Tuple(items.iter().map(|item| literal(item)).collect()),
        JsonKind::Object(members) => {
            let item = |m: &JsonMember| ObjectItem { key: text(&m.name, &m.name_range), value: literal(&m.value) };
            ExprKind::Object(members.iter().map(item).collect())
        }
        _ => return expression(node, &mut Diagnostics::new()),
    };
    Expr { kind, range: node.range.clone() }
}

fn template(text: &str, range: &SourceRange, diagnostics: &mut Diagnostics) -> Expr {
    let kind = match parse_template(&range.file, text, advance(range.start, "\"")) {
        Ok(template) => template.kind,
        Err(errors) => {
            diagnostics.extend(errors);
            ExprKind::Literal(Value::dynamic())
        }
    };
    Expr { kind, range: range.clone() }
}
