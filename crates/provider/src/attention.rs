//! What a provider has to say about a change to somebody who is to approve it.

use infra_value::{Path, Value};

/// A change to look at.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// The resource type.
    pub ty: &'a str,
    /// What becomes of the object.
    pub fate: Fate<'a>,
    /// The object as it is now, with marks; null if there is none. A deletion goes by what this says.
    pub before: &'a Value,
    /// The object afterwards, with marks and unknown parts; null if there is none.
    pub after: &'a Value,
    /// The object as the last apply left it, if it has been changed or deleted elsewhere since.
    pub stored: Option<&'a Value>,
    /// The plan is to destroy everything.
    pub destroying: bool,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug)]
pub enum Fate<'a> {
    /// It is created.
    Create,
    /// It is changed in place.
    Update,
    /// Another one takes its place.
    Replace {
        /// The new one is created before the old one is deleted.
        create_first: bool,
        /// Why.
        because: Cause<'a>,
    },
    /// It is deleted.
    Delete,
}

/// What forces a replacement.
#[derive(Clone, Copy, Debug)]
pub enum Cause<'a> {
    /// These attributes cannot be changed in place.
    Changed(&'a [Path]),
    /// It is tainted.
    Tainted,
    /// `-replace`
    Requested,
    /// `replace_triggered_by`
    Triggered,
}

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How much it weighs.
    pub weight: Weight,
    /// The rule that found it, by the name in the documentation.
    pub rule: &'static str,
    /// What the object does or what becomes of it, as one or two sentences whose subject it is and without a full stop at
    /// the end. No sensitive values.
    pub message: String,
}

/// How much a remark weighs, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Data goes, and nothing keeps a copy.
    DataLost,
    /// Data goes, and something keeps a copy for a while, or stops the deletion.
    DataGone,
    /// More people can reach or do something.
    Exposed,
    /// Something stops working for a while, or for good.
    Interrupted,
    /// Something is less protected than it was, or what others have done is undone.
    Weakened,
}
