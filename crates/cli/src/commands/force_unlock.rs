//! `infra force-unlock ID`: removes a lock that its holder left behind.

use std::io::BufRead;

use infra_state::{LocalState, StoreError};

use crate::args::ForceUnlock;
use crate::session::Session;
use crate::{Exit, output};

pub(crate) fn run(args: &ForceUnlock) -> Exit {
    let (session, _) = Session::load(true);
    let path = session.state_path(None);
    if !args.force {
        output::raw(
            "Do you really want to force-unlock?\n  If somebody is still working on this state, it can be lost.\n  Only 'yes' \
             will be accepted to confirm.\n\n  Enter a value: ",
        );
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer).is_err() || answer.trim() != "yes" {
            output::line("\nforce-unlock cancelled.");
            return Exit(1);
        }
    }
    match LocalState::force_unlock(&path, &args.id) {
        Ok(_) => {
            output::line("The state has been unlocked.");
            Exit(0)
        }
        Err(StoreError::Locked(Some(holder))) => {
            output::error(
                "Failed to unlock state",
                &format!("The lock has another id than {:?}.\n\n{}", args.id, holder.describe()),
            );
            Exit(1)
        }
        Err(_) => {
            output::error("Failed to unlock state", &format!("{} is not locked.", path.display()));
            Exit(1)
        }
    }
}
