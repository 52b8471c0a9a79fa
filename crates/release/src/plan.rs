//! The steps of a release, before it begins, for whoever reads the plan.

use std::time::Duration;

use infra_provider::fleet::Version;

use crate::spec::{CheckKind, Release, Strategy};
use crate::version::short;

/// A step, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// One word: `start`, `healthy`, `check`, `shift`, `watch`, `stop`.
    pub name: String,
    /// What happens, with its numbers.
    pub text: String,
    /// How long it takes, roughly.
    pub estimate: Duration,
}

/// How long a task usually takes from its start until its target is healthy.
const USUAL_START: Duration = Duration::from_secs(90);

/// The steps, in order. `seen` is how late the cloud's metrics are at the most.
pub fn steps(release: &Release, from: &str, to: &str, new: &Version, count: Option<u32>, seen: Duration) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |name: &str, text: String, estimate: Duration| {
        steps.push(Step { name: name.into(), text, estimate });
    };
    let tasks = match count {
        Some(1) => "1 task".to_string(),
        Some(count) => format!("{count} tasks"),
        None => "as many tasks".to_string(),
    };
    let rolling = matches!(release.strategy, Strategy::Rolling);
    if let Some(task) = &release.before_shift {
        let limit = span(task.timeout);
        step("before", format!("one task of {} runs to a successful end, within {limit}", short(new)), USUAL_START);
    }
    match rolling {
        true => step("start", format!("{tasks} of {} replace the running ones", short(new)), Duration::ZERO),
        false => step(
            "start",
            format!("{to}: {tasks} of {}; {from} keeps its tasks and all traffic", short(new)),
            Duration::ZERO,
        ),
    }
    step("healthy", format!("all targets of {to}, within {}", span(release.start_timeout)), USUAL_START);
    for check in &release.checks {
        let text = match &check.kind {
            CheckKind::Http(probe) => format!("{} {} = {}", check.name, probe.path, probe.status),
            CheckKind::Command { command, .. } => format!("{}: command {}", check.name, command.join(" ")),
        };
        step("check", text, Duration::from_secs(2));
    }
    let when = &release.revert_when;
    for shift in release.strategy.shifts() {
        // As long as it takes to see what comes of it.
        let takes = if shift.wait.is_zero() { shift.wait } else { shift.wait.max(shift.wait.min(when.window) + seen) };
        match shift.percent {
            100 => step("shift", format!("all traffic to {to}"), Duration::ZERO),
            percent => step("shift", format!("{percent} % to {to}, for {}", span(takes)), takes),
        }
    }
    let probes = if when.probe.is_some() { "seen within 5 s by probes, " } else { "" };
    let late = if seen.is_zero() { "at once".to_string() } else { format!("within {}", span(seen)) };
    let alarms = if when.alarms.is_empty() { "" } else { ", an alarm fires" };
    step(
        "watch",
        format!(
            "{}; back to {} if more than {} % of at least {} requests fail in {}, a target is unhealthy{alarms} ({probes}{late} \
             by metrics)",
            span(release.standby),
            if rolling { "the version before" } else { from },
            when.error_rate_percent,
            when.min_requests,
            span(when.window),
        ),
        release.standby,
    );
    if !rolling {
        step("stop", format!("{from}, when it gets no more requests"), Duration::ZERO);
    }
    steps
}

/// `45 s`, `30 m`, `1 h 30 m`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if shown.is_empty() { "0 s".into() } else { shown.join(" ") }
}
