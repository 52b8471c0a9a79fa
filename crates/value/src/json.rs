//! The JSON forms of values and types that states and plans use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::value::Kind;
use crate::{Number, ObjectType, Path, Type, Value, convert};

/// Why there is no JSON for a value, or no value for a JSON.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong there.
    pub message: String,
}

impl JsonError {
    fn new(path: &Path, message: impl Into<String>) -> JsonError {
        JsonError { path: path.clone(), message: message.into() }
    }
}

/// The JSON of a value as one of type `ty`. Where the type is [`Type::Dynamic`], the JSON says the type:
/// `{"value": …, "type": …}`. Marked values and unknowns have no JSON: marks must be taken off and kept elsewhere.
pub fn value_to_json(value: &Value, ty: &Type) -> Result<Json, JsonError> {
    encode(value, ty, &Path::root())
}

fn encode(value: &Value, ty: &Type, path: &Path) -> Result<Json, JsonError> {
    if !value.marks().is_empty() {
        return Err(JsonError::new(path, "a marked value has no JSON form"));
    }
    let own = value.ty();
    if *ty == Type::Dynamic && own != Type::Dynamic {
        let mut typed = serde_json::Map::new();
        typed.insert("value".into(), encode(value, &own, path)?);
        typed.insert("type".into(), type_to_json(&own));
        return Ok(Json::Object(typed));
    }
    let sequence = |elements: &[Value], element: &dyn Fn(usize) -> Type| {
        elements
            .iter()
            .enumerate()
            .map(|(i, e)| encode(e, &element(i), &path.index(i as i64)))
            .collect::<Result<Vec<_>, _>>()
            .map(Json::Array)
    };
    match (value.kind(), ty) {
        (Kind::Unknown(_), _) => Err(JsonError::new(path, "the value is not known")),
        (Kind::Null(_), _) => Ok(Json::Null),
        (Kind::Bool(b), Type::Bool) => Ok(Json::Bool(*b)),
        (Kind::String(text), Type::String) => Ok(Json::String(text.to_string())),
        (Kind::Number(n), Type::Number) => number_to_json(n, path),
        (Kind::List(_, es), Type::List(e)) | (Kind::Set(_, es), Type::Set(e)) => sequence(es, &|_| (**e).clone()),
        (Kind::Tuple(es), Type::Tuple(types)) if es.len() == types.len() => sequence(es, &|i| types[i].clone()),
        (Kind::Map(_, members), Type::Map(element)) => members
            .iter()
            .map(|(name, e)| Ok((name.to_string(), encode(e, element, &path.index(Value::string(name)))?)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Json::Object),
        (Kind::Object(members), Type::Object(object)) if members.keys().eq(object.attributes.keys()) => members
            .iter()
            .zip(object.attributes.values())
            .map(|((name, e), t)| Ok((name.to_string(), encode(e, t, &path.attr(name.clone()))?)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Json::Object),
        _ => Err(JsonError::new(path, format!("a {} is not a {}", own.friendly_name(), ty.friendly_name()))),
    }
}

fn number_to_json(n: &Number, path: &Path) -> Result<Json, JsonError> {
    if n.is_infinite() {
        return Err(JsonError::new(path, "an infinite number has no JSON form"));
    }
    let number = n.to_string().parse().map_err(|_| JsonError::new(path, "the number has no JSON form"))?;
    Ok(Json::Number(number))
}

/// The value of type `ty` that a JSON made by [`value_to_json`] stands for. Attributes that are missing are null.
pub fn value_from_json(json: &Json, ty: &Type) -> Result<Value, JsonError> {
    decode(json, ty, &Path::root())
}

fn decode(json: &Json, ty: &Type, path: &Path) -> Result<Value, JsonError> {
    if json.is_null() {
        return Ok(Value::null(ty.without_optional()));
    }
    match (ty, json) {
        (Type::Dynamic, Json::Object(typed)) => {
            let (Some(value), Some(ty)) = (typed.get("value"), typed.get("type")) else {
                return Err(JsonError::new(path, "an object with \"value\" and \"type\" is required"));
            };
            let ty = type_from_json(ty).map_err(|e| JsonError::new(path, e.message))?;
            decode(value, &ty, path)
        }
        (Type::Bool | Type::Number | Type::String, Json::Bool(_) | Json::Number(_) | Json::String(_)) => {
            convert(&implied(json, path)?, ty).map_err(|e| JsonError::new(path, e.message))
        }
        (Type::List(e), Json::Array(elements)) => {
            Ok(Value::list(e.without_optional(), decode_all(elements, |_| (**e).clone(), path)?))
        }
        (Type::Set(e), Json::Array(elements)) => {
            Ok(Value::set(e.without_optional(), decode_all(elements, |_| (**e).clone(), path)?))
        }
        (Type::Tuple(types), Json::Array(elements)) if types.len() == elements.len() => {
            decode_all(elements, |i| types[i].clone(), path).map(Value::tuple)
        }
        (Type::Tuple(types), Json::Array(_)) => {
            Err(JsonError::new(path, format!("a tuple of {} elements is required", types.len())))
        }
        (Type::Map(e), Json::Object(members)) => {
            let members = members
                .iter()
                .map(|(name, json)| Ok((name.as_str(), decode(json, e, &path.index(Value::string(name)))?)))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Value::map(e.without_optional(), members))
        }
        (Type::Object(object), Json::Object(members)) => decode_object(object, members, path),
        _ => Err(JsonError::new(path, format!("a {} is required", ty.friendly_name()))),
    }
}

fn decode_all(elements: &[Json], ty: impl Fn(usize) -> Type, path: &Path) -> Result<Vec<Value>, JsonError> {
    elements.iter().enumerate().map(|(i, json)| decode(json, &ty(i), &path.index(i as i64))).collect()
}

fn decode_object(
    object: &ObjectType,
    members: &serde_json::Map<String, Json>,
    path: &Path,
) -> Result<Value, JsonError> {
    if let Some(name) = members.keys().find(|name| !object.attributes.contains_key(name.as_str())) {
        return Err(JsonError::new(path, format!("unsupported attribute {name:?}")));
    }
    let mut attributes = BTreeMap::new();
    for (name, ty) in &object.attributes {
        let json = members.get(&**name).unwrap_or(&Json::Null);
        attributes.insert(name.clone(), decode(json, ty, &path.attr(name.clone()))?);
    }
    Ok(Value::object(attributes))
}

/// The value that a JSON is by itself, as `jsondecode` gives it: objects and tuples, and null without a type.
pub fn value_from_json_implied(json: &Json) -> Result<Value, JsonError> {
    implied(json, &Path::root())
}

fn implied(json: &Json, path: &Path) -> Result<Value, JsonError> {
    match json {
        Json::Null => Ok(Value::null(Type::Dynamic)),
        Json::Bool(b) => Ok(Value::bool(*b)),
        Json::String(text) => Ok(Value::string(text)),
        Json::Number(n) => {
            Number::parse(n.as_str()).map(Value::number).map_err(|e| JsonError::new(path, e.to_string()))
        }
        Json::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(i, json)| implied(json, &path.index(i as i64)))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::tuple),
        Json::Object(members) => members
            .iter()
            .map(|(name, json)| Ok((normal_name(name), implied(json, &path.attr(name.as_str()))?)))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::object),
    }
}

/// Names are texts as well: NFC-normalised.
fn normal_name(name: &str) -> Arc<str> {
    Value::string(name).as_str().map_or_else(|| name.into(), Arc::from)
}

/// The JSON of a type: `"string"`, `["list", "string"]`, `["object", {…}]`, `["object", {…}, ["optional", …]]`.
pub fn type_to_json(ty: &Type) -> Json {
    let pair = |kind: &str, of: Json| Json::Array(vec![kind.into(), of]);
    match ty {
        Type::Dynamic => "dynamic".into(),
        Type::Bool => "bool".into(),
        Type::Number => "number".into(),
        Type::String => "string".into(),
        Type::List(e) => pair("list", type_to_json(e)),
        Type::Set(e) => pair("set", type_to_json(e)),
        Type::Map(e) => pair("map", type_to_json(e)),
        Type::Tuple(types) => pair("tuple", types.iter().map(type_to_json).collect()),
        Type::Object(object) => {
            let attributes = object.attributes.iter().map(|(name, t)| (name.to_string(), type_to_json(t))).collect();
            let mut parts = vec!["object".into(), Json::Object(attributes)];
            if !object.optional.is_empty() {
                parts.push(object.optional.iter().map(|name| Json::from(&**name)).collect());
            }
            Json::Array(parts)
        }
    }
}

/// The type that a JSON made by [`type_to_json`] stands for.
pub fn type_from_json(json: &Json) -> Result<Type, JsonError> {
    let wrong = || JsonError::new(&Path::root(), "this is no type");
    match json {
        Json::String(name) => match name.as_str() {
            "dynamic" => Ok(Type::Dynamic),
            "bool" => Ok(Type::Bool),
            "number" => Ok(Type::Number),
            "string" => Ok(Type::String),
            _ => Err(wrong()),
        },
        Json::Array(parts) => match parts.as_slice() {
            [Json::String(kind), of] => match (kind.as_str(), of) {
                ("list", of) => type_from_json(of).map(Type::list),
                ("set", of) => type_from_json(of).map(Type::set),
                ("map", of) => type_from_json(of).map(Type::map),
                ("tuple", Json::Array(types)) => {
                    types.iter().map(type_from_json).collect::<Result<Vec<_>, _>>().map(Type::tuple)
                }
                ("object", Json::Object(attributes)) => object_type(attributes, &[]),
                _ => Err(wrong()),
            },
            [Json::String(kind), Json::Object(attributes), Json::Array(optional)] if kind == "object" => {
                object_type(attributes, optional)
            }
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn object_type(attributes: &serde_json::Map<String, Json>, optional: &[Json]) -> Result<Type, JsonError> {
    let attributes = attributes
        .iter()
        .map(|(name, json)| Ok((Arc::from(name.as_str()), type_from_json(json)?)))
        .collect::<Result<BTreeMap<Arc<str>, Type>, JsonError>>()?;
    let optional = optional
        .iter()
        .map(|name| {
            name.as_str()
                .filter(|name| attributes.contains_key(*name))
                .map(Arc::from)
                .ok_or_else(|| JsonError::new(&Path::root(), "an optional attribute must be one of the type"))
        })
        .collect::<Result<BTreeSet<Arc<str>>, _>>()?;
    Ok(Type::Object(Arc::new(ObjectType { attributes, optional })))
}
