//! Instances: of modules, and of resources in them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use infra_value::Value;

use crate::Resource;

/// Which instance of a block with `count` or `for_each`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub enum InstanceKey {
    /// The block has neither.
    #[default]
    None,
    /// `count`
    Int(i64),
    /// `for_each`
    Str(Arc<str>),
}

impl InstanceKey {
    /// The key as a value; `None` where there is no key.
    pub fn to_value(&self) -> Option<Value> {
        match self {
            InstanceKey::None => None,
            InstanceKey::Int(n) => Some(Value::from(*n)),
            InstanceKey::Str(s) => Some(Value::string(s)),
        }
    }
}

impl fmt::Display for InstanceKey {
    /// `[0]`, `["k"]`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstanceKey::None => Ok(()),
            InstanceKey::Int(n) => write!(f, "[{n}]"),
            InstanceKey::Str(s) => write!(f, "[\"{}\"]", escape(s)),
        }
    }
}

/// The text as it stands between quotes in the language.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The names of the module calls from the root to a module, instances aside.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub struct ModulePath(pub Vec<Arc<str>>);

impl ModulePath {
    /// The root module.
    pub fn root() -> ModulePath {
        ModulePath::default()
    }
    /// Whether this is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
    /// The module that a call in this one leads to.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>) -> ModulePath {
        let mut names = self.0.clone();
        names.push(name.into());
        ModulePath(names)
    }
    /// The module that calls this one.
    pub fn parent(&self) -> Option<ModulePath> {
        let (_, names) = self.0.split_last()?;
        Some(ModulePath(names.to_vec()))
    }
}

impl fmt::Display for ModulePath {
    /// `module.a.module.b`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}module.{name}", if i == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// An instance of a module: each call's name and instance key from the root.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub struct ModuleInstance(pub Vec<(Arc<str>, InstanceKey)>);

impl ModuleInstance {
    /// The root module.
    pub fn root() -> ModuleInstance {
        ModuleInstance::default()
    }
    /// Whether this is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
    /// The instance that a call in this one leads to.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>, key: InstanceKey) -> ModuleInstance {
        let mut steps = self.0.clone();
        steps.push((name.into(), key));
        ModuleInstance(steps)
    }
    /// The instance that calls this one.
    pub fn parent(&self) -> Option<ModuleInstance> {
        let (_, steps) = self.0.split_last()?;
        Some(ModuleInstance(steps.to_vec()))
    }
    /// The module without its instance keys.
    pub fn path(&self) -> ModulePath {
        ModulePath(self.0.iter().map(|(name, _)| name.clone()).collect())
    }
}

impl fmt::Display for ModuleInstance {
    /// `module.a["k"].module.b[0]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, key)) in self.0.iter().enumerate() {
            write!(f, "{}module.{name}{key}", if i == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// An instance of a resource: `module.m["k"].aws_subnet.s[0]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ResourceInstance {
    /// The module instance that it is in.
    pub module: ModuleInstance,
    /// The resource.
    pub resource: Resource,
    /// Which of its instances.
    pub key: InstanceKey,
}

impl ResourceInstance {
    /// The resource with its module, without any instance key: `module.m.aws_subnet.s`, as `dependencies` in a state.
    pub fn config_address(&self) -> String {
        match self.module.is_root() {
            true => self.resource.to_string(),
            false => format!("{}.{}", self.module.path(), self.resource),
        }
    }
}

impl PartialOrd for ResourceInstance {
    fn partial_cmp(&self, other: &ResourceInstance) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ResourceInstance {
    /// Modules before their children, then managed resources before data sources, by type, name and key.
    fn cmp(&self, other: &ResourceInstance) -> Ordering {
        (&self.module, &self.resource, &self.key).cmp(&(&other.module, &other.resource, &other.key))
    }
}

impl fmt::Display for ResourceInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        write!(f, "{}{}", self.resource, self.key)
    }
}
