//! How prior state and configuration become a plan: one algorithm for all types.

mod diff;
mod rules;

pub use diff::Diff;
pub use rules::{Around, Key, Meta, NoRules, PluginKind, TagRules, TypeRules};
