//! `infra force-unlock ID`: removes a lock that its holder left behind.

use std::io::BufRead;

use infra_diag::Diagnostic;
use infra_history::Kind;
use infra_state::StoreError;

use crate::args::ForceUnlock;
use crate::session::Session;
use crate::{Exit, output, recording};

pub(crate) fn run(args: &ForceUnlock) -> Exit {
    let (session, _) = Session::read(true);
    match unlock(args, &session) {
        Ok(exit) => exit,
        Err(problem) => {
            session.show(problem.into());
            Exit(1)
        }
    }
}

fn unlock(args: &ForceUnlock, session: &Session) -> Result<Exit, Diagnostic> {
    let backend = session.backend()?;
    if !args.force {
        output::raw(
            "Do you really want to force-unlock?\n  If somebody is still working on this state, it can be lost.\n  Only 'yes' \
             will be accepted to confirm.\n\n  Enter a value: ",
        );
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer).is_err() || answer.trim() != "yes" {
            output::line("\nforce-unlock cancelled.");
            return Ok(Exit(1));
        }
    }
    let kept = || backend.state(&session.workspace);
    let why = match backend.force_unlock(&session.workspace, &args.id) {
        Ok(holder) => {
            let note = format!(
                "The lock {} of {} was removed: {}, taken {}.",
                holder.id, holder.who, holder.operation, holder.created
            );
            let mut kept = kept();
            let state = kept.read().ok().flatten();
            recording::beside(Kind::ForceUnlock, &session.workspace, kept.shelf().as_deref(), state.as_ref(), note);
            output::line("The state has been unlocked.");
            return Ok(Exit(0));
        }
        Err(StoreError::Locked(Some(holder))) => {
            format!("The lock has another id than {:?}.\n\n{}", args.id, holder.describe())
        }
        Err(StoreError::Remote { place, message }) => format!("{place}: {message}"),
        Err(_) => format!("{} is not locked.", kept().place()),
    };
    Err(Diagnostic::error("Failed to unlock state", why))
}
