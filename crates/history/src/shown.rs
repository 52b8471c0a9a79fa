//! Values as a record shows them: nothing sensitive, nothing too long.

use std::collections::BTreeMap;
use std::fmt;

use infra_value::{Kind, Path, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::canonical::{canonical, of_bytes};
use crate::record::is_zero;
use crate::secrets::Secrets;

/// How many bytes of a value are shown.
const LONGEST: usize = 4096;
/// How many bytes of the beginning are shown of a longer one.
const START: usize = 256;

/// An attribute that differs. None: it is not there, or null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Which: `tags["Name"]`, `ingress[0].from_port`.
    pub path: String,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Shown>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Shown>,
}

/// A value as a record shows it: a primitive, a set, or an empty collection.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Shown {
    /// The value, if it can be shown whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
    /// It must not be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// It was not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// The beginning of a value that is too long.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// How many bytes the whole has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub length: u64,
    /// The digest of the whole: `sha256:…`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

impl Shown {
    /// A value that must not be shown.
    pub fn sensitive() -> Shown {
        Shown { sensitive: true, ..Shown::default() }
    }

    /// A value that was not known.
    pub fn unknown() -> Shown {
        Shown { unknown: true, ..Shown::default() }
    }

    /// A value as it may be shown.
    pub fn of(value: &Value, secrets: &Secrets) -> Shown {
        if !value.marks_deep().is_empty() {
            return Shown::sensitive();
        }
        if !value.is_wholly_known() {
            return Shown::unknown();
        }
        let json = plain(value);
        let hides = match &json {
            Json::String(text) => secrets.hides(text),
            Json::Bool(_) | Json::Null => false,
            other => texts_within(other).any(|text| secrets.hides(&text)),
        };
        if hides { Shown::sensitive() } else { Shown::value(json) }
    }

    /// A value, cut if it is too long.
    pub fn value(json: Json) -> Shown {
        cut(json, LONGEST)
    }
}

/// As people read it: the text of a string stands in quotes.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown { sensitive: true, .. } => f.write_str("(sensitive value)"),
            Shown { unknown: true, .. } => f.write_str("(not known)"),
            Shown { value: Some(json), .. } => write!(f, "{json}"),
            Shown { start, length, digest, .. } => {
                write!(f, "{}… ({length} bytes, {digest})", Json::String(start.clone()))
            }
        }
    }
}

/// Cuts a shown value further.
pub(crate) fn cut_again(shown: &mut Shown, longest: usize) {
    if let Some(json) = shown.value.take() {
        *shown = cut(json, longest);
    }
}

fn cut(json: Json, longest: usize) -> Shown {
    let text = match &json {
        Json::String(text) => text.clone(),
        other => canonical(other),
    };
    if text.len() <= longest {
        return Shown { value: Some(json), ..Shown::default() };
    }
    let end = (0..=START.min(longest)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    Shown {
        start: text[..end].to_string(),
        length: text.len() as u64,
        digest: of_bytes(text.as_bytes()),
        ..Shown::default()
    }
}

/// What differs between two objects, attribute by attribute. What is marked, sensitive or ephemeral, on either side, or
/// stands at a hidden path, is shown on neither; nor is a text that is a secret from elsewhere, also as a key in a path.
pub fn attribute_changes(before: &Value, after: &Value, hidden: &[Path], secrets: &Secrets) -> Vec<AttributeChange> {
    let mut olds = BTreeMap::new();
    let mut news = BTreeMap::new();
    leaves(before, &Path::root(), &mut olds);
    leaves(after, &Path::root(), &mut news);
    let marked: Vec<&Path> =
        olds.values().chain(news.values()).filter(|leaf| leaf.1 == Leaf::Hidden).map(|leaf| &leaf.0).collect();
    // A hidden path can lead into a set, which is shown as a whole.
    let is_hidden =
        |path: &Path| marked.iter().copied().chain(hidden).any(|h| path.starts_with(h) || h.starts_with(path));
    let mut paths: BTreeMap<&String, &Path> = olds.iter().map(|(text, leaf)| (text, &leaf.0)).collect();
    paths.extend(news.iter().map(|(text, leaf)| (text, &leaf.0)));
    let mut changes = Vec::new();
    for (text, path) in paths {
        let (old, new) = (olds.get(text), news.get(text));
        if old.map(|leaf| &leaf.2) == new.map(|leaf| &leaf.2) {
            continue;
        }
        let hides = is_hidden(path);
        let show = |leaf: Option<&(Path, Leaf, Value)>| {
            leaf.map(|(_, leaf, value)| match leaf {
                _ if hides => Shown::sensitive(),
                Leaf::Hidden => Shown::sensitive(),
                Leaf::Unknown => Shown::unknown(),
                Leaf::Plain => Shown::of(value, secrets),
            })
        };
        let (old, new) = (show(old), show(new));
        // A secret from elsewhere: the keys on the way may be some, too.
        let from_elsewhere = !hides && [&old, &new].into_iter().flatten().any(|shown| shown.sensitive);
        let path = match path.0.first().filter(|_| from_elsewhere) {
            Some(first) => Path(vec![first.clone()]).to_string(),
            None => secrets.scrub(text),
        };
        if changes.last().is_none_or(|last: &AttributeChange| !from_elsewhere || last.path != path) {
            changes.push(AttributeChange { path, before: old, after: new });
        }
    }
    changes
}

/// Where a value is marked, sensitive or ephemeral.
pub fn marked_paths(value: &Value) -> Vec<Path> {
    let mut found = BTreeMap::new();
    leaves(value, &Path::root(), &mut found);
    found.into_values().filter(|leaf| leaf.1 == Leaf::Hidden).map(|leaf| leaf.0).collect()
}

/// How what a path leads to in the end is shown.
#[derive(Clone, Copy, PartialEq)]
enum Leaf {
    Hidden,
    Unknown,
    Plain,
}

/// Primitives, sets and empty collections, by their paths as text; nulls are left out.
fn leaves(value: &Value, path: &Path, found: &mut BTreeMap<String, (Path, Leaf, Value)>) {
    let mut put = |leaf| drop(found.insert(path.to_string(), (path.clone(), leaf, value.unmark_deep().0)));
    if !value.marks().is_empty() {
        return put(Leaf::Hidden);
    }
    match value.kind() {
        Kind::Null(_) => {}
        Kind::Unknown(_) => put(Leaf::Unknown),
        Kind::Bool(_) | Kind::String(_) | Kind::Number(_) => put(Leaf::Plain),
        Kind::Set(..) if !value.marks_deep().is_empty() => put(Leaf::Hidden),
        Kind::Set(..) if !value.is_wholly_known() => put(Leaf::Unknown),
        Kind::Set(..) => put(Leaf::Plain),
        Kind::List(_, elements) | Kind::Tuple(elements) if elements.is_empty() => put(Leaf::Plain),
        Kind::List(_, elements) | Kind::Tuple(elements) => {
            for (i, element) in (0_i64..).zip(elements.iter()) {
                leaves(element, &path.index(i), found);
            }
        }
        Kind::Map(_, members) if members.is_empty() => put(Leaf::Plain),
        Kind::Map(_, members) => {
            members.iter().for_each(|(key, member)| leaves(member, &path.index(Value::string(key)), found));
        }
        Kind::Object(members) => {
            members.iter().for_each(|(name, member)| leaves(member, &path.attr(name.clone()), found));
        }
    }
}

/// A value without marks and unknowns as JSON.
fn plain(value: &Value) -> Json {
    match value.kind() {
        Kind::Null(_) | Kind::Unknown(_) => Json::Null,
        Kind::Bool(b) => json!(b),
        Kind::String(text) => json!(&**text),
        Kind::Number(number) => number.to_string().parse().map_or_else(|_| json!(number.to_string()), Json::Number),
        Kind::Set(_, elements) | Kind::List(_, elements) | Kind::Tuple(elements) => {
            Json::Array(elements.iter().map(plain).collect())
        }
        Kind::Map(_, members) | Kind::Object(members) => {
            Json::Object(members.iter().map(|(name, member)| (name.to_string(), plain(member))).collect())
        }
    }
}

/// The texts and numbers in a JSON.
fn texts_within(json: &Json) -> Box<dyn Iterator<Item = String> + '_> {
    match json {
        Json::String(text) => Box::new(std::iter::once(text.clone())),
        Json::Number(number) => Box::new(std::iter::once(number.to_string())),
        Json::Array(elements) => Box::new(elements.iter().flat_map(texts_within)),
        Json::Object(members) => {
            Box::new(members.iter().flat_map(|(key, value)| std::iter::once(key.clone()).chain(texts_within(value))))
        }
        Json::Bool(_) | Json::Null => Box::new(std::iter::empty()),
    }
}
