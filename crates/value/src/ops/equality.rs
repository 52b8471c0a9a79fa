//! `==` and `!=`.

use crate::value::Kind;
use crate::{Marks, Refinements, Type, Value};

impl Value {
    /// `self == other`: true only for values of the same type, and for nulls of any. Unknown where that depends on what
    /// is not known. All marks of both, at any depth, are on the result.
    pub fn equals(&self, other: &Value) -> Value {
        let (answer, marks) = self.compare(other);
        answer.map_or_else(|| Value::unknown_not_null(Type::Bool), Value::bool).with_marks(marks)
    }

    /// `self != other`
    pub fn not_equals(&self, other: &Value) -> Value {
        let (answer, marks) = self.compare(other);
        answer.map_or_else(|| Value::unknown_not_null(Type::Bool), |equal| Value::bool(!equal)).with_marks(marks)
    }

    fn compare(&self, other: &Value) -> (Option<bool>, Marks) {
        let (left, left_marks) = self.unmark_deep();
        let (right, right_marks) = other.unmark_deep();
        (are_equal(&left, &right), left_marks | right_marks)
    }
}

/// Whether two values without marks are equal; `None` if that is not known.
fn are_equal(a: &Value, b: &Value) -> Option<bool> {
    match (a.kind(), b.kind()) {
        (Kind::Unknown(_), Kind::Unknown(_)) => None,
        (Kind::Unknown(u), _) => {
            if may_become(u.ty(), &a.facts(), b) {
                None
            } else {
                Some(false)
            }
        }
        (_, Kind::Unknown(_)) => are_equal(b, a),
        (Kind::Null(_), Kind::Null(_)) => Some(true),
        (Kind::Null(_), _) | (_, Kind::Null(_)) => Some(false),
        _ => known_are_equal(a, b),
    }
}

fn known_are_equal(a: &Value, b: &Value) -> Option<bool> {
    if has_open_type(a) || has_open_type(b) {
        let (a, b) = (a.ty(), b.ty());
        return if a.conforms(&b) || b.conforms(&a) { None } else { Some(false) };
    }
    if a.ty() != b.ty() {
        return Some(false);
    }
    match (a.kind(), b.kind()) {
        (Kind::Set(..), Kind::Set(..)) => (a.is_wholly_known() && b.is_wholly_known()).then(|| a == b),
        (Kind::List(_, x), Kind::List(_, y)) | (Kind::Tuple(x), Kind::Tuple(y)) => {
            if x.len() == y.len() {
                all_equal(x.iter().zip(y.iter()))
            } else {
                Some(false)
            }
        }
        (Kind::Map(_, x), Kind::Map(_, y)) | (Kind::Object(x), Kind::Object(y)) => {
            if x.keys().eq(y.keys()) {
                all_equal(x.values().zip(y.values()))
            } else {
                Some(false)
            }
        }
        _ => Some(a == b),
    }
}

fn all_equal<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Option<bool> {
    let mut result = Some(true);
    for (a, b) in pairs {
        match are_equal(a, b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

/// Whether something unknown stands in the value whose type is not known either.
fn has_open_type(value: &Value) -> bool {
    match value.kind() {
        Kind::Unknown(u) => u.ty().has_dynamic(),
        Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => es.iter().any(has_open_type),
        Kind::Map(_, ms) | Kind::Object(ms) => ms.values().any(has_open_type),
        _ => false,
    }
}

/// Whether an unknown with these facts may turn out to be equal to the known value.
fn may_become(ty: &Type, facts: &Refinements, value: &Value) -> bool {
    if value.is_null() {
        return !facts.not_null;
    }
    let value_type = value.ty();
    if !value_type.conforms(ty) && !ty.conforms(&value_type) {
        return false;
    }
    match value.kind() {
        Kind::String(text) => facts.prefix.as_deref().is_none_or(|prefix| text.starts_with(prefix)),
        Kind::Number(n) => {
            facts.min.as_ref().is_none_or(|(min, inclusive)| n > min || (*inclusive && n == min))
                && facts.max.as_ref().is_none_or(|(max, inclusive)| n < max || (*inclusive && n == max))
        }
        Kind::List(..) | Kind::Map(..) => {
            let len = value.len().unwrap_or_default() as u64;
            len >= facts.min_len && facts.max_len.is_none_or(|max| len <= max)
        }
        _ => true,
    }
}
