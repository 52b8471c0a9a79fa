//! `regex`, `regexall` and `replace`.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::regex::{Captures, Regex};
use infra_value::{Kind, Members, Type, Value};

use super::pattern::{PatternError, translate};
use super::{Function, FunctionError, MOST_BYTES, Param, gives_string, text, within_bounds};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "regex",
        params: &[Param::string("pattern"), Param::string("string")],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].as_str() {
            None => Ok(Type::Dynamic),
            Some(pattern) => Ok(Pattern::of_argument(pattern)?.result_type()),
        },
        body: |args, _, _| {
            let pattern = Pattern::of_argument(text(&args[0]))?;
            let found = pattern.regex.captures(text(&args[1]));
            let found =
                found.ok_or_else(|| FunctionError::call("pattern did not match any part of the given string"))?;
            Ok(pattern.result(&found))
        },
    },
    Function {
        name: "regexall",
        params: &[Param::string("pattern"), Param::string("string")],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].as_str() {
            None => Ok(Type::list(Type::Dynamic)),
            Some(pattern) => Ok(Type::list(Pattern::of_argument(pattern)?.result_type())),
        },
        body: |args, _, _| {
            let pattern = Pattern::of_argument(text(&args[0]))?;
            let all = pattern.regex.captures_iter(text(&args[1]));
            Ok(Value::list(pattern.result_type(), all.map(|found| pattern.result(&found))))
        },
    },
    Function {
        name: "replace",
        params: &[Param::string("str"), Param::string("substring"), Param::string("replace")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let [s, part, replacement] = [text(&args[0]), text(&args[1]), text(&args[2])];
            let slashed = part.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
            let Some(pattern) = slashed else {
                let added = s.matches(part).count().checked_mul(replacement.len());
                within_bounds(added.and_then(|added| added.checked_add(s.len())), MOST_BYTES, "bytes")?;
                return Ok(Value::string(s.replace(part, replacement)));
            };
            let pattern = Pattern::new(pattern)
                .map_err(|e| FunctionError::call(format!("error parsing regexp: {}: `{}`", e.problem, e.part)))?;
            let added = pattern.regex.find_iter(s).count().checked_mul(replacement.len());
            within_bounds(added.and_then(|added| added.checked_add(s.len())), MOST_BYTES, "bytes")?;
            let changed = pattern.regex.replace_all(s, |found: &Captures<'_>| pattern.expand(replacement, found));
            Ok(Value::string(changed))
        },
    },
];

struct Pattern {
    regex: Regex,
    groups: Vec<Option<String>>,
}

impl Pattern {
    fn new(pattern: &str) -> Result<Pattern, PatternError> {
        let translated = translate(pattern)?;
        let regex = Regex::new(&translated.pattern)
            .map_err(|_| PatternError { problem: "expression too large", part: pattern.to_owned() })?;
        Ok(Pattern { regex, groups: translated.groups })
    }

    fn of_argument(pattern: &str) -> Result<Pattern, FunctionError> {
        let fault = |message: String| FunctionError::argument(0, format!("invalid regexp pattern: {message}"));
        let pattern = Pattern::new(pattern).map_err(|e| fault(format!("{} in {}", e.problem, e.part)))?;
        let named = pattern.groups.iter().flatten().count();
        if named > 0 && named < pattern.groups.len() {
            return Err(fault("cannot mix both named and unnamed capture groups".to_owned()));
        }
        Ok(pattern)
    }

    fn is_named(&self) -> bool {
        self.groups.iter().any(Option::is_some)
    }

    /// A text without groups, a tuple of texts with groups, an object with named groups.
    fn result_type(&self) -> Type {
        if self.groups.is_empty() {
            Type::String
        } else if self.is_named() {
            Type::object(self.groups.iter().flatten().map(|name| (name.as_str(), Type::String)))
        } else {
            Type::tuple(self.groups.iter().map(|_| Type::String))
        }
    }

    fn result(&self, found: &Captures<'_>) -> Value {
        let group = |i: usize| found.get(i).map_or_else(|| Value::null(Type::String), |m| Value::string(m.as_str()));
        if self.groups.is_empty() {
            return group(0);
        }
        if !self.is_named() {
            return Value::tuple((1..=self.groups.len()).map(group));
        }
        let mut members: Members = BTreeMap::new();
        for (i, name) in self.groups.iter().enumerate() {
            if let Some(name) = name {
                members.insert(name.as_str().into(), group(i + 1));
            }
        }
        Kind::Object(Arc::new(members)).into()
    }

    /// The replacement with `$1`, `${1}`, `$name` and `$$` resolved. A group that is not there is empty.
    fn expand(&self, template: &str, found: &Captures<'_>) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            match reference(rest) {
                Some((name, after)) => {
                    out.push_str(self.group_text(name, found));
                    rest = after;
                }
                None => out.push('$'),
            }
        }
        out.push_str(rest);
        out
    }

    fn group_text<'t>(&self, name: &str, found: &Captures<'t>) -> &'t str {
        if name.bytes().all(|b| b.is_ascii_digit()) {
            let index: usize = name.parse().unwrap_or(usize::MAX);
            return found.get(index).map_or("", |m| m.as_str());
        }
        // Of several groups with the name, the last one that matched.
        let same = self.groups.iter().enumerate().filter(|(_, group)| group.as_deref() == Some(name));
        same.filter_map(|(i, _)| found.get(i + 1)).next_back().map_or("", |m| m.as_str())
    }
}

/// The name behind a `$`, with or without braces, and what follows.
fn reference(rest: &str) -> Option<(&str, &str)> {
    let (braced, names) = match rest.strip_prefix('{') {
        Some(inside) => (true, inside),
        None => (false, rest),
    };
    let end = names.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(names.len());
    let (name, after) = names.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { Some((name, after.strip_prefix('}')?)) } else { Some((name, after)) }
}
