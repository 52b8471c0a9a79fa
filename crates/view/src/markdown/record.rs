//! A record of the history as Markdown.

use infra_history::{AttributeChange, Change, ChangeResult, Record, Release, Status};

use super::escape::{code, html, html_code, prose};
use super::paper::{Folded, LONGEST, Paper};
use crate::page::{by_importance, visible};
use crate::text::{done, record_facts, subject, summary, symbol, when};

/// What was done, by whom and with which outcome, errors first, and each object that changed, folded.
pub fn record(record: &Record) -> String {
    let footer = format!("\n<sub>record {} · digest {}</sub>\n", code(&record.id), code(&record.digest));
    let mut paper = Paper::before(&footer);
    let said = summary(record);
    let status = Some(record.outcome.status.to_string()).filter(|_| record.outcome.status != Status::Done);
    let said: Vec<String> = status.into_iter().chain([said]).filter(|part| !part.is_empty()).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
    let title = format!("{} by {}{said}", record.kind, record.who.short());
    paper.say(&format!("### {}\n\n", prose(&shortened(&title))));
    let facts = record_facts(record);
    let facts = facts.iter().map(|(label, value)| format!("- {label}: {}\n", prose(value)));
    paper.list(facts, LONGEST / 4, "fact");
    paper.say("\n");
    if !record.outcome.errors.is_empty() {
        paper.say("**Errors**\n\n");
        let errors = record.outcome.errors.iter().map(|error| {
            let at = error.address.as_ref().map(|address| format!("{}: ", code(address))).unwrap_or_default();
            format!("- {at}{}. {}\n", prose(&error.summary), prose(&error.detail))
        });
        paper.list(errors, LONGEST / 4, "error");
        paper.say("\n");
    }
    if !record.releases.is_empty() {
        paper.say("**Releases**\n\n");
        paper.list(record.releases.iter().map(release), LONGEST / 4, "release");
        paper.say("\n");
    }
    if !record.changes.is_empty() {
        paper.say("**Changes**\n\n");
        let all: Vec<Folded> = by_importance(&record.changes).into_iter().map(changed).collect();
        paper.fold(&all, usize::MAX, "object");
    }
    if record.changes_left_out > 0 {
        paper.say(&format!("{} more changes are not in the record.\n\n", record.changes_left_out));
    }
    if !record.outputs.is_empty() {
        let body = lines(&record.outputs);
        paper.fold(&[Folded { summary: "Outputs".into(), line: "Outputs".into(), body }], usize::MAX, "output");
    }
    paper.list(record.notes.iter().map(|note| format!("- {}\n", prose(note))), usize::MAX, "note");
    paper.ending_with(&footer)
}

/// A title that is not longer than titles are.
fn shortened(title: &str) -> String {
    match title.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None => title.to_string(),
    }
}

fn release(release: &Release) -> String {
    let Release { address, from, to, phase, .. } = release;
    let mut out = format!(
        "- {}: {} to {}, {}\n",
        code(address),
        prose(&format!("{} {}", from.colour, from.version)),
        prose(&format!("{} {}", to.colour, to.version)),
        prose(phase)
    );
    for step in &release.steps {
        out += &format!("  - {}: {}\n", prose(&when(&step.at)), prose(&step.what));
    }
    if let Some(reverted) = &release.reverted {
        out += &format!("  - taken back: {}\n", prose(&reverted.reason));
    }
    out
}

fn changed(change: &Change) -> Folded {
    let result = if change.result == ChangeResult::Done { String::new() } else { format!(": {}", change.result) };
    let (name, done) = (subject(change), format!("{}{result}", done(&change.action)));
    Folded {
        summary: format!("<code>{}</code> {} {}", html(symbol(&change.action)), html_code(&name), html(&done)),
        line: format!("{} {}", code(&name), prose(&done)),
        body: lines(&change.attributes),
    }
}

/// What goes and what comes, a line each.
fn lines(attributes: &[AttributeChange]) -> String {
    let mut out = String::new();
    for AttributeChange { path, before, after } in attributes {
        for (sign, side) in [('-', before), ('+', after)] {
            if let Some(shown) = side {
                out += &format!("{sign} {path} = {shown}\n");
            }
        }
    }
    // No line of a value may look like one of ours.
    visible(&out)
}
