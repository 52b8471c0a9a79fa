//! What is known about an unknown value beside its type.

use std::sync::Arc;

use crate::{Number, Type};

/// An unknown value: its type and what else is known about it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Unknown {
    ty: Type,
    refinements: Option<Arc<Refinements>>,
}

/// Facts about an unknown value, as in cty's "refinements": they decide some answers (`x == null`, `length(x) > 0`)
/// before the value is known.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Refinements {
    /// It is known not to be null.
    pub not_null: bool,
    /// Strings: a prefix that the value certainly has.
    pub prefix: Option<Arc<str>>,
    /// Numbers: lower bound, and whether the bound itself is possible.
    pub min: Option<(Number, bool)>,
    /// Numbers: upper bound, and whether the bound itself is possible.
    pub max: Option<(Number, bool)>,
    /// Collections: the least number of elements.
    pub min_len: u64,
    /// Collections: the greatest number of elements.
    pub max_len: Option<u64>,
}

impl Unknown {
    /// Nothing known but the type.
    pub fn new(ty: Type) -> Unknown {
        Unknown { ty, refinements: None }
    }
    /// The type; [`Type::Dynamic`] if not even that is known.
    pub fn ty(&self) -> &Type {
        &self.ty
    }
    /// What else is known.
    pub fn refinements(&self) -> Option<&Refinements> {
        self.refinements.as_deref()
    }
    /// The same unknown with other facts. Facts about [`Type::Dynamic`] are not kept.
    #[must_use]
    pub fn refined(self, refinements: Refinements) -> Unknown {
        let keep = self.ty != Type::Dynamic && refinements != Refinements::default();
        Unknown { refinements: keep.then(|| Arc::new(refinements)), ty: self.ty }
    }
}
