//! Marks: what must not be forgotten about a value while it flows through expressions.

use std::ops::{BitOr, BitOrAssign};

/// The set of marks on one value. Marks of a whole value do not include those of its elements.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Marks(u8);

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks(0);
    /// Must not be shown (`sensitive = true`, `sensitive()`).
    pub const SENSITIVE: Marks = Marks(1);
    /// Must not be stored in a plan or a state (`ephemeral = true`).
    pub const EPHEMERAL: Marks = Marks(2);

    /// Whether no mark is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every mark of `other` is set.
    pub fn contains(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// These marks without those of `other`.
    pub fn without(self, other: Marks) -> Marks {
        Marks(self.0 & !other.0)
    }
}

impl BitOr for Marks {
    type Output = Marks;
    fn bitor(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Marks) {
        self.0 |= other.0;
    }
}
