//! What an expression that is being typed can go on with.

use std::collections::BTreeSet;
use std::sync::Arc;

use infra_address::{Resource, ResourceMode};
use infra_diag::{Diagnostics, Pos};
use infra_lang::config::Module;
use infra_lang::eval::{Scope, evaluate};
use infra_lang::functions;
use infra_lang::syntax::{is_identifier, parse_expression};
use infra_value::{Marks, Type};

/// The names that there are.
pub(super) struct Names<'n> {
    pub root: &'n Module,
    pub scope: &'n dyn Scope,
    /// Gives the problems of values that were needed; here nobody wants to know of them.
    pub failures: &'n dyn Fn() -> Diagnostics,
}

impl Names<'_> {
    /// Where in the text the unfinished name begins, and what it can be.
    pub fn complete(&self, text: &str) -> (usize, Vec<String>) {
        let reference = &text[start_of_reference(text)..];
        let (object, partial) = match reference.rfind('.') {
            Some(dot) => (Some(&reference[..dot]), &reference[dot + 1..]),
            None => (None, reference),
        };
        if partial.contains(['[', ']', '"', '*']) {
            return (text.len(), Vec::new());
        }
        let names = match object {
            None => self.first_names(),
            Some(object) => self.names_in(object),
        };
        let fitting = names.into_iter().filter(|name| name.starts_with(partial)).collect();
        (text.len() - partial.len(), fitting)
    }

    /// Functions, and what references begin with.
    fn first_names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = functions::names().iter().map(|name| format!("{name}(")).collect();
        names.insert("type(".into());
        let mut beginning = |is: bool, name: &str| {
            if is {
                names.insert(format!("{name}."));
            }
        };
        beginning(!self.root.variables.is_empty(), "var");
        beginning(!self.root.locals.is_empty(), "local");
        beginning(!self.root.module_calls.is_empty(), "module");
        beginning(self.resources(ResourceMode::Data).next().is_some(), "data");
        beginning(true, "path");
        beginning(true, "terraform");
        for resource in self.resources(ResourceMode::Managed) {
            beginning(true, &resource.ty);
        }
        names
    }

    fn resources(&self, mode: ResourceMode) -> impl Iterator<Item = &Resource> {
        self.root.resources_of(mode).map(|block| &block.address)
    }

    /// What can stand after the dot.
    fn names_in(&self, object: &str) -> BTreeSet<String> {
        let all = |names: &mut dyn Iterator<Item = &Arc<str>>| names.map(ToString::to_string).collect();
        let fixed = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        match object {
            "var" => return all(&mut self.root.variables.keys()),
            "local" => return all(&mut self.root.locals.keys()),
            "module" => return all(&mut self.root.module_calls.keys()),
            "path" => return fixed(&["cwd", "module", "root"]),
            "terraform" => return fixed(&["workspace"]),
            "data" => return self.resources(ResourceMode::Data).map(|r| format!("{}.", r.ty)).collect(),
            _ => {}
        }
        let (mode, ty) = match object.strip_prefix("data.") {
            Some(ty) => (ResourceMode::Data, ty),
            None => (ResourceMode::Managed, object),
        };
        let of_type: BTreeSet<String> =
            self.resources(mode).filter(|r| *r.ty == *ty).map(|r| r.name.to_string()).collect();
        if of_type.is_empty() { self.attributes(object) } else { of_type }
    }

    /// The attributes of a value, or the keys of a map, that can stand after a dot.
    fn attributes(&self, object: &str) -> BTreeSet<String> {
        let Ok(expr) = parse_expression(&"<console-input>".into(), object, Pos::default()) else {
            return BTreeSet::new();
        };
        let value = evaluate(&expr, self.scope);
        drop((self.failures)());
        let Ok(value) = value else { return BTreeSet::new() };
        if value.marks().contains(Marks::SENSITIVE) {
            return BTreeSet::new();
        }
        let names: Vec<Arc<str>> = match (value.ty(), value.members()) {
            (Type::Object(object), _) => object.attributes.keys().cloned().collect(),
            (_, Some(members)) => members.keys().cloned().collect(),
            _ => Vec::new(),
        };
        names.iter().filter(|name| is_identifier(name)).map(ToString::to_string).collect()
    }
}

/// Where the reference begins that a text ends with: names, dots, and whole `[…]`.
fn start_of_reference(text: &str) -> usize {
    let mut start = text.len();
    let mut brackets = 0;
    for (at, c) in text.char_indices().rev() {
        match c {
            ']' => brackets += 1,
            '[' if brackets > 0 => brackets -= 1,
            _ if brackets > 0 => {}
            '.' | '-' | '_' => {}
            c if c.is_alphanumeric() => {}
            _ => break,
        }
        start = at;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::start_of_reference;

    #[test]
    fn a_reference_begins_after_what_is_no_part_of_one() {
        let cases = [
            ("", ""),
            ("upp", "upp"),
            ("upper(local.na", "local.na"),
            ("[var.a, aws_vpc.main[0].i", "aws_vpc.main[0].i"),
            ("x[local.y", "local.y"),
            ("m[\"a b\"].", "m[\"a b\"]."),
            ("1 + module.net.", "module.net."),
        ];
        for (text, reference) in cases {
            assert_eq!(&text[start_of_reference(text)..], reference, "{text}");
        }
    }
}
