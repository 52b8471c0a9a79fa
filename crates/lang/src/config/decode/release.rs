//! `release` blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::ResourceMode;
use infra_diag::{Diagnostic, Diagnostics};

use super::name_of;
use crate::config::content::{Spec, content};
use crate::config::release::{ReleaseBlock, ReleaseCheck, ReleaseMember, ReleaseStrategy};
use crate::config::static_expr::traversal;
use crate::eval::{Reference, Subject};
use crate::syntax::ast::{Attribute, Block};
use crate::syntax::suggest::did_you_mean;

/// What may stand at the top of an `.infra.hcl` file.
pub(crate) const RELEASE_FILE: Spec = Spec { attributes: &[], blocks: &[("release", &["name"])] };

const RELEASE: Spec = Spec {
    attributes: &[
        ("services", false),
        ("service", false),
        ("target_groups", false),
        ("listener", false),
        ("listener_rule", false),
        ("test_listener", false),
        ("strategy", false),
        ("standby", false),
        ("start_timeout", false),
    ],
    blocks: &[("check", &["kind", "name"]), ("before_shift", &[]), ("revert_when", &[]), ("strategy", &["name"])],
};

const HTTP: Spec = Spec {
    attributes: &[("path", true), ("status", false), ("timeout", false), ("attempts", false), ("pause", false)],
    blocks: &[],
};
const COMMAND: Spec =
    Spec { attributes: &[("command", true), ("timeout", false), ("attempts", false), ("pause", false)], blocks: &[] };
const BEFORE_SHIFT: Spec = Spec { attributes: &[("command", false), ("timeout", false)], blocks: &[] };
const REVERT_WHEN: Spec = Spec {
    attributes: &[
        ("error_rate_percent", false),
        ("window", false),
        ("min_requests", false),
        ("alarms", false),
        ("probe", false),
    ],
    blocks: &[],
};
const CANARY: Spec = Spec { attributes: &[("steps", true), ("wait", false)], blocks: &[] };
const LINEAR: Spec = Spec { attributes: &[("step", true), ("interval", true)], blocks: &[] };
const PLAIN: Spec = Spec { attributes: &[], blocks: &[] };

/// The blocks of an `.infra.hcl` file.
pub(crate) fn read(block: &Block, diagnostics: &mut Diagnostics) -> ReleaseBlock {
    let body = content(&block.body, &RELEASE, diagnostics);
    let name = name_of(block, "Invalid release name", diagnostics);
    let mut member = |names: [&str; 2]| -> Option<ReleaseMember> {
        let given: Vec<&Attribute> = names.iter().filter_map(|name| body.get(name)).collect();
        if let [_, second] = given.as_slice() {
            diagnostics.push(
                Diagnostic::error(
                    "Invalid release",
                    format!("Only one of {} and {} can be given. Remove one of them.", names[0], names[1]),
                )
                .at(second.name_range.clone()),
            );
        }
        given.first().and_then(|attribute| resource(attribute, diagnostics))
    };
    let services = member(["services", "service"]);
    let listener = member(["listener", "listener_rule"]);
    let target_groups = member(["target_groups", ""]);
    let test_listener = member(["test_listener", ""]);
    if services.is_none() && body.get("services").is_none() && body.get("service").is_none() {
        diagnostics.push(
            Diagnostic::error(
                "Missing required argument",
                "A release names the services that it is about: services = aws_ecs_service.NAME, a resource with one \
                 instance for each colour, or service = aws_ecs_service.NAME for a rolling release of one.",
            )
            .at(block.header_range.clone()),
        );
    }
    let strategy = strategy(&body, diagnostics);
    let settings = ["standby", "start_timeout"].iter().filter_map(|name| body.get(name));
    let settings = settings.map(|a| (a.name.clone(), a.clone())).collect();
    let checks = body.blocks_of("check").filter_map(|b| check(b, diagnostics)).collect();
    let before_shift = one(&body, "before_shift", &BEFORE_SHIFT, diagnostics);
    let revert_when = one(&body, "revert_when", &REVERT_WHEN, diagnostics).unwrap_or_default();
    let decl_range = block.header_range.clone();
    ReleaseBlock {
        name,
        services,
        target_groups,
        listener,
        test_listener,
        strategy,
        settings,
        checks,
        before_shift,
        revert_when,
        decl_range,
    }
}

fn strategy(body: &crate::syntax::Content, diagnostics: &mut Diagnostics) -> ReleaseStrategy {
    let named = body.get("strategy");
    let Some(block) = body.blocks_of("strategy").next() else {
        return named.map_or(ReleaseStrategy::Usual, |a| ReleaseStrategy::Named(a.clone()));
    };
    if named.is_some() || body.blocks_of("strategy").nth(1).is_some() {
        diagnostics.push(
            Diagnostic::error("Invalid release", "A release has one strategy. Remove the others.")
                .at(block.header_range.clone()),
        );
    }
    let name = name_of(block, "Invalid strategy", diagnostics);
    let spec = match &*name {
        "canary" => &CANARY,
        "linear" => &LINEAR,
        "blue_green" | "rolling" => &PLAIN,
        other => {
            let known = ["blue_green", "canary", "linear", "rolling"];
            let hint = did_you_mean(other, known.iter().copied());
            diagnostics.push(
                Diagnostic::error(
                    "Unknown release strategy",
                    format!("{other:?} is none of \"blue_green\", \"canary\", \"linear\" and \"rolling\".{hint}"),
                )
                .at(block.header_range.clone()),
            );
            return ReleaseStrategy::Usual;
        }
    };
    let settings = attributes(block, spec, diagnostics);
    ReleaseStrategy::Block { name, settings, range: block.header_range.clone() }
}

fn check(block: &Block, diagnostics: &mut Diagnostics) -> Option<ReleaseCheck> {
    let label = |n: usize| block.labels.get(n).map_or_else(|| Arc::from(""), |l| l.text.clone());
    let (kind, name) = (label(0), label(1));
    let spec = match &*kind {
        "http" => &HTTP,
        "command" => &COMMAND,
        _ => {
            diagnostics.push(
                Diagnostic::error(
                    "Unknown kind of check",
                    format!(
                        "A check of a release is an \"http\" or a \"command\" check, not {kind:?}: check \"http\" \"health\" \
                         {{ path = \"/health\" }}."
                    ),
                )
                .at(block.header_range.clone()),
            );
            return None;
        }
    };
    let settings = attributes(block, spec, diagnostics);
    Some(ReleaseCheck { kind, name, settings, range: block.header_range.clone() })
}

/// The arguments of a block that may stand once.
fn one(
    body: &crate::syntax::Content,
    ty: &str,
    spec: &Spec,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<Arc<str>, Attribute>> {
    let mut blocks = body.blocks_of(ty);
    let first = blocks.next()?;
    if let Some(second) = blocks.next() {
        diagnostics.push(
            Diagnostic::error("Duplicate block", format!("A release has at most one {ty} block."))
                .at(second.header_range.clone()),
        );
    }
    Some(attributes(first, spec, diagnostics))
}

fn attributes(block: &Block, spec: &Spec, diagnostics: &mut Diagnostics) -> BTreeMap<Arc<str>, Attribute> {
    let body = content(&block.body, spec, diagnostics);
    let given = spec.attributes.iter().filter_map(|(name, _)| body.get(name));
    given.map(|a| (a.name.clone(), a.clone())).collect()
}

/// The resource that an argument names.
fn resource(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<ReleaseMember> {
    let traversal = traversal(&attribute.expr, diagnostics)?;
    let range = attribute.expr.range.clone();
    if let Ok(Reference { subject: Subject::Resource { resource, key }, remaining, .. }) = Reference::parse(&traversal)
        && remaining.is_empty()
        && resource.mode == ResourceMode::Managed
    {
        return Some(ReleaseMember { resource, key, range });
    }
    diagnostics.push(
        Diagnostic::error(
            "Invalid reference in release",
            format!("{} names a resource of this module, or one instance of it: aws_lb_listener.http.", attribute.name),
        )
        .at(range),
    );
    None
}
