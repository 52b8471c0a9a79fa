//! Which provider configuration each resource uses.

use std::sync::Arc;

use infra_address::{ModulePath, ProviderConfig, ProviderSource};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};

use super::{Config, Module, ModuleCall, PassedProvider, ProviderRef, Resource};
use crate::syntax::Body;

impl Config {
    /// The provider configuration that a resource of a module uses; `None` if it names one that there is not.
    pub fn provider_for(&self, module: &ModulePath, resource: &Resource) -> Option<ProviderConfig> {
        match &resource.provider {
            Some(named) => self.provider_config(module, &named.local_name, named.alias.as_ref()),
            None => self.provider_config(module, resource.address.implied_provider(), None),
        }
    }

    /// The provider configuration that a name stands for in a module; `None` if there is none of that name. A default
    /// configuration is always there, if only an empty one in the root module.
    pub fn provider_config(
        &self,
        path: &ModulePath,
        local_name: &str,
        alias: Option<&Arc<str>>,
    ) -> Option<ProviderConfig> {
        let module = self.module(path)?;
        let source = module.provider_source(local_name);
        let declared = module.provider_block(local_name, alias.map(|a| &**a)).is_some();
        let here = ProviderConfig { module: path.clone(), source: source.clone(), alias: alias.cloned() };
        let (Some(parent_path), Some(call_name)) = (path.parent(), path.0.last()) else {
            return (declared || alias.is_none()).then_some(here);
        };
        let parent = self.module(&parent_path)?;
        let passed = parent
            .module_calls
            .get(call_name)?
            .providers
            .iter()
            .find(|p| *p.in_child.local_name == *local_name && p.in_child.alias.as_ref() == alias);
        if let Some(passed) = passed {
            let ProviderRef { local_name, alias, .. } = &passed.in_parent;
            return self.provider_config(&parent_path, local_name, alias.as_ref());
        }
        if declared {
            return Some(here);
        }
        match alias {
            Some(_) => None,
            None => self.provider_config(&parent_path, &parent.local_name_of(&source), None),
        }
    }

    /// The block that configures a provider; `None` for an empty default configuration.
    pub fn provider_block(&self, address: &ProviderConfig) -> Option<&super::ProviderBlock> {
        let module = self.module(&address.module)?;
        let matches = |p: &&super::ProviderBlock| {
            p.alias == address.alias && module.provider_source(&p.local_name) == address.source
        };
        module.providers.iter().find(matches)
    }
}

impl Module {
    /// The name of a provider in this module.
    fn local_name_of(&self, source: &ProviderSource) -> Arc<str> {
        let required = self.required_providers.values().find(|p| p.source == *source);
        required.map_or_else(|| source.name().into(), |p| p.local_name.clone())
    }
}

/// The summary of the error about a provider configuration that a block names and that is not there.
pub(crate) const NOT_PRESENT: &str = "Provider configuration not present";

/// Checks that every provider configuration that is named is there.
pub(crate) fn check(config: &Config, diagnostics: &mut Diagnostics) {
    for module in config.modules() {
        for resource in module.resources.values() {
            if config.provider_for(&module.path, resource).is_none() {
                let range = resource.provider.as_ref().map(|p| &p.range);
                let named = resource.provider.as_ref().map(ToString::to_string).unwrap_or_default();
                let what = match module.path.is_root() {
                    true => resource.address.to_string(),
                    false => format!("{}.{}", module.path, resource.address),
                };
                diagnostics.push(not_present(&what, &named, range, module));
            }
        }
        for call in module.module_calls.values() {
            check_call(config, module, call, diagnostics);
        }
        if !module.path.is_root() {
            stand_ins(module, diagnostics);
        }
    }
}

/// Warns of empty provider blocks in called modules, which once said what is to be passed.
fn stand_ins(module: &Module, diagnostics: &mut Diagnostics) {
    let mut told = Vec::new();
    for block in module.providers.iter().filter(|block| is_empty(&block.body)) {
        let name = &block.local_name;
        if told.contains(&name) {
            continue;
        }
        told.push(name);
        let detail = format!(
            "An empty block only says that the module is to be passed a configuration. Say it in required_providers \
             instead, with an entry {name} = {{ source = \"{}\" }}, and its configuration_aliases if there are several.",
            module.provider_source(name)
        );
        diagnostics.push(Diagnostic::warning("Redundant empty provider block", detail).at(block.decl_range.clone()));
    }
}

fn is_empty(body: &Body) -> bool {
    matches!(body, Body::Native(body) if body.attributes.is_empty() && body.blocks.is_empty())
}

/// Warns of names of providers that a module is passed without declaring them.
fn check_passed(child: &Module, passed: &PassedProvider, diagnostics: &mut Diagnostics) {
    let ProviderRef { local_name, alias, .. } = &passed.in_child;
    let required = child.required_providers.get(local_name);
    let declared = match alias {
        None => required.is_some(),
        Some(_) => required.is_some_and(|required| {
            required.configuration_aliases.iter().any(|a| a.local_name == *local_name && a.alias == *alias)
        }),
    };
    let block = child.providers.iter().any(|p| p.local_name == *local_name && p.alias == *alias);
    if !declared && !block {
        diagnostics.push(undefined(child, &passed.in_child));
    }
}

/// The error about a configuration that is passed for one of another provider.
fn of_another_provider(module: &Module, child: &Module, passed: &PassedProvider) -> Option<Diagnostic> {
    let PassedProvider { in_child, in_parent, .. } = passed;
    let given = module.provider_source(&in_parent.local_name);
    let wanted = child.provider_source(&in_child.local_name);
    if given == wanted {
        return None;
    }
    let detail = format!(
        "{in_parent} is a configuration of {given}, and what {} calls {in_child} is one of {wanted}. Pass a configuration \
         of the same provider, or correct the source in one of the two required_providers blocks.",
        child.path
    );
    Some(Diagnostic::error("Provider type mismatch", detail).at(in_parent.range.clone()))
}

fn undefined(module: &Module, named: &ProviderRef) -> Diagnostic {
    let place = if module.path.is_root() { "The root module".to_string() } else { module.path.to_string() };
    let detail = format!(
        "{place} does not declare the provider {named}, which is taken for {}. Add an entry for it to the \
         required_providers of that module.",
        module.provider_source(&named.local_name)
    );
    Diagnostic::warning("Reference to undefined provider", detail).at(named.range.clone())
}

/// The block is as likely to be missing as the reference is to be wrong: as in Terraform the error has no place, and the
/// reference is only mentioned.
fn not_present(what: &str, named: &str, range: Option<&SourceRange>, module: &Module) -> Diagnostic {
    let place = match module.path.is_root() {
        true => "the root module".to_string(),
        false => module.path.to_string(),
    };
    let at = range.map(|range| format!(" ({range})")).unwrap_or_default();
    Diagnostic::error(
        NOT_PRESENT,
        format!(
            "{what} uses the provider configuration {named}{at}, which {place} does not have. Add a provider block with \
             that alias, or pass the configuration in the \"providers\" argument of the module call."
        ),
    )
}

fn check_call(config: &Config, module: &Module, call: &ModuleCall, diagnostics: &mut Diagnostics) {
    for passed in &call.providers {
        let ProviderRef { local_name, alias, range } = &passed.in_parent;
        if config.provider_config(&module.path, local_name, alias.as_ref()).is_none() {
            let what = format!("The call of module.{}", call.name);
            diagnostics.push(not_present(&what, &passed.in_parent.to_string(), Some(range), module));
        }
        let configured = module.provider_block(local_name, None).is_some_and(|block| !is_empty(&block.body));
        if alias.is_none() && !configured && !module.required_providers.contains_key(local_name) {
            diagnostics.push(undefined(module, &passed.in_parent));
        }
    }
    let Some(child) = module.children.get(&call.name) else { return };
    for passed in &call.providers {
        check_passed(child, passed, diagnostics);
        diagnostics.extend(of_another_provider(module, child, passed));
    }
    for required in child.required_providers.values().flat_map(|p| &p.configuration_aliases) {
        let name = required.to_string();
        if !call.providers.iter().any(|p| p.in_child.to_string() == name) {
            diagnostics.push(
                Diagnostic::error(
                    "Missing required provider configuration",
                    format!(
                        "The module needs the provider configuration {name} from its caller. Pass it: providers = {{ \
                         {name} = {} }}.",
                        required.local_name
                    ),
                )
                .at(call.decl_range.clone()),
            );
        }
    }
    let repeated = call.count.is_some() || call.for_each.is_some() || !call.depends_on.is_empty();
    if repeated && let Some(block) = own_configuration(child, call) {
        diagnostics.push(
            Diagnostic::error(
                "Module is incompatible with count, for_each, and depends_on",
                format!(
                    "The module has a provider configuration of its own, at {block}. Configure the provider in the root \
                     module and pass it, so that the module can be called so."
                ),
            )
            .at(repetition_range(call)),
        );
    }
}

/// Where the argument stands that a module with its own provider configuration cannot be called with.
fn repetition_range(call: &ModuleCall) -> SourceRange {
    let expr = call.count.as_ref().or(call.for_each.as_ref());
    match (expr, call.depends_on.first()) {
        (Some(expr), _) => expr.range.clone(),
        (None, Some(traversal)) => traversal.range(),
        (None, None) => call.decl_range.clone(),
    }
}

/// A provider block in a called module, or further down, that is not a mere stand-in for what is passed.
fn own_configuration<'m>(child: &'m Module, call: &ModuleCall) -> Option<&'m SourceRange> {
    let passed = |local_name: &str, alias: Option<&str>| {
        call.providers.iter().any(|p| *p.in_child.local_name == *local_name && p.in_child.alias.as_deref() == alias)
    };
    let own = child.providers.iter().find(|p| !is_empty(&p.body) && !passed(&p.local_name, p.alias.as_deref()));
    own.map(|p| &p.decl_range).or_else(|| {
        child.module_calls.values().find_map(|inner| own_configuration(child.children.get(&inner.name)?, inner))
    })
}
