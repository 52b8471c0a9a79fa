//! The commands, one file each.

mod apply;
mod approve;
mod completion;
mod console;
mod fmt;
mod force_unlock;
mod get;
mod graph;
mod history;
mod import;
mod init;
mod local;
mod output;
mod plan;
mod planning;
mod refresh;
mod release;
mod show;
mod state;
mod taint;
mod validate;
mod version;
mod workspace;

pub(crate) use workspace::valid as valid_workspace;

use crate::args::Command;
use crate::{Exit, store};

/// Runs a command.
pub(crate) fn run(command: Command) -> Exit {
    let exit = local::settle(dispatch(command));
    if exit.0 == 0 && (store::left_locked() || crate::output::is_torn()) { Exit(1) } else { exit }
}

fn dispatch(command: Command) -> Exit {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Plan(args) => plan::run(args),
        Command::Apply(args) => local::tidy(apply::run(args, false)),
        Command::Destroy(args) => local::tidy(apply::run(args, true)),
        Command::Show(args) => show::run(&args),
        Command::Approve(args) => approve::run(&args),
        Command::Output(args) => output::run(&args),
        Command::State(args) => state::run(args),
        Command::Import(args) => import::run(&args),
        Command::Taint(args) => taint::run(&args, true),
        Command::Untaint(args) => taint::run(&args, false),
        Command::ForceUnlock(args) => force_unlock::run(&args),
        Command::Refresh(args) => refresh::run(args),
        Command::Graph(args) => graph::run(&args),
        Command::Console(args) => console::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Workspace(args) => workspace::run(args),
        Command::Revert(args) => release::run_revert(&args),
        Command::Releases(args) => release::run_releases(&args),
        Command::Release(args) => release::run_release(&args),
        Command::History(args) => history::run(&args),
        Command::Local(args) => local::run(&args),
        Command::LocalSupervisor { folder } => local::supervise(&folder),
        Command::LocalTask { arguments } => local::task(arguments),
        Command::Version(args) => version::run(&args),
        Command::Completion(args) => completion::run(&args),
    }
}
