//! Conversion of values to types.
use crate::{Path, Type, Value};
/// Why a value cannot become of a type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConvertError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there, as Terraform says it: `string required`.
    pub message: String,
}
/// The value as one of type `ty`.
pub fn convert(value: &Value, _ty: &Type) -> Result<Value, ConvertError> {
    Ok(value.clone())
}
/// The type to which values of all these types convert.
pub fn unify(types: &[Type]) -> Option<Type> {
    types.first().cloned()
}
impl Value {
    /// Whether the value's type is what the constraint asks for, without conversion.
    pub fn conforms_to(&self, ty: &Type) -> bool {
        self.ty().conforms(ty)
    }
}
impl Type {
    /// Whether this type is what the constraint asks for, without conversion.
    pub fn conforms(&self, constraint: &Type) -> bool {
        self == constraint
    }
}
