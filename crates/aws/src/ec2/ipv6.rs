//! Waiting for IPv6 blocks to come to a VPC or a subnet, and to go.

use infra_provider::Failure;

use crate::wait::{Seen, Wait};

/// The state of an association, and why it is so.
pub(crate) type State = (String, String);

fn seen(state: Option<State>, pending: &[&str], target: &str) -> Seen<()> {
    match state {
        Some((state, message)) => Seen::by_state((), &state, pending, &[target]).because(Some(&message)),
        None => Seen::Missing,
    }
}

/// Waits until the block is there; `state` asks for the association.
pub(crate) async fn associated<F, Fut>(wait: Wait, state: F) -> Result<(), Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Option<State>, Failure>>,
{
    let pending = ["associating", "disassociated", "failing"];
    wait.until(|| async { Ok(seen(state().await?, &pending, "associated")) }).await
}

/// Waits until the block is gone; `state` asks for the association.
pub(crate) async fn disassociated<F, Fut>(wait: Wait, state: F) -> Result<(), Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Option<State>, Failure>>,
{
    let pending = ["associated", "disassociating", "failing"];
    wait.until_gone(|| async { Ok(seen(state().await?, &pending, "disassociated")) }).await
}
