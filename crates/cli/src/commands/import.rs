//! `infra import ADDRESS ID`: takes an existing object into the state.

use infra_address::{ResourceInstance, ResourceMode, parse_resource_instance};
use infra_diag::Diagnostic;
use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;
use infra_lang::config::Config;

use super::planning::{self, Planned};
use crate::args::Import;
use crate::ui::Lines;
use crate::{Exit, output, recording};

/// What has to be written so that there is such an instance.
fn missing(address: &ResourceInstance, config: &Config) -> String {
    let path = address.module.path();
    match config.module(&path).map(|module| module.resource(&address.resource).is_some()) {
        None => {
            format!("There is no {path} in the configuration. Write the call of the module, or correct the address.")
        }
        Some(true) => format!(
            "The configuration has {}, but no instance {address}. Correct the keys in the address, or the count or for_each \
             in the configuration.",
            address.config_address()
        ),
        Some(false) => {
            let place = if path.is_root() { String::new() } else { format!(" in {path}") };
            format!(
                "Before the import, write a block for it{place}:\n\nresource \"{}\" \"{}\" {{\n}}",
                address.resource.ty, address.resource.name
            )
        }
    }
}

pub(crate) fn run(args: &Import) -> Exit {
    let address = match parse_resource_instance(&args.address) {
        Ok(address) => address,
        Err(error) => {
            output::error("Invalid address", &error.to_string());
            return Exit(1);
        }
    };
    if address.resource.mode != ResourceMode::Managed {
        output::error(
            "Invalid address",
            &format!("{address} is no managed resource, and only those are imported: aws_vpc.main"),
        );
        return Exit(1);
    }
    // Importing is a plan of that instance alone, of which only what was read is kept.
    let options = PlanOptions {
        mode: PlanMode::Normal,
        targets: vec![infra_address::Target::Resource(address.clone())],
        parallelism: args.parallelism,
        import: Some((address.clone(), args.id.clone())),
        ..PlanOptions::default()
    };
    let lines = Lines::new();
    let made = planning::make(&args.variables, &args.screen, &args.locking, &options, "import", &lines);
    lines.finish();
    let Planned { session, mut store, saved, problems } = match made {
        Ok(planned) => *planned,
        Err(refused) => return super::plan::tell_refused(*refused, false),
    };
    let errors: Vec<Diagnostic> = problems.into_iter().filter(Diagnostic::is_error).collect();
    if !errors.is_empty() {
        session.show(errors.into_iter().collect());
        return Exit(1);
    }
    let change = saved.plan.changes.iter().find(|c| c.address == address);
    if change.is_none_or(|c| c.importing.is_none()) {
        let problem = match change {
            Some(_) => Diagnostic::error(
                "Resource already managed",
                format!(
                    "The state has an object at {address}. To import another one there, take it out first: infra state rm '{address}'"
                ),
            ),
            None => Diagnostic::error(
                "Resource address does not exist in the configuration",
                missing(&address, &session.config),
            ),
        };
        session.show(problem.into());
        return Exit(1);
    }
    let mut state = saved.plan.prior_state.clone();
    if let Err(problem) = store.write(&mut state) {
        session.show(problem.into());
        return Exit(1);
    }
    recording::imported(&session, &store, &saved, &state, &address);
    store.underway().end(saved.settled.iter().map(String::as_str));
    output::line(
        "\nImport successful!\n\nThe object is in the state now, and infra manages it from here on. See what the configuration \
         would change: infra plan",
    );
    Exit(0)
}
