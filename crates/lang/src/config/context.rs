//! The block around a place, as headings of source snippets name it.

use infra_diag::{Diagnostics, SourceRange, Sources};

use crate::syntax::{Block, Body, parse_file};

/// The block at the top of a file that a place is in: `resource "aws_vpc" "main"`. A place that begins with the block
/// itself is not in it: there the block's header is the line that is shown.
pub fn block_around(sources: &Sources, place: &SourceRange) -> Option<String> {
    let text = sources.get(&place.file)?;
    if !place.file.ends_with(".tf") {
        return None;
    }
    let (Body::Native(body), _) = parse_file(&place.file, text) else { return None };
    let around = |block: &&Block| {
        block.header_range.start.byte < place.start.byte && place.start.byte < block.body.range().end.byte
    };
    body.blocks.iter().find(around).map(header)
}

/// Names the block around in each diagnostic that has a place but does not name one.
pub fn name_blocks(diagnostics: &mut Diagnostics, sources: &Sources) {
    for diagnostic in &mut diagnostics.0 {
        if diagnostic.context.is_none()
            && let Some(place) = &diagnostic.subject
        {
            diagnostic.context = block_around(sources, place);
        }
    }
}

fn header(block: &Block) -> String {
    let labels = block.labels.iter().map(|label| format!(" {:?}", &*label.text));
    std::iter::once(block.ty.to_string()).chain(labels).collect()
}
