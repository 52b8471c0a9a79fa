//! What is certain about a value that is not known.

use crate::value::Kind;
use crate::{Refinements, Type, Value};

/// Lists of a certain length up to this one are made of unknown elements.
const LONGEST_MADE: u64 = 1024;

impl Value {
    /// Unknown of a type, but not null.
    pub fn unknown_not_null(ty: Type) -> Value {
        Value::unknown(ty).refine_not_null()
    }

    /// The same value; if it is unknown, it is now known not to be null.
    #[must_use]
    pub fn refine_not_null(self) -> Value {
        if self.is_known() {
            return self;
        }
        let facts = Refinements { not_null: true, ..self.facts() };
        self.refined(facts)
    }

    /// The same value; if it is unknown, these facts are known about it (instead of those that were). The value itself,
    /// where the facts leave only one.
    #[must_use]
    pub fn refined(self, facts: Refinements) -> Value {
        let marks = self.marks();
        let Kind::Unknown(unknown) = self.kind() else { return self };
        let refined = match only_value(unknown.ty(), &facts) {
            Some(value) => value,
            None => Kind::Unknown(unknown.clone().refined(facts)).into(),
        };
        refined.with_marks(marks)
    }

    /// What is certain about the value, known or not.
    pub fn facts(&self) -> Refinements {
        let not_null = Refinements { not_null: true, ..Refinements::default() };
        match self.kind() {
            Kind::Null(_) => Refinements::default(),
            Kind::Unknown(unknown) => unknown.refinements().cloned().unwrap_or_default(),
            Kind::String(text) => Refinements { prefix: Some(text.clone()), ..not_null },
            Kind::Number(n) => Refinements { min: Some((n.clone(), true)), max: Some((n.clone(), true)), ..not_null },
            Kind::Set(..) | Kind::List(..) | Kind::Map(..) => {
                let len = self.len().unwrap_or_default() as u64;
                let may_shrink = matches!(self.kind(), Kind::Set(..)) && !self.is_wholly_known();
                Refinements { min_len: if may_shrink { len.min(1) } else { len }, max_len: Some(len), ..not_null }
            }
            _ => not_null,
        }
    }
}

fn only_value(ty: &Type, facts: &Refinements) -> Option<Value> {
    if !facts.not_null {
        return None;
    }
    if let (Type::Number, Some((min, true)), Some((max, true))) = (ty, &facts.min, &facts.max) {
        return (min == max).then(|| Value::number(min.clone()));
    }
    let len = facts.max_len.filter(|max| *max == facts.min_len && *max <= LONGEST_MADE)?;
    let nothing: [(&str, Value); 0] = [];
    match ty {
        Type::List(element) => {
            Some(Value::list((**element).clone(), (0..len).map(|_| Value::unknown((**element).clone()))))
        }
        Type::Set(element) if len <= 1 => {
            Some(Value::set((**element).clone(), (0..len).map(|_| Value::unknown((**element).clone()))))
        }
        Type::Map(element) if len == 0 => Some(Value::map((**element).clone(), nothing)),
        _ => None,
    }
}
