//! `infra console`: evaluates expressions, one a line.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use infra_diag::{Diagnostics, Pos};
use infra_engine::{ConsoleInputs, console};
use infra_lang::functions::Phase;
use infra_lang::syntax::parse_expression;
use infra_state::State;

use super::planning;
use crate::args::Console;
use crate::session::{Session, with_functions};
use crate::variables::gather;
use crate::{Exit, output, store};

pub(crate) fn run(args: &Console) -> Exit {
    let (mut session, mut problems) = Session::load(args.no_color);
    if !problems.has_errors() {
        let mut sources = std::mem::take(&mut session.sources);
        let (root, more) = gather(&session.config.root, &args.variables, false, &mut sources);
        session.sources = sources;
        // A variable without a value is unknown here.
        problems.extend(more.into_iter().filter(|p| p.summary != "No value for required variable"));
        if !problems.has_errors() {
            return answer_all(args, &mut session, root.values);
        }
    }
    session.show(problems);
    Exit(1)
}

fn answer_all(
    args: &Console,
    session: &mut Session,
    variables: std::collections::BTreeMap<Arc<str>, infra_value::Value>,
) -> Exit {
    let state = match store::read_only(&session.state_path(args.state.as_ref())) {
        Ok(state) => state.unwrap_or_else(State::new),
        Err(problem) => {
            session.show(problem.into());
            return Exit(1);
        }
    };
    let interactive = std::io::stdin().is_terminal();
    let mut failed = false;
    let answers = with_functions(Phase::Apply, None, |functions| {
        planning::run(console(
            ConsoleInputs {
                config: &session.config,
                registry: &session.registry,
                functions,
                workspace: &session.workspace,
                variables,
                state: &state,
            },
            |scope| {
                let mut problems = Vec::new();
                if interactive {
                    output::raw("> ");
                }
                for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                    let text = line.trim();
                    if text == "exit" {
                        break;
                    }
                    if !text.is_empty() {
                        match answer(text, scope) {
                            Ok(text) => output::line(&text),
                            Err(more) => {
                                failed = true;
                                if interactive {
                                    output::diagnostics(&more, &console_source(text), session.colour);
                                } else {
                                    problems.push((text.to_string(), more));
                                    break;
                                }
                            }
                        }
                    }
                    if interactive {
                        output::raw("> ");
                    }
                }
                problems
            },
        ))
    });
    for (text, problems) in answers {
        output::diagnostics(&problems, &console_source(&text), session.colour);
    }
    Exit(u8::from(failed && !interactive))
}

fn answer(text: &str, scope: &dyn infra_lang::eval::Scope) -> Result<String, Diagnostics> {
    let expr = parse_expression(&Arc::from("<console-input>"), text, Pos::default())?;
    infra_lang::eval::console::answer(&expr, scope)
}

fn console_source(text: &str) -> infra_diag::Sources {
    let mut sources = infra_diag::Sources::default();
    sources.insert("<console-input>".into(), text.into());
    sources
}
