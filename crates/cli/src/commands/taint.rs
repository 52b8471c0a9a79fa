//! `infra taint` and `infra untaint`: whether an instance is to be replaced.

use infra_address::parse_resource_instance;
use infra_diag::Diagnostic;
use infra_history::Kind;

use super::state::{Copies, no_state, open_if_any};
use crate::args::Taint;
use crate::{Exit, output, recording};

pub(crate) fn run(args: &Taint, taint: bool) -> Exit {
    match mark(args, taint) {
        Ok(text) => {
            output::line(&text);
            Exit(0)
        }
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            Exit(1)
        }
    }
}

fn mark(args: &Taint, taint: bool) -> Result<String, Diagnostic> {
    let address =
        parse_resource_instance(&args.address).map_err(|e| Diagnostic::error("Invalid address", e.to_string()))?;
    let (mut store, state) = open_if_any(&args.locking, if taint { "taint" } else { "untaint" }, Copies::One)?;
    let Some(mut state) = state else {
        return match args.allow_missing {
            true => Ok(format!("{address} is not in the state: nothing to do.")),
            false => Err(no_state(args.locking.state.as_ref())),
        };
    };
    let before = state.clone();
    let provider = state.resources.get(&(address.module.clone(), address.resource.clone())).map(|r| r.provider.clone());
    let found = state.current(&address).is_some();
    let (Some(provider), true) = (provider, found) else {
        if args.allow_missing {
            return Ok(format!("{address} is not in the state: nothing to do."));
        }
        return Err(Diagnostic::error(
            "No such resource instance",
            format!("The state has nothing at {address}. See what it has: infra state list"),
        ));
    };
    if let Some(object) = &mut state.slot_mut(&address, &provider).current {
        if object.tainted == taint && !taint {
            return Err(Diagnostic::error(
                "Resource instance is not tainted",
                format!("{address} is not marked, so there is nothing to take away."),
            ));
        }
        object.tainted = taint;
    }
    store.write(&mut state)?;
    recording::by_hand(if taint { Kind::Taint } else { Kind::Untaint }, &store, Some(&before), &state);
    Ok(match taint {
        true => format!("Resource instance {address} has been marked as tainted."),
        false => format!("Resource instance {address} has been successfully untainted."),
    })
}
