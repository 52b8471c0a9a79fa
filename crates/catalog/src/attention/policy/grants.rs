//! What a role newly may do, to anything or with anything.

use infra_provider::Weight;

use super::super::listed;
use super::{Named, Said, Statement, fits};

/// Actions that are about no resource: AWS takes nothing but `*` for them.
const WITHOUT_RESOURCE: &[&str] = &[
    "cloudwatch:putmetricdata",
    "ec2:describe*",
    "ecr:getauthorizationtoken",
    "s3:listallmybuckets",
    "ssmmessages:createcontrolchannel",
    "ssmmessages:createdatachannel",
    "ssmmessages:opencontrolchannel",
    "ssmmessages:opendatachannel",
    "sts:getcalleridentity",
    "xray:getsamplingrules",
    "xray:getsamplingstatisticsummaries",
    "xray:getsamplingtargets",
    "xray:puttelemetryrecords",
    "xray:puttracesegments",
];

/// Actions that lead to the permissions of whomever they are allowed on.
const LEADING_ON: &[&str] = &[
    "iam:attachrolepolicy",
    "iam:createpolicyversion",
    "iam:passrole",
    "iam:putrolepolicy",
    "iam:updateassumerolepolicy",
    "sts:assumerole",
];

/// An action pattern on a resource pattern that is newly allowed.
struct Grant {
    action: Action,
    /// Whether it is allowed on everything there is.
    everything: bool,
    resource: String,
    conditional: bool,
}

enum Action {
    /// `*`
    All,
    /// Everything but some.
    AllBut,
    /// `s3:*`
    Service(String),
    /// Anything less.
    Some(String),
}

/// What the new statements allow with a star that the old ones did not.
pub(super) fn newly(old: &[Statement], new: &[Statement]) -> Vec<Said> {
    let mut both = Vec::new();
    let mut one = Vec::new();
    for statement in new.iter().filter(|s| s.allows) {
        for grant in
            grants(statement).into_iter().filter(|(action, resource)| !is_old(old, statement, action, resource))
        {
            let Some(grant) = starred(statement, grant) else { continue };
            let leading = matches!(&grant.action, Action::Some(name) if is_leading(name));
            let wide = !matches!(grant.action, Action::Some(_)) || leading;
            if grant.everything && wide { both.push(grant) } else { one.push(grant) }
        }
    }
    let mut said = Vec::new();
    if !both.is_empty() {
        said.push((Weight::Exposed, told(&both)));
    }
    if !one.is_empty() {
        said.push((Weight::Weakened, told(&one)));
    }
    said
}

/// Each action pattern with each resource pattern. What is inverted counts as one that is everything.
fn grants(statement: &Statement) -> Vec<(String, String)> {
    let patterns = |named: &Named| if named.all_but { vec!["*".to_string()] } else { named.patterns.clone() };
    let resources = patterns(&statement.resources);
    let pairs = patterns(&statement.actions).into_iter().flat_map(|action| {
        resources.iter().map(move |resource| (action.clone(), resource.clone())).collect::<Vec<_>>()
    });
    pairs.collect()
}

/// Whether the old statements allowed as much.
fn is_old(old: &[Statement], statement: &Statement, action: &str, resource: &str) -> bool {
    let covers = |old: &Named, new: &Named, pattern: &str, lower: bool| match (old.all_but, new.all_but) {
        (true, _) => old == new,
        (false, _) => old.patterns.iter().any(|p| match lower {
            true => fits(&p.to_ascii_lowercase(), &pattern.to_ascii_lowercase()),
            false => fits(p, pattern),
        }),
    };
    old.iter().filter(|o| o.allows && o.is_no_narrower(statement)).any(|o| {
        covers(&o.actions, &statement.actions, action, true)
            && covers(&o.resources, &statement.resources, resource, false)
    })
}

fn is_leading(action: &str) -> bool {
    LEADING_ON.iter().any(|leading| fits(&action.to_ascii_lowercase(), leading))
}

/// The grant, if there is a star in it that matters.
fn starred(statement: &Statement, (action, resource): (String, String)) -> Option<Grant> {
    let everything = is_everything(&resource);
    let lower = action.to_ascii_lowercase();
    let action = match lower.split_once(':') {
        _ if statement.actions.all_but => Action::AllBut,
        _ if matches!(&*lower, "*" | "*:*") => Action::All,
        Some((_, "*")) => Action::Service(action),
        _ if everything && WITHOUT_RESOURCE.iter().any(|known| fits(known, &lower)) => return None,
        _ if everything => Action::Some(action),
        _ => return None,
    };
    Some(Grant { action, everything, resource, conditional: !statement.conditions.is_empty() })
}

/// `*`, or all of a service: `arn:aws:s3:::*`.
fn is_everything(resource: &str) -> bool {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    resource.chars().all(|c| c == '*') || matches!(parts[..], ["arn", _, _, _, _, "*"]) || resource == "arn:*"
}

/// `every action and s3:* on everything; sqs:* on arn:…`
fn told(grants: &[Grant]) -> String {
    let mut by_resource: Vec<(String, Vec<String>)> = Vec::new();
    for grant in grants {
        let resource = match (grant.everything, &*grant.resource) {
            (true, "*") => "everything (Resource \"*\")".to_string(),
            (true, all_of) => format!("everything of {all_of}"),
            (false, one) => one.to_string(),
        };
        let condition = if grant.conditional { ", under a condition" } else { "" };
        let (resource, action) = (format!("{resource}{condition}"), grant.action.said());
        match by_resource.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, actions)) if actions.contains(&action) => {}
            Some((_, actions)) => actions.push(action),
            None => by_resource.push((resource, vec![action])),
        }
    }
    // The same actions on several resources are told once.
    let mut by_actions: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (resource, actions) in by_resource {
        match by_actions.iter_mut().find(|(known, _)| *known == actions) {
            Some((_, resources)) => resources.push(resource),
            None => by_actions.push((actions, vec![resource])),
        }
    }
    let said = by_actions
        .iter()
        .map(|(actions, resources)| format!("{} on {}", listed(actions, " and "), listed(resources, " and ")));
    format!("newly allows {}", said.collect::<Vec<_>>().join("; "))
}

impl Action {
    fn said(&self) -> String {
        match self {
            Action::All => "every action (\"*\")".to_string(),
            Action::AllBut => "every action but some (NotAction)".to_string(),
            Action::Service(name) | Action::Some(name) => name.clone(),
        }
    }
}
