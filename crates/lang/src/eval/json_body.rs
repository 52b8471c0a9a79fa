//! JSON bodies, read by a schema.

use infra_diag::Diagnostics;
use infra_schema::{Block as Schema, Nesting};

use crate::syntax::ast::{Body, NativeBody};
use crate::syntax::{AttributeSchema, BlockSchema, BodySchema};

/// The attributes and blocks that the schema finds in a JSON object; those to skip are not an error.
pub(super) fn content(body: &Body, schema: &Schema, skip: &[&str], problems: &mut Diagnostics) -> NativeBody {
    // JSON takes whatever is asked for: what only a body in the other syntax says as blocks is asked for as blocks.
    let as_blocks = |name: &str| {
        let attribute = [AttributeSchema { name, required: false }];
        let block = [BlockSchema { ty: name, labels: &[] }];
        let asked = |attributes, blocks| body.partial_content(&BodySchema { attributes, blocks }).0;
        matches!(body, Body::Overridden(_))
            && asked(&attribute, &[]).attributes.is_empty()
            && !asked(&[], &block).blocks.is_empty()
    };
    let (written, others): (Vec<_>, Vec<_>) =
        schema.attributes.iter().partition(|(name, attribute)| attribute.allows_blocks() && as_blocks(name));
    // What is required is checked with the value, the same for both syntaxes.
    let attributes: Vec<AttributeSchema<'_>> = others
        .into_iter()
        .map(|(name, _)| &**name)
        .chain(skip.iter().copied())
        .map(|name| AttributeSchema { name, required: false })
        .collect();
    let mut blocks: Vec<BlockSchema<'_>> = schema
        .blocks
        .iter()
        .map(|(ty, nested)| BlockSchema { ty, labels: if nested.nesting == Nesting::Map { &["key"] } else { &[] } })
        .collect();
    blocks.extend(written.into_iter().map(|(ty, _)| BlockSchema { ty, labels: &[] }));
    if !schema.blocks.contains_key("dynamic") {
        blocks.push(BlockSchema { ty: "dynamic", labels: &["type"] });
    }
    let (content, more) = body.content(&BodySchema { attributes: &attributes, blocks: &blocks });
    problems.extend(more);
    NativeBody {
        attributes: content.attributes,
        blocks: content.blocks,
        range: content.missing_item_range.clone(),
        missing_item_range: content.missing_item_range,
    }
}
