//! `resource`, `data` and `ephemeral` blocks.

use std::sync::Arc;

use infra_address::{Resource as ResourceAddress, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics};
use infra_value::{Path, PathStep};

use super::check::{forbid_self, rules};
use super::{depends_on, escaped, provider_ref, reference, repetition, reserved_blocks};
use crate::config::content::{Spec, attributes_of, content, partial_content};
use crate::config::names::check_label;
use crate::config::static_expr::{constant_bool, keyword, static_list};
use crate::config::{Connection, IgnoreChanges, Lifecycle, OnFailure, Provisioner, ProvisionerWhen, Resource};
use crate::eval::{Subject, free_traversals, references};
use crate::syntax::Content;
use crate::syntax::ast::{Attribute, Block, Expr, ExprKind, TraversalStep};

const META: &[(&str, bool)] = &[("count", false), ("for_each", false), ("provider", false), ("depends_on", false)];

const MANAGED: Spec = Spec {
    attributes: META,
    blocks: &[("locals", &[]), ("lifecycle", &[]), ("connection", &[]), ("provisioner", &["type"]), ("_", &[])],
};

const READ_ONLY: Spec = Spec { attributes: META, blocks: &[("locals", &[]), ("lifecycle", &[]), ("_", &[])] };

const LIFECYCLE: Spec = Spec {
    attributes: &[
        ("create_before_destroy", false),
        ("prevent_destroy", false),
        ("ignore_changes", false),
        ("replace_triggered_by", false),
    ],
    blocks: &[("precondition", &[]), ("postcondition", &[])],
};

const PROVISIONER: Spec = Spec {
    attributes: &[("when", false), ("on_failure", false)],
    blocks: &[("_", &[]), ("connection", &[]), ("lifecycle", &[])],
};

/// A resource, data source or ephemeral resource, perhaps in a check block; `None` without type and name.
pub(super) fn read(block: &Block, check: Option<Arc<str>>, diagnostics: &mut Diagnostics) -> Option<Resource> {
    let [ty, name] = block.labels.as_slice() else { return None };
    let (mode, spec, bad_type, bad_name, what) = match &*block.ty {
        "data" => (ResourceMode::Data, &READ_ONLY, "Invalid data source name", "Invalid data resource name", "data"),
        "ephemeral" => (
            ResourceMode::Ephemeral,
            &READ_ONLY,
            "Invalid ephemeral resource type",
            "Invalid ephemeral resource name",
            "ephemeral",
        ),
        _ => (ResourceMode::Managed, &MANAGED, "Invalid resource type name", "Invalid resource name", "resource"),
    };
    let (content, rest) = partial_content(&block.body, spec, diagnostics);
    check_label(ty, bad_type, diagnostics);
    check_label(name, bad_name, diagnostics);
    reserved_blocks(&content, &["locals"], what, diagnostics);
    let (count, for_each) = repetition(&content, diagnostics);
    let mut resource = Resource {
        address: ResourceAddress { mode, ty: ty.text.clone(), name: name.text.clone() },
        provider: content.get("provider").and_then(|a| provider_ref(&a.expr, diagnostics)),
        count,
        for_each,
        depends_on: depends_on(&content, diagnostics),
        lifecycle: Lifecycle::default(),
        provisioners: Vec::new(),
        connection: None,
        body: escaped(&content, rest, diagnostics),
        check,
        decl_range: block.header_range.clone(),
        ty_range: ty.range.clone(),
    };
    let mut lifecycles = content.blocks_of("lifecycle");
    if let Some(lifecycle) = lifecycles.next() {
        resource.lifecycle = read_lifecycle(lifecycle, mode, diagnostics);
        forbid_self(&resource.lifecycle.preconditions, "precondition", &resource, diagnostics);
        forbid_self(&resource.lifecycle.postconditions, "postcondition", &resource, diagnostics);
    }
    only_one("lifecycle", lifecycles, diagnostics);
    let mut connections = content.blocks_of("connection");
    resource.connection = connections.next().map(connection);
    only_one("connection", connections, diagnostics);
    resource.provisioners = content.blocks_of("provisioner").filter_map(|b| provisioner(b, diagnostics)).collect();
    Some(resource)
}

/// Reports what is left of blocks of which one is allowed.
pub(super) fn only_one<'b>(ty: &str, more: impl Iterator<Item = &'b Block>, diagnostics: &mut Diagnostics) {
    for block in more {
        diagnostics.push(
            Diagnostic::error(format!("Duplicate {ty} block"), format!("There can be only one {ty} block here."))
                .at(block.header_range.clone()),
        );
    }
}

fn read_lifecycle(block: &Block, mode: ResourceMode, diagnostics: &mut Diagnostics) -> Lifecycle {
    let content = content(&block.body, &LIFECYCLE, diagnostics);
    if mode != ResourceMode::Managed {
        let (summary, what) = match mode {
            ResourceMode::Data => ("Invalid data resource lifecycle argument", "data sources"),
            _ => ("Invalid ephemeral resource lifecycle argument", "ephemeral resources"),
        };
        for attribute in &content.attributes {
            diagnostics.push(
                Diagnostic::error(
                    summary,
                    format!("The argument \"{}\" is for managed resources; {what} do not have it.", attribute.name),
                )
                .at(attribute.name_range.clone()),
            );
        }
    }
    Lifecycle {
        create_before_destroy: content.get("create_before_destroy").and_then(|a| constant_bool(a, diagnostics)),
        prevent_destroy: content.get("prevent_destroy").and_then(|a| constant_bool(a, diagnostics)).unwrap_or(false),
        ignore_changes: content.get("ignore_changes").map(|a| ignored(a, diagnostics)).unwrap_or_default(),
        replace_triggered_by: content.get("replace_triggered_by").map(|a| triggers(a, diagnostics)).unwrap_or_default(),
        preconditions: rules(content.blocks_of("precondition"), diagnostics),
        postconditions: rules(content.blocks_of("postcondition"), diagnostics),
        range: Some(block.header_range.clone()),
    }
}

/// `all`, or a list of arguments.
fn ignored(attribute: &Attribute, diagnostics: &mut Diagnostics) -> IgnoreChanges {
    if keyword(&attribute.expr).as_deref() == Some("all") {
        return IgnoreChanges::All;
    }
    let mut paths = Vec::new();
    for item in static_list(&attribute.expr, diagnostics) {
        if matches!(&item.kind, ExprKind::Literal(v) if v.as_str() == Some("*")) {
            diagnostics.push(
                Diagnostic::error(
                    "Invalid ignore_changes wildcard",
                    "To ignore the changes of all arguments, write ignore_changes = all.",
                )
                .at(attribute.expr.range.clone()),
            );
            continue;
        }
        if let Some(traversal) = reference(&item, diagnostics) {
            let first = PathStep::Attribute(traversal.root.clone());
            let steps = traversal.steps.iter().map(|step| match step {
                TraversalStep::Attribute(name, _) => PathStep::Attribute(name.clone()),
                TraversalStep::Index(key, _) => PathStep::Index(key.clone()),
            });
            paths.push((Path(std::iter::once(first).chain(steps).collect()), item.range.clone()));
        }
    }
    IgnoreChanges::Paths(paths)
}

/// The references of `replace_triggered_by`.
fn triggers(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Vec<Expr> {
    let items = static_list(&attribute.expr, diagnostics);
    let written: Vec<Expr> =
        items.iter().map(|item| crate::config::static_expr::as_written(item).into_owned()).collect();
    for expr in &written {
        let (found, problems) = references(expr);
        diagnostics.extend(problems);
        let mut resources = 0;
        for reference in found {
            match reference.subject {
                Subject::CountIndex | Subject::EachKey => {}
                Subject::Resource { .. } => resources += 1,
                Subject::EachValue => diagnostics.push(
                    Diagnostic::error(
                        "Invalid each reference in replace_triggered_by expression",
                        "Only each.key can be used here, as the instance key of a resource.",
                    )
                    .at(expr.range.clone()),
                ),
                _ => diagnostics.push(
                    Diagnostic::error(
                        "Invalid reference in replace_triggered_by expression",
                        "Only resources can trigger a replacement, with count.index or each.key as their instance key.",
                    )
                    .at(expr.range.clone()),
                ),
            }
        }
        if resources != 1 {
            let what = if resources == 0 { "No resource" } else { "More than one resource" };
            diagnostics.push(
                Diagnostic::error(
                    "Invalid replace_triggered_by expression",
                    format!("{what} is referred to. Each item refers to one resource or a part of it."),
                )
                .at(expr.range.clone()),
            );
        }
    }
    written
}

/// A `connection` block.
pub(super) fn connection(block: &Block) -> Connection {
    Connection { body: block.body.clone(), decl_range: block.header_range.clone() }
}

/// A `provisioner` block.
pub(super) fn provisioner(block: &Block, diagnostics: &mut Diagnostics) -> Option<Provisioner> {
    let (content, rest) = partial_content(&block.body, &PROVISIONER, diagnostics);
    let when = word(&content, "when", diagnostics, |word| match word {
        "create" => Some(ProvisionerWhen::Create),
        "destroy" => Some(ProvisionerWhen::Destroy),
        _ => None,
    });
    let on_failure = word(&content, "on_failure", diagnostics, |word| match word {
        "fail" => Some(OnFailure::Fail),
        "continue" => Some(OnFailure::Continue),
        _ => None,
    });
    reserved_blocks(&content, &["lifecycle"], "provisioner", diagnostics);
    let mut connections = content.blocks_of("connection");
    let own_connection = connections.next();
    only_one("connection", connections, diagnostics);
    let provisioner = Provisioner {
        ty: block.labels.first()?.text.clone(),
        when: when.unwrap_or_default(),
        on_failure: on_failure.unwrap_or_default(),
        connection: own_connection.map(connection),
        body: escaped(&content, rest, diagnostics),
        decl_range: block.header_range.clone(),
    };
    if provisioner.when == ProvisionerWhen::Destroy {
        let connection = provisioner.connection.as_ref().map(|c| &c.body);
        for body in std::iter::once(&provisioner.body).chain(connection) {
            only_self_references(&attributes_of(body), diagnostics);
        }
    }
    Some(provisioner)
}

/// An argument that is one of a few words.
fn word<T>(
    content: &Content,
    name: &str,
    diagnostics: &mut Diagnostics,
    known: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let attribute = content.get(name)?;
    let quoted = match &attribute.expr.kind {
        ExprKind::Literal(value) => value.as_str().map(Arc::from),
        _ => None,
    };
    let given = keyword(&attribute.expr).or(quoted);
    let found = given.as_deref().and_then(known);
    if found.is_none() {
        let words = if name == "when" { "create or destroy" } else { "continue or fail" };
        diagnostics.push(
            Diagnostic::error(
                format!("Invalid \"{name}\" keyword"),
                format!("\"{name}\" is one of the words {words}."),
            )
            .at(attribute.expr.range.clone()),
        );
    }
    found
}

/// What runs on destruction can only look at what is destroyed.
fn only_self_references(attributes: &[Attribute], diagnostics: &mut Diagnostics) {
    for attribute in attributes {
        free_traversals(&attribute.expr, &mut |t| {
            let next = match t.steps.first() {
                Some(TraversalStep::Attribute(name, _)) => &**name,
                _ => "",
            };
            let allowed =
                matches!((&*t.root, next), ("self" | "path" | "terraform", _) | ("count", "index") | ("each", "key"));
            if !allowed {
                diagnostics.push(
                    Diagnostic::error(
                        "Invalid reference from destroy provisioner",
                        "A provisioner that runs on destruction, and its connection, can only refer to self, \
                         count.index and each.key: other objects may be gone by then.",
                    )
                    .at(attribute.expr.range.clone()),
                );
            }
        });
    }
}
