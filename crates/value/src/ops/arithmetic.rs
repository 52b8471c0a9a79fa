//! Arithmetic and the comparison of numbers.

use std::cmp::Ordering;

use super::{OpError, operand, operands};
use crate::{Marks, Number, NumberError, Refinements, Type, Value};

type Operation = fn(&Number, &Number) -> Result<Number, NumberError>;
type Bound = Option<(Number, bool)>;

impl Value {
    /// `self + other`
    pub fn add(&self, other: &Value) -> Result<Value, OpError> {
        self.arithmetic(other, Number::add, |a, b| {
            (combine(&a.min, &b.min, Number::add), combine(&a.max, &b.max, Number::add))
        })
    }

    /// `self - other`
    pub fn sub(&self, other: &Value) -> Result<Value, OpError> {
        self.arithmetic(other, Number::sub, |a, b| {
            (combine(&a.min, &b.max, Number::sub), combine(&a.max, &b.min, Number::sub))
        })
    }

    /// `self * other`
    pub fn mul(&self, other: &Value) -> Result<Value, OpError> {
        self.arithmetic(other, Number::mul, |_, _| (None, None))
    }

    /// `self / other`
    pub fn div(&self, other: &Value) -> Result<Value, OpError> {
        self.arithmetic(other, Number::div, |_, _| (None, None))
    }

    /// `self % other`
    pub fn rem(&self, other: &Value) -> Result<Value, OpError> {
        self.arithmetic(other, Number::rem, |_, _| (None, None))
    }

    /// `-self`
    pub fn negate(&self) -> Result<Value, OpError> {
        let (value, marks) = operand(self, &Type::Number, "unary")?;
        if value.is_null() {
            return Err(OpError::null_operand());
        }
        let result =
            value.as_number().map_or_else(|| Value::unknown_not_null(Type::Number), |n| Value::number(n.neg()));
        Ok(result.with_marks(marks))
    }

    fn arithmetic(
        &self,
        other: &Value,
        operation: Operation,
        bounds: fn(&Refinements, &Refinements) -> (Bound, Bound),
    ) -> Result<Value, OpError> {
        let (left, right, marks) = operands(self, other, &Type::Number)?;
        let result = match (left.as_number(), right.as_number()) {
            (Some(a), Some(b)) => Value::number(operation(a, b).map_err(|e| OpError::Operation(e.to_string()))?),
            _ => {
                let (min, max) = bounds(&left.facts(), &right.facts());
                let facts = Refinements { not_null: true, min, max, ..Refinements::default() };
                Value::unknown(Type::Number).refined(facts)
            }
        };
        Ok(result.with_marks(marks))
    }

    /// `self < other`
    pub fn less_than(&self, other: &Value) -> Result<Value, OpError> {
        let (left, right, marks) = operands(self, other, &Type::Number)?;
        Ok(ordered(&left, &right, Ordering::Less, marks))
    }

    /// `self > other`
    pub fn greater_than(&self, other: &Value) -> Result<Value, OpError> {
        let (left, right, marks) = operands(self, other, &Type::Number)?;
        Ok(ordered(&left, &right, Ordering::Greater, marks))
    }

    /// `self <= other`
    pub fn less_or_equal(&self, other: &Value) -> Result<Value, OpError> {
        self.or_equal(other, Ordering::Less)
    }

    /// `self >= other`
    pub fn greater_or_equal(&self, other: &Value) -> Result<Value, OpError> {
        self.or_equal(other, Ordering::Greater)
    }

    fn or_equal(&self, other: &Value, wanted: Ordering) -> Result<Value, OpError> {
        let (left, right, marks) = operands(self, other, &Type::Number)?;
        match (left.as_number(), right.as_number()) {
            (Some(a), Some(b)) => Ok(Value::bool(a == b || a.cmp(b) == wanted).with_marks(marks)),
            // Of what is not known, both questions must be answered to give an answer.
            _ => ordered(&left, &right, wanted, marks).or(&left.equals(&right)),
        }
    }
}

fn combine(a: &Bound, b: &Bound, operation: Operation) -> Bound {
    let ((a, a_included), (b, b_included)) = (a.as_ref()?, b.as_ref()?);
    Some((operation(a, b).ok()?, *a_included && *b_included))
}

/// Whether two numbers stand in the wanted order. What is known about unknown ones may decide it.
fn ordered(left: &Value, right: &Value, wanted: Ordering, marks: Marks) -> Value {
    let (left, right) = if wanted == Ordering::Less { (left, right) } else { (right, left) };
    let (low, high) = (left.facts(), right.facts());
    let below = |a: &Bound, b: &Bound| a.as_ref().zip(b.as_ref()).is_some_and(|((a, _), (b, _))| a < b);
    let answer = match (left.as_number(), right.as_number()) {
        (Some(a), Some(b)) => Value::bool(a < b),
        _ if below(&low.max, &high.min) => Value::bool(true),
        _ if below(&high.max, &low.min) => Value::bool(false),
        _ => Value::unknown_not_null(Type::Bool),
    };
    answer.with_marks(marks)
}
