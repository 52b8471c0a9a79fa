//! `infra`: reads Terraform-language configuration, plans it, and applies it.

mod args;
mod commands;
mod interrupts;
mod machine;
mod output;
mod planfile;
mod session;
mod store;
mod ui;
mod underway;
mod variables;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// The exit statuses beside 0: 1 for an error, 2 for changes (`-detailed-exitcode`), 130 when interrupted.
pub(crate) struct Exit(pub u8);

fn main() -> ExitCode {
    let given = args::normalise(std::env::args_os().skip(1));
    let cli = match args::Cli::try_parse_from(given) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 1 } else { 0 });
        }
    };
    if let Some(folder) = &cli.chdir
        && let Err(error) = std::env::set_current_dir(folder)
    {
        output::error("Error handling -chdir option", &format!("{}: {error}", folder.display()));
        return ExitCode::from(1);
    }
    start_logging();
    let Exit(status) = commands::run(cli.command);
    ExitCode::from(status)
}

/// Logs go to standard error, if `INFRA_LOG` asks for them.
fn start_logging() {
    let Ok(level) = std::env::var("INFRA_LOG") else { return };
    let filter = match level.as_str() {
        "error" | "warn" | "info" | "debug" | "trace" => {
            format!("infra_aws={level},infra_engine={level},infra={level}")
        }
        other => other.to_string(),
    };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || !std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(!plain);
    match std::env::var("INFRA_LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().init(),
        _ => builder.init(),
    }
}

/// The description of the command line, for completions.
pub(crate) fn command_line() -> clap::Command {
    args::Cli::command()
}
