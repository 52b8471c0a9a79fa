//! The block around a place, as headings of source snippets name it.

use std::collections::HashMap;
use std::sync::Arc;

use infra_diag::{Diagnostics, SourceRange, Sources};

use crate::syntax::{Block, Body, parse_file};

/// The block at the top of a file that a place is in: `resource "aws_vpc" "main"`. A place that begins with the block
/// itself is not in it: there the block's header is the line that is shown.
pub fn block_around(sources: &Sources, place: &SourceRange) -> Option<String> {
    blocks(sources, &place.file).iter().find(|block| block.is_around(place)).map(|block| block.header.clone())
}

/// Names the block around in each diagnostic that has a place but does not name one.
pub fn name_blocks(diagnostics: &mut Diagnostics, sources: &Sources) {
    let mut files: HashMap<Arc<str>, Vec<Outline>> = HashMap::new();
    for diagnostic in &mut diagnostics.0 {
        if diagnostic.context.is_none()
            && let Some(place) = &diagnostic.subject
        {
            let blocks = files.entry(place.file.clone()).or_insert_with(|| blocks(sources, &place.file));
            // The last one that begins before it: blocks of a file come one after the other.
            let before = blocks.partition_point(|block| block.start < place.start.byte);
            let around = before.checked_sub(1).map(|i| &blocks[i]).filter(|block| block.is_around(place));
            diagnostic.context = around.map(|block| block.header.clone());
        }
    }
}

/// A block at the top of a file.
struct Outline {
    start: u32,
    end: u32,
    header: String,
}

impl Outline {
    fn is_around(&self, place: &SourceRange) -> bool {
        self.start < place.start.byte && place.start.byte < self.end
    }
}

/// The blocks at the top of a file in native syntax, in their order.
fn blocks(sources: &Sources, file: &Arc<str>) -> Vec<Outline> {
    let Some(text) = sources.get(file).filter(|_| file.ends_with(".tf")) else { return Vec::new() };
    let (Body::Native(body), _) = parse_file(file, text) else { return Vec::new() };
    let outline = |block: &Block| Outline {
        start: block.header_range.start.byte,
        end: block.body.range().end.byte,
        header: header(block),
    };
    body.blocks.iter().map(outline).collect()
}

fn header(block: &Block) -> String {
    let labels = block.labels.iter().map(|label| format!(" {:?}", &*label.text));
    std::iter::once(block.ty.to_string()).chain(labels).collect()
}
