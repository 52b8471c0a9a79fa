//! Records of a history as text: a table of many, and all that one says.

use std::fmt::Write;

use infra_history::{
    Action, AttributeChange, Change, ChangeResult, Kind, PlanUsed, Record, Release, Shown, StateAt, Status,
};

/// The longest value on a line of its own.
const LONGEST: usize = 200;

/// Many records, one on a line, in the order given; below each what moved the state before it without a record.
pub fn history_table(records: &[Record]) -> String {
    let mut rows = vec![(["#", "when", "who", "what", "outcome", "changes"].map(String::from), None)];
    for record in records {
        let row = [
            record.sequence.to_string(),
            when(&record.at),
            record.who.short(),
            record.kind.to_string(),
            record.outcome.status.to_string(),
            summary(record),
        ];
        rows.push((row, record.gap.as_ref().map(|gap| format!("(before this, {gap})"))));
    }
    let width = |column: usize| rows.iter().map(|(row, _)| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut out = String::new();
    for (row, gap) in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("   ").trim_end());
        if let Some(gap) = gap {
            let _ = writeln!(out, "{:>1$}   {gap}", "", widths[0]);
        }
    }
    out
}

/// `2026-11-21 17:03:01` of a time in RFC 3339.
pub(crate) fn when(time: &str) -> String {
    time.trim_end_matches('Z').replace('T', " ")
}

/// The time of day of a time on the same day.
fn without_day(time: &str, other: &str) -> String {
    match (time.split_once(' '), other.split_once(' ')) {
        (Some((day, time)), Some((same, _))) if day == same => time.to_string(),
        _ => time.to_string(),
    }
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// What a record says in a few words.
pub(crate) fn summary(record: &Record) -> String {
    let numbers = record.outcome.numbers;
    let counts = [
        (numbers.import, "imported"),
        (numbers.add, "added"),
        (numbers.change, "changed"),
        (numbers.destroy, "destroyed"),
        (numbers.left, "not started"),
    ];
    let mut parts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    parts.extend(record.releases.iter().map(|release| {
        format!(
            "{}: {} {} -> {} {}",
            release.address, release.from.colour, release.from.version, release.to.colour, release.to.version
        )
    }));
    if parts.is_empty() {
        parts.extend(match &record.changes[..] {
            [] => record.notes.first().cloned(),
            [only] => Some(subject(only)),
            many => Some(counted(many.len() as u64 + record.changes_left_out, "object", "objects")),
        });
    }
    if parts.is_empty() && !record.outputs.is_empty() {
        parts.push(counted(record.outputs.len() as u64, "output", "outputs"));
    }
    if let (Some(error), true) = (record.outcome.errors.first(), record.outcome.status != Status::Done) {
        parts.push(error.summary.clone());
    }
    parts.join(", ")
}

pub(crate) fn subject(change: &Change) -> String {
    match &change.previous_address {
        Some(previous) => format!("{previous} -> {}", change.address),
        None => change.address.clone(),
    }
}

/// What a record says besides errors, changes, outputs, releases and notes.
pub(crate) fn record_facts(record: &Record) -> Vec<(&'static str, String)> {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    let outcome = &record.outcome;
    facts.push(("what", format!("{}: {} (exit status {})", record.kind, outcome.status, outcome.exit)));
    let began = record.began.as_ref().filter(|began| **began != record.at);
    facts.push((
        "when",
        match began {
            Some(began) => format!("{} to {} UTC", when(began), without_day(&when(&record.at), &when(began))),
            None => format!("{} UTC", when(&record.at)),
        },
    ));
    let who = &record.who;
    facts.push(("who", format!("{}@{}", who.user, who.host)));
    facts.extend(who.aws.as_ref().map(|arn| ("in AWS", arn.clone())));
    if let Some(ci) = &who.ci {
        let mut text = ci.system.clone();
        let parts = [("run", &ci.run), ("by", &ci.actor), ("commit", &ci.commit), ("on", &ci.branch), ("", &ci.url)];
        for (what, value) in parts.into_iter().filter_map(|(what, value)| Some((what, value.as_ref()?))) {
            let _ = write!(text, "{}{what} {value}", if text.len() == ci.system.len() { ": " } else { ", " });
        }
        facts.push(("run", text.replace(",  ", ", ")));
    }
    facts.push(("with", format!("{}, workspace {:?}", record.tool, record.workspace)));
    facts.push(("state", state(record.before.as_ref(), record.after.as_ref())));
    facts.extend(record.gap.as_ref().map(|gap| ("missing", format!("before this, {gap}"))));
    if !record.targets.is_empty() {
        facts.push(("targets", record.targets.join(", ")));
    }
    facts.extend(plan(record));
    let numbers = summary_of_numbers(record);
    facts.extend((!numbers.is_empty()).then_some(("done", numbers)));
    facts
}

/// Everything that a record says.
pub fn record_text(record: &Record) -> String {
    let outcome = &record.outcome;
    let facts = record_facts(record);
    let mut out = format!("Record {} ({})\n\n", record.sequence, record.id);
    for (name, value) in facts {
        let _ = writeln!(out, "  {name:<9} {value}");
    }
    for error in &outcome.errors {
        let at = error.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
        let _ = writeln!(out, "\nError: {at}{}", error.summary);
        error.detail.lines().for_each(|line| {
            let _ = writeln!(out, "  {line}");
        });
    }
    if !record.changes.is_empty() {
        out.push('\n');
    }
    record.changes.iter().for_each(|change| write_change(&mut out, change));
    if record.changes_left_out > 0 {
        let more = counted(record.changes_left_out, "more change is", "more changes are");
        let _ = writeln!(out, "  ({more} not listed: the record would have become too long)");
    }
    if !record.outputs.is_empty() {
        let _ = writeln!(out, "\n  Outputs");
        write_attributes(&mut out, &record.outputs);
    }
    record.releases.iter().for_each(|release| write_release(&mut out, release));
    for note in &record.notes {
        let _ = writeln!(out, "\n  Note: {note}");
    }
    let previous = record.previous.as_deref().unwrap_or("(the first record)");
    let _ = writeln!(out, "\n  digest    {}\n  follows   {previous}", record.digest);
    out
}

fn summary_of_numbers(record: &Record) -> String {
    let numbers = record.outcome.numbers;
    if matches!(record.kind, Kind::Apply | Kind::Destroy | Kind::Refresh | Kind::Release) {
        let imported = if numbers.import > 0 { format!("{} imported, ", numbers.import) } else { String::new() };
        let left = if numbers.left > 0 { format!("; {} not started", numbers.left) } else { String::new() };
        return format!(
            "{imported}{} added, {} changed, {} destroyed{left}",
            numbers.add, numbers.change, numbers.destroy
        );
    }
    String::new()
}

fn state(before: Option<&StateAt>, after: Option<&StateAt>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {
            format!("serial {}, as it was (lineage {})", after.serial, after.lineage)
        }
        (Some(before), Some(after)) if before.lineage == after.lineage => {
            format!("serial {} -> {} (lineage {})", before.serial, after.serial, after.lineage)
        }
        (Some(before), Some(after)) => format!(
            "serial {} -> {}, of another lineage ({} -> {})",
            before.serial, after.serial, before.lineage, after.lineage
        ),
        (None, Some(after)) => format!("new, serial {} (lineage {})", after.serial, after.lineage),
        (Some(before), None) => format!("serial {} (lineage {}), and gone since", before.serial, before.lineage),
        (None, None) => "none".into(),
    }
}

/// The plan, and whether it was what had been approved.
fn plan(record: &Record) -> Vec<(&'static str, String)> {
    let Some(plan) = &record.plan else {
        let planned = matches!(record.kind, Kind::Apply | Kind::Destroy | Kind::Refresh | Kind::Release);
        let text = "made in the same run; nobody had approved it before".to_string();
        return if planned { vec![("plan", text)] } else { Vec::new() };
    };
    let PlanUsed { digest, made_by, made_at, commit, run, approval_required, approvals, .. } = plan;
    let mut text = digest.clone();
    let parts = [("made by", made_by), ("at", made_at), ("from commit", commit), ("in run", run)];
    for (what, value) in parts.into_iter().filter_map(|(what, value)| Some((what, value.as_ref()?))) {
        let _ = write!(text, ", {what} {value}");
    }
    let mut facts = vec![("plan", text)];
    for approval in approvals {
        let at = approval.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let same = match approval.digest == *digest {
            true => "; it is the plan that was applied".to_string(),
            false => format!("; ANOTHER PLAN: {}", approval.digest),
        };
        facts.push(("approved", format!("by {}{at}, with the key {}{same}", approval.principal, approval.key)));
    }
    if approvals.is_empty() {
        let text =
            if *approval_required { "NOT, although an approval was required" } else { "no approval was required" };
        facts.push(("approved", text.into()));
    }
    facts
}

/// What is written before an address, as in a plan.
pub(crate) fn symbol(action: &Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update | Action::Refresh => "~",
        Action::Delete => "-",
        Action::DeleteThenCreate => "-/+",
        Action::CreateThenDelete => "+/-",
        Action::Read => "<=",
        Action::Forget => ".",
        _ => " ",
    }
}

/// What was done, as a person says it.
pub(crate) fn done(action: &Action) -> String {
    match action {
        Action::Create => "created",
        Action::Read => "read",
        Action::Update => "changed",
        Action::DeleteThenCreate => "replaced (deleted, then created anew)",
        Action::CreateThenDelete => "replaced (created anew, then deleted)",
        Action::Delete => "deleted",
        Action::Forget => "no longer managed; the object stays as it is",
        Action::Move => "moved",
        Action::Import => "imported",
        Action::Refresh => "differed from what the state said",
        Action::Taint => "marked to be replaced",
        Action::Untaint => "not to be replaced any more",
        Action::ReplaceProvider => "belongs to another provider",
        other => other.name(),
    }
    .to_string()
}

fn write_change(out: &mut String, change: &Change) {
    let deposed = change.deposed.as_ref().map(|key| format!(" (deposed object {key})")).unwrap_or_default();
    let _ = write!(out, "  {:<3} {}{deposed}: ", symbol(&change.action), subject(change));
    let _ = match change.result {
        ChangeResult::Done => write!(out, "{}", done(&change.action)),
        _ => write!(out, "{} {}", change.action, change.result.name().to_uppercase()),
    };
    if let Some(reason) = &change.reason {
        let _ = write!(out, ", {}", reason.replace('_', " "));
    }
    if let Some(object) = &change.object {
        let _ = write!(out, "   {object}");
    }
    out.push('\n');
    write_attributes(out, &change.attributes);
    if change.attributes_left_out > 0 {
        let more = counted(change.attributes_left_out, "more attribute is", "more attributes are");
        let _ = writeln!(out, "        ({more} not listed: the record would have become too long)");
    }
}

fn write_attributes(out: &mut String, attributes: &[AttributeChange]) {
    let width = attributes.iter().map(|a| a.path.chars().count()).max().unwrap_or_default().min(40);
    for AttributeChange { path, before, after } in attributes {
        let text = match (before, after) {
            (None, Some(after)) => shown(after),
            (Some(before), None) => format!("{} -> null", shown(before)),
            (Some(before), Some(after)) => different(before, after),
            (None, None) => "null".into(),
        };
        let _ = writeln!(out, "        {path:<width$} {text}");
    }
}

/// How much of what two long texts have in common is shown on either side of what differs.
const AROUND: usize = 30;

/// Two values; of long texts that differ in one place, that place.
fn different(before: &Shown, after: &Shown) -> String {
    let text =
        |shown: &Shown| shown.value.as_ref().and_then(|v| v.as_str()).map(|text| text.chars().collect::<Vec<_>>());
    match (text(before), text(after)) {
        (Some(old), Some(new)) if old.len().max(new.len()) > LONGEST => {
            let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
            let rest = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(a, b)| a == b).count();
            let part = |text: &[char]| {
                let (from, to) = (same.saturating_sub(AROUND), (text.len() - rest + AROUND).min(text.len()));
                let inside: String = text[from..to].iter().take(LONGEST).collect();
                let cut = if to < text.len() || to - from > LONGEST { "…" } else { "" };
                format!("{}{inside:?}{cut}", if from > 0 { "…" } else { "" })
            };
            format!("{} -> {}", part(&old), part(&new))
        }
        _ => format!("{} -> {}", shown(before), shown(after)),
    }
}

fn shown(shown: &Shown) -> String {
    let text = shown.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) if shown.value.is_some() => format!("{}… ({} bytes)", &text[..end], text.len()),
        _ => text,
    }
}

fn write_release(out: &mut String, release: &Release) {
    let Release { address, from, to, phase, began, by, .. } = release;
    let _ = writeln!(
        out,
        "\n  {address}: {} {} -> {} {}: {phase}\n      begun at {} UTC by {by}; its record in the state is {}",
        from.colour,
        from.version,
        to.colour,
        to.version,
        when(began),
        release.id
    );
    for step in &release.steps {
        let _ = writeln!(out, "      {}  {}", when(&step.at), step.what);
    }
    if let Some(reverted) = &release.reverted {
        let by = if reverted.by.is_empty() { "by itself".to_string() } else { format!("by {}", reverted.by) };
        let _ = writeln!(out, "      taken back at {} UTC {by}: {}", when(&reverted.at), reverted.reason);
    }
}

#[cfg(test)]
mod tests {
    use infra_history::{ApprovedBy, Ci, Gap, Numbers, Outcome, Problem, Reverted, Running, Step, Who};
    use serde_json::json;

    use super::*;

    fn record(sequence: u64, kind: Kind) -> Record {
        let who = Who { user: "ana".into(), host: "laptop".into(), ..Who::default() };
        let outcome = Outcome { status: Status::Done, exit: 0, numbers: Numbers::default(), errors: Vec::new() };
        let mut record = Record::new(kind, who, "default", "2026-11-21T17:03:01Z".into(), outcome);
        record.sequence = sequence;
        record.id = format!("{sequence:08}-20261121T170301Z-0a1b2c3d");
        record.digest = "sha256:11".into();
        record.tool = "infra 0.1.0".into();
        let at = |serial| Some(StateAt { lineage: "2f0c".into(), serial });
        (record.before, record.after) = (at(sequence), at(sequence + 1));
        record
    }

    fn change(address: &str, action: Action, result: ChangeResult) -> Change {
        Change {
            address: address.into(),
            previous_address: None,
            deposed: None,
            action,
            reason: None,
            object: None,
            result,
            attributes: Vec::new(),
            attributes_left_out: 0,
        }
    }

    fn failed() -> Record {
        let mut record = record(3, Kind::Apply);
        record.who.aws = Some("arn:aws:iam::123456789012:user/ana".into());
        record.who.ci = Some(Ci {
            system: "GitHub Actions".into(),
            actor: Some("ana".into()),
            run: Some("77".into()),
            commit: Some("abc".into()),
            branch: Some("main".into()),
            url: Some("https://ci.example/77".into()),
        });
        record.previous = Some("sha256:10".into());
        record.began = Some("2026-11-21T17:01:00Z".into());
        let at = |serial| Some(StateAt { lineage: "2f0c".into(), serial });
        record.gap = Some(Gap { from: at(2), to: at(3) });
        record.plan = Some(PlanUsed {
            digest: "sha256:aa".into(),
            saved: true,
            made_by: Some("bo".into()),
            made_at: Some("2026-11-21T16:00:00Z".into()),
            commit: Some("abc".into()),
            run: None,
            approval_required: true,
            approvals: vec![ApprovedBy {
                principal: "cy@example.com".into(),
                key: "SHA256:xyz".into(),
                digest: "sha256:aa".into(),
                at: None,
            }],
        });
        record.outcome = Outcome {
            status: Status::Failed,
            exit: 1,
            numbers: Numbers { add: 1, left: 2, ..Numbers::default() },
            errors: vec![Problem {
                address: Some("aws_vpc.b".into()),
                summary: "creating it: VpcLimitExceeded".into(),
                detail: "Ask for more.\nOr delete one.".into(),
            }],
        };
        let mut made = change("aws_vpc.a", Action::Create, ChangeResult::Done);
        made.object = Some("vpc-1".into());
        let attribute = |path: &str, before: Option<Shown>, after| AttributeChange { path: path.into(), before, after };
        made.attributes = vec![
            attribute("cidr_block", None, Some(Shown::value(json!("10.0.0.0/16")))),
            attribute("tags[\"key\"]", Some(Shown::value(json!("old"))), Some(Shown::sensitive())),
        ];
        made.attributes_left_out = 1;
        record.changes = vec![made, change("aws_vpc.b", Action::DeleteThenCreate, ChangeResult::Failed)];
        record.outputs = vec![attribute("id", None, Some(Shown::value(json!("vpc-1"))))];
        record.notes = vec!["A note.".into()];
        record
    }

    #[test]
    fn a_table_has_a_line_for_each_record() {
        let mut moved = record(2, Kind::StateMv);
        moved.changes = vec![change("aws_vpc.b", Action::Move, ChangeResult::Done)];
        moved.changes[0].previous_address = Some("aws_vpc.a".into());
        insta::assert_snapshot!(history_table(&[failed(), moved]), @r#"
        #   when                  who                    what       outcome   changes
        3   2026-11-21 17:03:01   ana (GitHub Actions)   apply      failed    1 added, 2 not started, creating it: VpcLimitExceeded
            (before this, serial 2 → 3 is not recorded)
        2   2026-11-21 17:03:01   ana@laptop             state mv   done      aws_vpc.a -> aws_vpc.b
        "#);
    }

    #[test]
    fn a_record_is_told_with_who_approved_and_what_came_of_it() {
        insta::assert_snapshot!(record_text(&failed()), @r#"
        Record 3 (00000003-20261121T170301Z-0a1b2c3d)

          what      apply: failed (exit status 1)
          when      2026-11-21 17:01:00 to 17:03:01 UTC
          who       ana@laptop
          in AWS    arn:aws:iam::123456789012:user/ana
          run       GitHub Actions: run 77, by ana, commit abc, on main, https://ci.example/77
          with      infra 0.1.0, workspace "default"
          state     serial 3 -> 4 (lineage 2f0c)
          missing   before this, serial 2 → 3 is not recorded
          plan      sha256:aa, made by bo, at 2026-11-21T16:00:00Z, from commit abc
          approved  by cy@example.com, with the key SHA256:xyz; it is the plan that was applied
          done      1 added, 0 changed, 0 destroyed; 2 not started

        Error: aws_vpc.b: creating it: VpcLimitExceeded
          Ask for more.
          Or delete one.

          +   aws_vpc.a: created   vpc-1
                cidr_block  "10.0.0.0/16"
                tags["key"] "old" -> (sensitive value)
                (1 more attribute is not listed: the record would have become too long)
          -/+ aws_vpc.b: delete, create FAILED

          Outputs
                id "vpc-1"

          Note: A note.

          digest    sha256:11
          follows   sha256:10
        "#);
    }

    #[test]
    fn of_long_texts_the_place_that_differs_is_told() {
        let text = |tag: &str| Shown::value(json!(format!("{}image:{tag}{}", "a".repeat(300), "b".repeat(300))));
        insta::assert_snapshot!(different(&text("1"), &text("22")), @r#"…"aaaaaaaaaaaaaaaaaaaaaaaaimage:1bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"… -> …"aaaaaaaaaaaaaaaaaaaaaaaaimage:22bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"…"#);
        assert_eq!(different(&Shown::value(json!("a")), &Shown::sensitive()), "\"a\" -> (sensitive value)");
    }

    #[test]
    fn a_release_is_told_step_by_step() {
        let mut record = record(1, Kind::Release);
        let running = |colour: &str, version: &str| Running {
            colour: colour.into(),
            version: version.into(),
            definition: String::new(),
        };
        record.releases = vec![Release {
            address: "release.api".into(),
            id: "5e".into(),
            from: running("blue", "1.8.2"),
            to: running("green", "1.9.0"),
            phase: "reverted".into(),
            began: "2026-11-21T17:01:00Z".into(),
            by: "ana@laptop".into(),
            steps: vec![Step { at: "2026-11-21T17:01:02.120Z".into(), what: "green has all the traffic".into() }],
            reverted: Some(Reverted {
                at: "2026-11-21T17:02:00.000Z".into(),
                by: String::new(),
                reason: "3.1 % of green's requests failed".into(),
            }),
        }];
        insta::assert_snapshot!(record_text(&record), @r#"
        Record 1 (00000001-20261121T170301Z-0a1b2c3d)

          what      release: done (exit status 0)
          when      2026-11-21 17:03:01 UTC
          who       ana@laptop
          with      infra 0.1.0, workspace "default"
          state     serial 1 -> 2 (lineage 2f0c)
          plan      made in the same run; nobody had approved it before
          done      0 added, 0 changed, 0 destroyed

          release.api: blue 1.8.2 -> green 1.9.0: reverted
              begun at 2026-11-21 17:01:00 UTC by ana@laptop; its record in the state is 5e
              2026-11-21 17:01:02.120  green has all the traffic
              taken back at 2026-11-21 17:02:00.000 UTC by itself: 3.1 % of green's requests failed

          digest    sha256:11
          follows   (the first record)
        "#);
    }
}
