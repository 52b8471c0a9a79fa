//! From a state object of any schema version to a value of the present schema.

use infra_provider::Problem;
use infra_schema::{Block, NestedBlock, Nesting};
use infra_value::{JsonError, Value, value_from_json};
use serde_json::{Map, Value as Json};

use crate::ResourceType;

/// Brings the attributes of a state object to the present schema.
pub(super) fn upgrade(ty: &ResourceType, version: u64, attributes: &Json) -> Result<Value, Problem> {
    let schema = ty.schema();
    if version > schema.version {
        let detail = format!(
            "The state has a {} of schema version {version}, and this provider knows versions up to {}. A newer \
             version of the provider wrote it.",
            ty.name, schema.version
        );
        return Err(Problem::error("Resource instance managed by newer provider version", detail));
    }
    let mut attributes = attributes.as_object().cloned().unwrap_or_default();
    if version < schema.version {
        ty.rules.upgrade(version, &mut attributes);
    }
    block_value(&schema.block, &attributes).map_err(|error| {
        let detail = format!("The state's {} does not have the form of its schema: {error}.", ty.name);
        Problem::error("Unreadable object in the state", detail).at(error.path)
    })
}

fn block_value(block: &Block, json: &Map<String, Json>) -> Result<Value, JsonError> {
    let mut members = Vec::new();
    for (name, attribute) in &block.attributes {
        let value = match json.get(&**name) {
            Some(value) => value_from_json(value, &attribute.ty)?,
            None => Value::null(attribute.ty.clone()),
        };
        members.push((name.clone(), value));
    }
    for (name, nested) in &block.blocks {
        members.push((name.clone(), nested_value(nested, json.get(&**name).unwrap_or(&Json::Null))?));
    }
    Ok(Value::object(members))
}

fn nested_value(nested: &NestedBlock, json: &Json) -> Result<Value, JsonError> {
    let element = |json: &Json| match json {
        Json::Object(members) => block_value(&nested.block, members),
        other => value_from_json(other, &nested.block.ty()),
    };
    let ty = nested.block.ty();
    match (nested.nesting, json) {
        (_, Json::Null) => Ok(nested.empty()),
        (Nesting::Single | Nesting::Group, json) => element(json),
        (Nesting::List, Json::Array(es)) => Ok(Value::list(ty, es.iter().map(element).collect::<Result<Vec<_>, _>>()?)),
        (Nesting::Set, Json::Array(es)) => Ok(Value::set(ty, es.iter().map(element).collect::<Result<Vec<_>, _>>()?)),
        (Nesting::Map, Json::Object(ms)) => {
            let members = ms.iter().map(|(key, json)| Ok((key.as_str(), element(json)?)));
            Ok(Value::map(ty, members.collect::<Result<Vec<_>, JsonError>>()?))
        }
        (_, other) => value_from_json(other, &nested.ty()),
    }
}
