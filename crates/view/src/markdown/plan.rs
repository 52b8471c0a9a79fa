//! A plan as Markdown.

use infra_engine::attention::Finding;

use super::escape::{code, html, html_code, prose};
use super::paper::{Folded, LONGEST, Paper};
use crate::difference::diff::Diff;
use crate::difference::entry::Entry;
use crate::page::{Fact, Kind, Piece, PlanPage, name_of, sign, why};
use crate::releases::{Told, told};
use crate::text::{object_patch, outputs_patch};

/// How many characters of a fact are told.
const LONGEST_FACT: usize = 200;

/// The plan for somebody who is to approve it: what needs attention, releases, drift, then each object that changes,
/// folded, the important ones first.
pub fn plan<'j, 's: 'j>(page: &PlanPage<'j, 's>) -> String {
    let changes = page.changes();
    let drift = page.drift(&changes);
    let footer = footer(&page.facts);
    let mut paper = Paper::before(&footer);
    paper.say(&format!("### {}\n\n", prose(&page.title(&changes, &drift))));
    let attention = page.attention();
    if !attention.is_empty() {
        paper.say("**Needs attention**\n\n");
        paper.list(attention.iter().map(finding), LONGEST / 4, "finding");
        paper.say("\n");
    }
    let releases = told(page.plan);
    if !releases.is_empty() {
        paper.say("**Releases**\n\n");
        paper.list(releases.iter().map(release), LONGEST / 4, "release");
        paper.say("\n");
    }
    let outputs = outputs_patch(page.plan);
    let outputs = (!outputs.is_empty()).then(|| Folded {
        summary: "Changes of outputs".into(),
        line: "Outputs change".into(),
        body: outputs,
    });
    let for_outputs = LONGEST / 8;
    if outputs.is_some() {
        paper.reserve(for_outputs);
    }
    if !drift.is_empty() {
        paper.say("**Changed outside of the configuration**\n\n");
        let all: Vec<Folded> = drift.iter().map(|(entry, diff)| drifted(*entry, diff)).collect();
        paper.fold(&all, LONGEST / 5, "object");
    }
    if !changes.is_empty() {
        paper.say("**Changes**\n\n");
        let all: Vec<Folded> = changes.iter().map(|(entry, diff)| changed(*entry, diff)).collect();
        paper.fold(&all, usize::MAX, "resource");
    }
    if let Some(outputs) = outputs {
        paper.release(for_outputs);
        paper.fold(&[outputs], for_outputs, "output");
    }
    paper.ending_with(&footer)
}

fn finding(finding: &Finding) -> String {
    let at = finding.at.as_ref().map(|(file, line)| format!(" ({})", code(&format!("{file}:{line}"))));
    format!(
        "- {} {}{} – {}\n",
        code(&finding.address),
        prose(&finding.message),
        at.unwrap_or_default(),
        code(&finding.rule)
    )
}

fn release(release: &Told<'_>) -> String {
    let mut out = format!("- {}: {}\n", code(release.address), prose(&release.headline));
    if let Some(why) = &release.held_back {
        out += &format!("  {} {}\n", prose(why), code(&release.retry()));
    }
    for (at, step) in release.steps.iter().enumerate() {
        out += &format!("  {}. **{}**: {}\n", at + 1, prose(step.name), prose(step.text));
    }
    if let Some(closing) = &release.closing {
        out += &format!("\n  {}\n", prose(closing).replace("\\`infra revert\\`", "`infra revert`"));
    }
    out
}

fn changed(entry: Entry<'_>, diff: &Diff<'_>) -> Folded {
    let kind = Kind::of(entry);
    let (name, reason) = (name_of(entry), why(entry));
    let (mut in_html, mut in_markdown) = (String::new(), String::new());
    for piece in &reason {
        match piece {
            Piece::Words(words) => {
                in_html += &html(words);
                in_markdown += &prose(words);
            }
            Piece::Name(name) => {
                in_html += &html_code(name);
                in_markdown += &code(name);
            }
        }
    }
    let dash = if reason.is_empty() { "" } else { " – " };
    Folded {
        summary: format!(
            "<code>{}</code> {} {}{dash}{in_html}",
            html(sign(entry.action)),
            kind.verb(),
            html_code(&name)
        ),
        line: format!("{} {}{dash}{in_markdown}", kind.verb(), code(&name)),
        body: object_patch(entry, diff),
    }
}

fn drifted(entry: Entry<'_>, diff: &Diff<'_>) -> Folded {
    let what = if Kind::of(entry) == Kind::Delete { "deleted" } else { "changed" };
    Folded {
        summary: format!("{what} {}", html_code(&name_of(entry))),
        line: format!("{what} {}", code(&name_of(entry))),
        body: object_patch(entry, diff),
    }
}

/// Where it comes from, in a small line.
pub(super) fn footer(facts: &[Fact]) -> String {
    let short = |value: &str| match value.char_indices().nth(LONGEST_FACT) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_string(),
    };
    let facts: Vec<String> = facts.iter().map(|fact| format!("{} {}", fact.label, code(&short(&fact.value)))).collect();
    if facts.is_empty() { String::new() } else { format!("\n<sub>{}</sub>\n", facts.join(" · ")) }
}
