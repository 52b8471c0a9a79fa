//! Text to syntax tree: the native syntax and JSON.

pub mod ast;
pub mod body;
mod collection;
mod cursor;
mod expr;
mod fmt;
pub mod json;
mod json_text;
mod layout;
pub mod lexer;
mod parser;
pub mod suggest;
mod template;
mod walk;

pub use ast::*;
pub use body::{AttributeSchema, BlockSchema, BodySchema, Content};
pub use expr::{parse_expression, parse_traversal};
pub use fmt::format;
pub use json::{JsonBody, parse_json_file};
pub use lexer::is_identifier;
pub use parser::parse_file;
pub use template::parse_template;
pub(crate) use walk::Bound;
pub use walk::Found;
