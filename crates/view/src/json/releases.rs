//! The releases of a plan, under its key `infra`: readers of Terraform's plans skip keys that they do not know.

use std::time::{Duration, SystemTime};

use infra_engine::releases::ReleaseChange;
use infra_provider::fleet::Version;
use infra_release::{Reverted, Step, short};
use serde_json::{Value as Json, json};

/// All of them.
pub(crate) fn releases_json(releases: &[ReleaseChange]) -> Json {
    Json::Array(releases.iter().map(release_json).collect())
}

pub(super) fn release_json(change: &ReleaseChange) -> Json {
    let reverted = change.record.as_ref().and_then(|r| r.reverted.as_ref());
    json!({
        "address": change.release.address,
        "kind": change.kind,
        "strategy": change.release.strategy.name(),
        "live": change.live,
        "idle": change.idle,
        "old": version_json(&change.old),
        "new": version_json(&change.new),
        "count": change.count,
        "phase": change.record.as_ref().filter(|r| !r.phase.is_over()).map(|r| &r.phase),
        "standby_seconds_left":
            change.record.as_ref().and_then(|r| r.standby_left(SystemTime::now())).map(|left| left.as_secs()),
        "steps": change.steps.iter().map(step_json).collect::<Vec<_>>(),
        "seconds_until_shifted": until_shifted(&change.steps).as_secs(),
        "standby_seconds": change.release.standby.as_secs(),
        "reverted": reverted.map(reverted_json),
    })
}

fn version_json(version: &Version) -> Json {
    json!({"name": short(version), "definition": version.definition, "images": version.images})
}

fn step_json(step: &Step) -> Json {
    json!({"name": step.name, "text": step.text, "seconds": step.estimate.as_secs()})
}

pub(super) fn reverted_json(reverted: &Reverted) -> Json {
    let at: SystemTime = reverted.at.into();
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    json!({"at": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "by": reverted.by, "reason": reverted.reason})
}

/// How long it takes, roughly, until the new version has all the traffic.
fn until_shifted(steps: &[Step]) -> Duration {
    steps.iter().filter(|s| !matches!(s.name.as_str(), "watch" | "stop")).map(|s| s.estimate).sum()
}
