//! A planned release in a saved plan.

use infra_address::{ModuleInstance, ProviderConfig};
use serde_json::{Value as Json, json};

use super::ReleaseChange;
use super::records::{members_json, read_members};

/// As JSON.
pub(crate) fn to_json(change: &ReleaseChange) -> Json {
    json!({
        "release": change.release,
        "provider": change.provider.to_string(),
        "members": members_json(&change.members),
        "kind": change.kind,
        "live": change.live,
        "idle": change.idle,
        "old": change.old,
        "new": change.new,
        "count": change.count,
        "steps": change.steps,
        "record": change.record,
    })
}

/// From its JSON.
pub(crate) fn from_json(json: &Json) -> Option<ReleaseChange> {
    let members = read_members(&json["members"])?;
    let module = members.services.values().next().map_or_else(ModuleInstance::root, |service| service.module.clone());
    let part = |key: &str| json[key].clone();
    Some(ReleaseChange {
        release: serde_json::from_value(part("release")).ok()?,
        module,
        provider: ProviderConfig::parse(json["provider"].as_str()?)?,
        members,
        kind: serde_json::from_value(part("kind")).ok()?,
        live: serde_json::from_value(part("live")).ok()?,
        idle: serde_json::from_value(part("idle")).ok()?,
        old: serde_json::from_value(part("old")).ok()?,
        new: serde_json::from_value(part("new")).ok()?,
        count: serde_json::from_value(part("count")).ok()?,
        steps: serde_json::from_value(part("steps")).ok()?,
        record: serde_json::from_value(part("record")).ok()?,
    })
}
