//! Parts of values: indexes, attributes, lengths, iteration.

use super::OpError;
use crate::value::Kind;
use crate::{Marks, Number, Refinements, Type, Value, convert};

/// A key that selects an element, or that cannot be known yet.
enum Key {
    At(usize),
    Named(Value),
    Unknown,
}

impl Value {
    /// `self[key]`, with the marks of both.
    pub fn index(&self, key: &Value) -> Result<Value, OpError> {
        if let Some(part) = self.known_part(key) {
            return Ok(part);
        }
        let (collection, marks) = self.clone().unmark();
        let (key, key_marks) = key.clone().unmark();
        if collection.is_null() {
            return Err(OpError::IndexOfNull);
        }
        if key.is_null() {
            return Err(OpError::Index("A key must not be null.".into()));
        }
        let ty = collection.ty();
        // Which attribute of an object was chosen is not kept secret, as in Terraform.
        let marks = if matches!(ty, Type::Object(_)) { marks } else { marks | key_marks };
        let secret = (marks | key_marks).contains(Marks::SENSITIVE);
        let part = match &ty {
            Type::Dynamic => Value::dynamic(),
            Type::List(_) | Type::Tuple(_) => match position(&key)? {
                Key::At(i) => collection.element_at(i, &ty)?,
                _ => Value::unknown(ty.element().cloned().unwrap_or(Type::Dynamic)),
            },
            Type::Map(_) | Type::Object(_) => match name(&key)? {
                Key::Named(name) => collection.member(&name, &ty, secret)?,
                _ => Value::unknown(ty.element().cloned().unwrap_or(Type::Dynamic)),
            },
            Type::Set(_) => {
                let message = "A set has no indexes: its elements are known only by their values.";
                return Err(OpError::Index(message.into()));
            }
            _ => return Err(OpError::Index(format!("A {} has no elements to select.", ty.friendly_name()))),
        };
        Ok(part.with_marks(marks))
    }

    /// The part that a known key of a fitting type selects. It is found without the type of the whole, which takes long
    /// to tell for a tuple of many instances.
    fn known_part(&self, key: &Value) -> Option<Value> {
        let marks = self.marks() | key.marks();
        Some(match (self.kind(), key.kind()) {
            (Kind::List(_, elements) | Kind::Tuple(elements), Kind::Number(n)) => {
                elements.get(usize::try_from(n.to_u64()?).ok()?)?.clone().with_marks(marks)
            }
            (Kind::Map(_, members), Kind::String(name)) => members.get(name)?.clone().with_marks(marks),
            (Kind::Object(members), Kind::String(name)) => members.get(name)?.clone().with_marks(self.marks()),
            _ => return None,
        })
    }

    fn element_at(&self, i: usize, ty: &Type) -> Result<Value, OpError> {
        let out_of_range = |len: usize| match len {
            0 => OpError::Index("There is no element with this index: the collection is empty.".into()),
            _ if self.is_sensitive() => OpError::Index("There is no element with this index.".into()),
            1 => OpError::Index("There is no element with this index: the only one has the index 0.".into()),
            n => OpError::Index(format!("There is no element with this index: the last one has the index {}.", n - 1)),
        };
        if let Some(elements) = self.elements() {
            return elements.get(i).cloned().ok_or_else(|| out_of_range(elements.len()));
        }
        match ty {
            Type::Tuple(types) => {
                types.get(i).map(|t| Value::unknown(t.clone())).ok_or_else(|| out_of_range(types.len()))
            }
            _ => Ok(Value::unknown(ty.element().cloned().unwrap_or(Type::Dynamic))),
        }
    }

    fn member(&self, key: &Value, ty: &Type, secret: bool) -> Result<Value, OpError> {
        let name = key.as_str().unwrap_or_default();
        let missing = || {
            let which = if secret { "this key".to_owned() } else { format!("the key {name:?}") };
            let keys = if secret || self.is_sensitive() { String::new() } else { few_keys(self, ty) };
            OpError::Index(format!("There is no element with {which}{keys}."))
        };
        if let Some(members) = self.members() {
            return members.get(name).cloned().ok_or_else(missing);
        }
        match ty {
            Type::Object(object) => object.attributes.get(name).map(|t| Value::unknown(t.clone())).ok_or_else(missing),
            _ => Ok(Value::unknown(ty.element().cloned().unwrap_or(Type::Dynamic))),
        }
    }

    /// `self.name`, with the marks of the object.
    pub fn get_attr(&self, name: &str) -> Result<Value, OpError> {
        if let Some(part) = self.get(name) {
            return Ok(part.clone().with_marks(self.marks()));
        }
        let ty = self.ty();
        if self.is_null() {
            return Err(OpError::AttributeOfNull);
        }
        let part = match (self.kind(), &ty) {
            (_, Type::Dynamic) => Value::dynamic(),
            (Kind::Object(members), _) => members.get(name).cloned().ok_or_else(|| no_attribute(name))?,
            (_, Type::Object(object)) => {
                Value::unknown(object.attributes.get(name).cloned().ok_or_else(|| no_attribute(name))?)
            }
            (Kind::Map(_, members), _) => {
                members.get(name).cloned().ok_or_else(|| OpError::MissingElement(name.to_owned()))?
            }
            (_, Type::Map(element)) => Value::unknown((**element).clone()),
            _ => {
                return Err(OpError::Attribute(format!("A {} has no attributes.", ty.friendly_name())));
            }
        };
        Ok(part.with_marks(self.marks()))
    }

    /// Whether `self[key]` gives something: a bool, unknown where that is not known yet.
    pub fn has_index(&self, key: &Value) -> Value {
        let marks = self.marks() | key.marks();
        let ty = self.ty();
        let open = || Value::unknown_not_null(Type::Bool);
        let answer = match &ty {
            Type::Dynamic => open(),
            _ if self.is_null() || key.is_null() => Value::bool(false),
            Type::List(_) | Type::Tuple(_) => match position(key) {
                Ok(Key::At(_)) if !self.is_known() && matches!(ty, Type::List(_)) => open(),
                Ok(Key::At(i)) => Value::bool(self.element_at(i, &ty).is_ok()),
                Ok(_) => open(),
                Err(_) => Value::bool(false),
            },
            Type::Map(_) | Type::Object(_) => match name(key) {
                Ok(Key::Named(_)) if !self.is_known() && matches!(ty, Type::Map(_)) => open(),
                Ok(Key::Named(name)) => Value::bool(self.member(&name, &ty, true).is_ok()),
                Ok(_) => open(),
                Err(_) => Value::bool(false),
            },
            _ => Value::bool(false),
        };
        answer.with_marks(marks)
    }

    /// How many elements or members there are: a number, unknown with bounds where that is not known yet. Not for
    /// strings: their length is a function of its own.
    pub fn length(&self) -> Result<Value, OpError> {
        if let (Kind::List(..) | Kind::Tuple(_) | Kind::Map(..) | Kind::Object(_), Some(len)) =
            (self.kind(), self.len())
        {
            return Ok(Value::number(len).with_marks(self.marks()));
        }
        let ty = self.ty();
        if self.is_null() {
            return Err(OpError::Operation("argument must not be null".into()));
        }
        let bounded = |min: u64, max: Option<u64>| {
            let bound = |n: u64| (Number::from(n), true);
            let facts =
                Refinements { not_null: true, min: Some(bound(min)), max: max.map(bound), ..Refinements::default() };
            Value::unknown(Type::Number).refined(facts)
        };
        let length = match (self.kind(), &ty) {
            (Kind::Set(..), _) if !self.is_wholly_known() => {
                let facts = self.facts();
                bounded(facts.min_len, facts.max_len)
            }
            (_, Type::Tuple(types)) => Value::number(types.len()),
            (_, Type::Object(object)) => Value::number(object.attributes.len()),
            (Kind::Unknown(_), Type::Dynamic) => bounded(0, None),
            (Kind::Unknown(_), _) if ty.is_collection() => {
                let facts = self.facts();
                bounded(facts.min_len, facts.max_len)
            }
            _ => Value::number(self.len().ok_or_else(|| OpError::Length(ty.friendly_name()))?),
        };
        Ok(length.with_marks(self.marks()))
    }

    /// The keys and values that `for` gets, in its order: numbers for lists and tuples, names for maps and objects, and
    /// for sets the elements themselves. The marks of `self` are not on them: they belong on the result as a whole.
    pub fn iter_elements(&self) -> Result<Vec<(Value, Value)>, OpError> {
        match self.kind() {
            Kind::Null(_) => Err(OpError::IterationOverNull),
            Kind::List(_, es) | Kind::Tuple(es) => {
                Ok(es.iter().enumerate().map(|(i, e)| (Value::number(i), e.clone())).collect())
            }
            Kind::Set(_, es) => Ok(es.iter().map(|e| (e.clone(), e.clone())).collect()),
            Kind::Map(_, ms) | Kind::Object(ms) => {
                Ok(ms.iter().map(|(name, e)| (Kind::String(name.clone()).into(), e.clone())).collect())
            }
            Kind::Unknown(u) if *u.ty() == Type::Dynamic || u.ty().is_collection() || u.ty().is_structural() => {
                Err(OpError::IterationOverUnknown)
            }
            _ => Err(OpError::Iteration(self.ty().friendly_name())),
        }
    }
}

fn no_attribute(name: &str) -> OpError {
    OpError::Attribute(format!("This object has no attribute named {name:?}."))
}

/// The index that a key of a list or tuple is.
fn position(key: &Value) -> Result<Key, OpError> {
    let wrong = |reason: &str| OpError::Index(format!("This key cannot select an element: {reason}."));
    let key = convert(key, &Type::Number).map_err(|e| wrong(&e.message))?;
    let Some(number) = key.as_number() else { return Ok(Key::Unknown) };
    if number.is_negative() {
        return Err(wrong("an index must not be negative"));
    }
    if !number.is_integer() {
        return Err(wrong("an index must be a whole number"));
    }
    // An index beyond what can be addressed is beyond the end as well.
    Ok(Key::At(number.to_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)))
}

/// The name that a key of a map or object is.
fn name(key: &Value) -> Result<Key, OpError> {
    let key = convert(key, &Type::String)
        .map_err(|e| OpError::Index(format!("This key cannot select an element: {}.", e.message)))?;
    Ok(if key.is_known() { Key::Named(key) } else { Key::Unknown })
}

/// `: the keys are "a", "b"`, where there are few.
fn few_keys(collection: &Value, ty: &Type) -> String {
    const FEW: usize = 8;
    let keys: Vec<&str> = match (collection.members(), ty) {
        (Some(members), _) => members.keys().map(|key| &**key).take(FEW + 1).collect(),
        (None, Type::Object(object)) => object.attributes.keys().map(|key| &**key).take(FEW + 1).collect(),
        _ => return String::new(),
    };
    match keys.as_slice() {
        [] => ": there is none at all".into(),
        [only] => format!(": the only key is {only:?}"),
        keys if keys.len() <= FEW => {
            let listed: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
            format!(": the keys are {}", listed.join(", "))
        }
        _ => String::new(),
    }
}
