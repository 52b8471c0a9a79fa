//! Short forms of the schemas of the language's own blocks.

use infra_diag::Diagnostics;

use crate::syntax::{Attribute, AttributeSchema, BlockSchema, Body, BodySchema, Content, Expr};

/// What a block of the language may hold.
pub(crate) struct Spec {
    /// Arguments, and whether they have to be there.
    pub(crate) attributes: &'static [(&'static str, bool)],
    /// Types of blocks, and what their labels are.
    pub(crate) blocks: &'static [(&'static str, &'static [&'static str])],
}

impl Spec {
    fn with_schema<T>(&self, read: impl FnOnce(&BodySchema<'_>) -> T) -> T {
        let attributes: Vec<AttributeSchema<'_>> =
            self.attributes.iter().map(|(name, required)| AttributeSchema { name, required: *required }).collect();
        let blocks: Vec<BlockSchema<'_>> = self.blocks.iter().map(|(ty, labels)| BlockSchema { ty, labels }).collect();
        read(&BodySchema { attributes: &attributes, blocks: &blocks })
    }
}

/// What a body holds. Everything else in it is an error.
pub(crate) fn content(body: &Body, spec: &Spec, diagnostics: &mut Diagnostics) -> Content {
    let (content, problems) = spec.with_schema(|schema| body.content(schema));
    diagnostics.extend(problems);
    content
}

/// What a body holds of what is asked for, and what is left of it.
pub(crate) fn partial_content(body: &Body, spec: &Spec, diagnostics: &mut Diagnostics) -> (Content, Body) {
    let (content, rest, problems) = spec.with_schema(|schema| body.partial_content(schema));
    diagnostics.extend(problems);
    (content, rest)
}

/// The arguments of a body that may hold no blocks, in order.
pub(crate) fn attributes_only(body: &Body, diagnostics: &mut Diagnostics) -> Vec<Attribute> {
    let (attributes, problems) = body.just_attributes();
    diagnostics.extend(problems);
    attributes
}

/// The arguments of a body, whatever else is in it.
pub(crate) fn attributes_of(body: &Body) -> Vec<Attribute> {
    body.just_attributes().0
}

/// The expression of an argument.
pub(crate) fn attribute_of(body: &Body, name: &str) -> Option<Expr> {
    attributes_of(body).into_iter().find(|a| *a.name == *name).map(|a| a.expr)
}
