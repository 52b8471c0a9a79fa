//! `infra init`: sets up the backend, fetches the modules that the configuration calls, checks it, and says what it found.

use std::path::Path;

use infra_catalog::PROVIDER_VERSION;
use infra_diag::{Diagnostic, Diagnostics, Sources};
use infra_lang::config::{Module, WRONG_VERSION, check_calls, name_blocks, read_module};
use infra_modules::Options;
use infra_state::{LockOptions, TERRAFORM_VERSION};

use super::get;
use crate::args::Init;
use crate::backends::{Initialising, initialise};
use crate::session::Session;
use crate::{Exit, local, machine, output, store};

pub(crate) fn run(args: &Init) -> Exit {
    if let Some(source) = &args.from_module {
        output::error(
            "Option -from-module is not supported",
            &format!(
                "Nothing was copied. Copy the files of {source} into this folder, and run init without the option; or \
                 call the module in a module block."
            ),
        );
        return Exit(1);
    }
    let has_files = std::fs::read_dir(".").into_iter().flatten().flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.ends_with(".tf") || name.ends_with(".tf.json")
    });
    if !has_files {
        output::line(
            "infra initialized in an empty directory!\n\nThere are no *.tf files here yet. Write some, and then run: infra \
             plan",
        );
        return Exit(0);
    }
    if args.backend && !local::is_on() {
        let (problems, sources) = backend(args);
        let failed = problems.has_errors();
        show(problems, &sources, args);
        if failed {
            return Exit(1);
        }
    }
    if args.get {
        let options = Options { upgrade: args.upgrade, ask: args.screen.input };
        if let Err(failed) = get::modules(options, args.screen.no_color, args.screen.json) {
            return failed;
        }
    }
    let (session, mut problems) = Session::read(args.screen.no_color);
    if !problems.has_errors() {
        problems.extend(check_calls(&session.config, &session.sources));
    }
    let failed = problems.has_errors();
    let mut problems = with_preamble(problems, &session.config.root);
    if args.screen.json {
        infra_lang::config::name_blocks(&mut problems, &session.sources);
        machine::diagnostics(&problems, &session.sources);
        return Exit(u8::from(failed));
    }
    session.show(problems);
    if failed {
        return Exit(1);
    }
    let modules = session.config.modules();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let blocks = modules.iter().map(|m| m.resources.len()).sum();
    output::line(&format!("Found {} in {}.", count(blocks, "resource block"), count(modules.len(), "module")));
    output::line(&format!(
        "Versions: language and state as Terraform {TERRAFORM_VERSION}, hashicorp/aws as {PROVIDER_VERSION}, which is part \
         of infra.\n\ninfra has been successfully initialized! Next: infra plan"
    ));
    Exit(0)
}

/// Sets up the backend. What is wrong with the rest of the configuration is told later.
fn backend(args: &Init) -> (Diagnostics, Sources) {
    let (module, mut sources, problems) = read_module(Path::new("."), ".");
    if problems.has_errors() {
        return (with_preamble(problems, &module), sources);
    }
    let migrate = args.migrate_state || args.force_copy;
    if migrate && args.screen.json {
        let problem = Diagnostic::error(
            "Incompatible options",
            "With -json nobody can be told what is copied: leave one of them out.",
        );
        return (problem.into(), sources);
    }
    let timeout = match store::parse_duration(&args.lock_timeout) {
        Ok(timeout) => timeout,
        Err(problem) => return (problem.into(), sources),
    };
    let json = args.screen.json;
    let say = |line: &str| match json {
        true => machine::print(&infra_view::json::events::log(line)),
        false => output::line(line),
    };
    let options = Initialising {
        block: module.backend.as_ref(),
        given: &args.backend_config,
        reconfigure: args.reconfigure,
        migrate,
        force_copy: args.force_copy,
        locking: LockOptions { enabled: args.lock, timeout },
        ask: args.screen.input && !json && std::env::var_os("TF_INPUT").is_none_or(|v| v != "0" && v != "false"),
        say: &say,
    };
    let problems = initialise(&options, &mut sources).unwrap_or_else(|problems| problems);
    (problems, sources)
}

/// Says first, as Terraform does, that it is the configuration that keeps the folder from being set up. It does so only
/// where no module is called: with modules, errors come from looking for them.
fn with_preamble(mut problems: Diagnostics, root: &Module) -> Diagnostics {
    if problems.has_errors() && root.module_calls.is_empty() && problems.iter().all(|d| d.summary != WRONG_VERSION) {
        let preamble = Diagnostic::error(
            "The configuration has errors, described below",
            "It has to be valid before the folder can be set up: what modules and providers are needed stands in it.",
        );
        problems.0.insert(0, preamble);
    }
    problems
}

fn show(mut problems: Diagnostics, sources: &Sources, args: &Init) {
    name_blocks(&mut problems, sources);
    match args.screen.json {
        true => machine::diagnostics(&problems, sources),
        false => output::diagnostics(&problems, sources, output::use_colour(args.screen.no_color)),
    }
}
