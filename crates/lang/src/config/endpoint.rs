//! The addresses in `moved` and `removed` blocks.

use infra_address::{InstanceKey, ModuleInstance, Resource, ResourceInstance, ResourceMode, Target};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};

use super::MovedEndpoint;
use crate::syntax::ast::{Traversal, TraversalStep};

/// The address that a traversal is.
pub(crate) fn endpoint(traversal: &Traversal) -> Result<MovedEndpoint, Diagnostics> {
    let range = traversal.range();
    let mut parser = Parser { range: range.clone(), steps: &traversal.steps };
    let target = parser.target(&traversal.root)?;
    Ok(MovedEndpoint { target, range })
}

/// Whether a name at the start of an address can only be meant as something other than a resource type.
pub(crate) fn is_reserved_root(name: &str) -> bool {
    matches!(name, "count" | "each" | "local" | "path" | "self" | "terraform" | "var" | "template" | "lazy" | "arg")
}

/// The error about an address.
pub(crate) fn address_problem(detail: String, range: &SourceRange) -> Diagnostics {
    Diagnostic::error("Invalid address", detail).at(range.clone()).into()
}

struct Parser<'t> {
    range: SourceRange,
    steps: &'t [TraversalStep],
}

impl Parser<'_> {
    fn target(&mut self, root: &str) -> Result<Target, Diagnostics> {
        let mut module = ModuleInstance::root();
        let mut word = root.to_string();
        while word == "module" {
            let name = self.name("After \"module\" the name of a module call is needed.")?;
            let key = self.key()?;
            module = module.child(name, key);
            match self.steps.is_empty() {
                true => return Ok(Target::Module(module)),
                false => word = self.name("After a module a resource type or a module is expected.")?,
            }
        }
        let mode = match word.as_str() {
            "data" => ResourceMode::Data,
            "resource" => ResourceMode::Managed,
            reserved if is_reserved_root(reserved) => {
                return Err(address_problem(
                    format!(
                        "\"{reserved}\" is no resource. A resource type of that name is written resource.{reserved}."
                    ),
                    &self.range,
                ));
            }
            _ => {
                let name = self.name("A resource is named by its type and its name.")?;
                return self.resource(module, Resource::managed(word, name));
            }
        };
        let ty = self.name("A resource is named by its type and its name.")?;
        let name = self.name("A resource is named by its type and its name.")?;
        self.resource(module, Resource { mode, ty: ty.into(), name: name.into() })
    }

    fn resource(&mut self, module: ModuleInstance, resource: Resource) -> Result<Target, Diagnostics> {
        let key = match self.steps.first() {
            Some(TraversalStep::Attribute(_, range)) => {
                return Err(address_problem(
                    "After a resource only an instance key in brackets may stand.".into(),
                    range,
                ));
            }
            _ => self.key()?,
        };
        match self.steps.first() {
            Some(step) => {
                Err(address_problem("After a resource instance nothing more may stand.".into(), step.range()))
            }
            None => Ok(Target::Resource(ResourceInstance { module, resource, key })),
        }
    }

    fn name(&mut self, otherwise: &str) -> Result<String, Diagnostics> {
        let range = match self.steps.split_first() {
            Some((TraversalStep::Attribute(name, _), rest)) => {
                self.steps = rest;
                return Ok(name.to_string());
            }
            Some((step, _)) => step.range().clone(),
            None => self.range.clone(),
        };
        Err(address_problem(otherwise.to_string(), &range))
    }

    fn key(&mut self) -> Result<InstanceKey, Diagnostics> {
        let Some((TraversalStep::Index(key, range), rest)) = self.steps.split_first() else {
            return Ok(InstanceKey::None);
        };
        self.steps = rest;
        match (key.as_str(), key.as_i64()) {
            (Some(text), _) => Ok(InstanceKey::Str(text.into())),
            (_, Some(n)) => Ok(InstanceKey::Int(n)),
            _ => Err(address_problem("An instance key is a whole number or a text.".into(), range)),
        }
    }
}
