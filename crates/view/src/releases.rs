//! What a plan's releases come to, in words.

use std::time::Duration;

use infra_release::span;
use serde_json::Value as Json;

/// A release in words.
pub(crate) struct Told<'j> {
    pub(crate) address: &'j str,
    /// What happens, after the address.
    pub(crate) headline: String,
    /// Why nothing happens, if a version went back before; with `retry`, the command that allows it again.
    pub(crate) held_back: Option<String>,
    pub(crate) steps: Vec<Step<'j>>,
    /// How long it takes, and how it is taken back.
    pub(crate) closing: Option<String>,
}

/// A step of a release.
pub(crate) struct Step<'j> {
    pub(crate) name: &'j str,
    pub(crate) text: &'j str,
    /// How long it takes, roughly.
    pub(crate) estimate: Duration,
}

impl Told<'_> {
    /// The command after which a version that went back is released again.
    pub(crate) fn retry(&self) -> String {
        format!("infra release retry {}", self.address)
    }
}

fn entries(plan: &Json) -> &[Json] {
    plan["infra"]["releases"].as_array().map_or(&[][..], Vec::as_slice)
}

/// The releases that have something to tell: all but those with nothing to do.
pub(crate) fn told(plan: &Json) -> Vec<Told<'_>> {
    entries(plan).iter().filter(|r| r["kind"] != "nothing").map(in_words).collect()
}

/// How many releases do something.
pub(crate) fn active(plan: &Json) -> usize {
    of_kinds(plan, &["new", "resume", "clean_up"])
}

fn of_kinds(plan: &Json, kinds: &[&str]) -> usize {
    entries(plan).iter().filter(|r| kinds.iter().any(|kind| r["kind"] == *kind)).count()
}

/// What follows the counts of objects: `, 1 to release`, and what is left to do of one that was taken back.
pub(crate) fn releasing(plan: &Json) -> String {
    let to_release = match of_kinds(plan, &["new", "resume"]) {
        0 => String::new(),
        n => format!(", {n} to release"),
    };
    match of_kinds(plan, &["clean_up"]) {
        0 => to_release,
        n => format!("{to_release}, {n} revert{} to finish", if n == 1 { "" } else { "s" }),
    }
}

fn in_words(release: &Json) -> Told<'_> {
    let text = |key: &str| release[key].as_str().unwrap_or_default();
    let steps = release["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |name: &str| steps.iter().any(|step| step["name"] == name);
    let held_back = (text("kind") == "reverted_before").then(|| why_held_back(&release["reverted"]));
    Told {
        address: text("address"),
        headline: headline(release),
        closing: if held_back.is_some() { None } else { closing(release, has("shift"), has("watch")) },
        steps: if held_back.is_some() { Vec::new() } else { steps.iter().map(step).collect() },
        held_back,
    }
}

fn step(step: &Json) -> Step<'_> {
    Step {
        name: step["name"].as_str().unwrap_or_default(),
        text: step["text"].as_str().unwrap_or_default(),
        estimate: Duration::from_secs(step["seconds"].as_u64().unwrap_or_default()),
    }
}

/// What happens, in a line.
fn headline(release: &Json) -> String {
    let text = |key: &str| release[key].as_str().unwrap_or_default();
    let (live, idle) = (text("live"), text("idle"));
    let name = |version: &str| release[version]["name"].as_str().unwrap_or_default().to_string();
    let (old, new) = (name("old"), name("new"));
    match text("kind") {
        "first" if live == idle => format!("first deployment{}", of_version(&new)),
        "first" => format!("first deployment{} as {live}; {idle} begins with no tasks", of_version(&new)),
        "clean_up" if release["phase"] == "clean_up" && live != idle => {
            format!("{idle} ({new}), which was taken back, is stopped; {live} ({old}) stays live")
        }
        "clean_up" => format!("the release of {new} is taken back; {live} ({old}) stays live"),
        "resume" if live == idle => {
            format!("goes on with {new}, where an earlier run stopped ({})", text_of_phase(release))
        }
        "resume" => {
            format!("goes on with {new} on {idle}, where an earlier run stopped ({})", text_of_phase(release))
        }
        "reverted_before" => format!("{new} is not released again"),
        _ if live == idle && is_unknown(&new) => {
            format!("a new version, known after apply, takes over from {old}, in place")
        }
        _ if is_unknown(&new) => {
            format!("{idle}, with a version that is known after apply, takes over from {live} ({old})")
        }
        _ if live == idle => format!("{new} takes over from {old}, in place"),
        _ => format!("{idle} ({new}) takes over from {live} ({old})"),
    }
}

fn why_held_back(reverted: &Json) -> String {
    let by = match reverted["by"].as_str() {
        Some("") | None => "It went back by itself".to_string(),
        Some("elsewhere") => "It was taken back elsewhere".to_string(),
        Some(by) => format!("It was taken back by {by}"),
    };
    format!(
        "{by} at {}: {}. It is released when the configuration changes, or after",
        reverted["at"].as_str().unwrap_or_default(),
        reverted["reason"].as_str().unwrap_or_default()
    )
}

fn closing(release: &Json, shifts: bool, watches: bool) -> Option<String> {
    let text = |key: &str| release[key].as_str().unwrap_or_default();
    let time = |key: &str| span(Duration::from_secs(release[key].as_u64().unwrap_or_default()));
    let (live, idle) = (text("live"), text("idle"));
    if live == idle {
        return None;
    }
    if text("kind") == "resume" && !shifts && watches {
        return Some(format!(
            "{idle} has the traffic; `infra revert` puts it back in one call while {live} stands by, for {} more.",
            time("standby_seconds_left")
        ));
    }
    (shifts && text("kind") != "clean_up").then(|| {
        format!(
            "about {} until {idle} has the traffic; `infra revert` puts it back in one call until then and for {} after.",
            time("seconds_until_shifted"),
            time("standby_seconds")
        )
    })
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
