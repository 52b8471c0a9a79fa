//! `infra`: reads Terraform-language configuration, plans it, and applies it.

mod args;
mod commands;
mod environment;
mod interrupts;
mod local;
mod machine;
mod output;
mod planfile;
mod prober;
mod releasing;
mod session;
mod store;
mod ui;
mod variables;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// A plan is many small values that live for as long as it does, which the allocator of the C library is slow with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit statuses beside 0: 1 for an error, 2 for changes (`-detailed-exitcode`), 130 when interrupted.
pub(crate) struct Exit(pub u8);

fn main() -> ExitCode {
    environment::without_empty();
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
    local::set(cli.local);
    let Exit(status) = commands::run(cli.command);
    ExitCode::from(status)
}

/// Logs go to standard error, if `INFRA_LOG` asks for them.
fn start_logging() {
    let Ok(level) = std::env::var("INFRA_LOG") else { return };
    let filter = log_filter(&level);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || !std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(!plain);
    match std::env::var("INFRA_LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().init(),
        _ => builder.init(),
    }
}

/// What is logged: a level, or targets with levels. Only infra's own targets are: those of the AWS SDK would log the
/// bodies of calls, which hold secrets.
fn log_filter(asked: &str) -> String {
    let directive = |part: &str| match part.split_once('=') {
        Some((target, _)) => target.starts_with("infra").then(|| part.to_string()),
        None if part.starts_with("infra") => Some(part.to_string()),
        None => Some(["infra", "infra_aws", "infra_engine"].map(|target| format!("{target}={part}")).join(",")),
    };
    let parts: Vec<String> = asked.split(',').map(str::trim).filter(|p| !p.is_empty()).filter_map(directive).collect();
    parts.join(",")
}

/// The description of the command line, for completions.
pub(crate) fn command_line() -> clap::Command {
    args::Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_targets_of_infra_are_logged() {
        assert_eq!(super::log_filter("debug"), "infra=debug,infra_aws=debug,infra_engine=debug");
        assert_eq!(super::log_filter("infra_aws=trace, aws_smithy_runtime=trace,hyper=trace"), "infra_aws=trace");
    }
}
