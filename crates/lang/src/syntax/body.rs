//! A body as a schema describes it: which arguments and blocks it must and may have, in either syntax.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};

use super::ast::{Attribute, Block, Body, NativeBody, Overridden};
use super::suggest::did_you_mean;

/// What may stand in a body.
#[derive(Clone, Copy, Debug, Default)]
pub struct BodySchema<'s> {
    /// The arguments.
    pub attributes: &'s [AttributeSchema<'s>],
    /// The types of blocks.
    pub blocks: &'s [BlockSchema<'s>],
}

/// An argument that may stand in a body.
#[derive(Clone, Copy, Debug)]
pub struct AttributeSchema<'s> {
    /// Its name.
    pub name: &'s str,
    /// Whether it must be there.
    pub required: bool,
}

/// A type of blocks that may stand in a body, any number of times.
#[derive(Clone, Copy, Debug)]
pub struct BlockSchema<'s> {
    /// Its name.
    pub ty: &'s str,
    /// What its labels are called, in their order.
    pub labels: &'s [&'s str],
}

/// What a body has of what its schema describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The arguments, in source order.
    pub attributes: Vec<Attribute>,
    /// The blocks, in source order.
    pub blocks: Vec<Block>,
    /// Where to report that something is missing.
    pub missing_item_range: SourceRange,
}

impl Content {
    pub(super) fn new(missing_item_range: SourceRange) -> Content {
        Content { attributes: Vec::new(), blocks: Vec::new(), missing_item_range }
    }

    /// An argument.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| &*a.name == name)
    }

    /// The blocks of a type.
    pub fn blocks_of<'c>(&'c self, ty: &'c str) -> impl Iterator<Item = &'c Block> {
        self.blocks.iter().filter(move |b| &*b.ty == ty)
    }
}

impl Body {
    /// What the schema describes; anything else is an error.
    pub fn content(&self, schema: &BodySchema<'_>) -> (Content, Diagnostics) {
        match self {
            Body::Native(body) => {
                let (content, rest, mut diagnostics) = body.partial_content(schema);
                diagnostics.extend(rest.attributes.iter().map(|a| unsupported_argument(a, schema)));
                diagnostics.extend(rest.blocks.iter().map(|b| unsupported_block(b, schema)));
                (content, diagnostics)
            }
            Body::Json(body) => {
                let (content, _, diagnostics) = body.content(schema, true);
                (content, diagnostics)
            }
            Body::Overridden(body) => {
                let read = |body: &Body, schema: &BodySchema<'_>| {
                    let (content, diagnostics) = body.content(schema);
                    (content, (), diagnostics)
                };
                let (content, _, diagnostics) = body.content(schema, read);
                (content, diagnostics)
            }
        }
    }

    /// What the schema describes, and a body of all the rest.
    pub fn partial_content(&self, schema: &BodySchema<'_>) -> (Content, Body, Diagnostics) {
        match self {
            Body::Native(body) => {
                let (content, rest, diagnostics) = body.partial_content(schema);
                (content, Body::Native(rest), diagnostics)
            }
            Body::Json(body) => {
                let (content, rest, diagnostics) = body.content(schema, false);
                (content, Body::Json(rest), diagnostics)
            }
            Body::Overridden(body) => {
                let (content, (base, over), diagnostics) = body.content(schema, Body::partial_content);
                (content, base.overridden_by(over, body.merged), diagnostics)
            }
        }
    }

    /// The body with what an override says, in whatever syntax both are.
    #[must_use]
    pub(crate) fn overridden_by(self, over: Body, merged: &'static [&'static str]) -> Body {
        Body::Overridden(Arc::new(Overridden { base: self, over, merged }))
    }

    /// All arguments, whatever their names; blocks are an error.
    pub fn just_attributes(&self) -> (Vec<Attribute>, Diagnostics) {
        match self {
            Body::Native(body) => {
                let error = body.blocks.first().map(|block| {
                    Diagnostic::error(
                        format!("Unexpected \"{}\" block", block.ty),
                        "Only arguments can stand here, but no blocks.",
                    )
                    .at(block.ty_range.clone())
                });
                (body.attributes.clone(), error.into_iter().collect())
            }
            Body::Json(body) => body.just_attributes(),
            Body::Overridden(body) => {
                let (mut attributes, mut diagnostics) = body.base.just_attributes();
                let (over, more) = body.over.just_attributes();
                diagnostics.extend(more);
                replace_attributes(&mut attributes, over);
                (attributes, diagnostics)
            }
        }
    }

    /// Where to report that something is missing.
    pub fn missing_item_range(&self) -> SourceRange {
        match self {
            Body::Native(body) => body.missing_item_range.clone(),
            Body::Json(body) => body.missing_item_range(),
            Body::Overridden(body) => body.base.missing_item_range(),
        }
    }

    /// All of it.
    pub fn range(&self) -> &SourceRange {
        match self {
            Body::Native(body) => &body.range,
            Body::Json(body) => body.range(),
            Body::Overridden(body) => body.base.range(),
        }
    }
}

impl Overridden {
    /// What both say, read by the same schema, and the rest of each. What has to be there may be in either.
    fn content<R>(
        &self,
        schema: &BodySchema<'_>,
        read: impl Fn(&Body, &BodySchema<'_>) -> (Content, R, Diagnostics),
    ) -> (Content, (R, R), Diagnostics) {
        let optional: Vec<AttributeSchema<'_>> =
            schema.attributes.iter().map(|a| AttributeSchema { required: false, ..*a }).collect();
        let optional = BodySchema { attributes: &optional, blocks: schema.blocks };
        let (mut content, rest, mut diagnostics) = read(&self.base, &optional);
        let (over, rest_over, more) = read(&self.over, &optional);
        diagnostics.extend(more);
        replace_attributes(&mut content.attributes, over.attributes);
        let mut replaced: Vec<Arc<str>> = Vec::new();
        for block in over.blocks {
            let other = content.blocks.iter_mut().find(|b| b.ty == block.ty);
            if let Some(other) = other.filter(|_| self.merged.contains(&&*block.ty)) {
                other.body = other.body.clone().overridden_by(block.body, &[]);
                continue;
            }
            let ty = block.produced_type();
            if !replaced.contains(&ty) {
                content.blocks.retain(|b| b.produced_type() != ty);
                replaced.push(ty);
            }
            content.blocks.push(block);
        }
        diagnostics.extend(missing(schema, &content));
        (content, (rest, rest_over), diagnostics)
    }
}

/// Puts attributes in the place of those of the same names.
fn replace_attributes(base: &mut Vec<Attribute>, over: Vec<Attribute>) {
    for attribute in over {
        match base.iter_mut().find(|a| a.name == attribute.name) {
            Some(other) => *other = attribute,
            None => base.push(attribute),
        }
    }
}

impl Block {
    /// The type of the blocks that it is or makes: `dynamic "ingress"` makes `ingress` blocks.
    pub fn produced_type(&self) -> Arc<str> {
        match (&*self.ty, self.labels.as_slice()) {
            ("dynamic", [label]) => label.text.clone(),
            _ => self.ty.clone(),
        }
    }
}

impl NativeBody {
    fn partial_content(&self, schema: &BodySchema<'_>) -> (Content, NativeBody, Diagnostics) {
        let mut diagnostics = Diagnostics::new();
        let mut content = Content::new(self.missing_item_range.clone());
        let mut rest = NativeBody {
            attributes: Vec::new(),
            blocks: Vec::new(),
            range: self.range.clone(),
            missing_item_range: self.missing_item_range.clone(),
        };
        for attribute in &self.attributes {
            let known = schema.attributes.iter().any(|a| a.name == &*attribute.name);
            let place = if known { &mut content.attributes } else { &mut rest.attributes };
            place.push(attribute.clone());
        }
        for block in &self.blocks {
            match schema.blocks.iter().find(|b| b.ty == &*block.ty) {
                None => rest.blocks.push(block.clone()),
                Some(expected) => match wrong_labels(block, expected.labels) {
                    Some(error) => diagnostics.push(error),
                    None => content.blocks.push(block.clone()),
                },
            }
        }
        diagnostics.extend(missing(schema, &content));
        (content, rest, diagnostics)
    }
}

/// The arguments that must be there but are not.
pub(super) fn missing(schema: &BodySchema<'_>, content: &Content) -> Vec<Diagnostic> {
    let absent = schema.attributes.iter().filter(|a| a.required && content.get(a.name).is_none());
    let error = |a: &AttributeSchema<'_>| {
        Diagnostic::error("Missing required argument", format!("The argument \"{}\" must be set here.", a.name))
            .at(content.missing_item_range.clone())
    };
    absent.map(error).collect()
}

/// An argument that is set a second time.
pub(super) fn duplicate(name: &Arc<str>, first: &SourceRange, second: &SourceRange) -> Diagnostic {
    let detail = format!("\"{name}\" is set already, at {first}. It can be set once only.");
    Diagnostic::error("Duplicate argument", detail).at(second.clone())
}

/// What is wrong with the number of a block's labels.
fn wrong_labels(block: &Block, expected: &[&str]) -> Option<Diagnostic> {
    let ty = &block.ty;
    if let Some(name) = expected.get(block.labels.len()) {
        let detail = format!("A block of type \"{ty}\" is labelled with its {}.", expected.join(" and its "));
        let error = Diagnostic::error(format!("Missing {name} for {ty}"), detail);
        return Some(error.at(block.body.missing_item_range()));
    }
    let extra = block.labels.get(expected.len())?;
    let detail = match expected {
        [] => format!("A block of type \"{ty}\" has no labels."),
        names => format!("A block of type \"{ty}\" has no other labels than its {}.", names.join(" and its ")),
    };
    Some(Diagnostic::error(format!("Extraneous label for {ty}"), detail).at(extra.range.clone()))
}

fn unsupported_argument(attribute: &Attribute, schema: &BodySchema<'_>) -> Diagnostic {
    let name = &*attribute.name;
    let hint = if schema.blocks.iter().any(|b| b.ty == name) {
        format!(" Did you mean the block \"{name}\"? It is written without an equals sign.")
    } else {
        did_you_mean(name, schema.attributes.iter().map(|a| a.name))
    };
    Diagnostic::error("Unsupported argument", format!("There is no argument \"{name}\" here.{hint}"))
        .at(attribute.name_range.clone())
}

fn unsupported_block(block: &Block, schema: &BodySchema<'_>) -> Diagnostic {
    let ty = &*block.ty;
    let hint = if schema.attributes.iter().any(|a| a.name == ty) {
        format!(" Did you mean the argument \"{ty}\"? It is written with an equals sign.")
    } else {
        did_you_mean(ty, schema.blocks.iter().map(|b| b.ty))
    };
    Diagnostic::error("Unsupported block type", format!("There are no blocks of type \"{ty}\" here.{hint}"))
        .at(block.ty_range.clone())
}

/// The hint for a property of a JSON body that is not in the schema.
pub(super) fn did_you_mean_property(name: &str, schema: &BodySchema<'_>) -> String {
    did_you_mean(name, schema.attributes.iter().map(|a| a.name).chain(schema.blocks.iter().map(|b| b.ty)))
}
