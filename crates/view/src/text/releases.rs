//! The releases of a plan, as people read them.

use std::time::Duration;

use infra_diag::wrap;
use infra_release::span;
use serde_json::Value as Json;

use super::TextOptions;
use super::pen::{Ink, Pen};

/// The releases that have something to tell: all but those with nothing to do.
pub(super) fn releases(plan: &Json, options: &TextOptions, pen: Pen) -> String {
    let all = plan["infra"]["releases"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter(|r| r["kind"] != "nothing").map(|r| format!("\n{}", release(r, options, pen))).collect()
}

/// How many releases the plan makes.
pub(super) fn active(plan: &Json) -> usize {
    let all = plan["infra"]["releases"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter(|r| ["new", "resume", "clean_up"].iter().any(|kind| r["kind"] == *kind)).count()
}

fn release(release: &Json, options: &TextOptions, pen: Pen) -> String {
    let text = |key: &str| release[key].as_str().unwrap_or_default();
    let (address, live, idle) = (text("address"), text("live"), text("idle"));
    let name = |version: &str| release[version]["name"].as_str().unwrap_or_default().to_string();
    let (old, new) = (name("old"), name("new"));
    let reverted = &release["reverted"];
    let headline = match text("kind") {
        "first" if live == idle => format!("{address}: first deployment{}", of_version(&new)),
        "first" => format!("{address}: first deployment{} as {live}; {idle} begins with no tasks", of_version(&new)),
        "clean_up" if release["phase"] == "clean_up" && live != idle => {
            format!("{address}: {idle} ({new}), which was taken back, is stopped; {live} ({old}) stays live")
        }
        "clean_up" => format!("{address}: the release of {new} is taken back; {live} ({old}) stays live"),
        "resume" if live == idle => {
            format!("{address}: goes on with {new}, where an earlier run stopped ({})", text_of_phase(release))
        }
        "resume" => {
            format!(
                "{address}: goes on with {new} on {idle}, where an earlier run stopped ({})",
                text_of_phase(release)
            )
        }
        "reverted_before" => format!("{address}: {new} is not released again"),
        _ if live == idle && is_unknown(&new) => {
            format!("{address}: a new version, known after apply, takes over from {old}, in place")
        }
        _ if is_unknown(&new) => {
            format!("{address}: {idle}, with a version that is known after apply, takes over from {live} ({old})")
        }
        _ if live == idle => format!("{address}: {new} takes over from {old}, in place"),
        _ => format!("{address}: {idle} ({new}) takes over from {live} ({old})"),
    };
    let mut out = format!("  {}\n", pen.paint(Ink::Bold, &format!("# {headline}")));
    if text("kind") == "reverted_before" {
        let by = match reverted["by"].as_str() {
            Some("") | None => "It went back by itself".to_string(),
            Some("elsewhere") => "It was taken back elsewhere".to_string(),
            Some(by) => format!("It was taken back by {by}"),
        };
        let why = format!(
            "{by} at {}: {}. It is released when the configuration changes, or after",
            reverted["at"].as_str().unwrap_or_default(),
            reverted["reason"].as_str().unwrap_or_default()
        );
        out += &indented(&wrap(&why, options.width().saturating_sub(6)), 6);
        out += &format!("          infra release retry {address}\n");
        return out;
    }
    let steps = release["steps"].as_array().map_or(&[][..], Vec::as_slice);
    for step in steps {
        let name = step["name"].as_str().unwrap_or_default();
        let told = wrap(step["text"].as_str().unwrap_or_default(), options.width().saturating_sub(16));
        let mut lines = told.lines();
        out += &format!("      {name:<9} {}\n", lines.next().unwrap_or_default());
        for line in lines {
            out += &format!("                {line}\n");
        }
    }
    let shifts = steps.iter().any(|step| step["name"] == "shift");
    if text("kind") == "resume" && live != idle && !shifts && steps.iter().any(|step| step["name"] == "watch") {
        let left = Duration::from_secs(release["standby_seconds_left"].as_u64().unwrap_or_default());
        let closing = format!(
            "{idle} has the traffic; `infra revert` puts it back in one call while {live} stands by, for {} more.",
            span(left)
        );
        out += &indented(&wrap(&closing, options.width().saturating_sub(4)), 4);
    }
    if shifts && live != idle && text("kind") != "clean_up" {
        let until = Duration::from_secs(release["seconds_until_shifted"].as_u64().unwrap_or_default());
        let standby = Duration::from_secs(release["standby_seconds"].as_u64().unwrap_or_default());
        let closing = format!(
            "about {} until {idle} has the traffic; `infra revert` puts it back in one call until then and for {} after.",
            span(until),
            span(standby)
        );
        out += &indented(&wrap(&closing, options.width().saturating_sub(4)), 4);
    }
    out
}

/// ` of v2`, or nothing where the version is not known yet.
fn of_version(name: &str) -> String {
    if is_unknown(name) { String::new() } else { format!(" of {name}") }
}

fn is_unknown(name: &str) -> bool {
    name.starts_with('(')
}

fn text_of_phase(release: &Json) -> String {
    match &release["phase"] {
        Json::String(phase) => match phase.as_str() {
            "before_shift" => "the task before the shift".into(),
            "start" => "starting".into(),
            "healthy" => "waiting for healthy targets".into(),
            "check" => "checking".into(),
            "watch" => "watching".into(),
            "drain" | "stop" => "stopping".into(),
            other => other.replace('_', " "),
        },
        Json::Object(phase) => match phase.get("shift").and_then(Json::as_u64) {
            Some(step) => format!("shifting, step {}", step + 1),
            None => String::new(),
        },
        _ => String::new(),
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(more: &Json) -> String {
        let step = |name: &str, text: &str| json!({"name": name, "text": text});
        let mut release = json!({
            "address": "module.api.release.api", "kind": "new", "strategy": "blue_green", "live": "blue", "idle": "green",
            "old": {"name": "1.8.2"}, "new": {"name": "1.9.0"}, "count": 1, "phase": null, "reverted": null,
            "seconds_until_shifted": 92, "standby_seconds": 1800, "standby_seconds_left": null,
            "steps": [
                step("start", "green: 1 task of 1.9.0; blue keeps its tasks and all traffic"),
                step("healthy", "all targets of green, within 10 m"),
                step("shift", "all traffic to green"),
                step("stop", "blue, when it gets no more requests"),
            ],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            release[key] = value.clone();
        }
        releases(&json!({"infra": {"releases": [release]}}), &TextOptions::default(), Pen { colour: false })
    }

    #[test]
    fn a_new_version_is_told_with_its_steps() {
        insta::assert_snapshot!(text(&json!({})), @r"
        # module.api.release.api: green (1.9.0) takes over from blue (1.8.2)
            start     green: 1 task of 1.9.0; blue keeps its tasks and all traffic
            healthy   all targets of green, within 10 m
            shift     all traffic to green
            stop      blue, when it gets no more requests
          about 1 m 32 s until green has the traffic; `infra revert` puts it back
          in one call until then and for 30 m after.
        ");
        insta::assert_snapshot!(text(&json!({"new": {"name": "(known after apply)"}, "steps": []})), @r"
        # module.api.release.api: green, with a version that is known after apply, takes over from blue (1.8.2)
        ");
        insta::assert_snapshot!(text(&json!({"live": "api", "idle": "api", "steps": []})), @r"
        # module.api.release.api: 1.9.0 takes over from 1.8.2, in place
        ");
    }

    #[test]
    fn a_first_deployment_is_told_in_a_line() {
        insta::assert_snapshot!(text(&json!({"kind": "first", "steps": []})), @r"
        # module.api.release.api: first deployment of 1.9.0 as blue; green begins with no tasks
        ");
        insta::assert_snapshot!(
            text(&json!({"kind": "first", "steps": [], "new": {"name": "(known after apply)"}})), @r"
        # module.api.release.api: first deployment as blue; green begins with no tasks
        ");
        insta::assert_snapshot!(text(&json!({"kind": "nothing", "steps": []})), @"");
    }

    #[test]
    fn what_an_earlier_run_has_left_is_told_with_what_is_left_to_do() {
        for (phase, expected) in [
            (json!("healthy"), "waiting for healthy targets"),
            (json!({"shift": 1}), "shifting, step 2"),
            (json!("watch"), "watching"),
            (json!("drain"), "stopping"),
        ] {
            let told = text(&json!({"kind": "resume", "phase": phase}));
            assert!(
                told.contains(&format!("goes on with 1.9.0 on green, where an earlier run stopped ({expected})")),
                "{told}"
            );
        }
        let watch = json!([{"name": "watch", "text": "30 m"}]);
        insta::assert_snapshot!(
            text(&json!({"kind": "resume", "phase": "watch", "steps": watch, "standby_seconds_left": 90})), @r"
        # module.api.release.api: goes on with 1.9.0 on green, where an earlier run stopped (watching)
            watch     30 m
          green has the traffic; `infra revert` puts it back in one call while blue
          stands by, for 1 m 30 s more.
        ");
    }

    #[test]
    fn after_a_revert_nothing_but_the_stop_is_told() {
        let stop = json!([{"name": "stop", "text": "green"}]);
        insta::assert_snapshot!(text(&json!({"kind": "clean_up", "phase": "clean_up", "steps": stop})), @r"
        # module.api.release.api: green (1.9.0), which was taken back, is stopped; blue (1.8.2) stays live
            stop      green
        ");
        insta::assert_snapshot!(text(&json!({"kind": "clean_up", "phase": "healthy", "steps": stop})), @r"
        # module.api.release.api: the release of 1.9.0 is taken back; blue (1.8.2) stays live
            stop      green
        ");
    }

    #[test]
    fn a_version_that_went_back_is_told_with_the_reason() {
        let reverted = json!({"at": "2026-01-02T03:04:05Z", "by": "", "reason": "a target is unhealthy"});
        insta::assert_snapshot!(
            text(&json!({"kind": "reverted_before", "steps": [], "reverted": reverted})), @r"
        # module.api.release.api: 1.9.0 is not released again
            It went back by itself at 2026-01-02T03:04:05Z: a target is unhealthy.
            It is released when the configuration changes, or after
                infra release retry module.api.release.api
        ");
    }
}
