//! A plan as HTML.

use infra_engine::attention::Finding;
use infra_engine::plan::Action;
use infra_release::span;
use maud::{Markup, html};

use super::frame::document;
use super::objects::{Anchors, Choice, Object, list};
use super::rows::{Sides, Table, object};
use crate::difference::change::Change;
use crate::difference::compare::compare_untyped;
use crate::difference::diff::{Diff, Sign};
use crate::difference::entry::Entry;
use crate::difference::paths::Paths;
use crate::page::{Changes, Kind, PlanPage, name_of, sign, visible, why};
use crate::releases::{Told, told};
use crate::text::attribute_name;

/// How many objects are open from the beginning, if there are only a few.
const OPEN: usize = 3;
/// Up to how many findings the objects that they are about are open from the beginning.
const OPEN_FINDINGS: usize = 10;

/// The plan as one file, for somebody who is to approve it.
pub fn plan<'j, 's: 'j>(page: &PlanPage<'j, 's>) -> String {
    let changes = page.changes();
    let drift = page.drift(&changes);
    let attention = page.attention();
    let mut anchors = Anchors::default();
    let objects: Vec<Object> = changes
        .iter()
        .map(|(entry, diff)| {
            let about: Vec<&Finding> = attention.iter().filter(|f| f.address == entry.address()).collect();
            let open = changes.len() <= OPEN || (!about.is_empty() && attention.len() <= OPEN_FINDINGS);
            changed(*entry, diff, &about, open, &mut anchors)
        })
        .collect();
    let choices: Vec<Choice> = Kind::ALL
        .into_iter()
        .map(|kind| (kind, changes.iter().filter(|(entry, _)| Kind::of(*entry) == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| Choice { kind: kind.verb(), label: kind.verb().into(), count })
        .collect();
    let releases = told(page.plan);
    let outputs = outputs(page);
    let main = html! {
        @if !attention.is_empty() { (findings(&attention, &anchors)) }
        @if !releases.is_empty() {
            section aria-labelledby="releases-h" {
                h2 #releases-h { "Releases" }
                @for release in &releases { (timeline(release)) }
            }
        }
        @if !drift.is_empty() { (drifted(&drift, &mut anchors)) }
        @if !objects.is_empty() { (list("Resources", &objects, &choices)) }
        @if let Some(outputs) = outputs {
            section aria-labelledby="outputs-h" { h2 #outputs-h { "Outputs" } div.r.plain { div.body { (outputs) } } }
        }
    };
    document(&page.title(&changes, &drift), &page.facts, &main)
}

fn findings(findings: &[Finding], anchors: &Anchors) -> Markup {
    html! {
        section.attention aria-labelledby="attention-h" {
            h2 #attention-h { "Needs attention" }
            ul {
                @for finding in findings {
                    li {
                        p {
                            @match anchors.of.get(&finding.address) {
                                Some(anchor) => a.a href={ "#" (anchor) } { (visible(&finding.address)) },
                                None => span.a { (visible(&finding.address)) },
                            }
                            " " (visible(&finding.message))
                        }
                        p.where {
                            @if let Some((file, line)) = &finding.at { code { (visible(file)) ":" (line) } " · " }
                            (visible(&finding.rule))
                        }
                    }
                }
            }
        }
    }
}

fn timeline(release: &Told<'_>) -> Markup {
    html! {
        div.release {
            h3 { span.a { (visible(release.address)) } " " span.headline { (visible(&release.headline)) } }
            @if let Some(why) = &release.held_back { p { (visible(why)) " " code { (visible(&release.retry())) } } }
            @if !release.steps.is_empty() {
                ol.timeline {
                    @for step in &release.steps {
                        li {
                            b { (visible(step.name)) }
                            @if !step.estimate.is_zero() { span.takes { "about " (span(step.estimate)) } }
                            p { (visible(step.text)) }
                        }
                    }
                }
            }
            @if let Some(closing) = &release.closing { p.closing { (with_command(closing)) } }
        }
    }
}

/// A sentence of ours with a command in it.
fn with_command(text: &str) -> Markup {
    const COMMAND: &str = "`infra revert`";
    let Some((before, after)) = text.split_once(COMMAND) else { return html! { (visible(text)) } };
    html! { (visible(before)) code { (COMMAND.trim_matches('`')) } (visible(after)) }
}

/// Which sides of an object there are to be seen.
fn sides(entry: Entry<'_>) -> Sides {
    match entry.action {
        Action::Create | Action::Read => Sides::After,
        Action::Delete | Action::Forget => Sides::Before,
        Action::NoOp if entry.is_imported() => Sides::After,
        Action::NoOp | Action::Update | Action::DeleteThenCreate | Action::CreateThenDelete => Sides::Both,
    }
}

fn changed(entry: Entry<'_>, diff: &Diff<'_>, about: &[&Finding], open: bool, anchors: &mut Anchors) -> Object {
    let kind = Kind::of(entry);
    let sides = sides(entry);
    let all = sides != Sides::Both;
    Object {
        anchor: anchors.name(entry.address()),
        kind: kind.verb(),
        sign: sign(entry.action),
        verb: kind.verb().into(),
        module: module(entry),
        name: name_of(entry),
        why: why(entry),
        open,
        body: html! {
            @for finding in about { p.note { (visible(&finding.message)) } }
            (object(diff, sides, all))
        },
    }
}

fn module(entry: Entry<'_>) -> String {
    entry.text("module_address").to_string()
}

fn drifted(drift: &Changes<'_>, anchors: &mut Anchors) -> Markup {
    let objects = drift.iter().map(|(entry, diff)| {
        let deleted = Kind::of(*entry) == Kind::Delete;
        let sides = if deleted { Sides::Before } else { Sides::Both };
        Object {
            anchor: anchors.name(entry.address()),
            kind: if deleted { "destroy" } else { "change" },
            sign: "",
            verb: if deleted { "deleted".into() } else { "changed".into() },
            module: module(*entry),
            name: name_of(*entry),
            why: Vec::new(),
            open: drift.len() <= OPEN,
            body: object(diff, sides, deleted),
        }
    });
    html! {
        section #drift aria-labelledby="drift-h" {
            h2 #drift-h { "Changed outside of the configuration " span.count { (drift.len()) } }
            p.lead { "The plan below takes these objects as they are now." }
            @for object in objects { (object.markup()) }
        }
    }
}

/// Outputs that change; none if none does.
fn outputs(page: &PlanPage<'_, '_>) -> Option<Markup> {
    let changes = page.plan["output_changes"].as_object()?;
    let mut names: Vec<&String> = changes.keys().collect();
    names.sort();
    let mut table = Table::new(Sides::Both, false);
    let mut any = false;
    for name in names {
        let diff = compare_untyped(Change::of(&changes[name], Paths::everything()));
        if diff.sign != Sign::Same {
            any = true;
            table.part(0, &attribute_name(name), &Diff { replace: false, ..diff });
        }
    }
    any.then(|| table.finish())
}
