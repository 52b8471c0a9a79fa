//! The words of a record: what kind of thing was done, and what came of it. Those of newer versions are kept as they are.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A word of a newer version.
            Other(String),
        }

        impl $name {
            /// As the record says it.
            pub fn name(&self) -> &str {
                match self {
                    $($name::$variant => $text,)*
                    $name::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> $name {
                match word.as_str() {
                    $($text => $name::$variant,)*
                    _ => $name::Other(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> String {
                word.name().to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

words! {
    /// What was done: the command as a person would say it.
    Kind {
        /// `infra apply`, perhaps with releases.
        Apply => "apply",
        /// `infra destroy`
        Destroy => "destroy",
        /// The state was brought to what there is.
        Refresh => "refresh",
        /// An apply of which only a release was left to do.
        Release => "release",
        /// `infra revert`
        Revert => "revert",
        /// `infra release finish`
        ReleaseFinish => "release finish",
        /// `infra release retry`
        ReleaseRetry => "release retry",
        /// `infra import`
        Import => "import",
        /// `infra state mv`
        StateMv => "state mv",
        /// `infra state rm`
        StateRm => "state rm",
        /// `infra state push`
        StatePush => "state push",
        /// `infra state replace-provider`
        StateReplaceProvider => "state replace-provider",
        /// `infra taint`
        Taint => "taint",
        /// `infra untaint`
        Untaint => "untaint",
        /// `infra force-unlock`
        ForceUnlock => "force-unlock",
        /// `infra workspace delete`
        WorkspaceDelete => "workspace delete",
    }
}

words! {
    /// What came of the whole.
    Status {
        /// All of it was done.
        Done => "done",
        /// There were errors.
        Failed => "failed",
        /// Somebody stopped it.
        Interrupted => "interrupted",
        /// A release was taken back.
        Reverted => "reverted",
    }
}

words! {
    /// What was to be done with an object.
    Action {
        /// Nothing but a move, or an import.
        NoOp => "no-op",
        /// It is created.
        Create => "create",
        /// A data source is read.
        Read => "read",
        /// It is changed in place.
        Update => "update",
        /// It is deleted, then created anew.
        DeleteThenCreate => "delete, create",
        /// A new one is created, then the old one deleted.
        CreateThenDelete => "create, delete",
        /// It is deleted.
        Delete => "delete",
        /// It is left alone and no longer known.
        Forget => "forget",
        /// It is known by another address.
        Move => "move",
        /// An object that was there already is known from now on.
        Import => "import",
        /// The state was brought to what the object has become.
        Refresh => "refresh",
        /// It is to be replaced.
        Taint => "taint",
        /// It is not to be replaced any more.
        Untaint => "untaint",
        /// It belongs to another provider.
        ReplaceProvider => "replace-provider",
    }
}

words! {
    /// What came of one change.
    Result {
        /// It was done.
        Done => "done",
        /// It failed; it may have been done in part.
        Failed => "failed",
        /// It was under way when the run was cut off.
        Unfinished => "unfinished",
        /// It was not begun.
        NotStarted => "not started",
    }
}
