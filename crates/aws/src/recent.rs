//! What this run has made: for some seconds parts of AWS may still say that it does not exist.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use infra_provider::{Failure, Object};

use crate::Aws;
use crate::wait::retry;

/// How long something new may be unknown to those who are told of it.
pub(crate) const UNSEEN: Duration = Duration::from_secs(2 * 60);

/// Ids and ARNs of what was made.
#[derive(Default)]
struct Made(Mutex<BTreeSet<String>>);

/// Takes note of an object that was made.
pub(crate) fn note(aws: &Aws, object: &Object) {
    let made = aws.shared::<Made>();
    let mut made = made.0.lock().unwrap_or_else(PoisonError::into_inner);
    made.extend([object.id(), object.str("arn")].into_iter().filter(|id| is_telling(id)).map(str::to_string));
}

/// Whether a call failed because something that this run has made is not seen yet. What nobody has made here is not waited
/// for: that would only make a wrong id take long.
pub(crate) fn is_unseen(aws: &Aws, failure: &Failure) -> bool {
    let made = aws.shared::<Made>();
    let made = made.0.lock().unwrap_or_else(PoisonError::into_inner);
    says_missing(failure) && mentions(&failure.message, &made)
}

/// Makes a call again while something that this run has made is not seen yet.
pub(crate) async fn once_seen<T, F, Fut>(aws: &Aws, call: F) -> Result<T, Failure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    retry(UNSEEN, |failure| is_unseen(aws, failure), call).await
}

fn says_missing(failure: &Failure) -> bool {
    let by_code = failure.code.as_deref().is_some_and(|c| c.ends_with("NotFound") || c.ends_with("NotFoundException"));
    by_code || ["does not exist", "not found", "cannot be found"].iter().any(|text| failure.message.contains(text))
}

/// Whether an id is of AWS's making, and so cannot be a word of a message by chance: `vpc-0a1b2c3d`, or an ARN.
fn is_telling(id: &str) -> bool {
    let hex = |text: &str| text.len() >= 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    id.starts_with("arn:") || id.rsplit_once('-').is_some_and(|(kind, rest)| !kind.is_empty() && hex(rest))
}

fn mentions(message: &str, made: &BTreeSet<String>) -> bool {
    let mut words = message.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '/' | '.')));
    words.any(|word| made.contains(word.trim_end_matches(['.', ':'])))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_types::SdkConfig;
    use infra_catalog::catalog;

    use super::*;

    fn failure(code: &str, message: &str) -> Failure {
        Failure { code: Some(code.into()), ..Failure::new("creating", message) }
    }

    fn having_made(id: &str) -> Aws {
        let aws = Aws::new(SdkConfig::builder().build(), BTreeMap::new());
        let block = catalog().resources["aws_vpc"].block().clone();
        let mut vpc = Object::new(block.clone(), &block.empty());
        vpc.set("id", id);
        note(&aws, &vpc);
        aws
    }

    #[test]
    fn only_what_this_run_has_made_is_waited_for() {
        let aws = having_made("vpc-0a1b2c3d4e5f60718");
        for (code, message, unseen) in [
            ("InvalidVpcID.NotFound", "The vpc ID 'vpc-0a1b2c3d4e5f60718' does not exist", true),
            ("InvalidVpcID.NotFound", "The vpc ID 'vpc-0a1b2c3d4e5f60719' does not exist", false),
            ("ValidationError", "VPC vpc-0a1b2c3d4e5f60718 does not exist.", true),
            ("DependencyViolation", "The vpc 'vpc-0a1b2c3d4e5f60718' has dependencies", false),
        ] {
            assert_eq!(is_unseen(&aws, &failure(code, message)), unseen, "{message}");
        }
        assert!(!is_unseen(&having_made("web"), &failure("NotFound", "web not found")));
    }

    #[tokio::test]
    async fn a_call_is_made_again_until_it_is_seen() {
        let aws = having_made("vpc-0a1b2c3d4e5f60718");
        let calls = std::cell::Cell::new(0);
        let answer = once_seen(&aws, || async {
            calls.set(calls.get() + 1);
            match calls.get() {
                1 => Err(failure("InvalidVpcID.NotFound", "The vpc ID 'vpc-0a1b2c3d4e5f60718' does not exist")),
                calls => Ok(calls),
            }
        });
        assert_eq!(answer.await, Ok(2));
    }
}
