//! `infra history`: what was done to the state, when, by whom, and approved by whom; and whether the records are as they
//! were written.

use infra_diag::Diagnostic;
use infra_history::{Record, RecordError, Report, Shelf, ShelfError, find, verify};
use infra_state::{Kept, LocalState, State};
use infra_view::text::{history_table, record_text};
use serde_json::{Value as Json, json};

use crate::args::{History, HistoryCommand};
use crate::session::Session;
use crate::{Exit, output, recording, store};

pub(crate) fn run(args: &History) -> Exit {
    let opened = open(args);
    let done = opened.and_then(|opened| match &args.command {
        None => list(&opened, args),
        Some(HistoryCommand::Show { markdown, html, id }) => show(&opened, id, &|record| match () {
            () if args.json => format!("{}\n", pretty(&record.to_json())),
            () if *markdown => infra_view::markdown::record(record),
            () if *html => infra_view::html::record(record),
            () => record_text(record),
        }),
        Some(HistoryCommand::Verify) => check(opened, args.json),
    });
    done.unwrap_or_else(|problem| {
        output::error(&problem.summary, &problem.detail);
        Exit(1)
    })
}

/// The records of a state, and what reads it.
struct Opened {
    shelf: Box<dyn Shelf>,
    /// Where the state is.
    place: String,
    read: Box<dyn FnOnce() -> Result<Option<State>, Diagnostic>>,
}

fn open(args: &History) -> Result<Opened, Diagnostic> {
    let (session, _) = Session::load(true);
    let backend = session.backend()?;
    let mut kept: Box<dyn Kept> = match args.state.as_ref().filter(|_| backend.kind() == "local") {
        Some(path) => Box::new(LocalState::new(path)),
        None => backend.state(&session.workspace),
    };
    let Some(shelf) = kept.shelf() else {
        return Err(Diagnostic::error("There is no history", format!("None is kept for {}.", kept.place())));
    };
    let place = kept.place();
    Ok(Opened { shelf, place, read: Box::new(move || kept.read().map_err(|error| store::explain(&error))) })
}

fn unreadable(error: ShelfError) -> Diagnostic {
    Diagnostic::error("The history cannot be read", format!("{error}."))
}

/// One record of a shelf.
fn record(shelf: &dyn Shelf, number: u64) -> Result<Result<Record, RecordError>, Diagnostic> {
    let bytes = shelf.read(number).map_err(unreadable)?;
    Ok(match bytes {
        Some(bytes) => Record::from_bytes(&bytes),
        None => Err(RecordError::NotARecord("it is gone".into())),
    })
}

/// The newest first.
fn list(opened: &Opened, args: &History) -> Result<Exit, Diagnostic> {
    let numbers = opened.shelf.numbers().map_err(unreadable)?;
    let limit = if args.limit == 0 { numbers.len() } else { args.limit };
    let mut records = Vec::new();
    let mut damaged = Vec::new();
    for number in numbers.iter().rev().take(limit) {
        match record(&*opened.shelf, *number)? {
            Ok(record) => records.push(record),
            Err(error) => damaged.push((*number, error)),
        }
    }
    if args.json {
        let list: Vec<Json> = records.iter().map(Record::to_json).collect();
        output::written(&format!("{}\n", pretty(&Json::Array(list))));
    } else if numbers.is_empty() {
        output::line(&format!("Nothing is recorded for {} yet.", opened.place));
    } else {
        output::raw(&history_table(&records));
        let older = numbers.len().saturating_sub(limit);
        if older > 0 {
            output::line(&format!("\n{older} older: infra history -limit=0"));
        }
        if let Some(newest) = records.first() {
            output::line(&format!("\nTimes are in UTC. All of one: infra history show {}", newest.sequence));
        }
    }
    for (number, error) in damaged {
        output::warning(
            "A record cannot be read",
            &format!(
                "Record {number} in {}: {error}.\n\nWhere the history is broken: infra history verify",
                opened.shelf.place()
            ),
        );
    }
    Ok(Exit(0))
}

fn show(opened: &Opened, asked: &str, form: &dyn Fn(&Record) -> String) -> Result<Exit, Diagnostic> {
    let place = opened.shelf.place();
    let number = match &find(&*opened.shelf, asked).map_err(unreadable)?[..] {
        [only] => *only,
        [] => {
            return Err(Diagnostic::error(
                "No such record",
                format!("{place} has no record {asked:?}. See which there are: infra history"),
            ));
        }
        several => {
            let list: String = several.iter().map(|number| format!("\n  {number}")).collect();
            return Err(Diagnostic::error("Which record?", format!("{asked:?} is the beginning of several:\n{list}")));
        }
    };
    let record = record(&*opened.shelf, number)?.map_err(|error| {
        Diagnostic::error("The record cannot be read", format!("Record {number} in {place}: {error}."))
    })?;
    output::written(&form(&record));
    Ok(Exit(0))
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

fn check(opened: Opened, json: bool) -> Result<Exit, Diagnostic> {
    let report = verify(&*opened.shelf).map_err(unreadable)?;
    let state = (opened.read)()?;
    let since = report.since(state.as_ref().and_then(recording::at).as_ref());
    let good = report.is_unbroken() && since.is_none();
    let since = since.map(|gap| gap.to_string());
    if json {
        let findings = report.findings.iter();
        output::written(&format!(
            "{}\n",
            pretty(&json!({
                "place": opened.shelf.place(),
                "records": report.records,
                "unbroken": report.is_unbroken(),
                "fits_state": since.is_none(),
                "findings": findings.map(|f| json!({"record": f.number, "what": f.to_string()})).collect::<Vec<_>>(),
                "unrecorded": report.unrecorded.iter().map(|u| json!({"before_record": u.number, "what": u.gap.to_string()}))
                    .collect::<Vec<_>>(),
                "since_newest": since,
                "newest": report.newest.as_ref().map(|newest| json!({"record": newest.sequence, "digest": newest.digest})),
            }))
        ));
    } else {
        output::raw(&told(&report, &opened.shelf.place()));
        if !report.is_unbroken() {
            let list: String = report.findings.iter().map(|finding| format!("\n  {finding}")).collect();
            output::error("The history is broken", &format!("In {}:\n{list}", opened.shelf.place()));
        }
        if let Some(since) = since {
            output::error(
                "The newest record does not fit the state",
                &format!(
                    "After the newest record of {}, {since}.\n\nThat is how it looks after Terraform wrote the state, after a \
                     run that was killed, and where the newest records were taken away.",
                    opened.place
                ),
            );
        }
    }
    Ok(Exit(if good { 0 } else { 1 }))
}

/// What is right, and what is not recorded.
fn told(report: &Report, place: &str) -> String {
    let records = if report.records == 1 { "record" } else { "records" };
    let mut out = match report.is_unbroken() {
        true => format!("{} {records} in {place}, unbroken.", report.records),
        false => format!("{} {records} in {place}.", report.records),
    };
    if let Some(newest) = report.newest.as_ref().filter(|_| report.is_unbroken()) {
        out += &format!("\nThe newest is {}, {}.", newest.sequence, newest.digest);
    }
    out.push('\n');
    for unrecorded in &report.unrecorded {
        out += &format!("Before record {}, {}.\n", unrecorded.number, unrecorded.gap);
    }
    out
}
