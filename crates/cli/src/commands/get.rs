//! `infra get`: fetches the modules that the configuration calls. `infra init` begins with the same.

use std::path::Path;

use infra_diag::{Diagnostic, Sources};
use infra_lang::config::name_blocks;
use infra_modules::{Options, Progress, Settings};

use super::planning;
use crate::args::Get;
use crate::interrupts::Interrupts;
use crate::session::Session;
use crate::{Exit, machine, output, store};

pub(crate) fn run(args: &Get) -> Exit {
    if let Err(failed) = modules(Options { upgrade: args.update, ask: true }, args.no_color, false) {
        return failed;
    }
    let (session, mut problems) = Session::read(args.no_color);
    problems.extend(session.empty());
    let failed = problems.has_errors();
    session.show(problems);
    Exit(u8::from(failed))
}

/// Installs the modules of the configuration in the present folder, and tells what it does.
pub(super) fn modules(options: Options, no_color: bool, json: bool) -> Result<(), Exit> {
    let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let (settings, mut problems) = Settings::read(environment);
    let data_dir = store::data_dir();
    let lines = Lines { json };
    let done = planning::run(async {
        let mut interrupts = Interrupts::listen();
        tokio::select! {
            done = infra_modules::install(Path::new("."), &data_dir, &settings, options, &lines) => Some(done),
            () = interrupts.next() => None,
        }
    });
    let interrupted = done.is_none();
    let (sources, more) = done.unwrap_or_else(|| {
        let detail = "What was fetched so far is not kept, and what was installed before is as it was.";
        (Sources::default(), Diagnostic::error("Interrupted", detail).into())
    });
    problems.extend(more);
    name_blocks(&mut problems, &sources);
    match json {
        true => machine::diagnostics(&problems, &sources),
        false => output::diagnostics(&problems, &sources, output::use_colour(no_color)),
    }
    match (interrupted, problems.has_errors()) {
        (true, _) => Err(Exit(130)),
        (false, true) => Err(Exit(1)),
        (false, false) => Ok(()),
    }
}

/// Tells what is fetched, line by line.
struct Lines {
    json: bool,
}

impl Lines {
    fn tell(&self, line: &str) {
        match self.json {
            true => machine::print(&infra_view::json::events::log(line)),
            false => output::line(line),
        }
    }
}

impl Progress for Lines {
    fn downloading(&self, package: &str, version: Option<&str>, key: &str) {
        match version {
            Some(version) => self.tell(&format!("Downloading {package} {version} for {key}...")),
            None => self.tell(&format!("Downloading {package} for {key}...")),
        }
    }

    fn installed(&self, key: &str, _: Option<&str>, dir: &str) {
        self.tell(&format!("- {key} in {dir}"));
    }
}
