//! What a run did for releases.

use infra_engine::releases::records;
use infra_history::{Release, Reverted, Running, Secrets, Step};
use infra_provider::fleet::Version;
use infra_release::Record;
use infra_release::short;
use infra_state::State;
use jiff::Timestamp;

/// The releases that a run has brought forward, told by the records in the state before and after.
pub(super) fn between(before: &State, after: &State, secrets: &Secrets) -> Vec<Release> {
    let olds = records(before);
    records(after)
        .iter()
        .filter_map(|(address, kept)| {
            let old = olds.get(address).map(|kept| &kept.record);
            (old != Some(&kept.record)).then(|| release(old, &kept.record, secrets))
        })
        .collect()
}

/// What happened to a release since an earlier record of it, or of the one before it.
pub(super) fn release(earlier: Option<&Record>, now: &Record, secrets: &Secrets) -> Release {
    let known = earlier.filter(|earlier| earlier.id == now.id).and_then(|earlier| earlier.log.last());
    // The log forgets its oldest lines: the last known one is looked for, not counted.
    let from = known.and_then(|last| now.log.iter().rposition(|entry| entry == last)).map_or(0, |i| i + 1);
    let steps = now.log[from..].iter();
    Release {
        address: now.release.address.clone(),
        id: now.id.clone(),
        from: running(&now.from, &now.old),
        to: running(&now.to, &now.new),
        phase: match &now.phase {
            infra_release::Phase::Shift(step) => format!("shift, step {}", step + 1),
            phase => {
                serde_json::to_value(phase).ok().and_then(|p| Some(p.as_str()?.replace('_', " "))).unwrap_or_default()
            }
        },
        began: time(now.began),
        by: now.by.clone(),
        steps: steps.map(|entry| Step { at: time(entry.at), what: secrets.scrub(&entry.what) }).collect(),
        reverted: now.reverted.as_ref().map(|reverted| Reverted {
            at: time(reverted.at),
            by: reverted.by.clone(),
            reason: secrets.scrub(&reverted.reason),
        }),
    }
}

fn running(colour: &str, version: &Version) -> Running {
    Running { colour: colour.into(), version: short(version), definition: version.definition.clone() }
}

fn time(stamp: infra_release::Stamp) -> String {
    let time = Timestamp::try_from(std::time::SystemTime::from(stamp)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
