//! Values as JSON, and where in them something is unknown or sensitive.

use infra_value::{Kind, Path, PathStep, Type, Value, value_to_json};
use serde_json::{Map, Value as Json};

/// The value without what is unknown: left out of objects and maps, null in lists and sets. `None` if all of it is
/// unknown. Marks do not matter.
pub fn known_json(value: &Value) -> Option<Json> {
    match value.kind() {
        Kind::Unknown(_) => None,
        Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => {
            Some(Json::Array(es.iter().map(|e| known_json(e).unwrap_or(Json::Null)).collect()))
        }
        Kind::Map(_, ms) | Kind::Object(ms) => {
            let members = ms.iter().filter_map(|(name, v)| Some((name.to_string(), known_json(v)?)));
            Some(Json::Object(members.collect()))
        }
        _ => {
            let (bare, _) = value.clone().unmark();
            Some(value_to_json(&bare, &bare.ty()).unwrap_or(Json::Null))
        }
    }
}

/// `true` where the value is unknown; members without anything unknown are left out of objects, and stay as empty
/// structures where they have parts.
pub fn unknown_json(value: &Value) -> Json {
    shape(value, &|v| !v.is_known())
}

/// `true` where the value is sensitive, in the same form.
pub fn sensitive_json(value: &Value) -> Json {
    shape(value, &Value::is_sensitive)
}

fn shape(value: &Value, is: &dyn Fn(&Value) -> bool) -> Json {
    if is(value) {
        return Json::Bool(true);
    }
    match value.kind() {
        Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => {
            Json::Array(es.iter().map(|e| shape(e, is)).collect())
        }
        Kind::Map(_, ms) | Kind::Object(ms) => {
            let mut members = Map::new();
            for (name, v) in ms.iter() {
                let inner = shape(v, is);
                if inner != Json::Bool(false) {
                    members.insert(name.to_string(), inner);
                }
            }
            Json::Object(members)
        }
        // What an unknown collection will hold cannot be told.
        Kind::Unknown(unknown) => match unknown.ty() {
            Type::List(_) | Type::Set(_) | Type::Tuple(_) => Json::Array(Vec::new()),
            Type::Map(_) | Type::Object(_) => Json::Object(Map::new()),
            _ => Json::Bool(false),
        },
        _ => Json::Bool(false),
    }
}

/// A path as names and indices.
pub(crate) fn path_json(path: &Path) -> Json {
    let step = |step: &PathStep| match step {
        PathStep::Attribute(name) => Json::String(name.to_string()),
        PathStep::Index(key) => known_json(key).unwrap_or(Json::Null),
    };
    Json::Array(path.0.iter().map(step).collect())
}
