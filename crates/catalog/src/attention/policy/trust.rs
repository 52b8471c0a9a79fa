//! Who newly may: everybody, or everybody whom an identity provider knows.

use infra_provider::Weight;

use super::super::listed;
use super::{Said, Statement, fits};

/// What the new statements allow everybody that the old ones did not. `role`: it is about who may assume a role.
pub(super) fn newly(old: &[Statement], new: &[Statement], role: bool) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    for statement in new.iter().filter(|s| s.allows) {
        let found = match is_for_everybody(statement) {
            true => (!is_old(old, statement)).then(|| everybody(statement, role)),
            false if role => vouched(statement).filter(|_| !old.contains(statement)).map(|host| {
                let said = format!(
                    "newly can be assumed by everybody whom {host} knows: there is no condition on {host}:sub that says who"
                );
                (Weight::Exposed, said)
            }),
            false => None,
        };
        said.extend(found.filter(|found| !said.contains(found)));
    }
    said
}

fn is_for_everybody(statement: &Statement) -> bool {
    let everybody = |(ty, who): &(String, String)| who == "*" && matches!(&**ty, "*" | "AWS");
    statement.not_principals || statement.principals.iter().any(everybody)
}

/// Whether the old statements allowed everybody as much.
fn is_old(old: &[Statement], statement: &Statement) -> bool {
    let covers = |old: &Statement| match (old.actions.all_but, statement.actions.all_but) {
        (false, false) => statement.actions.patterns.iter().all(|action| {
            old.actions.patterns.iter().any(|p| fits(&p.to_ascii_lowercase(), &action.to_ascii_lowercase()))
        }),
        _ => old.actions == statement.actions,
    };
    old.iter().any(|old| old.allows && is_for_everybody(old) && old.is_no_narrower(statement) && covers(old))
}

fn everybody(statement: &Statement, role: bool) -> Said {
    let who =
        if statement.not_principals { "everybody but some (NotPrincipal)" } else { "everybody (Principal \"*\")" };
    let (weight, condition) = match statement.keys().as_slice() {
        [] => (Weight::Exposed, String::new()),
        keys => (Weight::Weakened, format!(", under a condition on {}", listed(keys, " and "))),
    };
    let said = match (role, statement.actions.all_but) {
        (true, _) => format!("newly can be assumed by {who}{condition}"),
        (false, true) => format!("newly allows {who} every action but some{condition}"),
        (false, false) => format!("newly allows {who} {}{condition}", listed(&statement.actions.patterns, " and ")),
    };
    (weight, said)
}

/// The OpenID Connect provider whose word is enough, whoever it is about.
fn vouched(statement: &Statement) -> Option<&str> {
    let host = |who: &'_ (String, String)| who.0 == "Federated" && who.1.contains(":oidc-provider/");
    let (_, arn) = statement.principals.iter().find(|who| host(who))?;
    let host = arn.split_once(":oidc-provider/").map(|(_, host)| host)?;
    let subject = format!("{host}:sub");
    let named = statement
        .conditions
        .iter()
        .any(|(_, key, values)| key.eq_ignore_ascii_case(&subject) && !values.iter().any(|value| is_anybody(value)));
    (!named).then_some(host)
}

/// `*`, `repo:*`, `repo:*/*:*`
fn is_anybody(subject: &str) -> bool {
    let of_whom = subject.split_once(':').map_or(subject, |(_, whom)| whom);
    of_whom.starts_with('*') && of_whom.chars().all(|c| matches!(c, '*' | '/' | ':'))
}
