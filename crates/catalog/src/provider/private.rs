//! What the older plugin kind keeps beside an object in the state: its timeouts and its schema's version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infra_provider::Private;
use infra_provider::plan::PluginKind;
use infra_value::Value;
use serde_json::{Map, json};

use super::parse_duration;
use crate::{ResourceType, Timeouts};

/// The key under which the timeouts are kept.
const TIMEOUTS: &str = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0";

/// The key that says that a creation was cut off. Terraform keeps what it does not know.
const UNFINISHED: &str = "infra_unfinished";

/// The timeouts that hold for an object: the type's own, overlaid with the `timeouts` block.
pub(super) fn timeouts(ty: &ResourceType, object: &Value) -> Timeouts {
    let mut limits: BTreeMap<String, Duration> =
        ty.rules.timeouts().iter().map(|(operation, limit)| ((*operation).to_string(), *limit)).collect();
    let written = object.get("timeouts").and_then(Value::members).into_iter().flatten();
    limits.extend(written.filter_map(|(name, text)| Some((name.to_string(), parse_duration(text.as_str()?)?))));
    Timeouts(limits)
}

/// The private data of an object with these values.
pub(super) fn private(ty: &ResourceType, object: &Value) -> Private {
    private_with(ty, object, ty.schema().version > 0)
}

/// The same for an object whose creation was cut off before it had taken away what every new object gets.
pub(super) fn private_of_unfinished(ty: &ResourceType, object: &Value) -> Private {
    let data = private(ty, object).0.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut data: Map<String, serde_json::Value> = data.unwrap_or_default();
    data.insert(UNFINISHED.into(), true.into());
    Private(Some(Arc::from(serde_json::Value::from(data).to_string().into_bytes())))
}

/// Whether private data is from [`private_of_unfinished`].
pub(super) fn is_unfinished(private: &Private) -> bool {
    let data = private.0.as_ref().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    data.is_some_and(|data| data.get(UNFINISHED).is_some())
}

/// The private data of an object that has just been imported: the schema's version is in it even if it is 0.
pub(super) fn private_of_imported(ty: &ResourceType, object: &Value) -> Private {
    private_with(ty, object, true)
}

fn private_with(ty: &ResourceType, object: &Value, version: bool) -> Private {
    if ty.rules.kind() == PluginKind::Framework {
        return Private(None);
    }
    let mut data = Map::new();
    let limits = timeouts(ty, object).0;
    if !limits.is_empty() {
        let limits = limits.iter().map(|(name, limit)| (name.clone(), json!(nanoseconds(*limit))));
        data.insert(TIMEOUTS.into(), limits.collect());
    }
    if version {
        data.insert("schema_version".into(), ty.schema().version.to_string().into());
    }
    let json = if data.is_empty() { serde_json::Value::Null } else { data.into() };
    Private(Some(Arc::from(json.to_string().into_bytes())))
}

fn nanoseconds(limit: Duration) -> u64 {
    u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
}
