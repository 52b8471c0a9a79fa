//! The command line, with Terraform's habits: long options with one dash or two, `-chdir=DIR` before the command.

mod commands;
mod environment;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use commands::*;
pub(crate) use environment::with_environment;

/// Plans and applies AWS infrastructure from Terraform-language configuration.
#[derive(Parser)]
#[command(name = "infra", version = env!("CARGO_PKG_VERSION"), disable_version_flag = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Switch to another folder before doing anything.
    #[arg(long, value_name = "DIR", require_equals = true)]
    pub chdir: Option<PathBuf>,
    /// On this machine instead of AWS: no account, no credentials.
    #[arg(long, global = true, env = "INFRA_LOCAL", value_parser = clap::builder::BoolishValueParser::new())]
    pub local: bool,
    /// No colours.
    #[arg(long, global = true)]
    pub no_color: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Fetch the modules that the configuration calls, and check what versions it asks for.
    Init(Init),
    /// Fetch the modules that the configuration calls.
    Get(Get),
    /// Check whether the configuration is valid.
    Validate(Validate),
    /// Show what an apply would change.
    Plan(Plan),
    /// Bring the infrastructure to the configuration.
    Apply(Apply),
    /// Delete everything that the state holds.
    Destroy(Apply),
    /// Show the state, or a saved plan.
    Show(Show),
    /// Sign a saved plan, so that an apply which asks for an approval does it.
    Approve(Approve),
    /// Show outputs.
    Output(Output),
    /// Look into the state and change it by hand.
    #[command(subcommand)]
    State(State),
    /// Take an existing object into the state.
    Import(Import),
    /// Mark a resource instance to be replaced.
    Taint(Taint),
    /// Take such a mark away.
    Untaint(Taint),
    /// Remove a lock that somebody left behind.
    ForceUnlock(ForceUnlock),
    /// Bring the state to what there is.
    Refresh(Refresh),
    /// Show what depends on what, in DOT.
    Graph(Graph),
    /// Evaluate expressions.
    Console(Console),
    /// Bring configuration files to the canonical layout.
    Fmt(Fmt),
    /// Manage workspaces.
    #[command(subcommand)]
    Workspace(Workspace),
    /// Give the traffic of a release back to the colour that had it before.
    Revert(Revert),
    /// Show each release: what is live, what stands by, what happened.
    Releases(Releases),
    /// End the standby of a release early, or allow a version again that was taken back.
    #[command(subcommand)]
    Release(Release),
    /// Show what was done to the state: when, by whom, approved by whom.
    History(History),
    /// See and stop what -local runs on this machine.
    #[command(subcommand)]
    Local(Local),
    /// Keeps what -local runs.
    #[command(hide = true)]
    LocalSupervisor {
        /// The project's .infra/local.
        folder: PathBuf,
    },
    /// The sample image as a process.
    #[command(hide = true)]
    LocalTask {
        /// What it is told.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Show the version.
    Version(Version),
    /// Print a completion script for a shell.
    Completion(Completion),
}

/// The commands that tell what happens in machine-readable lines with `-json`. With the others it is one document.
const IN_LINES: &[&str] = &["init", "plan", "apply", "destroy", "refresh", "revert", "release"];

/// The command line, and the name of its command: `plan`, `state mv`.
pub(crate) fn parse(given: Vec<OsString>) -> Result<(Cli, String), clap::Error> {
    let matches = Cli::command().try_get_matches_from(given)?;
    let (mut name, mut inner) = (Vec::new(), matches.subcommand());
    while let Some((command, matches)) = inner {
        name.push(command.to_string());
        inner = matches.subcommand();
    }
    Ok((Cli::from_arg_matches(&matches)?, name.join(" ")))
}

/// Whether everything is to be told in machine-readable lines, whatever else is wrong with the arguments.
pub(crate) fn wants_lines(given: &[OsString]) -> bool {
    let command = given.iter().skip(1).find(|word| !word.to_string_lossy().starts_with('-'));
    let options = given.iter().take_while(|word| *word != "--");
    command.is_some_and(|command| IN_LINES.iter().any(|known| command == known))
        && options.into_iter().any(|word| word == "--json")
}

/// What is wrong with a command line, in a line or a few, without how it is used.
pub(crate) fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let said: Vec<&str> = text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim).collect();
    let said = said.join("\n");
    said.trim().trim_start_matches("error: ").to_string()
}

/// Why there is no such command, if Terraform has it.
pub(crate) fn elsewhere(command: &str) -> Option<&'static str> {
    Some(match command {
        "providers" => {
            "infra has its providers built in (see: infra version): there is nothing to list, lock or mirror, and \
             .terraform.lock.hcl stays as Terraform wrote it."
        }
        "login" | "logout" => {
            "No service is logged in to. Private module registries: set TF_TOKEN_<host> or credentials in the CLI \
             configuration file. AWS: aws sso login"
        }
        "env" => "It is called workspace: infra workspace list",
        "test" => "Test files (*.tftest.hcl) are Terraform's; run them with it.",
        "modules" => "See what infra get prints, or .terraform/modules/modules.json.",
        "metadata" => "See which functions there are in the console: infra console",
        "cloud" | "stacks" => "HCP Terraform is not supported.",
        _ => return None,
    })
}

/// The arguments with a second dash where a long option has one: `-var` becomes `--var`. What stands behind `--` stays,
/// as does a lone dash; the value of an option is never an option itself.
pub(crate) fn normalise(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut out = vec![OsString::from("infra")];
    let mut literal = false;
    let mut value_next = false;
    // The words that are neither options nor their values.
    let mut words: Vec<String> = Vec::new();
    for argument in given {
        let text = argument.to_string_lossy().into_owned();
        // What stands behind the address of an import is an id, whatever it begins with.
        let is_id = words.len() == 2 && words[0] == "import";
        if literal || value_next || is_id {
            out.push(argument);
            if !value_next {
                words.push(text);
            }
            value_next = false;
            continue;
        }
        literal = text == "--";
        if !text.starts_with('-') {
            words.push(text.clone());
        }
        value_next = takes_value(&text);
        out.push(match text.strip_prefix('-') {
            Some("v" | "version" | "-version") if out.len() == 1 => OsString::from("version"),
            Some("h" | "help") => OsString::from("--help"),
            Some(rest) if !rest.is_empty() && !rest.starts_with('-') => {
                let mut long = OsString::from("-");
                long.push(OsStr::new(&argument));
                long
            }
            _ => argument,
        });
    }
    out
}

/// Whether the next argument is this option's value.
fn takes_value(option: &str) -> bool {
    let name = option.trim_start_matches('-');
    option.starts_with('-')
        && matches!(
            name,
            "var"
                | "var-file"
                | "target"
                | "replace"
                | "out"
                | "state"
                | "state-out"
                | "backup"
                | "backup-out"
                | "lock-timeout"
                | "parallelism"
                | "limit"
                | "generate-config-out"
                | "plan"
                | "type"
                | "id"
                | "plugin-dir"
                | "backend-config"
                | "lockfile"
                | "from-module"
                | "test-directory"
                | "require-approval"
                | "key"
                | "as"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Vec<String> {
        let words = normalise(words.iter().map(OsString::from));
        words.into_iter().map(|w| w.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        assert_eq!(
            given(&["-chdir=x", "plan", "-var", "-a=b", "-out=p", "--json", "-"]),
            ["infra", "--chdir=x", "plan", "--var", "-a=b", "--out=p", "--json", "-"]
        );
        assert_eq!(given(&["-version"]), ["infra", "version"]);
        assert_eq!(given(&["--version"]), ["infra", "version"]);
        assert_eq!(
            given(&["import", "-lock=false", "-var", "a=b", "a.b", "-id"]),
            ["infra", "import", "--lock=false", "--var", "a=b", "a.b", "-id"]
        );
    }

    #[test]
    fn lines_are_wanted_even_by_a_wrong_command_line() {
        let wants = |words: &[&str]| wants_lines(&normalise(words.iter().map(OsString::from)));
        assert!(wants(&["-chdir=x", "plan", "-nosuch", "-json"]));
        assert!(wants(&["release", "retry", "--json"]));
        assert!(!wants(&["show", "-json"]));
        assert!(!wants(&["plan", "--", "-json"]));
        assert!(!wants(&["plan"]));
    }

    #[test]
    fn a_wrong_command_line_is_told_without_its_usage() {
        let Err(error) = parse(normalise(["plan", "-nosuch"].iter().map(OsString::from))) else {
            panic!("it is wrong")
        };
        assert!(what_is_wrong(&error).starts_with("unexpected argument '--nosuch' found"));
        assert!(!what_is_wrong(&error).contains("Usage"));
    }

    #[test]
    fn every_command_takes_no_color() {
        for words in [&["plan", "-no-color"][..], &["state", "list", "-no-color"], &["workspace", "-no-color", "show"]]
        {
            let parsed = parse(normalise(words.iter().map(OsString::from)));
            assert!(parsed.is_ok_and(|(cli, _)| cli.no_color), "{words:?}");
        }
    }

    #[test]
    fn commands_of_terraform_that_there_are_not_are_told_apart_from_mistakes() {
        let told = |word: &str| elsewhere(word).is_some();
        assert!(told("providers") && told("login") && told("env"));
        assert!(!told("plan") && !told("plann"));
        let names = Cli::command().get_subcommands().map(|c| c.get_name().to_string()).collect::<Vec<_>>();
        assert!(names.iter().all(|name| !told(name)));
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
