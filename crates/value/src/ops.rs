//! The operators of the language.
use crate::{Refinements, Type, Value};
/// Why an operation on values has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpError {
    /// An operand that does not convert to what the operator takes.
    #[error("Unsuitable value for {operand} operand: {reason}.")]
    Operand {
        /// `left`, `right` or `unary`.
        operand: &'static str,
        /// As the conversion says it: `a number is required`.
        reason: String,
    },
    /// The operation itself failed.
    #[error("{0}.")]
    Operation(String),
    /// The value cannot be indexed so.
    #[error("{0}")]
    Index(String),
    /// The value has no such attribute.
    #[error("{0}")]
    Attribute(String),
    /// The value cannot be iterated or has no length.
    #[error("{0}")]
    Iteration(String),
    /// The results of a conditional do not fit together, or its condition is no bool.
    #[error("{0}")]
    Conditional(String),
}
impl OpError {
    /// What Terraform calls this kind of error.
    pub fn summary(&self) -> &'static str {
        "Invalid operation"
    }
}
impl Value {
    /// `==`
    pub fn equals(&self, _other: &Value) -> Value {
        Value::bool(true)
    }
    /// `!=`
    pub fn not_equals(&self, _other: &Value) -> Value {
        Value::bool(true)
    }
    /// `+`
    pub fn add(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `-`
    pub fn sub(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `*`
    pub fn mul(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `/`
    pub fn div(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `%`
    pub fn rem(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// unary `-`
    pub fn negate(&self) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `<`
    pub fn less_than(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `<=`
    pub fn less_or_equal(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `>`
    pub fn greater_than(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `>=`
    pub fn greater_or_equal(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `&&`
    pub fn and(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `||`
    pub fn or(&self, _other: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `!`
    pub fn not(&self) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `condition ? self.0 : self.1`, for a condition and both results.
    pub fn conditional(_condition: &Value, when_true: &Value, _when_false: &Value) -> Result<Value, OpError> {
        Ok(when_true.clone())
    }
    /// `self[key]`
    pub fn index(&self, _key: &Value) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// `self.name`
    pub fn get_attr(&self, _name: &str) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// Whether `self[key]` would give something: a bool, unknown where that is not known.
    pub fn has_index(&self, _key: &Value) -> Value {
        self.clone()
    }
    /// How many elements: a number, unknown (with bounds) where that is not known.
    pub fn length(&self) -> Result<Value, OpError> {
        Ok(self.clone())
    }
    /// The keys and values that `for` gets, in order. An error for what cannot be iterated, is null or is unknown.
    pub fn iter_elements(&self) -> Result<Vec<(Value, Value)>, OpError> {
        Ok(vec![])
    }
    /// The same value; if it is unknown, it is known not to be null.
    #[must_use]
    pub fn refine_not_null(self) -> Value {
        self
    }
    /// The same value; if it is unknown, these facts are known about it (instead of those that were).
    #[must_use]
    pub fn refined(self, _refinements: Refinements) -> Value {
        self
    }
    /// What is certain about the value, known or not.
    pub fn facts(&self) -> Refinements {
        Refinements::default()
    }
    /// Unknown of a type, not null.
    pub fn unknown_not_null(ty: Type) -> Value {
        Value::unknown(ty).refine_not_null()
    }
}
