//! A path from a value to a part of it.

use std::fmt;
use std::sync::Arc;

use crate::Value;

/// One step into a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PathStep {
    /// An attribute of an object.
    Attribute(Arc<str>),
    /// An element of a list or tuple (number), a member of a map (string), an element of a set (the element).
    Index(Value),
}

/// The steps from a value to a part of it; empty for the value itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Path(pub Vec<PathStep>);

impl Path {
    /// The value itself.
    pub fn root() -> Path {
        Path::default()
    }
    /// A path of one attribute.
    pub fn attribute(name: impl Into<Arc<str>>) -> Path {
        Path(vec![PathStep::Attribute(name.into())])
    }
    /// This path and one more attribute.
    #[must_use]
    pub fn attr(&self, name: impl Into<Arc<str>>) -> Path {
        let mut steps = self.0.clone();
        steps.push(PathStep::Attribute(name.into()));
        Path(steps)
    }
    /// This path and one more index.
    #[must_use]
    pub fn index(&self, key: impl Into<Value>) -> Path {
        let mut steps = self.0.clone();
        steps.push(PathStep::Index(key.into()));
        Path(steps)
    }
    /// Whether `self` is `prefix` or leads into what `prefix` leads to.
    pub fn starts_with(&self, prefix: &Path) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

impl fmt::Display for Path {
    /// As in the language: `a.b[0].c["k"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Attribute(name) => write!(f, "{}{name}", if i == 0 { "" } else { "." })?,
                PathStep::Index(key) => match (key.as_str(), key.as_number()) {
                    (Some(text), _) => write!(f, "[{text:?}]")?,
                    (_, Some(n)) => write!(f, "[{n}]")?,
                    _ => f.write_str("[...]")?,
                },
            }
        }
        Ok(())
    }
}
