//! The syntax: expressions, templates, errors and their places, bodies in both syntaxes, and any text at all.

mod any_text;
mod bodies;
mod dump;
mod errors;
mod expressions;
mod formatting;
mod templates;
