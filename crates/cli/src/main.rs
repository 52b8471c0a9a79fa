//! `infra`: reads Terraform-language configuration, plans it, and applies it.

mod approval;
mod args;
mod backends;
mod commands;
mod crash;
mod environment;
mod fitting;
mod interrupts;
mod local;
mod machine;
mod origin;
mod output;
mod planfile;
mod prober;
mod recording;
mod releasing;
mod session;
mod store;
mod telemetry;
mod ui;
mod variables;

use std::process::ExitCode;

use clap::CommandFactory;

/// A plan is many small values that live for as long as it does, which the allocator of the C library is slow with. It
/// asks for no huge pages: of those a plan would use a part only.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit statuses beside 0: 1 for an error, 2 for changes (`-detailed-exitcode`), 3 for a release that was taken
/// back, 130 when interrupted.
pub(crate) struct Exit(pub u8);

fn main() -> ExitCode {
    environment::without_empty();
    crash::prepare();
    let given = args::normalise(std::env::args_os().skip(1));
    let given = match args::with_environment(given, |name| std::env::var_os(name)) {
        Ok(given) => given,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return ExitCode::from(1);
        }
    };
    output::set_machine(args::wants_lines(&given));
    let (cli, name) = match args::parse(given) {
        Ok(parsed) => parsed,
        Err(error) => return ExitCode::from(refused(&error)),
    };
    let telemetry = match name.as_str() {
        // These run for as long as the project does, and are no part of anybody's run.
        "local-supervisor" | "local-task" => telemetry::start_logs(),
        name => telemetry::start(name),
    };
    let Exit(status) = telemetry.around(|| {
        if let Some(folder) = &cli.chdir
            && let Err(error) = std::env::set_current_dir(folder)
        {
            output::error("Error handling -chdir option", &format!("{}: {error}", folder.display()));
            return Exit(1);
        }
        local::set(cli.local);
        output::set_plain(cli.no_color);
        commands::run(cli.command)
    });
    ExitCode::from(status)
}

/// Tells what is wrong with the command line, or gives the help that was asked for. The exit status.
fn refused(error: &clap::Error) -> u8 {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    if !error.use_stderr() {
        let _ = error.print();
        return 0;
    }
    // Who gives no command wants to know which there are, as with -help.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        output::raw(&error.render().to_string());
        return if std::env::args_os().len() > 1 { 1 } else { 127 };
    }
    let elsewhere = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(command)) => args::elsewhere(command).map(|why| (command, why)),
        _ => None,
    };
    match elsewhere {
        Some((command, why)) => output::error(&format!("There is no command {command:?}"), why),
        None if output::is_machine() => {
            output::error("Failed to parse command-line flags", &args::what_is_wrong(error));
        }
        None => drop(error.print()),
    }
    1
}

/// The description of the command line, for completions.
pub(crate) fn command_line() -> clap::Command {
    args::Cli::command()
}
