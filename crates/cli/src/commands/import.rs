//! `infra import ADDRESS ID`: takes an existing object into the state.

use infra_address::parse_resource_instance;
use infra_diag::Diagnostic;
use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;

use super::planning::{self, Planned};
use crate::args::Import;
use crate::ui::Lines;
use crate::{Exit, output, recording};

pub(crate) fn run(args: &Import) -> Exit {
    let address = match parse_resource_instance(&args.address) {
        Ok(address) => address,
        Err(error) => {
            output::error("Invalid address", &error.to_string());
            return Exit(1);
        }
    };
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
                format!(
                    "Before the import, write a block for it:\n\nresource \"{}\" \"{}\" {{\n}}",
                    address.resource.ty, address.resource.name
                ),
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
