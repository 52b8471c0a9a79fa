//! `condition ? a : b`

use super::OpError;
use crate::convert::unify_with;
use crate::value::Kind;
use crate::{Refinements, Type, Value, convert};

impl Value {
    /// `condition ? when_true : when_false`. Both results become of one type, also the one that is not chosen; where the
    /// result that is not chosen could not be computed, give [`Value::dynamic`] for it. The marks of all three are on
    /// the result.
    pub fn conditional(condition: &Value, when_true: &Value, when_false: &Value) -> Result<Value, OpError> {
        let ty = result_type(when_true, when_false)?;
        if condition.is_null() {
            return Err(OpError::NullCondition);
        }
        let (condition, marks) = convert(condition, &Type::Bool).map_err(|e| OpError::Condition(e.message))?.unmark();
        // The marks of both results count: which one it is says something about the other.
        let marks = marks | when_true.marks() | when_false.marks();
        let Some(decided) = condition.as_bool() else {
            return Ok(undecided(&ty, when_true, when_false).with_marks(marks));
        };
        let (chosen, side) = if decided { (when_true, "true") } else { (when_false, "false") };
        match convert(chosen, &ty) {
            Ok(value) => Ok(value.with_marks(marks)),
            Err(e) => Err(OpError::Results(format!("The result for {side} does not convert: {}.", e.message))),
        }
    }
}

fn result_type(when_true: &Value, when_false: &Value) -> Result<Type, OpError> {
    let literal_null = |v: &Value| matches!(v.kind(), Kind::Null(Type::Dynamic));
    let (a, b) = (when_true.ty(), when_false.ty());
    match () {
        () if literal_null(when_true) => Ok(b),
        () if literal_null(when_false) => Ok(a),
        () if a == Type::Dynamic || b == Type::Dynamic => Ok(Type::Dynamic),
        () => unify_with(&[a.clone(), b.clone()], true).ok_or_else(|| OpError::Results(difference(&a, &b))),
    }
}

/// What is known about the result while it is open which one it will be.
fn undecided(ty: &Type, when_true: &Value, when_false: &Value) -> Value {
    if when_true.is_null() && when_false.is_null() {
        return Value::null(ty.clone());
    }
    let (a_type, b_type) = (when_true.ty(), when_false.ty());
    let (a, b) = (when_true.facts(), when_false.facts());
    let mut facts = Refinements { not_null: a.not_null && b.not_null, ..Refinements::default() };
    if a_type == Type::Number && b_type == Type::Number {
        // At the same bound, the one that is possible is.
        facts.min = a.min.zip(b.min).map(|(x, y)| match x.0.cmp(&y.0) {
            std::cmp::Ordering::Equal => (x.0, x.1 || y.1),
            std::cmp::Ordering::Less => x,
            std::cmp::Ordering::Greater => y,
        });
        facts.max = a.max.zip(b.max).map(|(x, y)| match x.0.cmp(&y.0) {
            std::cmp::Ordering::Equal => (x.0, x.1 || y.1),
            std::cmp::Ordering::Less => y,
            std::cmp::Ordering::Greater => x,
        });
        // Even if both are the same number, Terraform gives no answer before the condition.
        if facts.min == facts.max {
            (facts.min, facts.max) = (None, None);
        }
    } else if a_type.is_collection() && a_type == b_type {
        facts.min_len = a.min_len.min(b.min_len);
        facts.max_len = a.max_len.zip(b.max_len).map(|(x, y)| x.max(y));
    }
    Value::unknown(ty.clone()).refined(facts)
}

/// Where the types of the two results differ.
fn difference(a: &Type, b: &Type) -> String {
    match (a, b) {
        (Type::Object(x), Type::Object(y)) => {
            for (name, a) in &x.attributes {
                match y.attributes.get(name) {
                    None => return format!("Only the one for true has the attribute {name:?}."),
                    Some(b) if a != b => return format!("In the attribute {name:?}: {}", difference(a, b)),
                    Some(_) => {}
                }
            }
            let more = y.attributes.keys().find(|name| !x.attributes.contains_key(*name));
            more.map_or_else(String::new, |name| format!("Only the one for false has the attribute {name:?}."))
        }
        (Type::Tuple(x), Type::Tuple(y)) if x.len() != y.len() => {
            format!("The one for true is a tuple of {} elements, the one for false of {}.", x.len(), y.len())
        }
        (Type::Tuple(x), Type::Tuple(y)) => {
            let differing = x.iter().zip(y.iter()).enumerate().find(|(_, (a, b))| a != b);
            differing.map_or_else(String::new, |(i, (a, b))| format!("In the element {i}: {}", difference(a, b)))
        }
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            format!("In the elements: {}", difference(a, b))
        }
        _ => format!("The one for true is {}, the one for false is {}.", a.name_of_value(), b.name_of_value()),
    }
}
