//! `infra refresh`: apply -refresh-only -auto-approve.

use super::apply;
use crate::Exit;
use crate::args::{Apply, Approving, Planning, Refresh};

pub(crate) fn run(args: Refresh) -> Exit {
    let Refresh { variables, screen, locking, target, parallelism } = args;
    let planning =
        Planning { refresh: true, refresh_only: true, destroy: false, target, replace: Vec::new(), parallelism };
    apply::run(
        Apply {
            variables,
            screen,
            locking,
            planning,
            auto_approve: true,
            release_detach: false,
            approving: Approving::default(),
            plan: None,
        },
        false,
    )
}
