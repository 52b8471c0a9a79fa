//! `infra console`: evaluates expressions, and shows what they come to.

mod complete;
mod terminal;

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use infra_diag::{Diagnostics, Pos, Sources};
use infra_engine::{ConsoleInputs, console};
use infra_lang::config::check_references;
use infra_lang::eval::Scope;
use infra_lang::functions::Phase;
use infra_lang::syntax::parse_expression;
use infra_state::State;

use self::complete::Names;
use self::terminal::{Asked, Terminal};
use super::planning;
use crate::args::{Console, Locking};
use crate::session::{Session, with_functions};
use crate::variables::{RootVariables, gather};
use crate::{Exit, output, store};

/// What the text of an expression is called in messages.
const SOURCE: &str = "<console-input>";

/// What `help` answers.
const HELP: &str =
    "An expression is evaluated as it would be in the root module of this folder's configuration, with what the
state holds: aws_vpc.main.id, length(var.names), { for k, v in local.all : k => upper(v) }, type(local.all).

Somebody at a terminal gets an answer to each line. Of lines that are piped in, only the last one's answer is shown.

`exit` or Control-D ends it.";

pub(crate) fn run(args: &Console) -> Exit {
    let (mut session, mut problems) = Session::load(args.no_color);
    if !problems.has_errors() {
        let mut sources = std::mem::take(&mut session.sources);
        let (root, more) = gather(&session.config.root, &args.variables, false, &mut sources);
        session.sources = sources;
        // A variable without a value is unknown here.
        problems.extend(more.into_iter().filter(|p| p.summary != "No value for required variable"));
        if !problems.has_errors() {
            return answer_all(args, &session, root);
        }
    }
    session.show(problems);
    Exit(1)
}

fn answer_all(args: &Console, session: &Session, root: RootVariables) -> Exit {
    let locking = Locking {
        lock: args.lock,
        lock_timeout: args.lock_timeout.clone(),
        state: args.state.clone(),
        state_out: None,
        backup: None,
        ignore_remote_version: false,
    };
    // The lock is held to the end: the values that are shown are those of the state all the while.
    let opened = store::open(session, &locking, "OperationTypeInvalid").and_then(|mut store| {
        let state = store.read()?;
        Ok((store, state.unwrap_or_else(State::new)))
    });
    let (store, state) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            session.show(problem.into());
            return Exit(1);
        }
    };
    let exit = with_functions(Phase::Apply, None, |functions| {
        let inputs = ConsoleInputs {
            config: &session.config,
            registry: &session.registry,
            functions,
            workspace: &session.workspace,
            variables: root.values,
            state: &state,
        };
        planning::run(console(inputs, |scope, failures| {
            let asking = Asking { session, scope, failures };
            if std::io::stdin().is_terminal() { asking.somebody() } else { asking.standard_input() }
        }))
    });
    drop(store);
    exit
}

/// Questions and answers.
struct Asking<'a> {
    session: &'a Session,
    scope: &'a dyn Scope,
    /// Gives the problems of values that an answer needed.
    failures: &'a dyn Fn() -> Diagnostics,
}

impl Asking<'_> {
    /// Answers each line that somebody types, whatever went wrong with the one before.
    fn somebody(&self) -> Exit {
        let names = Names { root: &self.session.config.root, scope: self.scope, failures: self.failures };
        let mut terminal = match Terminal::open(names, self.session.colour) {
            Ok(terminal) => terminal,
            Err(error) => {
                output::error("The terminal cannot be used", &format!("{error}."));
                return Exit(1);
            }
        };
        while let Asked::Expression(text) = terminal.ask() {
            if text.trim() == "help" {
                output::line(HELP);
                continue;
            }
            match self.answer(&text) {
                Ok(answer) => output::line(&answer),
                Err(problems) => self.show(problems, &text),
            }
        }
        Exit(0)
    }

    /// Evaluates each line of standard input. As in Terraform, only the last answer is shown, and the first error ends it.
    fn standard_input(&self) -> Exit {
        let mut last = String::new();
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match line.trim() {
                "exit" => return Exit(0),
                "help" => last = HELP.to_string(),
                "" => last.clear(),
                text => match self.answer(text) {
                    Ok(answer) => last = answer,
                    Err(problems) => {
                        self.show(problems, text);
                        return Exit(1);
                    }
                },
            }
        }
        output::line(&last);
        Exit(0)
    }

    fn answer(&self, text: &str) -> Result<String, Diagnostics> {
        let expr = parse_expression(&Arc::from(SOURCE), text, Pos::default())?;
        let problems = check_references(&expr, &self.session.config.root);
        if problems.has_errors() {
            return Err(problems);
        }
        infra_lang::eval::console::answer(&expr, self.scope).map_err(|mut problems| {
            problems.extend((self.failures)());
            problems
        })
    }

    fn show(&self, problems: Diagnostics, text: &str) {
        let mut sources: Sources = self.session.sources.clone();
        sources.insert(SOURCE.into(), text.into());
        output::diagnostics(&problems, &sources, self.session.colour);
    }
}
