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
    all.iter().filter(|r| r["kind"] == "new" || r["kind"] == "resume").count()
}

fn release(release: &Json, options: &TextOptions, pen: Pen) -> String {
    let text = |key: &str| release[key].as_str().unwrap_or_default();
    let (address, live, idle) = (text("address"), text("live"), text("idle"));
    let name = |version: &str| release[version]["name"].as_str().unwrap_or_default().to_string();
    let (old, new) = (name("old"), name("new"));
    let reverted = &release["reverted"];
    let headline = match text("kind") {
        "first" => format!("{address}: first deployment of {new} as {live}; {idle} begins with no tasks"),
        "resume" => format!("{address}: goes on with {new} on {idle}, where an earlier run stopped ({})", text_of_phase(release)),
        "reverted_before" => format!("{address}: {new} is not released again"),
        _ if live == idle => format!("{address}: {new} takes over from {old}, in place"),
        _ => format!("{address}: {idle} ({new}) takes over from {live} ({old})"),
    };
    let mut out = format!("  {}\n", pen.paint(Ink::Bold, &format!("# {headline}")));
    if text("kind") == "reverted_before" {
        let by = match reverted["by"].as_str() {
            Some("") | None => "by itself".to_string(),
            Some(by) => format!("by {by}"),
        };
        let why = format!(
            "It was taken back {by} at {}: {}. It is released when the configuration changes, or after",
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
    if !steps.is_empty() && live != idle {
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

fn text_of_phase(release: &Json) -> String {
    match &release["phase"] {
        Json::String(phase) => phase.replace('_', " "),
        Json::Object(phase) => phase.keys().next().map(|k| k.replace('_', " ")).unwrap_or_default(),
        _ => String::new(),
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}
