//! Records of releases in the state: under its top-level key `infra`, which Terraform does not know and may drop when it
//! writes the file. Nothing of it is needed to find out which colour is live.

use std::collections::BTreeMap;

use infra_address::{ProviderConfig, parse_resource_instance};
use infra_release::Record;
use infra_state::State;
use serde_json::{Map, Value as Json, json};

use super::Members;

const KEY: &str = "infra";
const RELEASES: &str = "releases";

/// A release as the state knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What happened.
    pub record: Record,
    /// The provider that does it.
    pub provider: ProviderConfig,
    /// The objects that it is about.
    pub members: Members,
}

/// The releases in a state, by their addresses. One that cannot be read (written by a later version) is left out.
pub fn records(state: &State) -> BTreeMap<String, Kept> {
    let stored = state.extra.get(KEY).and_then(|own| own.get(RELEASES)).and_then(Json::as_object);
    let read = |(address, json): (&String, &Json)| Some((address.clone(), read(json)?));
    stored.into_iter().flatten().filter_map(read).collect()
}

fn read(json: &Json) -> Option<Kept> {
    Some(Kept {
        record: serde_json::from_value(json["record"].clone()).ok()?,
        provider: ProviderConfig::parse(json["provider"].as_str()?)?,
        members: read_members(&json["members"])?,
    })
}

/// Puts a release into the state.
pub fn put_record(state: &mut State, kept: &Kept) {
    let own = state.extra.entry(KEY).or_insert_with(|| json!({}));
    if !own.is_object() {
        *own = Json::Object(Map::new());
    }
    let releases = own.as_object_mut().map(|own| own.entry(RELEASES).or_insert_with(|| json!({})));
    if let Some(releases) = releases.and_then(Json::as_object_mut)
        && let Ok(record) = serde_json::to_value(&kept.record)
    {
        let json = json!({
            "record": record,
            "provider": kept.provider.to_string(),
            "members": members_json(&kept.members),
        });
        releases.insert(kept.record.release.address.clone(), json);
    }
}

/// Drops the releases whose services are all gone.
pub(crate) fn forget_gone(state: &mut State) {
    let stays = |kept: &Kept| kept.members.services.values().any(|service| state.current(service).is_some());
    let gone: Vec<String> = records(state).into_iter().filter(|(_, kept)| !stays(kept)).map(|(name, _)| name).collect();
    if gone.is_empty() {
        return;
    }
    let Some(own) = state.extra.get_mut(KEY).and_then(Json::as_object_mut) else { return };
    let mut empty = false;
    if let Some(releases) = own.get_mut(RELEASES).and_then(Json::as_object_mut) {
        releases.retain(|address, _| !gone.contains(address));
        empty = releases.is_empty();
    }
    if empty {
        own.remove(RELEASES);
    }
    if own.is_empty() {
        state.extra.remove(KEY);
    }
}

/// Members as JSON: their addresses.
pub(crate) fn members_json(members: &Members) -> Json {
    let all = |of: &BTreeMap<String, infra_address::ResourceInstance>| -> Map<String, Json> {
        of.iter().map(|(colour, address)| (colour.clone(), address.to_string().into())).collect()
    };
    json!({
        "services": all(&members.services),
        "target_groups": all(&members.target_groups),
        "listener": members.listener.as_ref().map(ToString::to_string),
        "test_listener": members.test_listener.as_ref().map(ToString::to_string),
    })
}

/// Members from their JSON.
pub(crate) fn read_members(json: &Json) -> Option<Members> {
    let all = |key: &str| {
        let of = json[key].as_object()?;
        of.iter().map(|(c, a)| Some((c.clone(), parse_resource_instance(a.as_str()?).ok()?))).collect::<Option<_>>()
    };
    let one = |key: &str| match json[key].as_str() {
        Some(text) => parse_resource_instance(text).map(Some).map_err(|_| ()),
        None => Ok(None),
    };
    Some(Members {
        services: all("services")?,
        target_groups: all("target_groups")?,
        listener: one("listener").ok()?,
        test_listener: one("test_listener").ok()?,
    })
}
