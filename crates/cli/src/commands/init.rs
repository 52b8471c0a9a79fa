//! `infra init`: fetches the modules that the configuration calls, checks it, and says what it found.

use infra_catalog::PROVIDER_VERSION;
use infra_modules::Options;
use infra_state::TERRAFORM_VERSION;

use super::get;
use crate::args::Init;
use crate::session::Session;
use crate::{Exit, machine, output};

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
    if args.get {
        let options = Options { upgrade: args.upgrade, ask: args.screen.input };
        if let Err(failed) = get::modules(options, args.screen.no_color, args.screen.json) {
            return failed;
        }
    }
    let (session, mut problems) = Session::load(args.screen.no_color);
    let failed = problems.has_errors();
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
