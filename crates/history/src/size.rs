//! How long a record may become, and what is left out of one that would be longer.

use crate::record::Record;
use crate::shown::{Shown, cut_again};

/// How many bytes a record has at most.
pub const LARGEST: usize = 1_000_000;

/// How many bytes of a value are kept, and how many attributes of a change, from one attempt to the next.
const ATTEMPTS: [(usize, usize); 6] = [(1024, 200), (256, 100), (256, 30), (128, 10), (64, 3), (64, 0)];
/// How many bytes the id, the digests and what else the chain adds may have.
const REST: usize = 1000;
/// How many bytes of a text (an error, a step of a release, a note) are kept in a record that is too long.
const TEXT: usize = 500;

/// Leaves out as much of a record as needed to stay within a number of bytes. It says what: values are cut, with their
/// length and digest; attributes and changes are counted.
pub fn fit(record: &mut Record, largest: usize) {
    // The order of keys, which alone makes it another text than what is stored, does not change the length.
    let length = |record: &Record| serde_json::to_string(record).map_or(0, |text| text.len());
    let too_long = |record: &Record| length(record) + REST > largest;
    for (bytes, attributes) in ATTEMPTS {
        if !too_long(record) {
            return;
        }
        for shown in record.outputs.iter_mut().flat_map(|o| [&mut o.before, &mut o.after]).flatten() {
            cut_again(shown, bytes);
        }
        for change in &mut record.changes {
            let left_out = change.attributes.len().saturating_sub(attributes);
            change.attributes.truncate(attributes);
            change.attributes_left_out += left_out as u64;
            let shown = change.attributes.iter_mut().flat_map(|a| [&mut a.before, &mut a.after]);
            shown.flatten().for_each(|shown: &mut Shown| cut_again(shown, bytes));
        }
    }
    if too_long(record) {
        let errors = record.outcome.errors.iter_mut().flat_map(|e| [&mut e.summary, &mut e.detail]);
        let steps = record.releases.iter_mut().flat_map(|r| r.steps.iter_mut().map(|s| &mut s.what));
        errors.chain(steps).chain(&mut record.notes).for_each(cut_text);
    }
    while too_long(record) && !record.changes.is_empty() {
        let kept = record.changes.len() / 2;
        record.changes_left_out += (record.changes.len() - kept) as u64;
        record.changes.truncate(kept);
    }
    while too_long(record) && record.outcome.errors.len() > 1 {
        let kept = record.outcome.errors.len() / 2;
        record.notes.push(format!("{} errors are not listed.", record.outcome.errors.len() - kept));
        record.outcome.errors.truncate(kept);
    }
    if too_long(record) {
        record.outputs.clear();
        record.notes.push("Changes of outputs are not listed.".into());
    }
}

fn cut_text(text: &mut String) {
    if text.len() > TEXT {
        let end = (0..=TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}
