//! Resource policies: waiting until what was written reads back.

use std::time::Duration;

use infra_catalog::policy::equivalent;
use infra_provider::Failure;
use serde_json::Value as Json;

use crate::wait::{Seen, Wait};

/// How long a new principal may be unknown to the service that checks a policy.
pub(crate) const PRINCIPALS: Duration = Duration::from_secs(2 * 60);

/// Waits until a policy that was just written names its principals as it was written: for a moment a new role shows
/// as its unique id, and that is not to be stored. Not worth a failure.
pub(crate) async fn wait_for_principals<F, Fut>(doing: String, read: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Option<String>, Failure>>,
{
    let seen = Wait::new(doing, PRINCIPALS).until(|| async {
        Ok(match read().await? {
            Some(text) if !has_resolved_principals(&text) => Seen::Pending("principals not resolved".into()),
            _ => Seen::Target(()),
        })
    });
    if let Err(failure) = seen.await {
        tracing::warn!(failure = failure.brief());
    }
}

/// Waits until a policy reads back as it was written, several times in a row.
pub(crate) async fn wait_for_policy<F, Fut>(wait: Wait, wanted: &str, read: F) -> Result<(), Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Option<String>, Failure>>,
{
    wait.until(|| async {
        Ok(match read().await? {
            Some(text) if equivalent(&text, wanted) => Seen::Target(()),
            Some(_) => Seen::Pending("another policy".into()),
            None => Seen::Missing,
        })
    })
    .await
}

/// Whether every AWS principal of a policy is an ARN, an account's number or `*`.
fn has_resolved_principals(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Json>(policy) else { return true };
    list(&policy["Statement"]).iter().flat_map(|statement| list(&statement["Principal"]["AWS"])).all(|principal| {
        principal.as_str().is_none_or(|text| {
            text == "*" || text.starts_with("arn:") || (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))
        })
    })
}

/// The elements of a list; anything else is the only element; null is none.
fn list(json: &Json) -> Vec<&Json> {
    match json {
        Json::Null => Vec::new(),
        Json::Array(elements) => elements.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_not_known_yet_shows_as_its_id() {
        for (principal, wanted) in [
            (r#""*""#, true),
            (r#"{"AWS":"*"}"#, true),
            (r#"{"AWS":["arn:aws:iam::123456789012:role/a","123456789012"]}"#, true),
            (r#"{"AWS":["arn:aws:iam::123456789012:role/a","AROAEXAMPLE"]}"#, false),
            (r#"{"Service":"AROAEXAMPLE"}"#, true),
        ] {
            let policy = format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal}}}}}"#);
            assert_eq!(has_resolved_principals(&policy), wanted, "{principal}");
        }
        assert!(has_resolved_principals(""));
    }
}
