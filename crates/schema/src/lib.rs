//! What a block may hold: attributes, nested blocks, and what changing them means.
//!
//! The facts are those of `terraform providers schema -json`, with two that it does not tell added: defaults, and what
//! forces a replacement.

mod block;
mod json;

pub use block::{Attribute, Block, NestedBlock, Nesting, Schema};
pub use json::{SchemaError, parse_schema};
