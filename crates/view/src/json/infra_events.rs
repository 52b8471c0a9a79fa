//! The machine-readable lines that only infra has. Their types begin with `infra_`: who reads Terraform's lines skips
//! types that it does not know. `docs/json.md` describes them.

use std::time::{Duration, SystemTime};

use infra_address::ResourceInstance;
use infra_engine::attention::Finding;
use infra_engine::releases::{ReleaseChange, ReleaseKind};
use infra_provider::fleet::{Evidence, Standing};
use infra_release::{Phase, Record, short, span};
use serde_json::{Value as Json, json};

use super::events::{Id, Line, hook, id_text};
use super::releases::{release_json, reverted_json};

/// Something in a plan that somebody should look at before it is approved.
pub fn attention(finding: &Finding) -> Line {
    let message = format!("{}: {}", finding.address, finding.message);
    Line::info("infra_attention", message, "attention", finding.to_json())
}

/// The plan was written into a file.
pub fn plan_saved(file: &str, digest: &str) -> Line {
    let data = json!({"file": file, "digest": digest});
    Line::info("infra_plan_saved", format!("Plan digest: {digest}"), "plan", data)
}

/// What an apply would do about a release.
pub fn planned_release(change: &ReleaseChange) -> Line {
    let message = format!("{}: {}", change.release.address, planned(change));
    Line::info("infra_release_planned", message, "release", release_json(change))
}

fn planned(change: &ReleaseChange) -> String {
    match change.kind {
        ReleaseKind::New => {
            format!("{} ({}) takes over from {} ({})", change.idle, short(&change.new), change.live, short(&change.old))
        }
        ReleaseKind::Resume => "what an earlier run has begun goes on".into(),
        ReleaseKind::CleanUp => format!("what was taken back is brought to its end: {} stays live", change.live),
        ReleaseKind::RevertedBefore => {
            format!("{} was taken back before, and is not released again", short(&change.new))
        }
        ReleaseKind::First | ReleaseKind::Nothing => format!("{} is live", change.live),
    }
}

/// A step of a release begins or has ended.
pub fn release_step(record: &Record, what: &str) -> Line {
    let address = &record.release.address;
    let mut data = sides(record);
    data["what"] = json!(what);
    Line::info("infra_release_step", format!("{address}: {what}"), "release", data)
}

/// How a release stands: the new colour's share of the traffic, its targets and its requests.
pub fn release_watch(
    record: &Record,
    percent: u32,
    standing: &Standing,
    evidence: Option<&Evidence>,
    left: Option<Duration>,
) -> Line {
    let mut message = format!(
        "{}: {} {} has {percent} % of the traffic, {} of {} healthy",
        record.release.address,
        record.to,
        short(&record.new),
        standing.healthy,
        record.count
    );
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        message.push_str(&format!(", {} left", span(left)));
    }
    let mut data = sides(record);
    data["percent"] = json!(percent);
    data["count"] = json!(record.count);
    data["targets"] = json!({
        "healthy": standing.healthy, "initial": standing.initial, "unhealthy": standing.unhealthy,
        "draining": standing.draining,
    });
    data["tasks"] = json!({"desired": standing.desired, "running": standing.running});
    data["requests"] = evidence.map_or(Json::Null, |seen| {
        json!({
            "all": seen.requests,
            "failed": seen.failed,
            "p50_seconds": seen.p50_seconds,
            "example": seen.example,
        })
    });
    data["seconds_left"] = json!(left.map(|left| left.as_secs()));
    Line::info("infra_release_watch", message, "release", data)
}

/// How a run of a release ended, with the exit status that the process will have for it. `outcome` is `finished`,
/// `reverted`, `left` or `stuck`.
pub fn release_end(record: &Record, outcome: &str, what: &str, exit_status: u8) -> Line {
    let mut data = sides(record);
    data["outcome"] = json!(outcome);
    data["live"] = json!(record.live());
    data["reverted"] = record.reverted.as_ref().map_or(Json::Null, reverted_json);
    data["exit_status"] = json!(exit_status);
    data["standby_seconds_left"] = json!(record.standby_left(SystemTime::now()).map(|left| left.as_secs()));
    Line::info("infra_release_end", format!("{}: {what}", record.release.address), "release", data)
}

/// What else is said about a release.
pub fn release_note(address: &str, what: &str) -> Line {
    Line::info("infra_release_note", format!("{address}: {what}"), "release", json!({"address": address, "what": what}))
}

/// Both colours, and where the release is.
fn sides(record: &Record) -> Json {
    json!({
        "address": record.release.address,
        "id": record.id,
        "phase": record.phase.name(),
        "step": match record.phase { Phase::Shift(step) => Some(step + 1), _ => None },
        "from": {"colour": record.from, "version": short(&record.old)},
        "to": {"colour": record.to, "version": short(&record.new)},
    })
}

/// An object has been found that an interrupted run had created.
pub fn found(address: &ResourceInstance, id: Id<'_>) -> Line {
    let message = format!("{address}: Found what an interrupted run had created{}", id_text(id));
    Line::info("infra_found", message, "hook", hook(address, None, id, None))
}

/// An object is waited for that an interrupted run had begun to create.
pub fn awaiting(address: &ResourceInstance, id: Id<'_>) -> Line {
    let message =
        format!("{address}: Waiting until it is ready: an interrupted run had begun to create it{}", id_text(id));
    Line::info("infra_awaiting", message, "hook", hook(address, None, id, None))
}

/// Somebody wants the run to stop.
pub fn stopping() -> Line {
    let message = "Stopping: what is under way is finished first, and nothing else is started. Interrupt again to stop at \
                   once.";
    Line::info("infra_stopping", message.into(), "stopping", json!({"at_once": false}))
}

/// What a run that was stopped leaves open: how many planned operations have not been started.
pub fn left(operations: usize) -> Line {
    let message =
        format!("{operations} planned operations were not started. Everything that was done is in the state.");
    Line::info("infra_left", message, "left", json!({"operations": operations}))
}
