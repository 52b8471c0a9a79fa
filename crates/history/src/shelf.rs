//! Where records are put, and how one is added to the chain.

use crate::canonical::{digest, of_bytes};
use crate::record::{Gap, Record, RecordError};
use crate::size;

/// How often a record is linked again because somebody else was quicker.
const TRIES: u32 = 20;

/// Where the records of one state are put. They are never changed, and never removed.
///
/// Its methods block.
pub trait Shelf: Send {
    /// Where, as messages say it: a path, or `s3://bucket/prefix`.
    fn place(&self) -> String;
    /// The numbers of the records that there are, ascending. What else lies there is left out. See [`number_of`].
    ///
    /// # Errors
    /// When they cannot be listed. That there is no such place yet is no error.
    fn numbers(&self) -> Result<Vec<u64>, ShelfError>;
    /// The bytes of a record; `None` if there is none with that number.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, number: u64) -> Result<Option<Vec<u8>>, ShelfError>;
    /// Adds a record, whole or not at all. Of two that add the same number at once, one succeeds.
    ///
    /// # Errors
    /// [`ShelfError::Taken`] if there is a record with that number; [`ShelfError::Failed`] if it cannot be written.
    fn add(&self, number: u64, bytes: &[u8]) -> Result<(), ShelfError>;
}

/// What can go wrong with a shelf.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ShelfError {
    /// There is a record with that number already.
    #[error("there is a record {0} already")]
    Taken(u64),
    /// It could not be reached, read or written.
    #[error("{place}: {message}")]
    Failed {
        /// Where.
        place: String,
        /// Why.
        message: String,
    },
}

/// The name that a record is stored under: `00000042.json`. Names sort as the numbers do.
pub fn file_name(number: u64) -> String {
    format!("{number:08}.json")
}

/// The number in a name that [`file_name`] has made; `None` for any other name.
pub fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".json")?.parse().ok()?;
    (number > 0 && file_name(number) == name).then_some(number)
}

/// Adds a record to the end of the chain, and returns it as it was written.
///
/// # Errors
/// When the shelf cannot be read or written.
pub fn add(shelf: &dyn Shelf, mut record: Record) -> Result<Record, ShelfError> {
    size::fit(&mut record, size::LARGEST);
    let mut taken = 0;
    for _ in 0..TRIES {
        let last = shelf.numbers()?.last().copied().unwrap_or(0).max(taken);
        let bytes = if last > 0 { shelf.read(last)? } else { None };
        let previous = bytes.as_ref().map(|bytes| digest_of_stored(bytes));
        let before = bytes.and_then(|bytes| Record::from_bytes(&bytes).ok());
        record.gap = before.and_then(|before| gap(&before, &record));
        record.link(last + 1, previous);
        match shelf.add(last + 1, &record.to_bytes()) {
            Ok(()) => return Ok(record),
            Err(ShelfError::Taken(number)) => taken = number,
            Err(error) => return Err(error),
        }
    }
    Err(ShelfError::Failed {
        place: shelf.place(),
        message: format!("others added records at the same time, {TRIES} times"),
    })
}

/// Copies the records of a state that moves to another place, and returns how many there are then. Records that are there
/// already have to be the beginning of the same chain.
///
/// # Errors
/// When a shelf cannot be read or written; [`ShelfError::Taken`] if there is another record with a number.
pub fn copy(from: &dyn Shelf, to: &dyn Shelf) -> Result<usize, ShelfError> {
    let numbers = from.numbers()?;
    let there = to.numbers()?;
    if let Some(other) = there.iter().find(|number| !numbers.contains(number)) {
        return Err(ShelfError::Taken(*other));
    }
    for number in &numbers {
        let Some(bytes) = from.read(*number)? else { continue };
        match there.contains(number) {
            true if to.read(*number)?.as_deref() == Some(&bytes[..]) => {}
            true => return Err(ShelfError::Taken(*number)),
            false => to.add(*number, &bytes)?,
        }
    }
    Ok(numbers.len())
}

/// What moved between two records, without a record.
fn gap(before: &Record, now: &Record) -> Option<Gap> {
    (before.after != now.before).then(|| Gap { from: before.after.clone(), to: now.before.clone() })
}

/// The digest of what is stored, also if it is damaged: the chain goes on from it as it is.
pub(crate) fn digest_of_stored(bytes: &[u8]) -> String {
    serde_json::from_slice(bytes).map_or_else(|_| of_bytes(bytes), |json| digest(&json))
}

/// The newest record; `None` if there is none.
///
/// # Errors
/// When the shelf cannot be read. What is stored may be no record.
pub fn newest(shelf: &dyn Shelf) -> Result<Option<Result<Record, RecordError>>, ShelfError> {
    let Some(number) = shelf.numbers()?.last().copied() else { return Ok(None) };
    Ok(shelf.read(number)?.map(|bytes| Record::from_bytes(&bytes)))
}

/// The numbers of the records that somebody means: by number, or by the beginning of an id or digest.
///
/// # Errors
/// When the shelf cannot be read.
pub fn find(shelf: &dyn Shelf, asked: &str) -> Result<Vec<u64>, ShelfError> {
    let numbers = shelf.numbers()?;
    let number = asked.split('-').next().filter(|n| n.len() <= 8).and_then(|n| n.parse::<u64>().ok());
    let exact = number.filter(|number| !asked.contains('-') && numbers.contains(number));
    if let Some(number) = exact {
        return Ok(vec![number]);
    }
    let hash = asked.strip_prefix("sha256:").unwrap_or(asked);
    let mut found = Vec::new();
    for number in numbers {
        let Some(Ok(record)) = shelf.read(number)?.map(|bytes| Record::from_bytes(&bytes)) else { continue };
        let by_digest = hash.len() >= 6 && record.digest.strip_prefix("sha256:").is_some_and(|d| d.starts_with(hash));
        if record.id.starts_with(asked) || by_digest {
            found.push(number);
        }
    }
    Ok(found)
}
