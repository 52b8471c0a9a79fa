//! What a policy newly allows with `*`, and to whom.

mod grants;
mod trust;

use infra_provider::{Fate, Part, Remark, Weight};
use infra_value::Value;

use super::{Change, remark};

pub(super) const STAR: &str = "policy-star";

/// Whose permissions a policy is about.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum About {
    /// Those of the role that has it: actions and resources matter.
    Holder,
    /// Those of others, to the role: principals matter.
    Assuming,
    /// Those of others, to the object: principals matter.
    Object,
}

/// The types and arguments that hold policies.
pub(super) const HELD: &[(&str, &str, About)] = &[
    ("aws_iam_policy", "policy", About::Holder),
    ("aws_iam_role", "assume_role_policy", About::Assuming),
    ("aws_iam_role_policy", "policy", About::Holder),
    ("aws_kms_key", "policy", About::Object),
    ("aws_secretsmanager_secret", "policy", About::Object),
    ("aws_sns_topic", "policy", About::Object),
];

/// Policies of AWS that allow nearly everything, by the end of their ARNs, and what they allow.
const MIGHTY: &[(&str, &str)] = &[
    (":policy/AdministratorAccess", "everything"),
    (":policy/IAMFullAccess", "everything in IAM, and so everything"),
    (":policy/PowerUserAccess", "everything but IAM"),
];

pub(super) fn remarks(change: &Change<'_>) -> Vec<Remark> {
    if matches!(change.about.fate, Fate::Delete) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (_, name, about) in HELD.iter().filter(|(ty, _, _)| change.is(ty)) {
        let (before, after) = (change.before.raw(name), change.after.raw(name));
        // A new object's own policy is one that AWS makes, if there is none in the configuration.
        if after.is_known() {
            found.extend(compared(before, after, *about));
        } else if matches!(change.about.fate, Fate::Update) && before.as_str().is_some_and(|text| !text.is_empty()) {
            let said = "gets another policy, and what that newly allows is known after apply only";
            found.push((Weight::Weakened, said.to_string()));
        }
    }
    if change.is("aws_iam_role") {
        found.extend(inline(change));
    }
    found.extend(attached(change));
    found.into_iter().map(|(weight, said)| remark(weight, STAR, said)).collect()
}

type Said = (Weight, String);

/// What one policy document newly allows.
fn compared(before: &Value, after: &Value, about: About) -> Vec<Said> {
    let (Some(after_text), before_text) = (after.as_str(), before.as_str().unwrap_or_default()) else {
        return Vec::new();
    };
    let (old, new) = (statements(before_text), statements(after_text));
    let said = match about {
        About::Holder => grants::newly(&old, &new),
        About::Assuming => trust::newly(&old, &new, true),
        About::Object => trust::newly(&old, &new, false),
    };
    if before.is_sensitive() || after.is_sensitive() {
        let hidden = |weight| (weight, "newly allows something with \"*\" (the policy is sensitive)".to_string());
        return said.into_iter().map(|(weight, _)| weight).min().map(hidden).into_iter().collect();
    }
    said
}

/// The policies that a role holds in itself.
fn inline(change: &Change<'_>) -> Vec<Said> {
    let old = change.before.parts("inline_policy");
    let of_name = |name: &str| old.iter().find(|policy| policy.str("name") == name);
    let none = Value::string("");
    let hidden = [change.before, change.after].iter().any(|role| role.raw("inline_policy").is_sensitive());
    let policies = change.after.parts("inline_policy").into_iter().flat_map(|policy| {
        let marks = if hidden { infra_value::Marks::SENSITIVE } else { infra_value::Marks::NONE };
        let before = of_name(policy.str("name")).map_or(&none, |old| old.raw("policy"));
        compared(before, &policy.raw("policy").clone().with_marks(marks), About::Holder)
    });
    policies.collect()
}

/// Policies of AWS that are newly attached.
fn attached(change: &Change<'_>) -> Vec<Said> {
    let arns = |role: Part<'_>| match change.about.ty {
        "aws_iam_role_policy_attachment" => role.opt_str("policy_arn").into_iter().collect(),
        "aws_iam_role" => role.strings("managed_policy_arns"),
        _ => Vec::new(),
    };
    let sensitive =
        ["policy_arn", "managed_policy_arns"].iter().any(|name| !change.after.raw(name).marks_deep().is_empty());
    let old = arns(change.before);
    let new = arns(change.after).into_iter().filter(|arn| !old.contains(arn));
    let found = new.filter_map(|arn| MIGHTY.iter().find(|(ending, _)| arn.ends_with(ending)));
    let said = found.map(|(ending, allows)| match sensitive {
        true => "attaches a mighty policy of AWS (which one is sensitive)".to_string(),
        false => {
            let name = ending.rsplit('/').next().unwrap_or_default();
            let whose = if change.is("aws_iam_role") { "gets" } else { "gives its role" };
            format!("{whose} AWS's policy {name}, which allows {allows}")
        }
    });
    said.map(|said| (Weight::Exposed, said)).collect()
}

/// One statement of a policy, as far as the rules look at it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Statement {
    /// Whether it allows rather than denies.
    allows: bool,
    /// Patterns of actions; with `Not`, of those that it is not about.
    actions: Named,
    /// Patterns of resources.
    resources: Named,
    /// Who: type and entry, `("*", "*")` for everybody.
    principals: Vec<(String, String)>,
    /// It is about everybody but some.
    not_principals: bool,
    /// Each operator, key and values.
    conditions: Vec<(String, String, Vec<String>)>,
}

/// Patterns, or everything but them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Named {
    patterns: Vec<String>,
    all_but: bool,
}

impl Statement {
    /// Whether the other one holds only where this one does, as far as conditions go.
    fn is_no_narrower(&self, other: &Statement) -> bool {
        self.conditions.is_empty() || self.conditions == other.conditions
    }

    /// The keys that its conditions look at.
    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for (_, key, _) in &self.conditions {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }
}

/// The statements of a document; none where it cannot be read.
fn statements(text: &str) -> Vec<Statement> {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let Some(found) = member(&json, "Statement") else { return Vec::new() };
    texts_or_objects(found).into_iter().map(statement).collect()
}

fn statement(json: &serde_json::Value) -> Statement {
    let named = |name: &str, inverse: &str| match (member(json, name), member(json, inverse)) {
        (Some(patterns), _) => Named { patterns: texts(patterns), all_but: false },
        (None, Some(patterns)) => Named { patterns: texts(patterns), all_but: true },
        (None, None) => Named::default(),
    };
    let who = member(json, "Principal");
    let principals = match who {
        Some(serde_json::Value::Object(types)) => {
            types.iter().flat_map(|(ty, who)| texts(who).into_iter().map(move |who| (ty.clone(), who))).collect()
        }
        Some(who) => texts(who).into_iter().map(|who| ("*".to_string(), who)).collect(),
        None => Vec::new(),
    };
    let mut conditions: Vec<_> = member(json, "Condition")
        .and_then(serde_json::Value::as_object)
        .into_iter()
        .flatten()
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| {
                let mut values = texts(values);
                values.sort();
                (operator.clone(), key.clone(), values)
            })
        })
        .collect();
    conditions.sort();
    Statement {
        allows: member(json, "Effect")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|e| e.eq_ignore_ascii_case("allow")),
        actions: named("Action", "NotAction"),
        resources: named("Resource", "NotResource"),
        principals,
        not_principals: member(json, "NotPrincipal").is_some(),
        conditions,
    }
}

fn member<'j>(json: &'j serde_json::Value, name: &str) -> Option<&'j serde_json::Value> {
    json.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn texts_or_objects(json: &serde_json::Value) -> Vec<&serde_json::Value> {
    json.as_array().map_or_else(|| vec![json], |elements| elements.iter().collect())
}

fn texts(json: &serde_json::Value) -> Vec<String> {
    texts_or_objects(json).into_iter().filter_map(|text| text.as_str().map(str::to_string)).collect()
}

/// Whether a pattern with `*` and `?` fits a text. The text may be a pattern too: then whatever fits it fits the first.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == text[t] || (*c == '?' && text[t] != '*') => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
