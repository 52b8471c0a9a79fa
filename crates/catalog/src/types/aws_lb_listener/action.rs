//! The actions of listeners and listener rules: what they may say, and which differences are none.

use infra_provider::Problem;
use infra_provider::plan::{Around, Key};
use infra_value::{Path, PathStep, Value};

use crate::validate::Check;

/// The actions in a block of this name: `default_action` or `action`.
#[derive(Clone, Copy)]
pub(in crate::types) struct Actions(pub &'static str);

/// The block that an action of a type needs.
const BLOCKS: [(&str, &str); 4] = [
    ("redirect", "redirect"),
    ("fixed-response", "fixed_response"),
    ("authenticate-cognito", "authenticate_cognito"),
    ("authenticate-oidc", "authenticate_oidc"),
];

/// Checks each action by itself.
pub(in crate::types) fn check_actions(check: &mut Check<'_>, actions: Actions) {
    check.each(actions.0, |check| {
        check.one_of_ignoring_case(
            "type",
            &["forward", "authenticate-oidc", "authenticate-cognito", "redirect", "fixed-response"],
        );
        check.range("order", 1..=50000);
        check.arn("target_group_arn");
        check.each("forward", |check| {
            check.each("target_group", |check| {
                check.arn("arn");
                check.range("weight", 0..=999);
            });
            check.each("stickiness", |check| check.range("duration", 1..=604_800));
        });
        check.each("redirect", |check| {
            check.length("host", 1..=128);
            check.length("path", 1..=128);
            check.length("query", 0..=128);
            check.one_of("protocol", &["#{protocol}", "HTTP", "HTTPS"]);
            check.one_of("status_code", &["HTTP_301", "HTTP_302"]);
        });
        check.each("fixed_response", |check| {
            check.one_of(
                "content_type",
                &["text/plain", "text/css", "text/html", "application/javascript", "application/json"],
            );
            check.length("message_body", 0..=1024);
            check.matches("status_code", r"^[245]\d\d$", "");
        });
        check.each("authenticate_cognito", |check| {
            check.arn("user_pool_arn");
            check.one_of_ignoring_case("on_unauthenticated_request", &["deny", "allow", "authenticate"]);
        });
        check.each("authenticate_oidc", |check| {
            check.one_of_ignoring_case("on_unauthenticated_request", &["deny", "allow", "authenticate"]);
        });
    });
}

impl Actions {
    /// Whether a difference in an action is none: in a block of another type than the action's, and where a block that
    /// AWS answers was never asked for.
    pub(in crate::types) fn suppress(self, key: Key<'_>, old: &str, new: &str, around: Around<'_>) -> bool {
        let Some((&first, rest)) = key.names.split_first() else { return false };
        if first != self.0 {
            return false;
        }
        let removed = old == "1" && new == "0";
        let forwards = self.type_at(key.path, around) == "forward";
        match rest {
            // What is inside is asked about, too: so does a duration of one second stay.
            ["forward", "stickiness", ..] if removed => true,
            // A listener gives its block up for a single group, a rule keeps what it has.
            ["forward", ..] if self.0 == "default_action" => !forwards,
            ["forward"] | ["forward", "target_group"] => removed,
            ["target_group_arn"] => !forwards,
            [block, ..] => match BLOCKS.iter().find(|(_, name)| name == block) {
                Some((ty, _)) => self.type_at(key.path, around) != *ty,
                None => false,
            },
            [] => false,
        }
    }

    /// The type that the action on the way to an attribute will have.
    fn type_at<'v>(self, path: &Path, around: Around<'v>) -> &'v str {
        let index = match path.0.get(1) {
            Some(PathStep::Index(index)) => index.as_i64().and_then(|i| usize::try_from(i).ok()),
            _ => None,
        };
        let actions = around.proposed.get(self.0).and_then(Value::elements);
        let action = index.and_then(|i| actions?.get(i));
        action.and_then(|a| a.get("type")?.as_str()).unwrap_or("")
    }

    /// Checks what each action needs to have beside its type. The first thing found is said.
    pub(in crate::types) fn check_combinations(self, config: &Value) -> Result<(), Vec<Problem>> {
        let actions = config.get(self.0).and_then(Value::elements).unwrap_or(&[]);
        match actions.iter().enumerate().find_map(|(i, action)| self.combination(i, action)) {
            Some(problem) => Err(vec![problem]),
            None => Ok(()),
        }
    }

    fn combination(self, i: usize, action: &Value) -> Option<Problem> {
        let path = format!("{}[{i}]", self.0);
        let at = |name: &str| action.get(name).filter(|v| !v.is_null() && !v.is_empty());
        let ty = at("type")?.as_str()?;
        let problem = |detail: String| Some(Problem::error("Invalid Attribute Combination", detail));
        if ty == "forward" {
            return match (action.get("target_group_arn").filter(|v| !v.is_null()), at("forward")) {
                (None, None) => problem(format!(
                    "Either \"{path}.target_group_arn\" or \"{path}.forward\" must be specified when \"{path}.type\" \
                     is \"forward\"."
                )),
                // With ignore_changes the configuration has the stored form of "not set".
                (Some(arn), Some(forward)) if arn.as_str() != Some("") && !same_group(arn, forward) => {
                    problem(format!(
                        "You can specify both a top-level target group ARN (\"{path}.target_group_arn\") and a target \
                     group list with a target group ARN (\"{path}.forward\") only if the ARNs match."
                    ))
                }
                _ => None,
            };
        }
        let (_, block) = BLOCKS.iter().find(|(name, _)| *name == ty)?;
        if at(block).is_some() {
            return None;
        }
        problem(format!("Attribute \"{path}.{block}\" must be specified when \"{path}.type\" is \"{ty}\"."))
    }
}

/// Whether every group of a forward block is the given one; what is not known yet may be.
fn same_group(arn: &Value, forward: &Value) -> bool {
    let groups = forward.elements().and_then(|f| f.first()?.get("target_group")?.elements()).unwrap_or(&[]);
    let other = |group: &Value| {
        let theirs = group.get("arn").and_then(Value::as_str);
        matches!((arn.as_str(), theirs), (Some(arn), Some(theirs)) if arn != theirs)
    };
    !groups.iter().any(other)
}
