//! `variable` blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_diag::{Diagnostic, SourceRange};
use infra_value::{Marks, Type, Value, convert};

use super::types::error_text;
use super::{CheckRule, apply_defaults};

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
    /// The default value, converted to the type; `None` means that the variable is required.
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

impl Variable {
    /// The value of the variable for a value that was given for it: with defaults of optional attributes, converted to
    /// the variable's type, and with the variable's default in the place of a null that is not allowed.
    ///
    /// # Errors
    /// When the value does not fit the type, or is null and must not be. The diagnostic has no place.
    pub fn prepare(&self, given: Value) -> Result<Value, Diagnostic> {
        let completed = match &self.defaults {
            Some(defaults) => apply_defaults(&given, defaults),
            None => given,
        };
        let refuse = |summary: &str, reason: &str| {
            let declared = &self.decl_range;
            let detail = format!("The given value does not suit var.{}, declared at {declared}: {reason}.", self.name);
            Diagnostic::error(summary, detail)
        };
        let value = convert(&completed, &self.ty)
            .map_err(|error| refuse("Invalid value for input variable", &error_text(&error)))?;
        match (value.is_null() && !self.nullable, &self.default) {
            (false, _) => Ok(value),
            (true, Some(default)) => Ok(default.clone()),
            (true, None) => Err(refuse("Required variable not set", "a required variable must not be null")),
        }
    }

    /// The marks that every value of the variable has.
    pub fn marks(&self) -> Marks {
        let mark = |set: bool, mark: Marks| if set { mark } else { Marks::NONE };
        mark(self.sensitive, Marks::SENSITIVE) | mark(self.ephemeral, Marks::EPHEMERAL)
    }

    /// Whether a value has to be given.
    pub fn is_required(&self) -> bool {
        self.default.is_none()
    }
}
