//! The difference between two objects, as a tree of signs that text, Markdown and HTML are made from.

pub(crate) mod change;
pub(crate) mod compare;
pub(crate) mod diff;
pub(crate) mod entry;
pub(crate) mod pairing;
pub(crate) mod paths;
pub(crate) mod told;
