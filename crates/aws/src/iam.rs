//! Roles and what belongs to them, as several types need it: listed for the whole account where that takes fewer calls
//! than asking for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, Role, RoleDetail, Tag};
use futures::future::{join, join_all, try_join};
use infra_provider::Failure;
use tokio::time::Instant;

use crate::Aws;
use crate::batch::{Answers, Loader, in_chunks};
use crate::error::Doing;
use crate::time::rfc3339;
use crate::wait::retry;

/// The code for "no such role, policy, …".
pub(crate) const GONE: &[&str] = &["NoSuchEntity", "NoSuchEntityException"];

/// How long changes of IAM may take to be seen everywhere.
pub(crate) const PROPAGATION: Duration = Duration::from_secs(2 * 60);

/// IAM takes one change of a role at a time.
pub(crate) const BUSY: &[&str] = &["ConcurrentModification", "ConcurrentModificationException"];

/// What is attached or was just detached is in the way of a deletion.
pub(crate) const IN_USE: &[&str] = &["DeleteConflict", "DeleteConflictException"];

/// How long a role that was just made may be unknown to other calls.
const NEW: Duration = Duration::from_secs(30);

/// How many calls asking for one role takes; and from how many on the account is listed instead.
const CALLS_PER_ROLE: usize = 4;
const WORTH_LISTING: usize = 5;

/// A role and what belongs to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleFacts {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) unique_id: String,
    pub(crate) path: String,
    pub(crate) create_date: String,
    pub(crate) description: String,
    pub(crate) max_session_duration: i32,
    pub(crate) permissions_boundary: String,
    /// Who may assume it: the document.
    pub(crate) trust: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// Documents by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// The ARNs of attached policies.
    pub(crate) attached: Vec<String>,
}

/// What there is to know under a key.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Role(Box<RoleFacts>),
    /// The document.
    InlinePolicy(String),
    /// ARNs.
    Attached(Vec<String>),
}

#[derive(Default)]
struct Reads(Loader<Fact>);

/// The key of a role.
pub(crate) fn role_key(role: &str) -> String {
    format!("role/{role}")
}
/// The key of an inline policy of a role.
pub(crate) fn inline_key(role: &str, policy: &str) -> String {
    format!("inline/{role}/{policy}")
}
/// The key of the policies that are attached to a role.
pub(crate) fn attached_key(role: &str) -> String {
    format!("attached/{role}")
}

/// Makes a call that changes a role, again while the role is being changed, or is so new that it is not found.
pub(crate) async fn change<T, F, Fut>(aws: &Aws, call: F) -> Result<T, Failure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    let began = Instant::now();
    let unseen = |failure: &Failure| aws.lags() && is_unknown_role(failure) && began.elapsed() < NEW;
    retry(PROPAGATION, |failure| failure.is(BUSY) || unseen(failure), call).await
}

fn is_unknown_role(failure: &Failure) -> bool {
    failure.is(GONE) && failure.message.contains("role with name")
}

/// Looks facts up.
pub(crate) async fn facts(aws: &Aws, keys: Vec<String>) -> Arc<Answers<Fact>> {
    let client = aws.iam().clone();
    aws.shared::<Reads>().0.load(keys, |keys| fetch(client, keys)).await
}

async fn fetch(client: Client, keys: Vec<String>) -> Answers<Fact> {
    let calls: usize = keys.iter().map(|key| if key.starts_with("role/") { CALLS_PER_ROLE } else { 1 }).sum();
    let roles: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('/').nth(1)).collect();
    let described = keys.iter().any(|key| key.starts_with("role/"));
    let listed = match calls {
        WORTH_LISTING.. => listed(&client, &roles, described, calls).await,
        _ => BTreeMap::new(),
    };
    // A role that is asked for tells what belongs to it, too.
    let wanted = keys.iter().filter_map(|key| key.strip_prefix("role/").map(str::to_string));
    let roles = in_chunks(wanted, 1, |names| async {
        let name = names.into_iter().next().unwrap_or_default();
        let found = match listed.get(&name) {
            Some(facts) => Some(facts.clone()),
            None => role(&client, &name).await?,
        };
        Ok(found.map(|facts| (name, facts)).into_iter().collect())
    })
    .await;
    let (client, listed, roles) = (&client, &listed, &roles);
    let of = |name: &str| roles.get(name).ok().flatten().or_else(|| listed.get(name));
    let one = |keys: Vec<String>| async move {
        let key = keys.into_iter().next().unwrap_or_default();
        let found = match key.splitn(3, '/').collect::<Vec<_>>()[..] {
            ["role", name] => roles.get(name)?.map(|facts| Fact::Role(Box::new(facts.clone()))),
            ["inline", name, policy] => match of(name).and_then(|facts| facts.inline.get(policy)) {
                Some(document) => Some(document.clone()),
                None => inline_policy(client, name, policy).await?,
            }
            .map(Fact::InlinePolicy),
            ["attached", name] => match of(name) {
                Some(facts) => Some(facts.attached.clone()),
                None => attached(client, name).await?,
            }
            .map(Fact::Attached),
            _ => None,
        };
        Ok(found.map(|fact| (key, fact)).into_iter().collect())
    };
    in_chunks(keys.clone(), 1, one).await
}

/// Those of the wanted roles that the lists of the account hold. Lists lag, and may be forbidden: a role that is not in
/// the answer is to be asked for. No more pages are read than the calls that the lists are to save.
async fn listed(
    client: &Client,
    wanted: &BTreeSet<&str>,
    described: bool,
    calls: usize,
) -> BTreeMap<String, RoleFacts> {
    let details = async {
        let mut found = BTreeMap::new();
        let call = client.get_account_authorization_details().filter(EntityType::Role).max_items(1000);
        let mut pages = call.into_paginator().send();
        for _ in 0..calls {
            let Some(Ok(page)) = pages.next().await else { break };
            let details = page.role_detail_list.unwrap_or_default().into_iter().map(of_detail);
            found.extend(details.filter(|f| wanted.contains(&*f.name)).map(|f| (f.name.clone(), f)));
            if found.len() == wanted.len() {
                break;
            }
        }
        found
    };
    let descriptions = async {
        let mut found = BTreeMap::new();
        let mut pages = client.list_roles().max_items(1000).into_paginator().send();
        for _ in 0..if described { calls } else { 0 } {
            let Some(Ok(page)) = pages.next().await else { break };
            let roles = page.roles.into_iter().filter(|role| wanted.contains(role.role_name()));
            found.extend(roles.map(|role| (role.role_name.clone(), role)));
            if found.len() == wanted.len() {
                break;
            }
        }
        found
    };
    let (details, mut descriptions) = join(details, descriptions).await;
    let whole = details.into_iter().filter_map(|(name, facts)| {
        if !described {
            return Some((name, facts));
        }
        let role = descriptions.remove(&name)?;
        let (description, longest) = (role.description.unwrap_or_default(), role.max_session_duration.unwrap_or(3600));
        Some((name, RoleFacts { description, max_session_duration: longest, ..facts }))
    });
    whole.collect()
}

fn of_detail(detail: RoleDetail) -> RoleFacts {
    let inline = detail.role_policy_list.unwrap_or_default().into_iter();
    let inline = inline.filter_map(|p| Some((p.policy_name?, decoded(&p.policy_document.unwrap_or_default()))));
    let attached = detail.attached_managed_policies.unwrap_or_default().into_iter().filter_map(|p| p.policy_arn);
    RoleFacts {
        name: detail.role_name.unwrap_or_default(),
        arn: detail.arn.unwrap_or_default(),
        unique_id: detail.role_id.unwrap_or_default(),
        path: detail.path.unwrap_or_default(),
        create_date: detail.create_date.as_ref().map(rfc3339).unwrap_or_default(),
        description: String::new(),
        max_session_duration: 0,
        permissions_boundary: detail.permissions_boundary.and_then(|b| b.permissions_boundary_arn).unwrap_or_default(),
        trust: decoded(&detail.assume_role_policy_document.unwrap_or_default()),
        tags: tags(&detail.tags.unwrap_or_default()),
        inline: inline.collect(),
        attached: attached.collect(),
    }
}

fn of_role(role: Role) -> RoleFacts {
    RoleFacts {
        name: role.role_name,
        arn: role.arn,
        unique_id: role.role_id,
        path: role.path,
        create_date: rfc3339(&role.create_date),
        description: role.description.unwrap_or_default(),
        max_session_duration: role.max_session_duration.unwrap_or(3600),
        permissions_boundary: role.permissions_boundary.and_then(|b| b.permissions_boundary_arn).unwrap_or_default(),
        trust: decoded(&role.assume_role_policy_document.unwrap_or_default()),
        tags: tags(&role.tags.unwrap_or_default()),
        ..RoleFacts::default()
    }
}

/// A role with all that belongs to it.
pub(crate) async fn role(client: &Client, name: &str) -> Result<Option<RoleFacts>, Failure> {
    let answer = client.get_role().role_name(name).send().await.doing(format!("reading IAM Role ({name})"));
    let Some(role) = unless_gone(answer)?.and_then(|answer| answer.role) else { return Ok(None) };
    match unless_gone(try_join(inline_policies(client, name), attached_list(client, name)).await)? {
        Some((inline, attached)) => Ok(Some(RoleFacts { inline, attached, ..of_role(role) })),
        None => Ok(None),
    }
}

/// The document of an inline policy of a role.
pub(crate) async fn inline_policy(client: &Client, role: &str, policy: &str) -> Result<Option<String>, Failure> {
    let doing = format!("reading IAM Role Policy ({role}:{policy})");
    let answer = client.get_role_policy().role_name(role).policy_name(policy).send().await.doing(doing);
    Ok(unless_gone(answer)?.map(|answer| decoded(answer.policy_document())))
}

/// The ARNs of the policies that are attached to a role; `None` if there is no such role.
pub(crate) async fn attached(client: &Client, role: &str) -> Result<Option<Vec<String>>, Failure> {
    unless_gone(attached_list(client, role).await)
}

/// The names of a role's inline policies.
pub(crate) async fn inline_names(client: &Client, role: &str) -> Result<Vec<String>, Failure> {
    let pages = client.list_role_policies().role_name(role).into_paginator().items().send();
    let names: Result<Vec<String>, _> = pages.collect().await;
    names.doing(format!("reading inline policies of IAM Role ({role})"))
}

async fn inline_policies(client: &Client, role: &str) -> Result<BTreeMap<String, String>, Failure> {
    let names = inline_names(client, role).await?;
    let documents = join_all(names.iter().map(|name| inline_policy(client, role, name))).await;
    let mut policies = BTreeMap::new();
    for (name, document) in names.into_iter().zip(documents) {
        policies.extend(document?.map(|document| (name, document)));
    }
    Ok(policies)
}

async fn attached_list(client: &Client, role: &str) -> Result<Vec<String>, Failure> {
    let pages = client.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let policies: Result<Vec<_>, _> = pages.collect().await;
    let policies = policies.doing(format!("reading policies attached to IAM Role ({role})"))?;
    Ok(policies.into_iter().filter_map(|policy| policy.policy_arn).collect())
}

/// `None` for what is not there.
pub(crate) fn unless_gone<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.is(GONE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// All tags but those of AWS itself.
pub(crate) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let own = tags.iter().filter(|tag| !tag.key().starts_with("aws:"));
    own.map(|tag| (tag.key().to_string(), tag.value().to_string())).collect()
}

/// Tags to be sent; `None` without any.
pub(crate) fn sdk_tags(tags: &BTreeMap<String, String>) -> Result<Option<Vec<Tag>>, Failure> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let tags: Result<Vec<Tag>, _> = own.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Ok(Some(tags.doing("tagging")?).filter(|tags| !tags.is_empty()))
}

/// A document as IAM answers it: percent-encoded, `+` for a space.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| {
        let digits = bytes.get(at..at + 2).and_then(|digits| std::str::from_utf8(digits).ok())?;
        u8::from_str_radix(digits, 16).ok()
    };
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        match (byte, hex(at + 1)) {
            (b'%', Some(code)) => {
                plain.push(code);
                at += 2;
            }
            (b'+', _) => plain.push(b' '),
            _ => plain.push(byte),
        }
        at += 1;
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_percent_encoded() {
        assert_eq!(decoded("%7B%22a%22%3A+1%7D%C3%A9%"), "{\"a\": 1}é%");
    }
}
