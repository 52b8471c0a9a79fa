//! Sets: no element twice, an order of their own, marks on the whole.
use crate::{Type, Value, value::Kind};
impl Value {
    /// A set; every element must be of type `element` already. Elements that are there twice are kept once, their marks
    /// become marks of the set.
    pub fn set(element: Type, elements: impl IntoIterator<Item = Value>) -> Value {
        Kind::Set(element, elements.into_iter().collect()).into()
    }
}
