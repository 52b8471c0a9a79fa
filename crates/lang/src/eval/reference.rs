//! References: what the names in an expression lead to.

use std::borrow::Cow;
use std::sync::Arc;

use infra_address::{InstanceKey, Resource, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::Value;

use super::variables::free_traversals;
use crate::syntax::ast::{Expr, Traversal, TraversalStep};
use crate::syntax::suggest::did_you_mean;

/// What a reference leads to, within its module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `var.name`
    Variable(Arc<str>),
    /// `local.name`
    Local(Arc<str>),
    /// `aws_vpc.main`, `data.aws_region.current`, `aws_subnet.s[0]`
    Resource {
        /// The resource.
        resource: Resource,
        /// The instance, if the next step is a literal index.
        key: Option<InstanceKey>,
    },
    /// `module.name`, `module.name["k"]`, `module.name.output`
    Module {
        /// The name of the call.
        name: Arc<str>,
        /// The instance, if the next step is a literal index.
        key: Option<InstanceKey>,
        /// The output; `None` where the whole module is meant.
        output: Option<Arc<str>>,
    },
    /// `count.index`
    CountIndex,
    /// `each.key`
    EachKey,
    /// `each.value`
    EachValue,
    /// `self`
    SelfRef,
    /// `path.module`, `path.root`, `path.cwd`
    Path(Arc<str>),
    /// `terraform.workspace`, `terraform.applying`
    Terraform(Arc<str>),
}

/// A subject, where it is named, and the steps that follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference<'a> {
    /// What is referred to.
    pub subject: Subject,
    /// From the first name to the last step that names the subject.
    pub range: SourceRange,
    /// The steps into its value.
    pub remaining: Cow<'a, [TraversalStep]>,
}

impl<'a> Reference<'a> {
    /// What a traversal from a free name refers to.
    ///
    /// # Errors
    /// When the form is not that of a reference. Whether the subject is declared is not checked here.
    pub fn parse(traversal: &'a Traversal) -> Result<Reference<'a>, Diagnostics> {
        let (subject, used) = subject(traversal)?;
        let remaining = Cow::Borrowed(&traversal.steps[used..]);
        let range = match used.checked_sub(1).and_then(|last| traversal.steps.get(last)) {
            Some(last) => traversal.root_range.to(last.range()),
            None => traversal.root_range.clone(),
        };
        Ok(Reference { subject, range, remaining })
    }

    /// The same with steps of its own.
    pub fn into_owned(self) -> Reference<'static> {
        Reference { remaining: Cow::Owned(self.remaining.into_owned()), ..self }
    }
}

/// Every reference in an expression from a name that is not bound in it, in source order; also what is wrong with some.
pub fn references(expr: &Expr) -> (Vec<Reference<'_>>, Diagnostics) {
    let mut found = Vec::new();
    let mut problems = Diagnostics::new();
    free_traversals(expr, &mut |traversal| match Reference::parse(traversal) {
        Ok(reference) => found.push(reference),
        Err(more) => problems.extend(more),
    });
    (found, problems)
}

/// The subject, and how many steps name it.
fn subject(t: &Traversal) -> Result<(Subject, usize), Diagnostics> {
    match &*t.root {
        "var" => Ok((Subject::Variable(member(t, Some("variable"))?), 1)),
        "local" => Ok((Subject::Local(member(t, Some("local"))?), 1)),
        "count" => match &*member(t, Some("count"))? {
            "index" => Ok((Subject::CountIndex, 1)),
            other => Err(unknown_member(t, other).into()),
        },
        "each" => match &*member(t, Some("each"))? {
            "key" => Ok((Subject::EachKey, 1)),
            "value" => Ok((Subject::EachValue, 1)),
            other => Err(unknown_member(t, other).into()),
        },
        "path" => {
            let name = member(t, Some("path"))?;
            match &*name {
                "module" | "root" | "cwd" => Ok((Subject::Path(name), 1)),
                other => Err(unknown_member(t, other).into()),
            }
        }
        "terraform" => {
            let name = member(t, Some("terraform"))?;
            match &*name {
                "workspace" | "applying" => Ok((Subject::Terraform(name), 1)),
                other => Err(unknown_member(t, other).into()),
            }
        }
        "self" => Ok((Subject::SelfRef, 0)),
        "module" => module(t),
        "data" => resource(t, ResourceMode::Data, "data source"),
        "ephemeral" => resource(t, ResourceMode::Ephemeral, "ephemeral resource"),
        "resource" => resource(t, ResourceMode::Managed, "resource"),
        "template" | "lazy" | "arg" => Err(Diagnostic::error(
            "Reserved symbol name",
            format!(
                "The name {:?} is reserved. If it is the type of a resource, write \"resource.{}\" to say so.",
                t.root, t.root
            ),
        )
        .at(t.root_range.clone())
        .into()),
        _ => {
            let (name, key, used) = resource_name(t, 0, "a resource type")?;
            let resource = Resource { mode: ResourceMode::Managed, ty: t.root.clone(), name };
            Ok((Subject::Resource { resource, key }, used))
        }
    }
}

fn invalid(detail: impl Into<String>, range: SourceRange) -> Diagnostic {
    Diagnostic::error("Invalid reference", detail).at(range)
}

/// The attribute that follows the root. With `kind`, a missing one is also reported as an undeclared thing without a
/// name, as Terraform does.
fn member(t: &Traversal, kind: Option<&str>) -> Result<Arc<str>, Diagnostics> {
    let problem = match t.steps.first() {
        Some(TraversalStep::Attribute(name, _)) => return Ok(name.clone()),
        Some(TraversalStep::Index(_, range)) => {
            invalid(format!("The \"{}\" object does not support this operation.", t.root), range.clone())
        }
        None => invalid(
            format!("The \"{}\" object cannot be accessed directly. Instead, access one of its attributes.", t.root),
            t.root_range.clone(),
        ),
    };
    let nameless = match kind {
        Some("variable") => Some(undeclared_variable("", &[])),
        Some("local") => Some(undeclared_local("", &[])),
        Some(_) => Some(Diagnostic { subject: None, ..unknown_member(t, "") }),
        None => None,
    };
    Err(nameless.into_iter().chain([problem]).collect())
}

/// The error about an attribute that `count`, `each`, `path` or `terraform` does not have.
fn unknown_member(t: &Traversal, name: &str) -> Diagnostic {
    let root = &t.root;
    let summary = format!("Invalid \"{root}\" attribute");
    let detail = match (&**root, name) {
        ("terraform", "env") => "The attribute terraform.env was removed in Terraform 0.12: what was called an \
            environment is a workspace now, and its name is terraform.workspace."
            .to_owned(),
        ("terraform", _) => format!(
            "The \"terraform\" object does not have an attribute named {name:?}. It has terraform.workspace, the name \
             of the selected workspace, and terraform.applying, which is true only during apply."
        ),
        ("count", _) => format!(
            "The \"count\" object does not have an attribute named {name:?}. It has only count.index, the index of \
             an instance of a block with the \"count\" argument."
        ),
        ("each", _) => format!(
            "The \"each\" object does not have an attribute named {name:?}. It has each.key and each.value, the key \
             and value of an instance of a block with the \"for_each\" argument."
        ),
        _ => format!("The {root:?} object does not have an attribute named {name:?}."),
    };
    let range = t.steps.first().map_or(&t.root_range, TraversalStep::range);
    Diagnostic::error(summary, detail).at(t.root_range.to(range))
}

fn module(t: &Traversal) -> Result<(Subject, usize), Diagnostics> {
    let name = member(t, None)?;
    let (key, used) = match t.steps.get(1) {
        Some(TraversalStep::Index(key, range)) => (Some(instance_key(key, "module", range)?), 2),
        _ => (None, 1),
    };
    match t.steps.get(used) {
        None => Ok((Subject::Module { name, key, output: None }, used)),
        Some(TraversalStep::Attribute(output, _)) => {
            Ok((Subject::Module { name, key, output: Some(output.clone()) }, used + 1))
        }
        Some(TraversalStep::Index(_, range)) => {
            Err(invalid("Module instance objects do not support this operation.", range.clone()).into())
        }
    }
}

/// `data.type.name` and the like, with an introducing word.
fn resource(t: &Traversal, mode: ResourceMode, what: &str) -> Result<(Subject, usize), Diagnostics> {
    let root = &t.root;
    if t.steps.len() < 2 {
        return Err(invalid(
            format!(
                "The \"{root}\" object must be followed by two attribute names: the {what} type and the resource name."
            ),
            t.range(),
        )
        .into());
    }
    let ty = match &t.steps[0] {
        TraversalStep::Attribute(ty, _) => ty.clone(),
        TraversalStep::Index(_, range) => {
            return Err(
                invalid(format!("The \"{root}\" object does not support this operation."), range.clone()).into()
            );
        }
    };
    let kind = match mode {
        ResourceMode::Managed => "a resource type",
        ResourceMode::Data => "a data source",
        ResourceMode::Ephemeral => "an ephemeral resource type",
    };
    let (name, key, used) = resource_name(t, 1, kind)?;
    Ok((Subject::Resource { resource: Resource { mode, ty, name }, key }, used))
}

/// The name that stands at step `at`, and the key after it; also how many steps were used.
fn resource_name(t: &Traversal, at: usize, kind: &str) -> Result<(Arc<str>, Option<InstanceKey>, usize), Diagnostics> {
    let name = match t.steps.get(at) {
        Some(TraversalStep::Attribute(name, _)) => name.clone(),
        other => {
            let range = other.map_or_else(|| t.range(), |step| step.range().clone());
            let detail = format!(
                "A reference to {kind} must be followed by at least one attribute access, specifying the resource name."
            );
            return Err(invalid(detail, range).into());
        }
    };
    match t.steps.get(at + 1) {
        Some(TraversalStep::Index(key, range)) => Ok((name, Some(instance_key(key, "resource", range)?), at + 2)),
        _ => Ok((name, None, at + 1)),
    }
}

fn instance_key(key: &Value, what: &str, range: &SourceRange) -> Result<InstanceKey, Diagnostics> {
    match (key.as_str(), key.as_i64()) {
        (Some(text), _) => Ok(InstanceKey::Str(text.into())),
        (_, Some(number)) => Ok(InstanceKey::Int(number)),
        _ => Err(Diagnostic::error(
            "Invalid index key",
            format!("The key of a {what} instance is a string or a whole number."),
        )
        .at(range.clone())
        .into()),
    }
}

/// The error about an input variable that the module does not declare; `declared` are those that it does.
pub fn undeclared_variable(name: &str, declared: &[&str]) -> Diagnostic {
    let hint = match &*did_you_mean(name, declared.iter().copied()) {
        "" => format!(" This variable can be declared with a variable {name:?} {{}} block."),
        hint => hint.to_owned(),
    };
    Diagnostic::error(
        "Reference to undeclared input variable",
        format!("An input variable with the name {name:?} has not been declared.{hint}"),
    )
}

/// The error about a local value that the module does not declare; `declared` are those that it does.
pub fn undeclared_local(name: &str, declared: &[&str]) -> Diagnostic {
    let hint = did_you_mean(name, declared.iter().copied());
    Diagnostic::error(
        "Reference to undeclared local value",
        format!("A local value with the name {name:?} has not been declared.{hint}"),
    )
}
