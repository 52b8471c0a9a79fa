//! Checks of a configuration that types share, with the words that Terraform users know.
//!
//! ```
//! # use infra_catalog::validate::Check;
//! # use infra_value::{Type, Value};
//! # let config = Value::object([("protocol", Value::string("FTP")), ("port", Value::null(Type::Number))]);
//! let mut problems = Vec::new();
//! let mut check = Check::new(&config, &mut problems);
//! check.one_of("protocol", &["HTTP", "HTTPS"]);
//! check.range("port", 1..=65535);
//! check.each("health_check", |check| check.range("timeout", 2..=120));
//! assert_eq!(problems[0].summary, "expected protocol to be one of [\"HTTP\" \"HTTPS\"], got FTP");
//! ```
//!
//! What is null or unknown passes, and a list, set, map or block of a resource with something unknown in it, too. A check of a list, set or map of texts or numbers is a check of each element.

mod go_json;
mod json;
mod network;
mod relations;
mod scalar;

use infra_provider::Problem;
use infra_value::{Kind, Path, Type, Value};

pub use go_json::{documents as json_documents, syntax_error as json_syntax_error};
pub use network::{arn_error, ipv4_network_error, ipv6_network_error};

/// The place in a configuration that is being checked: the resource's own block, or a block in it.
pub struct Check<'a> {
    value: &'a Value,
    /// `default_action.0.` for what is inside a block: how messages name attributes.
    prefix: String,
    path: Path,
    problems: &'a mut Vec<Problem>,
}

/// One scalar under check.
struct Scalar<'v> {
    /// `requires_compatibilities.0`
    key: String,
    value: &'v Value,
    path: Path,
}

impl<'a> Check<'a> {
    /// Checks a resource's own block.
    pub fn new(config: &'a Value, problems: &'a mut Vec<Problem>) -> Check<'a> {
        Check { value: config, prefix: String::new(), path: Path::root(), problems }
    }

    /// The value of an attribute here; `None` where it is null or unknown (or there is none of that name).
    pub fn known(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|v| v.is_known() && !v.is_null())
    }
    /// The text of an attribute here; `""` where it is not set or not known.
    pub fn str(&self, name: &str) -> &'a str {
        self.known(name).and_then(Value::as_str).unwrap_or("")
    }
    /// Whether an attribute is written here: not null, and if it is a block, at least one of them. Unknown counts.
    pub fn is_set(&self, name: &str) -> bool {
        self.value.get(name).is_some_and(is_written)
    }
    /// Whether an attribute is unknown here.
    pub fn is_unknown(&self, name: &str) -> bool {
        self.value.get(name).is_some_and(|v| !v.is_known())
    }
    /// The whole block under check.
    pub fn value(&self) -> &'a Value {
        self.value
    }
    /// How messages name an attribute here: `default_action.0.target_group_arn`.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
    /// The path of an attribute here.
    pub fn path(&self, name: &str) -> Path {
        self.path.attr(name)
    }

    /// Checks each element of a nested block (or of a list or set of objects).
    pub fn each(&mut self, name: &str, mut inner: impl FnMut(&mut Check<'_>)) {
        let Some(value) = self.ready(name) else { return };
        let path = self.path.attr(name);
        match value.kind() {
            Kind::Object(_) => {
                let prefix = format!("{}{name}.0.", self.prefix);
                inner(&mut Check { value, prefix, path, problems: self.problems });
            }
            Kind::List(_, es) | Kind::Tuple(es) | Kind::Set(_, es) => {
                for (i, element) in es.iter().enumerate() {
                    if element.is_null() || !element.is_known() {
                        continue;
                    }
                    let prefix = format!("{}{name}.{i}.", self.prefix);
                    let path = path.index(index_of(value, i, element));
                    inner(&mut Check { value: element, prefix, path, problems: self.problems });
                }
            }
            _ => {}
        }
    }

    /// Says that an attribute here is wrong, in one line.
    pub fn error(&mut self, name: &str, summary: impl Into<String>) {
        self.problem(name, Problem::error(summary, ""));
    }
    /// Says something about an attribute here.
    pub fn problem(&mut self, name: &str, problem: Problem) {
        let path = self.path.attr(name);
        self.problems.push(problem.at(path));
    }
    /// Says something about the block as a whole.
    pub fn block_problem(&mut self, problem: Problem) {
        let path = self.path.clone();
        self.problems.push(problem.at(path));
    }

    /// Checks each known text of an attribute by a rule of its own: it gets the attribute's name as messages have it
    /// (`rule.0.name`) and the text, and answers what is wrong.
    pub fn text(&mut self, name: &str, rule: impl Fn(&str, &str) -> Option<String>) {
        self.scalars(name, |s| rule(&s.key, s.value.as_str()?));
    }

    /// An attribute that can be checked. Of a resource's own block it has to be known with everything in it: one that
    /// is not is checked when it is.
    fn ready(&self, name: &str) -> Option<&'a Value> {
        self.known(name).filter(|v| !self.path.0.is_empty() || v.is_wholly_known())
    }

    /// Asks `rule` about every known scalar of an attribute.
    fn scalars(&mut self, name: &str, rule: impl Fn(&Scalar<'_>) -> Option<String>) {
        let Some(value) = self.ready(name) else { return };
        for scalar in scalars_of(self.key(name), value, self.path.attr(name)) {
            if let Some(summary) = rule(&scalar) {
                self.problems.push(Problem::error(summary, "").at(scalar.path));
            }
        }
    }
}

fn is_written(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(_) => false,
        Kind::List(t, es) | Kind::Set(t, es) => !(es.is_empty() && matches!(t, Type::Object(_))),
        _ => true,
    }
}

/// The index of an element in a path: its number, or in a set the element itself.
fn index_of(collection: &Value, i: usize, element: &Value) -> Value {
    match collection.kind() {
        Kind::Set(..) => element.clone(),
        _ => Value::from(i64::try_from(i).unwrap_or(i64::MAX)),
    }
}

fn scalars_of(key: String, value: &Value, path: Path) -> Vec<Scalar<'_>> {
    let usable = |v: &&Value| v.is_known() && !v.is_null();
    match value.kind() {
        Kind::List(_, es) | Kind::Tuple(es) | Kind::Set(_, es) => {
            let elements = es.iter().enumerate().filter(|(_, e)| usable(e));
            let scalar =
                |(i, e)| Scalar { key: format!("{key}.{i}"), value: e, path: path.index(index_of(value, i, e)) };
            elements.map(scalar).collect()
        }
        Kind::Map(_, ms) => {
            let members = ms.iter().filter(|(_, v)| usable(v));
            let scalar = |(k, v)| Scalar { key: format!("{key}.{k}"), value: v, path: path.index(Value::string(k)) };
            members.map(scalar).collect()
        }
        _ => vec![Scalar { key, value, path }],
    }
}

#[cfg(test)]
mod tests;
