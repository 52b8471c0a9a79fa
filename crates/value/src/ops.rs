//! The operators of the language. Each knows what nulls, unknowns and marks make of its result.

mod access;
mod arithmetic;
mod conditional;
mod equality;
mod facts;

use crate::{Marks, Type, Value, convert};

/// Why an operation on values has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpError {
    /// An operand does not convert to what the operator takes.
    #[error("Unsuitable value for {operand} operand: {reason}.")]
    Operand {
        /// `left`, `right` or `unary`.
        operand: &'static str,
        /// As the conversion says it: `a number is required`.
        reason: String,
    },
    /// The operation has no result for these operands.
    #[error("Error during operation: {0}.")]
    Operation(String),
    /// Indexing null.
    #[error("The value is null, and null has no elements.")]
    IndexOfNull,
    /// The key selects nothing.
    #[error("{0}")]
    Index(String),
    /// An attribute of null.
    #[error("The value is null, and null has no attributes.")]
    AttributeOfNull,
    /// The value has no such attribute.
    #[error("{0}")]
    Attribute(String),
    /// The map has no such member.
    #[error("The map has no element with the key {0:?}.")]
    MissingElement(String),
    /// Iterating null.
    #[error("The value is null, and null has no elements to iterate over.")]
    IterationOverNull,
    /// Iterating what has no elements; the name of the type.
    #[error("A {0} has no elements to iterate over.")]
    Iteration(String),
    /// Iterating what is not known yet.
    #[error("The elements are known only after apply.")]
    IterationOverUnknown,
    /// The value has no length; the name of the type.
    #[error("A {0} has no length.")]
    Length(String),
    /// The condition is null.
    #[error("The condition is null; it must be true or false.")]
    NullCondition,
    /// The condition is no bool.
    #[error("The condition must be true or false: {0}.")]
    Condition(String),
    /// The results of a conditional have no type in common.
    #[error("The results for true and for false must have types that fit together. {0}")]
    Results(String),
}

impl OpError {
    /// What Terraform calls this kind of error.
    pub fn summary(&self) -> &'static str {
        match self {
            OpError::Operand { .. } => "Invalid operand",
            OpError::Operation(_) => "Operation failed",
            OpError::IndexOfNull => "Attempt to index null value",
            OpError::Index(_) => "Invalid index",
            OpError::AttributeOfNull => "Attempt to get attribute from null value",
            OpError::Attribute(_) => "Unsupported attribute",
            OpError::MissingElement(_) => "Missing map element",
            OpError::IterationOverNull => "Iteration over null value",
            OpError::Iteration(_) => "Iteration over non-iterable value",
            OpError::IterationOverUnknown => "Iteration over unknown value",
            OpError::Length(_) => "Invalid function argument",
            OpError::NullCondition => "Null condition",
            OpError::Condition(_) => "Incorrect condition type",
            OpError::Results(_) => "Inconsistent conditional result types",
        }
    }

    fn null_operand() -> OpError {
        OpError::Operation("argument must not be null".into())
    }
}

/// Converts an operand, and takes off its marks.
fn operand(value: &Value, ty: &Type, side: &'static str) -> Result<(Value, Marks), OpError> {
    convert(value, ty).map(Value::unmark).map_err(|e| OpError::Operand { operand: side, reason: e.message })
}

/// Both operands converted and not null, and their marks.
fn operands(left: &Value, right: &Value, ty: &Type) -> Result<(Value, Value, Marks), OpError> {
    let (left, left_marks) = operand(left, ty, "left")?;
    let (right, right_marks) = operand(right, ty, "right")?;
    if left.is_null() || right.is_null() {
        return Err(OpError::null_operand());
    }
    Ok((left, right, left_marks | right_marks))
}

impl Value {
    /// `self && other`. Unknown if one of them is: there is no short circuit.
    pub fn and(&self, other: &Value) -> Result<Value, OpError> {
        self.logical(other, |a, b| a && b)
    }

    /// `self || other`. Unknown if one of them is: there is no short circuit.
    pub fn or(&self, other: &Value) -> Result<Value, OpError> {
        self.logical(other, |a, b| a || b)
    }

    fn logical(&self, other: &Value, combine: fn(bool, bool) -> bool) -> Result<Value, OpError> {
        let (left, right, marks) = operands(self, other, &Type::Bool)?;
        let result = match (left.as_bool(), right.as_bool()) {
            (Some(a), Some(b)) => Value::bool(combine(a, b)),
            _ => Value::unknown_not_null(Type::Bool),
        };
        Ok(result.with_marks(marks))
    }

    /// `!self`
    pub fn not(&self) -> Result<Value, OpError> {
        let (value, marks) = operand(self, &Type::Bool, "unary")?;
        if value.is_null() {
            return Err(OpError::null_operand());
        }
        let result = value.as_bool().map_or_else(|| Value::unknown_not_null(Type::Bool), |b| Value::bool(!b));
        Ok(result.with_marks(marks))
    }
}
