//! Places in source files, and the files themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A position in a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Pos {
    /// From 1.
    pub line: u32,
    /// In grapheme clusters, from 1.
    pub column: u32,
    /// Offset in bytes from the start of the file.
    pub byte: u32,
}

impl Default for Pos {
    fn default() -> Pos {
        Pos { line: 1, column: 1, byte: 0 }
    }
}

/// From the first byte of something to just after its last.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SourceRange {
    /// The file as it is named in messages: relative to the folder of the root module (`main.tf`,
    /// `modules/net/main.tf`), or what a text came from (`<value for var.x>`).
    pub file: Arc<str>,
    /// Where it starts.
    pub start: Pos,
    /// Just after it.
    pub end: Pos,
}

impl SourceRange {
    /// From the start of `self` to the end of `other`.
    #[must_use]
    pub fn to(&self, other: &SourceRange) -> SourceRange {
        SourceRange { file: self.file.clone(), start: self.start, end: other.end }
    }
}

impl fmt::Display for SourceRange {
    /// As it is named inside of a message: `main.tf:2,3-8`, or `main.tf:2,3-4,1` over several lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceRange { file, start, end } = self;
        write!(f, "{file}:{},{}-", start.line, start.column)?;
        if start.line != end.line {
            write!(f, "{},", end.line)?;
        }
        write!(f, "{}", end.column)
    }
}

/// The texts that ranges point into.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<Arc<str>, Arc<str>>);

impl Sources {
    /// Remembers a file's text.
    pub fn insert(&mut self, file: Arc<str>, text: Arc<str>) {
        self.0.insert(file, text);
    }
    /// The text of a file.
    pub fn get(&self, file: &str) -> Option<&Arc<str>> {
        self.0.get(file)
    }
    /// Each file with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.iter()
    }
}
