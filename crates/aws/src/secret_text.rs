//! Secret texts and the messages of services that repeat what they were sent.

use infra_provider::Failure;

/// What stands in a message for a secret.
const HIDDEN: &str = "(sensitive value)";

/// The failure with a secret taken out of its message.
pub(crate) fn without(failure: Failure, secret: Option<&str>) -> Failure {
    match secret {
        Some(secret) if !secret.is_empty() && failure.message.contains(secret) => {
            Failure { message: failure.message.replace(secret, HIDDEN), ..failure }
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_does_not_repeat_the_secret() {
        let failure = Failure::new("putting", "hunter2 does not match, hunter2!");
        assert_eq!(
            without(failure.clone(), Some("hunter2")).message,
            "(sensitive value) does not match, (sensitive value)!"
        );
        assert_eq!(without(failure.clone(), Some("")), failure);
        assert_eq!(without(failure.clone(), None), failure);
    }
}
