//! Whether the chain is as it was written.

use std::fmt;

use crate::canonical::{canonical, digest};
use crate::record::{Gap, Record, StateAt};
use crate::shelf::{Shelf, ShelfError, digest_of_stored};

/// What a walk along the chain found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many records there are.
    pub records: u64,
    /// What is wrong, in the order of the chain.
    pub findings: Vec<Finding>,
    /// Changes of the state that no record tells about, by the record that noticed.
    pub unrecorded: Vec<Unrecorded>,
    /// The newest record, if it can be read.
    pub newest: Option<Record>,
}

/// Something wrong with a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The number of the record.
    pub number: u64,
    /// What it is.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There are later ones, and this one is not there.
    Missing,
    /// It is no record that can be read.
    Unreadable(String),
    /// Its content is not what its digest says, or it is not written as infra writes it.
    Changed,
    /// It says that it has another number.
    Misplaced(u64),
    /// It follows another record than the one before it: that one was replaced, or this one.
    Broken,
}

/// A change of the state that no record tells about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecorded {
    /// The record that noticed.
    pub number: u64,
    /// What moved.
    pub gap: Gap,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match &self.fault {
            Fault::Missing => write!(f, "record {number} is missing"),
            Fault::Unreadable(why) => write!(f, "record {number} cannot be read: {why}"),
            Fault::Changed => write!(f, "record {number} was changed after it was written"),
            Fault::Misplaced(says) => write!(f, "record {number} says that it is record {says}"),
            Fault::Broken if number == 1 => {
                write!(f, "record 1 says that it follows another record, and there is none before it")
            }
            Fault::Broken => {
                write!(
                    f,
                    "record {number} does not follow record {} as it is now: one of them was replaced",
                    number - 1
                )
            }
        }
    }
}

impl Report {
    /// Whether nothing is wrong with the chain itself.
    pub fn is_unbroken(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether the newest record left the state that there is. If not, what moved since; records that are missing at the
    /// end look the same.
    pub fn since(&self, state: Option<&StateAt>) -> Option<Gap> {
        let newest = self.newest.as_ref()?;
        (newest.after.as_ref() != state).then(|| Gap { from: newest.after.clone(), to: state.cloned() })
    }
}

/// Walks along the chain, from the first record to the last.
///
/// # Errors
/// When the shelf cannot be read.
pub fn verify(shelf: &dyn Shelf) -> Result<Report, ShelfError> {
    let numbers = shelf.numbers()?;
    let mut report = Report { records: numbers.len() as u64, ..Report::default() };
    let mut before: Option<(u64, String)> = None;
    for number in numbers {
        let expected = before.as_ref().map_or(1, |(number, _)| number + 1);
        report.findings.extend((expected..number).map(|number| Finding { number, fault: Fault::Missing }));
        let Some(bytes) = shelf.read(number)? else {
            report.findings.push(Finding { number, fault: Fault::Missing });
            continue;
        };
        let after_missing = expected != number;
        let previous = before.replace((number, digest_of_stored(&bytes))).map(|(_, digest)| digest);
        report.newest = None;
        let record = match Record::from_bytes(&bytes) {
            Ok(record) => record,
            Err(error) => {
                report.findings.push(Finding { number, fault: Fault::Unreadable(error.to_string()) });
                continue;
            }
        };
        let mut faults = Vec::new();
        if record.sequence != number {
            faults.push(Fault::Misplaced(record.sequence));
        }
        if !is_as_written(&bytes, &record) {
            faults.push(Fault::Changed);
        } else if record.previous != previous && !after_missing {
            // What follows a missing record cannot be held against it.
            faults.push(Fault::Broken);
        }
        report.findings.extend(faults.into_iter().map(|fault| Finding { number, fault }));
        report.unrecorded.extend(record.gap.clone().map(|gap| Unrecorded { number, gap }));
        report.newest = Some(record);
    }
    Ok(report)
}

/// Whether these bytes are what was once written: in the form of a record, with the digest of its content.
fn is_as_written(bytes: &[u8], record: &Record) -> bool {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return false };
    let mut text = canonical(&json);
    text.push('\n');
    text.as_bytes() == bytes && record.digest == digest(&json)
}
