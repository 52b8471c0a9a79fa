//! `infra state replace-provider FROM TO`: says of another provider that it manages what one has managed.

use infra_address::{ModuleInstance, ProviderSource, Resource};
use infra_diag::Diagnostic;
use infra_history::Kind;
use infra_state::State;

use super::{Copies, open};
use crate::args::Locking;
use crate::{output, recording};

pub(super) fn run(locking: &Locking, auto_approve: bool, from: &str, to: &str) -> Result<(), Diagnostic> {
    let (from, to) = (source(from)?, source(to)?);
    let (mut store, mut state) = open(locking, "state-replace-provider", Copies::Each)?;
    let found = managed_by(&state, &from);
    if found.is_empty() {
        output::line("No matching resources found.");
        return Ok(());
    }
    let listed: String = found.iter().map(|(module, resource)| format!("\n  {}", named(module, resource))).collect();
    output::line(&format!(
        "These actions will be performed:\n\n  ~ Updating provider:\n    - {from}\n    + {to}\n\nChanging {} resources:\n\
         {listed}\n",
        found.len()
    ));
    if !auto_approve && !confirmed()? {
        output::line("Cancelled replacing providers.");
        return Ok(());
    }
    let before = state.clone();
    for place in &found {
        if let Some(resource) = state.resources.get_mut(place) {
            resource.provider.source = to.clone();
        }
    }
    store.write(&mut state)?;
    recording::by_hand(Kind::StateReplaceProvider, &store, Some(&before), &state);
    output::line(&format!("Successfully replaced provider for {} resources.", found.len()));
    Ok(())
}

/// The source that an argument names.
fn source(text: &str) -> Result<ProviderSource, Diagnostic> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
    };
    match text.split('/').count() <= 3 && text.split('/').all(part) {
        true => Ok(ProviderSource::parse(text)),
        false => Err(Diagnostic::error(
            "Invalid provider source string",
            format!("{text:?} is no provider. Write it as NAMESPACE/NAME or HOST/NAMESPACE/NAME: hashicorp/aws"),
        )),
    }
}

fn managed_by(state: &State, source: &ProviderSource) -> Vec<(ModuleInstance, Resource)> {
    state
        .resources
        .iter()
        .filter(|(_, resource)| resource.provider.source == *source)
        .map(|(at, _)| at.clone())
        .collect()
}

fn named(module: &ModuleInstance, resource: &Resource) -> String {
    if module.is_root() { resource.to_string() } else { format!("{module}.{resource}") }
}

fn confirmed() -> Result<bool, Diagnostic> {
    output::raw("Do you want to make these changes?\n  Only 'yes' will be accepted to continue.\n\n  Enter a value: ");
    let answer = output::answer()?;
    output::line("");
    Ok(answer == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_named_by_its_source() {
        assert_eq!(source("hashicorp/aws").map(|s| s.to_string()), Ok("registry.terraform.io/hashicorp/aws".into()));
        assert_eq!(source("example.com/x/y").map(|s| s.to_string()), Ok("example.com/x/y".into()));
        for wrong in ["a/b/c/d", "!!", "", "a//b"] {
            assert!(source(wrong).is_err(), "{wrong}");
        }
    }
}
