//! The JSON forms of values and types in states and plans.
use crate::{Path, Type, Value};
/// Why there is no such JSON or no such value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there.
    pub message: String,
}
/// JSON of a value of the type.
pub fn value_to_json(_value: &Value, _ty: &Type) -> Result<serde_json::Value, JsonError> {
    Ok(serde_json::Value::Null)
}
/// The value of the type that a JSON stands for.
pub fn value_from_json(_json: &serde_json::Value, ty: &Type) -> Result<Value, JsonError> {
    Ok(Value::null(ty.clone()))
}
/// The value of the type that the JSON itself implies, as `jsondecode` gives it.
pub fn value_from_json_implied(_json: &serde_json::Value) -> Result<Value, JsonError> {
    Ok(Value::null(Type::Dynamic))
}
/// JSON of a type.
pub fn type_to_json(_ty: &Type) -> serde_json::Value {
    serde_json::Value::Null
}
/// The type that a JSON stands for.
pub fn type_from_json(_json: &serde_json::Value) -> Result<Type, JsonError> {
    Ok(Type::Dynamic)
}
