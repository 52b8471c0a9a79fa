//! The declarations of a module's files put together: names are declared once, versions fit.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use infra_address::{ProviderSource, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::PathStep;

use super::decode::Declarations;
use super::version::{AWS_PROVIDER_VERSION, LANGUAGE_VERSION, Version};
use super::{Import, Module, ProviderBlock, RequiredProvider, VersionRequirement};
use crate::syntax::ast::{ExprKind, TraversalStep};

/// The summary of the error about a configuration for another version of the language.
pub const WRONG_VERSION: &str = "Unsupported Terraform Core version";

/// Each resource instance is imported once, as far as its address can be read without evaluating it.
fn check_imports(imports: &[Import], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<(Vec<PathStep>, &Import)> = Vec::new();
    for import in imports {
        let ExprKind::Traversal(to) = &import.to.kind else { continue };
        let steps = to.steps.iter().map(|step| match step {
            TraversalStep::Attribute(name, _) => PathStep::Attribute(name.clone()),
            TraversalStep::Index(key, _) => PathStep::Index(key.clone()),
        });
        let address: Vec<PathStep> = std::iter::once(PathStep::Attribute(to.root.clone())).chain(steps).collect();
        let first = seen.iter().find(|(other, _)| *other == address);
        if let (Some((_, first)), Some((module, resource))) = (first, &import.to_resource) {
            let name = if module.is_root() { resource.to_string() } else { format!("{module}.{resource}") };
            let detail =
                format!("It is imported by the block at {} already. Take one of the two out.", first.decl_range);
            let summary = format!("Duplicate import configuration for {name:?}");
            diagnostics.push(Diagnostic::error(summary, detail).at(import.to.range.clone()));
        }
        seen.push((address, import));
    }
}

/// The module that the declarations of all its files make up.
pub(crate) fn assemble(declared: Declarations, diagnostics: &mut Diagnostics) -> Module {
    check_language_version(&declared.required_version, diagnostics);
    let mut module = Module {
        required_version: declared.required_version,
        provider_meta: declared.provider_meta,
        moved: declared.moved,
        removed: declared.removed,
        imports: declared.imports,
        ..Module::default()
    };
    check_imports(&module.imports, diagnostics);
    let mut required_at: Option<SourceRange> = None;
    for block in declared.required_providers {
        match &required_at {
            Some(first) => diagnostics.push(duplicate(
                "Duplicate required providers configuration",
                "A module has one required_providers block",
                first,
                &block.decl_range,
            )),
            None => {
                required_at = Some(block.decl_range);
                module.required_providers =
                    block.entries.into_iter().map(|entry| (entry.local_name.clone(), entry)).collect();
            }
        }
    }
    for backend in declared.backends {
        match &module.backend {
            Some(first) => diagnostics.push(duplicate(
                "Duplicate backend configuration",
                "A module has one backend or cloud block",
                &first.decl_range,
                &backend.decl_range,
            )),
            None => module.backend = Some(backend),
        }
    }
    for variable in declared.variables {
        let (name, range) = (variable.name.clone(), variable.decl_range.clone());
        let what = ("Duplicate variable declaration", "input variable");
        insert(&mut module.variables, name, variable, |v| &v.decl_range, range, what, diagnostics);
    }
    for local in declared.locals {
        let (name, range) = (local.name.clone(), local.decl_range.clone());
        let what = ("Duplicate local value definition", "local value");
        insert(&mut module.locals, name, local, |v| &v.decl_range, range, what, diagnostics);
    }
    for output in declared.outputs {
        let (name, range) = (output.name.clone(), output.decl_range.clone());
        let what = ("Duplicate output definition", "output");
        insert(&mut module.outputs, name, output, |v| &v.decl_range, range, what, diagnostics);
    }
    for call in declared.module_calls {
        let (name, range) = (call.name.clone(), call.decl_range.clone());
        let what = ("Duplicate module call", "module call");
        insert(&mut module.module_calls, name, call, |v| &v.decl_range, range, what, diagnostics);
    }
    for check in declared.checks {
        let (name, range) = (check.name.clone(), check.decl_range.clone());
        let summary = format!("Duplicate check \"{name}\" configuration");
        insert(&mut module.checks, name, check, |v| &v.decl_range, range, (&summary, "check block"), diagnostics);
    }
    for resource in declared.resources {
        let kind = match resource.address.mode {
            ResourceMode::Managed => "resource",
            ResourceMode::Data => "data",
            ResourceMode::Ephemeral => "ephemeral",
        };
        match module.resources.entry(resource.address.clone()) {
            Entry::Vacant(place) => {
                place.insert(resource);
            }
            Entry::Occupied(first) => diagnostics.push(duplicate(
                &format!("Duplicate {kind} \"{}\" configuration", resource.address.ty),
                &format!("{} can be declared once in a module", resource.address),
                &first.get().decl_range,
                &resource.decl_range,
            )),
        }
    }
    for provider in declared.providers {
        add_provider(&mut module.providers, provider, diagnostics);
    }
    check_provider_versions(&module, diagnostics);
    module
}

/// Adds a named thing, or reports that there is one of that name.
fn insert<T>(
    into: &mut BTreeMap<Arc<str>, T>,
    name: Arc<str>,
    item: T,
    range_of: impl Fn(&T) -> &SourceRange,
    range: SourceRange,
    (summary, what): (&str, &str),
    diagnostics: &mut Diagnostics,
) {
    match into.entry(name) {
        Entry::Vacant(place) => {
            place.insert(item);
        }
        Entry::Occupied(first) => {
            let rule = format!("There can be one {what} \"{}\" in a module", first.key());
            diagnostics.push(duplicate(summary, &rule, range_of(first.get()), &range));
        }
    }
}

fn duplicate(summary: &str, rule: &str, first: &SourceRange, second: &SourceRange) -> Diagnostic {
    let detail = format!("{rule}, and the first is at {first}. Remove or rename one of them.");
    Diagnostic::error(summary, detail).at(second.clone())
}

fn add_provider(providers: &mut Vec<ProviderBlock>, provider: ProviderBlock, diagnostics: &mut Diagnostics) {
    let same = |p: &&ProviderBlock| p.local_name == provider.local_name && p.alias == provider.alias;
    if let Some(first) = providers.iter().find(same) {
        let rule = match &provider.alias {
            Some(alias) => {
                format!(
                    "There can be one configuration of provider \"{}\" with the alias \"{alias}\"",
                    first.local_name
                )
            }
            None => format!(
                "There can be one configuration of provider \"{}\" without an alias, others need one",
                first.local_name
            ),
        };
        diagnostics.push(duplicate("Duplicate provider configuration", &rule, &first.decl_range, &provider.decl_range));
        return;
    }
    providers.push(provider);
}

fn check_language_version(requirements: &[VersionRequirement], diagnostics: &mut Diagnostics) {
    let Some(level) = Version::parse(LANGUAGE_VERSION) else { return };
    for requirement in requirements.iter().filter(|r| !r.constraint.allows(&level)) {
        diagnostics.push(
            Diagnostic::error(
                WRONG_VERSION,
                format!(
                    "This configuration asks for Terraform {}, and the language here is that of Terraform \
                     {LANGUAGE_VERSION}. Check that the configuration works with it, and widen the constraint.",
                    requirement.text
                ),
            )
            .at(requirement.range.clone()),
        );
    }
}

/// The providers that there are, in one version each.
fn check_provider_versions(module: &Module, diagnostics: &mut Diagnostics) {
    let Some(level) = Version::parse(AWS_PROVIDER_VERSION) else { return };
    let aws = ProviderSource::parse("aws");
    let from_requirements = module
        .required_providers
        .values()
        .filter(|p: &&RequiredProvider| p.source == aws)
        .filter_map(|p| p.version.as_ref());
    let from_blocks = module
        .providers
        .iter()
        .filter(|p| module.provider_source(&p.local_name) == aws)
        .filter_map(|p| p.version.as_ref());
    for requirement in from_requirements.chain(from_blocks).filter(|r| !r.constraint.allows(&level)) {
        diagnostics.push(
            Diagnostic::error(
                "Unsupported provider version",
                format!(
                    "This configuration asks for version {} of hashicorp/aws, and the resource types here are those of \
                     version {AWS_PROVIDER_VERSION}. Check that the configuration works with it, and widen the \
                     constraint.",
                    requirement.text
                ),
            )
            .at(requirement.range.clone()),
        );
    }
}
