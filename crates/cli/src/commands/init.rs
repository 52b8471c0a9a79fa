//! `infra init`: looks at the folder and says what it found. Nothing is downloaded for local modules.

use infra_catalog::PROVIDER_VERSION;
use infra_state::TERRAFORM_VERSION;

use crate::Exit;
use crate::args::Init;
use crate::output;
use crate::session::Session;

pub(crate) fn run(args: &Init) -> Exit {
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
    let (session, problems) = Session::load(args.screen.no_color);
    let failed = problems.has_errors();
    if args.screen.json {
        let mut problems = problems;
        infra_lang::config::name_blocks(&mut problems, &session.sources);
        for problem in problems.iter() {
            crate::machine::print(&infra_view::json::events::diagnostic(problem, &session.sources));
        }
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
        "Versions: language and state as Terraform {TERRAFORM_VERSION}, hashicorp/aws as {PROVIDER_VERSION}; nothing to \
         download.\n\ninfra has been successfully initialized! Next: infra plan"
    ));
    Exit(0)
}
