//! Objects between the state's JSON and values.

use std::collections::BTreeSet;

use infra_address::{Resource, ResourceMode};
use infra_provider::{Private, Problem, Provider};
use infra_schema::Schema;
use infra_state::Instance;
use infra_value::{Marks, Path, Value, value_from_json, value_to_json};
use serde_json::Value as Json;

use crate::marks;

/// The object of a state instance, without marks, brought to the present schema.
pub(crate) fn decode(provider: &dyn Provider, ty: &str, instance: &Instance) -> Result<Value, Problem> {
    provider.upgrade(ty, instance.schema_version, &Json::Object(instance.attributes.clone()))
}

/// The marks of a state instance: those stored, and those of the schema.
pub(crate) fn marks_of(schema: &Schema, instance: &Instance, value: &Value) -> Vec<(Path, Marks)> {
    let stored = instance.sensitive.iter().map(|path| (path.clone(), Marks::SENSITIVE));
    stored.chain(marks::of_schema(&schema.block, value)).collect()
}

/// The value of a state instance with its marks. A data source is never brought to a newer schema: it is read anew.
pub fn marked(provider: &dyn Provider, schema: &Schema, resource: &Resource, instance: &Instance) -> Option<Value> {
    let value = match resource.mode {
        ResourceMode::Managed => decode(provider, &resource.ty, instance).ok()?,
        _ => value_from_json(&Json::Object(instance.attributes.clone()), &schema.block.ty()).ok()?,
    };
    let found = marks_of(schema, instance, &value);
    Some(marks::put(&value, &found))
}

/// A state instance from an object with its marks. Unknown parts, which only a failed apply leaves, become null.
pub(crate) fn encode(schema: &Schema, value: &Value, private: &Private, dependencies: Vec<String>) -> Instance {
    let (bare, found) = marks::take(value);
    let mut sensitive: BTreeSet<String> = BTreeSet::new();
    let mut paths = Vec::new();
    let of_schema = marks::of_schema(&schema.block, &bare);
    for (path, marks) in found.into_iter().chain(of_schema) {
        if marks.contains(Marks::SENSITIVE) && sensitive.insert(path.to_string()) {
            paths.push(path);
        }
    }
    let known = without_unknown(&bare);
    let json = value_to_json(&known, &schema.block.ty()).unwrap_or_default();
    Instance {
        tainted: false,
        schema_version: schema.version,
        attributes: json.as_object().cloned().unwrap_or_default(),
        sensitive: paths,
        private: private.0.clone(),
        dependencies,
        create_before_destroy: false,
        extra: serde_json::Map::new(),
    }
}

/// The value with null in the place of each unknown part.
pub(crate) fn without_unknown(value: &Value) -> Value {
    if value.is_wholly_known() {
        return value.clone();
    }
    match value.is_known() {
        true => value.map_elements(&mut |e| without_unknown(e)),
        false => Value::null(value.ty()).with_marks(value.marks()),
    }
}
