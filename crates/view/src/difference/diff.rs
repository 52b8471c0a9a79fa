//! The difference between two values: a tree of signs that the text is made from.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// What happens to a part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Nothing.
    Same,
    /// It comes to be.
    Create,
    /// It changes.
    Update,
    /// It goes away.
    Delete,
}

impl Sign {
    /// The sign of a structure with one more part.
    pub(crate) fn and(self, part: Sign) -> Sign {
        match part {
            Sign::Same => self,
            _ if self == part => self,
            _ => Sign::Update,
        }
    }
}

/// The difference at one place.
#[derive(Clone, Debug)]
pub(crate) struct Diff<'j> {
    pub(crate) what: What<'j>,
    pub(crate) sign: Sign,
    /// Whether it forces a replacement.
    pub(crate) replace: bool,
}

/// What kind of value it is.
#[derive(Clone, Debug)]
pub(crate) enum What<'j> {
    /// A text, a number, a bool or null.
    Scalar { before: Option<&'j Json>, after: Option<&'j Json> },
    /// Attributes that belong together.
    Object(BTreeMap<&'j str, Diff<'j>>),
    /// Elements by key.
    Map(BTreeMap<&'j str, Diff<'j>>),
    /// Elements in order.
    List(Vec<Diff<'j>>),
    /// Elements without order.
    Set(Vec<Diff<'j>>),
    /// A block: attributes, and the blocks inside of it.
    Block(Block<'j>),
    /// A value that must not be shown.
    Sensitive { inner: Sign, before: bool, after: bool },
    /// A value that is known later, and what goes away for it.
    Unknown(Option<Box<Diff<'j>>>),
    /// A value of one type becomes one of another.
    Retyped(Box<Diff<'j>>, Box<Diff<'j>>),
    /// A value that is never read back.
    WriteOnly,
}

/// What is in a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block<'j> {
    pub(crate) attributes: BTreeMap<&'j str, Diff<'j>>,
    pub(crate) groups: BTreeMap<&'j str, Group<'j>>,
}

/// The nested blocks of one type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group<'j> {
    /// How many there will be is not known yet.
    pub(crate) unknown: Option<Sign>,
    /// Each with its label, where the type has one.
    pub(crate) blocks: Vec<(Option<&'j str>, Diff<'j>)>,
    /// Whether their coming and going forces a replacement.
    pub(crate) replace: bool,
    pub(crate) was_sensitive: bool,
    pub(crate) is_sensitive: bool,
}
