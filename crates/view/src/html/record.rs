//! A record of the history as HTML.

use infra_history::{Action, AttributeChange, Change, ChangeResult, Record, Release, Shown, Status};
use maud::{Markup, html};

use super::cell::Cell;
use super::frame::document;
use super::objects::{Anchors, Choice, Object, list};
use super::rows::{Sides, Table};
use crate::difference::change::Change as Difference;
use crate::difference::compare::compare_untyped;
use crate::difference::diff::Sign;
use crate::page::{Fact, by_importance, visible};
use crate::text::{done, record_facts, subject, summary, symbol, when};

/// Up to how many objects are open from the beginning.
const OPEN: usize = 5;

/// A record as one file.
pub fn record(record: &Record) -> String {
    let mut facts = vec![Fact { label: "workspace", value: record.workspace.clone() }];
    facts.extend(record_facts(record).into_iter().map(|(label, value)| Fact { label, value }));
    facts.push(Fact { label: "record", value: record.id.clone() });
    facts.push(Fact { label: "digest", value: record.digest.clone() });
    facts.extend(record.previous.iter().map(|digest| Fact { label: "follows", value: digest.clone() }));
    let mut anchors = Anchors::default();
    let changes = by_importance(&record.changes).into_iter();
    let objects: Vec<Object> =
        changes.map(|change| changed(change, record.changes.len() <= OPEN, &mut anchors)).collect();
    let mut choices: Vec<Choice> = Vec::new();
    for object in &objects {
        match choices.iter_mut().find(|choice| choice.kind == object.kind) {
            Some(choice) => choice.count += 1,
            None => choices.push(Choice { kind: object.kind, label: object.kind.into(), count: 1 }),
        }
    }
    let main = html! {
        @if !record.outcome.errors.is_empty() {
            section.attention.failed aria-labelledby="errors-h" {
                h2 #errors-h { "Errors" }
                ul {
                    @for error in &record.outcome.errors {
                        li {
                            p {
                                @if let Some(address) = &error.address {
                                    @match anchors.of.get(address) {
                                        Some(anchor) => a.a href={ "#" (anchor) } { (visible(address)) },
                                        None => span.a { (visible(address)) },
                                    }
                                    " "
                                }
                                (visible(&error.summary))
                            }
                            @if !error.detail.is_empty() { p.where { (visible(&error.detail)) } }
                        }
                    }
                }
            }
        }
        @if !record.notes.is_empty() {
            section aria-labelledby="notes-h" {
                h2 #notes-h { "Notes" }
                @for note in &record.notes { p { (visible(note)) } }
            }
        }
        @if !record.releases.is_empty() {
            section aria-labelledby="releases-h" {
                h2 #releases-h { "Releases" }
                @for release in &record.releases { (timeline(release)) }
            }
        }
        @if !objects.is_empty() { (list("Resources", &objects, &choices)) }
        @if record.changes_left_out > 0 {
            p.lead { (record.changes_left_out) " more changes are not in the record: it would have become too long." }
        }
        @if !record.outputs.is_empty() {
            section aria-labelledby="outputs-h" {
                h2 #outputs-h { "Outputs" }
                div.r.plain { div.body { (attributes(&record.outputs, Sides::Both)) } }
            }
        }
    };
    document(&title(record), &facts, &main)
}

fn title(record: &Record) -> String {
    let status = match &record.outcome.status {
        Status::Done => String::new(),
        other => format!(" {other}"),
    };
    let said = match (summary(record), record.outcome.errors.is_empty()) {
        (said, true) if !said.is_empty() => format!(": {said}"),
        _ => String::new(),
    };
    format!("{}{status}{said}", record.kind)
}

fn timeline(release: &Release) -> Markup {
    let Release { address, from, to, phase, .. } = release;
    let (from, to) = (format!("{} ({})", from.colour, from.version), format!("{} ({})", to.colour, to.version));
    html! {
        div.release {
            h3 { span.a { (visible(address)) } " " span.headline { (visible(&format!("{from} to {to}: {phase}"))) } }
            ol.timeline {
                @for step in &release.steps { li { span.takes { (visible(&when(&step.at))) } p { (visible(&step.what)) } } }
            }
            @if let Some(reverted) = &release.reverted { p.closing { "Taken back: " (visible(&reverted.reason)) } }
        }
    }
}

/// The word that an action is filtered by.
fn kind(action: &Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "change",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "destroy",
        Action::Forget => "forget",
        Action::Move => "move",
        Action::Import => "import",
        Action::Refresh => "refresh",
        Action::Taint => "taint",
        Action::Untaint => "untaint",
        Action::NoOp | Action::ReplaceProvider | Action::Other(_) => "other",
    }
}

fn changed(change: &Change, open: bool, anchors: &mut Anchors) -> Object {
    let sides = match change.action {
        Action::Create | Action::Import => Sides::After,
        Action::Delete | Action::Forget => Sides::Before,
        _ => Sides::Both,
    };
    let mut words = done(&change.action);
    if change.result != ChangeResult::Done {
        words = format!("{words}: {}", change.result);
    }
    Object {
        anchor: anchors.name(&change.address),
        kind: kind(&change.action),
        sign: symbol(&change.action).trim(),
        verb: words,
        module: module_of(&change.address),
        name: subject(change),
        why: Vec::new(),
        open: open || change.result != ChangeResult::Done,
        body: html! {
            @if let Some(id) = &change.object { p.later { "id " (visible(id)) } }
            (attributes(&change.attributes, sides))
            @if change.attributes_left_out > 0 {
                p.later { (change.attributes_left_out) " more attributes are not in the record." }
            }
        },
    }
}

/// The module that an address is in.
fn module_of(address: &str) -> String {
    let instance = infra_address::parse_resource_instance(address);
    instance.map(|instance| instance.module.to_string()).unwrap_or_default()
}

fn attributes(attributes: &[AttributeChange], sides: Sides) -> Markup {
    let mut table = Table::new(sides, true);
    for AttributeChange { path, before, after } in attributes {
        let plain = |side: &Option<Shown>| side.as_ref().is_none_or(|shown| shown.value.is_some());
        if plain(before) && plain(after) {
            let value = |side: &'_ Option<Shown>| side.as_ref().and_then(|shown| shown.value.clone());
            let (old, new) = (value(before), value(after));
            table.part(0, path, &compare_untyped(Difference::between(old.as_ref(), new.as_ref())));
            continue;
        }
        let sign = match (before, after) {
            (None, Some(_)) => Sign::Create,
            (Some(_), None) => Sign::Delete,
            _ => Sign::Update,
        };
        table.row(0, path, sign, false, &cell(before.as_ref()), &cell(after.as_ref()));
    }
    table.finish()
}

fn cell(shown: Option<&Shown>) -> Cell {
    match shown {
        None => Cell::Absent,
        Some(Shown { sensitive: true, .. }) => Cell::Word("(sensitive value)"),
        Some(Shown { unknown: true, .. }) => Cell::Word("(not known)"),
        Some(shown) => Cell::Value(html! { (visible(&shown.to_string())) }),
    }
}
