//! Conversion of values to types.

mod mismatch;
mod possible;
mod unify;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use possible::is_possible;
pub use unify::unify;
pub(crate) use unify::unify_with;

use crate::value::Kind;
use crate::{Members, Number, ObjectType, Path, Refinements, Type, Value};

/// Why a value cannot become one of a type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConvertError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there, as Terraform says it: `string required`, `a number is required`.
    pub message: String,
}

impl ConvertError {
    fn new(path: &Path, message: impl Into<String>) -> ConvertError {
        ConvertError { path: path.clone(), message: message.into() }
    }
}

/// The value as one of the type. Nulls and unknowns convert too, marks stay where they are, and [`Type::Dynamic`] takes
/// what there is. Attributes that an object lacks become null where the type says that they are optional.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    convert_at(value, ty, &Path::root())
}

fn convert_at(value: &Value, ty: &Type, path: &Path) -> Result<Value, ConvertError> {
    let from = value.ty();
    if from == *ty {
        return Ok(value.clone());
    }
    if !is_possible(&from, ty, true) {
        return Err(ConvertError::new(path, mismatch::message(&from, ty)));
    }
    apply(value, ty, path)
}

/// Converts a value whose type is known to convert; only what depends on the value itself can fail.
fn apply(value: &Value, ty: &Type, path: &Path) -> Result<Value, ConvertError> {
    if *ty == Type::Dynamic || value.ty() == *ty {
        return Ok(value.clone());
    }
    let marks = value.marks();
    let converted = match value.kind() {
        Kind::Null(from) => Value::null(fill_dynamic(from, &ty.without_optional())),
        Kind::Unknown(_) => unknown_as(value, &fill_dynamic(&value.ty(), &ty.without_optional())),
        _ => apply_known(value, ty, path)?,
    };
    Ok(converted.with_marks(marks))
}

fn apply_known(value: &Value, ty: &Type, path: &Path) -> Result<Value, ConvertError> {
    match (value.kind(), ty) {
        (Kind::Number(n), Type::String) => Ok(Value::string(n.to_string())),
        (Kind::Bool(b), Type::String) => Ok(Value::string(if *b { "true" } else { "false" })),
        (Kind::String(text), Type::Number) => {
            Number::parse(text).map(Value::number).map_err(|_| ConvertError::new(path, "a number is required"))
        }
        (Kind::String(text), Type::Bool) => bool_from(text).map_err(|message| ConvertError::new(path, message)),
        (Kind::Tuple(elements) | Kind::List(_, elements), Type::List(element)) => {
            let elements = sequence(elements, element, path, matches!(value.kind(), Kind::Tuple(_)))?;
            Ok(collect(value, element, elements, Value::list))
        }
        (Kind::Set(_, _), Type::List(element)) if !value.is_wholly_known() => {
            // Elements that are not known yet may turn out to be the same: the number of elements is open.
            Ok(unknown_as(
                &Value::unknown(value.ty()).refined(value.facts()),
                &Type::list(fill_dynamic(value.ty().element().unwrap_or(&Type::Dynamic), &element.without_optional())),
            ))
        }
        (Kind::Set(_, elements), Type::List(element)) => {
            let elements = sequence(elements, element, path, false)?;
            Ok(collect(value, element, elements, Value::list))
        }
        (Kind::Tuple(elements) | Kind::List(_, elements) | Kind::Set(_, elements), Type::Set(element)) => {
            let elements = sequence(elements, element, path, matches!(value.kind(), Kind::Tuple(_)))?;
            Ok(collect(value, element, elements, Value::set))
        }
        (Kind::Map(_, members) | Kind::Object(members), Type::Map(element)) => mapping(value, members, element, path),
        (Kind::Map(_, members) | Kind::Object(members), Type::Object(object)) => {
            attributes(members, object, path, matches!(value.kind(), Kind::Map(..)))
        }
        (Kind::Tuple(elements), Type::Tuple(types)) if elements.len() == types.len() => elements
            .iter()
            .zip(types.iter())
            .enumerate()
            .map(|(i, (e, t))| apply(e, t, &path.index(i as i64)))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::tuple),
        _ => Err(ConvertError::new(path, mismatch::message(&value.ty(), ty))),
    }
}

fn bool_from(text: &str) -> Result<Value, &'static str> {
    match text {
        "true" | "1" => Ok(Value::bool(true)),
        "false" | "0" => Ok(Value::bool(false)),
        "True" | "TRUE" => Err("a bool is required; to convert from string, use lowercase \"true\""),
        "False" | "FALSE" => Err("a bool is required; to convert from string, use lowercase \"false\""),
        _ => Err("a bool is required"),
    }
}

/// The type that all elements of a collection become, if the constraint leaves it open.
fn element_type<'a>(elements: impl Iterator<Item = &'a Value>, constraint: &Type) -> Option<Type> {
    if *constraint != Type::Dynamic {
        return Some(constraint.clone());
    }
    let types: Vec<Type> = elements.map(Value::ty).collect();
    if types.is_empty() { Some(Type::Dynamic) } else { unify_with(&types, true) }
}

/// The elements of a list or set to be, all of one type, where possible.
fn sequence(elements: &[Value], element: &Type, path: &Path, heterogeneous: bool) -> Result<Vec<Value>, ConvertError> {
    let mismatch = || ConvertError::new(path, "all list elements must have the same type");
    let target =
        if heterogeneous { element_type(elements.iter(), element).ok_or_else(mismatch)? } else { element.clone() };
    let converted = elements
        .iter()
        .enumerate()
        .map(|(i, e)| apply(e, &target, &path.index(i as i64)))
        .collect::<Result<Vec<_>, _>>()?;
    let converted = same_type(converted, path)?;
    // A null beside something whose type could still be anything has no type that both are of.
    let dynamic = target == Type::Dynamic && converted.iter().any(|e| e.ty() != Type::Dynamic);
    let untyped_null = |e: &Value| matches!(e.kind(), Kind::Null(Type::Dynamic));
    if dynamic && converted.iter().any(untyped_null) { Err(mismatch()) } else { Ok(converted) }
}

/// What was converted one by one may still differ in type where the constraint has [`Type::Dynamic`] somewhere inside.
fn same_type(values: Vec<Value>, path: &Path) -> Result<Vec<Value>, ConvertError> {
    let Some(first) = values.first().map(Value::ty) else { return Ok(values) };
    if values.iter().all(|v| v.ty() == first) {
        return Ok(values);
    }
    let types: Vec<Type> = values.iter().map(Value::ty).collect();
    let Some(common) = unify_with(&types, true) else {
        return Err(ConvertError::new(path, "cannot find a common base type for all elements"));
    };
    values.iter().map(|v| apply(v, &common, path)).collect()
}

/// The one type of values that have been given the same one; a null or an unknown may still be without.
fn common_type<'a>(values: impl Iterator<Item = &'a Value>) -> Option<Type> {
    let mut common = Type::Dynamic;
    for ty in values.map(Value::ty) {
        match (&common, &ty) {
            (_, Type::Dynamic) => {}
            (Type::Dynamic, _) => common = ty,
            (common, ty) if common == ty => {}
            _ => return None,
        }
    }
    Some(common)
}

/// Whether some value could still be of any type, so that nothing is known about their common one.
fn has_open_type<'a>(mut values: impl Iterator<Item = &'a Value>) -> bool {
    values.any(|v| !v.is_known() && v.ty() == Type::Dynamic)
}

fn collect(from: &Value, element: &Type, elements: Vec<Value>, make: fn(Type, Vec<Value>) -> Value) -> Value {
    if elements.is_empty() {
        let known = from.ty().element().cloned().unwrap_or(Type::Dynamic);
        return make(fill_dynamic(&known, &element.without_optional()), elements);
    }
    let (common, typed) = match common_type(elements.iter()) {
        Some(common) => (common.clone(), elements.iter().map(|e| with_type(e, &common)).collect()),
        None => (Type::Dynamic, elements),
    };
    if common == Type::Dynamic
        || !has_open_type(from.elements().unwrap_or_default().iter())
        || *element != Type::Dynamic
    {
        return make(common, typed);
    }
    let unknown = make(Type::Dynamic, Vec::new()).ty();
    unknown_as(&Value::unknown(from.ty()).refine_not_null(), &unknown)
}

/// A null or unknown of no type as one of the type.
fn with_type(value: &Value, ty: &Type) -> Value {
    match value.kind() {
        Kind::Null(Type::Dynamic) => Value::null(ty.clone()).with_marks(value.marks()),
        Kind::Unknown(u) if *u.ty() == Type::Dynamic => Value::unknown(ty.clone()).with_marks(value.marks()),
        _ => value.clone(),
    }
}

fn mapping(from: &Value, members: &Members, element: &Type, path: &Path) -> Result<Value, ConvertError> {
    let heterogeneous = matches!(from.kind(), Kind::Object(_));
    if members.is_empty() {
        let known = from.ty().element().cloned().unwrap_or(Type::Dynamic);
        let nothing: [(Arc<str>, Value); 0] = [];
        return Ok(Value::map(fill_dynamic(&known, &element.without_optional()), nothing));
    }
    let mismatch = || ConvertError::new(path, "all map elements must have the same type");
    let target =
        if heterogeneous { element_type(members.values(), element).ok_or_else(mismatch)? } else { element.clone() };
    let converted = members
        .iter()
        .map(|(name, v)| apply(v, &target, &path.index(Value::string(name))))
        .collect::<Result<Vec<_>, _>>()?;
    let converted = same_type(converted, path)?;
    if target == Type::Dynamic && converted.len() > 1 && has_open_type(converted.iter()) {
        return Ok(unknown_as(&Value::unknown(from.ty()).refine_not_null(), &Type::map(Type::Dynamic)));
    }
    let common = common_type(converted.iter()).ok_or_else(mismatch)?;
    let typed = converted.iter().map(|v| with_type(v, &common));
    Ok(Value::map(common.clone(), members.keys().cloned().zip(typed)))
}

fn attributes(members: &Members, object: &ObjectType, path: &Path, map: bool) -> Result<Value, ConvertError> {
    let mut converted = BTreeMap::new();
    for (name, ty) in &object.attributes {
        let value = match members.get(name) {
            Some(value) => {
                let path = if map { path.index(Value::string(name)) } else { path.attr(name.clone()) };
                apply(value, ty, &path)?
            }
            None if object.optional.contains(name) => Value::null(ty.without_optional()),
            None => {
                let message = format!("map has no element for required attribute {name:?}");
                return Err(ConvertError::new(path, message));
            }
        };
        converted.insert(name.clone(), value);
    }
    Ok(Value::object(converted))
}

/// `ty` with what it leaves open taken from the type of the value to be converted.
fn fill_dynamic(from: &Type, ty: &Type) -> Type {
    let unified = |types: &mut dyn Iterator<Item = &Type>| {
        let types: Vec<Type> = types.cloned().collect();
        unify_with(&types, true).unwrap_or(Type::Dynamic)
    };
    if *from == Type::Dynamic || !ty.has_dynamic() {
        return ty.clone();
    }
    let element = |wanted: &Type| match from {
        Type::List(e) | Type::Set(e) | Type::Map(e) => fill_dynamic(e, wanted),
        Type::Tuple(types) => fill_dynamic(&unified(&mut types.iter()), wanted),
        Type::Object(object) => fill_dynamic(&unified(&mut object.attributes.values()), wanted),
        _ => wanted.clone(),
    };
    match (ty, from) {
        (Type::Dynamic, _) => from.clone(),
        (Type::List(e), _) => Type::list(element(e)),
        (Type::Set(e), _) => Type::set(element(e)),
        (Type::Map(e), _) => Type::map(element(e)),
        (Type::Tuple(wanted), Type::Tuple(types)) => {
            Type::tuple(wanted.iter().enumerate().map(|(i, w)| types.get(i).map_or(w.clone(), |t| fill_dynamic(t, w))))
        }
        (Type::Object(wanted), Type::Object(object)) => Type::object(
            wanted
                .attributes
                .iter()
                .map(|(n, w)| (n.clone(), object.attributes.get(n).map_or(w.clone(), |t| fill_dynamic(t, w)))),
        ),
        (Type::Object(wanted), Type::Map(e)) => {
            Type::object(wanted.attributes.iter().map(|(n, w)| (n.clone(), fill_dynamic(e, w))))
        }
        _ => ty.clone(),
    }
}

/// Unknown of another type, with those facts that stay true.
fn unknown_as(value: &Value, ty: &Type) -> Value {
    let facts = value.facts();
    let mut kept = Refinements { not_null: facts.not_null, ..Refinements::default() };
    if let Some((min, max)) = length_bounds(value, &facts)
        && ty.is_collection()
    {
        // In a set, elements may turn out to be the same.
        let may_shrink = matches!(ty, Type::Set(_)) && !matches!(value.ty(), Type::Set(_));
        kept.min_len = if may_shrink { min.min(1) } else { min };
        kept.max_len = max;
    }
    Value::unknown(ty.clone()).refined(kept)
}

fn length_bounds(value: &Value, facts: &Refinements) -> Option<(u64, Option<u64>)> {
    match value.ty() {
        Type::Tuple(types) => Some((types.len() as u64, Some(types.len() as u64))),
        Type::Object(object) => Some((object.attributes.len() as u64, Some(object.attributes.len() as u64))),
        Type::List(_) | Type::Set(_) | Type::Map(_) => Some((facts.min_len, facts.max_len)),
        _ => None,
    }
}

impl Value {
    /// Whether the value is of a type that the constraint allows, without any conversion.
    pub fn conforms_to(&self, ty: &Type) -> bool {
        self.ty().conforms(ty)
    }
}

impl Type {
    /// Whether this type is one that the constraint allows, without any conversion. [`Type::Dynamic`] in the constraint
    /// allows every type.
    pub fn conforms(&self, constraint: &Type) -> bool {
        match (self, constraint) {
            (_, Type::Dynamic) => true,
            (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
                a.conforms(b)
            }
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.conforms(b))
            }
            (Type::Object(a), Type::Object(b)) => {
                a.attributes.len() == b.attributes.len()
                    && a.attributes.iter().all(|(name, a)| b.attributes.get(name).is_some_and(|b| a.conforms(b)))
            }
            (a, b) => a == b,
        }
    }
}
