//! The releases of a plan as text.

use infra_diag::wrap;
use serde_json::Value as Json;

use super::TextOptions;
use super::pen::{Ink, Pen};
use crate::releases::{Told, told};

/// The releases that have something to tell: all but those with nothing to do.
pub(super) fn releases(plan: &Json, options: &TextOptions, pen: Pen) -> String {
    told(plan).iter().map(|release| format!("\n{}", text(release, options, pen))).collect()
}

fn text(release: &Told<'_>, options: &TextOptions, pen: Pen) -> String {
    let mut out = format!("  {}\n", pen.paint(Ink::Bold, &format!("# {}: {}", release.address, release.headline)));
    if let Some(why) = &release.held_back {
        out += &indented(&wrap(why, options.width().saturating_sub(6)), 6);
        out += &format!("          {}\n", release.retry());
    }
    for step in &release.steps {
        let told = wrap(step.text, options.width().saturating_sub(16));
        let mut lines = told.lines();
        out += &format!("      {:<9} {}\n", step.name, lines.next().unwrap_or_default());
        for line in lines {
            out += &format!("                {line}\n");
        }
    }
    if let Some(closing) = &release.closing {
        out += &indented(&wrap(closing, options.width().saturating_sub(4)), 4);
    }
    out
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(more: &Json) -> String {
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
        insta::assert_snapshot!(shown(&json!({})), @r"
        # module.api.release.api: green (1.9.0) takes over from blue (1.8.2)
            start     green: 1 task of 1.9.0; blue keeps its tasks and all traffic
            healthy   all targets of green, within 10 m
            shift     all traffic to green
            stop      blue, when it gets no more requests
          about 1 m 32 s until green has the traffic; `infra revert` puts it back
          in one call until then and for 30 m after.
        ");
        insta::assert_snapshot!(shown(&json!({"new": {"name": "(known after apply)"}, "steps": []})), @r"
        # module.api.release.api: green, with a version that is known after apply, takes over from blue (1.8.2)
        ");
        insta::assert_snapshot!(shown(&json!({"live": "api", "idle": "api", "steps": []})), @r"
        # module.api.release.api: 1.9.0 takes over from 1.8.2, in place
        ");
    }

    #[test]
    fn a_first_deployment_is_told_in_a_line() {
        insta::assert_snapshot!(shown(&json!({"kind": "first", "steps": []})), @r"
        # module.api.release.api: first deployment of 1.9.0 as blue; green begins with no tasks
        ");
        insta::assert_snapshot!(
            shown(&json!({"kind": "first", "steps": [], "new": {"name": "(known after apply)"}})), @r"
        # module.api.release.api: first deployment as blue; green begins with no tasks
        ");
        insta::assert_snapshot!(shown(&json!({"kind": "nothing", "steps": []})), @"");
    }

    #[test]
    fn what_an_earlier_run_has_left_is_told_with_what_is_left_to_do() {
        for (phase, expected) in [
            (json!("healthy"), "waiting for healthy targets"),
            (json!({"shift": 1}), "shifting, step 2"),
            (json!("watch"), "watching"),
            (json!("drain"), "stopping"),
        ] {
            let told = shown(&json!({"kind": "resume", "phase": phase}));
            assert!(
                told.contains(&format!("goes on with 1.9.0 on green, where an earlier run stopped ({expected})")),
                "{told}"
            );
        }
        let watch = json!([{"name": "watch", "text": "30 m"}]);
        insta::assert_snapshot!(
            shown(&json!({"kind": "resume", "phase": "watch", "steps": watch, "standby_seconds_left": 90})), @r"
        # module.api.release.api: goes on with 1.9.0 on green, where an earlier run stopped (watching)
            watch     30 m
          green has the traffic; `infra revert` puts it back in one call while blue
          stands by, for 1 m 30 s more.
        ");
    }

    #[test]
    fn after_a_revert_nothing_but_the_stop_is_told() {
        let stop = json!([{"name": "stop", "text": "green"}]);
        insta::assert_snapshot!(shown(&json!({"kind": "clean_up", "phase": "clean_up", "steps": stop})), @r"
        # module.api.release.api: green (1.9.0), which was taken back, is stopped; blue (1.8.2) stays live
            stop      green
        ");
        insta::assert_snapshot!(shown(&json!({"kind": "clean_up", "phase": "healthy", "steps": stop})), @r"
        # module.api.release.api: the release of 1.9.0 is taken back; blue (1.8.2) stays live
            stop      green
        ");
    }

    #[test]
    fn a_version_that_went_back_is_told_with_the_reason() {
        let reverted = json!({"at": "2026-01-02T03:04:05Z", "by": "", "reason": "a target is unhealthy"});
        insta::assert_snapshot!(
            shown(&json!({"kind": "reverted_before", "steps": [], "reverted": reverted})), @r"
        # module.api.release.api: 1.9.0 is not released again
            It went back by itself at 2026-01-02T03:04:05Z: a target is unhealthy.
            It is released when the configuration changes, or after
                infra release retry module.api.release.api
        ");
    }
}
