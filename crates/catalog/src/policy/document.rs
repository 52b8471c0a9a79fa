//! When two policy documents grant the same. The rules are those of the provider's library, with its slips: a state that
//! another tool wrote has to show no difference here.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::json_text::{decimal, parse};

/// Whether two documents grant the same. A text that cannot be read is not equivalent to anything.
pub fn equivalent(a: &str, b: &str) -> bool {
    match (Document::read(a), Document::read(b)) {
        (Some(a), Some(b)) => a.version == b.version && a.id == b.id && same_statements(&a.statement, &b.statement),
        _ => false,
    }
}

struct Document {
    version: String,
    id: String,
    statement: Json,
}

impl Document {
    fn read(text: &str) -> Option<Document> {
        let text = text.trim();
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).trim();
        let json = if bare.is_empty() { Json::Object(Map::new()) } else { parse(bare)? };
        let Json::Object(members) = json else { return None };
        let mut document = Document { version: String::new(), id: String::new(), statement: Json::Null };
        for (key, value) in members {
            match key.to_ascii_lowercase().as_str() {
                "version" => document.version = text_or_nothing(Some(&value))?.unwrap_or(document.version),
                "id" => document.id = text_or_nothing(Some(&value))?.unwrap_or(document.id),
                "statement" => document.statement = value,
                _ => {}
            }
        }
        Some(document)
    }
}

/// A text, or nothing where it is missing or null; `None` for anything else.
fn text_or_nothing(value: Option<&Json>) -> Option<Option<String>> {
    match value {
        None | Some(Json::Null) => Some(None),
        Some(Json::String(text)) => Some(Some(text.clone())),
        _ => None,
    }
}

fn same_statements(a: &Json, b: &Json) -> bool {
    if a == b {
        return true;
    }
    let (Some(a), Some(b)) = (statements(a), statements(b)) else { return false };
    a.len() == b.len() && each_in_other(&a, &b, Statement::same)
}

/// Whether each element of either side has an equal one on the other.
fn each_in_other<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.iter().all(|x| b.iter().any(|y| same(x, y))) && b.iter().all(|y| a.iter().any(|x| same(x, y)))
}

fn statements(json: &Json) -> Option<Vec<Statement>> {
    match json {
        Json::Null => Some(Vec::new()),
        Json::Object(_) => Some(vec![Statement::read(json)?]),
        Json::Array(elements) => elements.iter().map(Statement::read).collect(),
        _ => None,
    }
}

struct Statement {
    sid: String,
    effect: String,
    /// Action, NotAction, Resource, NotResource.
    lists: [Texts; 4],
    /// Principal, NotPrincipal.
    principals: [Option<Principals>; 2],
    condition: Option<Condition>,
}

/// Operator, key, values; `None` for values that equal nothing.
type Condition = BTreeMap<String, BTreeMap<String, Option<Vec<String>>>>;
/// Entries by type.
type Principals = BTreeMap<String, Vec<String>>;

/// What an action or a resource says.
enum Texts {
    /// Sorted.
    These(Vec<String>),
    /// Neither a text nor a list.
    Nonsense,
}

impl Statement {
    fn read(json: &Json) -> Option<Statement> {
        let empty = Map::new();
        let members = match json {
            Json::Object(members) => members,
            Json::Null => &empty,
            _ => return None,
        };
        let get = |name: &str| {
            let ignoring_case = || members.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v);
            members.get(name).or_else(ignoring_case)
        };
        Some(Statement {
            sid: text_or_nothing(get("Sid"))?.unwrap_or_default(),
            effect: text_or_nothing(get("Effect"))?.unwrap_or_default().to_ascii_lowercase(),
            lists: ["Action", "NotAction", "Resource", "NotResource"].map(|name| Texts::read(get(name))),
            principals: ["Principal", "NotPrincipal"].map(|name| principals(get(name))),
            condition: match get("Condition") {
                None | Some(Json::Null) => None,
                Some(json) => Some(condition(json)?),
            },
        })
    }

    fn same(&self, other: &Statement) -> bool {
        let lists = self.lists.iter().zip(&other.lists);
        let principals = self.principals.iter().zip(&other.principals);
        self.sid == other.sid
            && self.effect == other.effect
            && lists.into_iter().all(|(a, b)| a.same(b))
            && same_condition(self.condition.as_ref(), other.condition.as_ref())
            && principals.into_iter().all(|(a, b)| same_principals(a.as_ref(), b.as_ref()))
    }
}

impl Texts {
    fn read(json: Option<&Json>) -> Texts {
        match json {
            None | Some(Json::Null) => Texts::These(Vec::new()),
            Some(Json::Array(elements)) => {
                // One element that is no text makes the whole list say nothing.
                let mut texts = elements.iter().map(scalar).collect::<Option<Vec<_>>>().unwrap_or_default();
                texts.sort();
                Texts::These(texts)
            }
            Some(json) => scalar(json).map_or(Texts::Nonsense, |text| Texts::These(vec![text])),
        }
    }

    fn same(&self, other: &Texts) -> bool {
        matches!((self, other), (Texts::These(a), Texts::These(b)) if a == b)
    }
}

/// A text, number or truth value as text.
fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Bool(b) => Some(b.to_string()),
        Json::Number(n) => decimal(n),
        _ => None,
    }
}

fn scalars(json: &Json) -> Option<Vec<String>> {
    match json {
        Json::Array(elements) => elements.iter().map(scalar).collect(),
        json => scalar(json).map(|text| vec![text]),
    }
}

fn condition(json: &Json) -> Option<Condition> {
    let operators = json.as_object()?.iter().map(|(operator, keys)| {
        let keys = keys.as_object()?.iter().map(|(key, values)| (key.clone(), scalars(values)));
        Some((operator.clone(), keys.collect()))
    });
    operators.collect()
}

fn same_condition(a: Option<&Condition>, b: Option<&Condition>) -> bool {
    let same_values = |a: &Option<Vec<String>>, b: &Option<Vec<String>>| match (a, b) {
        (Some(a), Some(b)) => a.len() == b.len() && each_in_other(a, b, |x, y| x == y),
        _ => false,
    };
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_maps(a, b, |a, b| same_maps(a, b, same_values)),
        _ => false,
    }
}

fn same_maps<V>(a: &BTreeMap<String, V>, b: &BTreeMap<String, V>, same: impl Fn(&V, &V) -> bool) -> bool {
    a.len() == b.len() && a.iter().all(|(key, x)| b.get(key).is_some_and(|y| same(x, y)))
}

/// The entries by type, without empty lists. A plain text counts as no entries at all, as in the library: `"*"` is the
/// same as a missing principal. `None` for what cannot be read.
fn principals(json: Option<&Json>) -> Option<Principals> {
    match json {
        None | Some(Json::Null | Json::String(_)) => Some(Principals::new()),
        Some(Json::Object(types)) => {
            let types = types.iter().map(|(ty, entries)| Some((ty.clone(), scalars(entries)?)));
            let types = types.collect::<Option<Principals>>()?;
            Some(types.into_iter().filter(|(_, entries)| !entries.is_empty()).collect())
        }
        Some(_) => None,
    }
}

fn same_principals(a: Option<&Principals>, b: Option<&Principals>) -> bool {
    let same =
        |a: &Vec<String>, b: &Vec<String>| a.len() == b.len() && each_in_other(a, b, |x, y| same_principal(x, y));
    matches!((a, b), (Some(a), Some(b)) if same_maps(a, b, same))
}

/// Whether two entries are the same text, or one is an account's number and the other that account's root.
fn same_principal(a: &str, b: &str) -> bool {
    a == b || root_of(a).is_some_and(|account| account == b) || root_of(b).is_some_and(|account| account == a)
}

/// The account of `arn:PARTITION:iam::ACCOUNT:root`.
fn root_of(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, _, _, account, _] = parts[..] else { return None };
    let is_root = parts[0] == "arn" && parts[2] == "iam" && parts[5] == "root";
    (is_root && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then_some(account)
}
