//! Addresses as people write them: `-target`, `-replace`, `state mv`, `import`.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::{InstanceKey, ModuleInstance, Resource, ResourceInstance, ResourceMode};

/// What is wrong with the text of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// What is wrong with it; a sentence.
    pub problem: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an address: {}", self.text, self.problem)
    }
}
impl std::error::Error for AddressError {}

/// A module instance, or a resource or one instance of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `module.m`, `module.m["k"]`: everything in it. A last step without key stands for all instances of the call.
    Module(ModuleInstance),
    /// `aws_subnet.s` (all instances, if it has several) or `aws_subnet.s[0]`.
    Resource(ResourceInstance),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Module(m) => m.fmt(f),
            Target::Resource(r) => r.fmt(f),
        }
    }
}

impl Target {
    /// Whether the instance is what this names, or in what it names. A module without key stands for all instances of
    /// its last call, a resource without key for all of its instances; the modules on the way have to be named exactly.
    pub fn contains(&self, instance: &ResourceInstance) -> bool {
        match self {
            Target::Module(module) => module_contains(module, &instance.module),
            Target::Resource(r) => {
                r.module == instance.module
                    && r.resource == instance.resource
                    && (r.key == InstanceKey::None || r.key == instance.key)
            }
        }
    }
}

fn module_contains(outer: &ModuleInstance, inner: &ModuleInstance) -> bool {
    let Some(((name, key), around)) = outer.0.split_last() else { return true };
    inner.0.starts_with(around)
        && inner.0.get(around.len()).is_some_and(|(n, k)| name == n && (*key == InstanceKey::None || key == k))
}

/// Parses the address of one resource instance.
///
/// # Errors
/// When the text is something else.
pub fn parse_resource_instance(text: &str) -> Result<ResourceInstance, AddressError> {
    match parse_target(text)? {
        Target::Resource(r) => Ok(r),
        Target::Module(_) => Err(error(text, "it names a module, and a resource is needed here.")),
    }
}

/// Parses the address of a module or a resource, or an instance of it.
///
/// # Errors
/// When the text is no address.
pub fn parse_target(text: &str) -> Result<Target, AddressError> {
    let mut parser = Parser { text, chars: text.chars().peekable() };
    let mut module = ModuleInstance::root();
    loop {
        let word = parser.name()?;
        match word.as_str() {
            "module" => {
                parser.dot("after \"module\" the name of a module call is needed.")?;
                let name = parser.name()?;
                let key = parser.key()?;
                module = module.child(name, key);
                if parser.chars.peek().is_none() {
                    return Ok(Target::Module(module));
                }
                parser.dot("after a module a dot and a resource are expected.")?;
            }
            "data" | "resource" | "ephemeral" => {
                parser.dot("a resource type is needed after the first word.")?;
                let mode = match word.as_str() {
                    "data" => ResourceMode::Data,
                    "ephemeral" => ResourceMode::Ephemeral,
                    _ => ResourceMode::Managed,
                };
                let ty = parser.name()?;
                return parser.resource(module, mode, ty);
            }
            _ => return parser.resource(module, ResourceMode::Managed, word),
        }
    }
}

fn error(text: &str, problem: &str) -> AddressError {
    AddressError { text: text.into(), problem: problem.into() }
}

struct Parser<'a> {
    text: &'a str,
    chars: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn fail<T>(&self, problem: &str) -> Result<T, AddressError> {
        Err(error(self.text, problem))
    }

    fn resource(mut self, module: ModuleInstance, mode: ResourceMode, ty: String) -> Result<Target, AddressError> {
        self.dot("a resource is named by its type and its name: aws_vpc.main")?;
        let name = self.name()?;
        let key = self.key()?;
        if self.chars.peek().is_some() {
            return self.fail("there is more after the resource instance.");
        }
        let resource = Resource { mode, ty: ty.into(), name: name.into() };
        Ok(Target::Resource(ResourceInstance { module, resource, key }))
    }

    fn dot(&mut self, otherwise: &str) -> Result<(), AddressError> {
        match self.chars.next() {
            Some('.') => Ok(()),
            _ => self.fail(otherwise),
        }
    }

    fn name(&mut self) -> Result<String, AddressError> {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '-') {
            name.push(c);
        }
        match name.is_empty() {
            true => self.fail("a name is missing."),
            false => Ok(name),
        }
    }

    fn key(&mut self) -> Result<InstanceKey, AddressError> {
        if self.chars.next_if_eq(&'[').is_none() {
            return Ok(InstanceKey::None);
        }
        let key = match self.chars.peek() {
            Some('"') => InstanceKey::Str(self.quoted()?.into()),
            _ => {
                let mut digits = String::new();
                while let Some(c) = self.chars.next_if(char::is_ascii_digit) {
                    digits.push(c);
                }
                match digits.parse() {
                    Ok(n) => InstanceKey::Int(n),
                    Err(_) => return self.fail("an instance key is a whole number or a text in double quotes."),
                }
            }
        };
        match self.chars.next() {
            Some(']') => Ok(key),
            _ => self.fail("the closing bracket of an instance key is missing."),
        }
    }

    fn quoted(&mut self) -> Result<String, AddressError> {
        self.chars.next();
        let mut out = String::new();
        loop {
            match self.chars.next() {
                Some('"') => return Ok(out),
                Some('\\') => match self.chars.next() {
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some(c @ ('"' | '\\')) => out.push(c),
                    _ => return self.fail("an unknown escape sequence stands in the instance key."),
                },
                Some(c @ ('$' | '%')) if self.chars.peek() == Some(&c) => {
                    self.chars.next();
                    out.push(c);
                    if self.chars.peek() != Some(&'{') {
                        out.push(c);
                    }
                }
                Some(c) => out.push(c),
                None => return self.fail("the closing quote of an instance key is missing."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_prints_as_it_was_written() {
        for text in [
            "aws_vpc.main",
            "aws_subnet.s[3]",
            r#"module.net["a.b"].module.x[0].data.aws_vpc.v["q\"uo\\te"]"#,
            r#"aws_vpc.v["$${x} $5"]"#,
            "module.a",
            "module.a.module.b[1]",
        ] {
            assert_eq!(parse_target(text).map(|t| t.to_string()), Ok(text.to_string()));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "aws_vpc", "aws_vpc.", "aws_vpc.main[", "aws_vpc.main[x]", "module", "module.", "a.b.c", "a.b[\"x"]
        {
            assert!(parse_target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_without_key_contains_every_instance() {
        let contains = |target: &str, instance: &str| {
            let (Ok(target), Ok(instance)) = (parse_target(target), parse_resource_instance(instance)) else {
                panic!("{target} or {instance} does not parse")
            };
            target.contains(&instance)
        };
        assert!(contains("aws_subnet.s", "aws_subnet.s[1]"));
        assert!(contains("module.m", r#"module.m["k"].module.n.aws_vpc.v"#));
        assert!(!contains("module.m[1]", "module.m[0].aws_vpc.v"));
        assert!(!contains("aws_subnet.s", "module.m.aws_subnet.s"));
        assert!(contains("module.a.module.b", r#"module.a.module.b["k"].aws_vpc.v"#));
        assert!(!contains("module.a.module.b", "module.a[0].module.b.aws_vpc.v"));
        assert!(!contains("module.m.aws_vpc.v", r#"module.m["k"].aws_vpc.v"#));
    }
}
