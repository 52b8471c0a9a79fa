//! Schemas from their JSON form.

use std::fmt;

use infra_value::{Type, type_from_json, value_from_json};
use serde_json::{Map, Value as Json};

use crate::{Attribute, Block, NestedBlock, Nesting, Schema};

/// A schema's JSON that does not have the expected form.
#[derive(Debug)]
pub struct SchemaError(String);

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid schema: {}", self.0)
    }
}
impl std::error::Error for SchemaError {}

/// Reads `{"version": N, "block": {"attributes": {…}, "block_types": {…}}}`: the form of `terraform providers schema
/// -json`, with `default` and `force_new` added.
///
/// # Errors
/// When the text is not of that form.
pub fn parse_schema(text: &str) -> Result<Schema, SchemaError> {
    let json: Json = serde_json::from_str(text).map_err(|e| SchemaError(e.to_string()))?;
    Ok(Schema { version: json["version"].as_u64().unwrap_or(0), block: block(&json["block"])? })
}

fn block(json: &Json) -> Result<Block, SchemaError> {
    let mut out = Block::default();
    for (name, a) in members(&json["attributes"]) {
        out.attributes.insert(name.as_str().into(), attribute(a).map_err(|e| SchemaError(format!("{name}: {}", e.0)))?);
    }
    for (name, b) in members(&json["block_types"]) {
        out.blocks.insert(name.as_str().into(), nested(b).map_err(|e| SchemaError(format!("{name}: {}", e.0)))?);
    }
    Ok(out)
}

fn members(json: &Json) -> impl Iterator<Item = (&String, &Json)> {
    json.as_object().into_iter().flat_map(Map::iter)
}

fn flag(json: &Json, name: &str) -> bool {
    json[name].as_bool().unwrap_or(false)
}

/// Replacement that depends on the values is left to the type's own rules.
fn force_new(json: &Json) -> bool {
    flag(json, "force_new") && json.get("force_new_by_transition").is_none()
}

fn attribute(json: &Json) -> Result<Attribute, SchemaError> {
    let ty: Type = type_from_json(&json["type"]).map_err(|e| SchemaError(e.to_string()))?;
    let default = match json.get("default") {
        Some(d) => Some(value_from_json(d, &ty).map_err(|e| SchemaError(e.to_string()))?),
        None => None,
    };
    Ok(Attribute {
        ty,
        required: flag(json, "required"),
        optional: flag(json, "optional"),
        computed: flag(json, "computed"),
        sensitive: flag(json, "sensitive"),
        write_only: flag(json, "write_only"),
        deprecated: flag(json, "deprecated"),
        default,
        force_new: force_new(json),
    })
}

fn nested(json: &Json) -> Result<NestedBlock, SchemaError> {
    let nesting = match json["nesting_mode"].as_str() {
        Some("single") => Nesting::Single,
        Some("group") => Nesting::Group,
        Some("list") => Nesting::List,
        Some("set") => Nesting::Set,
        Some("map") => Nesting::Map,
        other => return Err(SchemaError(format!("nesting mode {other:?}"))),
    };
    Ok(NestedBlock {
        nesting,
        min_items: json["min_items"].as_u64().unwrap_or(0),
        max_items: json["max_items"].as_u64().unwrap_or(0),
        computed: flag(json, "computed"),
        force_new: force_new(json),
        deprecated: flag(&json["block"], "deprecated"),
        block: block(&json["block"])?,
    })
}
