//! `variable` blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_diag::SourceRange;
use infra_value::{Type, Value};

use super::CheckRule;

/// A `variable` block.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: Arc<str>,
    /// The type constraint, with optional attributes; [`Type::Dynamic`] where none is given.
    pub ty: Type,
    /// Whether `type` is given. (`-var` takes the text as it is where it is not.)
    pub has_type: bool,
    /// The defaults of optional attributes in `ty`.
    pub defaults: Option<Defaults>,
    /// The default value, as it was given; `None` means that the variable is required.
    pub default: Option<Value>,
    /// `description`
    pub description: Option<Arc<str>>,
    /// `sensitive`
    pub sensitive: bool,
    /// `ephemeral`
    pub ephemeral: bool,
    /// `nullable`, which is true unless given.
    pub nullable: bool,
    /// `validation` blocks.
    pub validations: Vec<CheckRule>,
    /// The block's header.
    pub decl_range: SourceRange,
}

/// The defaults that `optional(type, default)` gives inside of a type constraint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// The defaults of an object's own attributes.
    pub values: BTreeMap<Arc<str>, Value>,
    /// The defaults inside of an object's attributes.
    pub attributes: BTreeMap<Arc<str>, Defaults>,
    /// The defaults inside of a tuple's elements.
    pub tuple: BTreeMap<usize, Defaults>,
    /// The defaults inside of every element of a list, set or map.
    pub each: Option<Box<Defaults>>,
}
