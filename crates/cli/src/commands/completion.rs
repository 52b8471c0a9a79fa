//! `infra completion SHELL`: the script that makes a shell complete infra's commands and options.

use crate::Exit;
use crate::args::Completion;
use crate::output;

pub(crate) fn run(args: &Completion) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command_line(), "infra", &mut script);
    output::raw(&String::from_utf8_lossy(&script));
    Exit(0)
}
