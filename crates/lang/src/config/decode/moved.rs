//! `moved` and `removed` blocks.

use infra_address::{InstanceKey, ResourceMode, Target};
use infra_diag::{Diagnostic, Diagnostics, SourceRange};

use crate::config::content::{Spec, content};
use crate::config::endpoint::endpoint;
use crate::config::static_expr::{constant_bool, traversal};
use crate::config::{Moved, MovedEndpoint, ProvisionerWhen, Removed};
use crate::syntax::Content;
use crate::syntax::ast::{Block, Traversal, TraversalStep};

const MOVED: Spec = Spec { attributes: &[("from", true), ("to", true)], blocks: &[] };
const REMOVED: Spec = Spec {
    attributes: &[("from", true)],
    blocks: &[("lifecycle", &[]), ("connection", &[]), ("provisioner", &["type"])],
};
const LIFECYCLE: Spec = Spec { attributes: &[("destroy", false)], blocks: &[] };

/// A `moved` block; `None` after an error.
pub(super) fn read(block: &Block, diagnostics: &mut Diagnostics) -> Option<Moved> {
    let content = content(&block.body, &MOVED, diagnostics);
    let from = address(&content, "from", diagnostics).map(|(end, _)| end);
    let to = address(&content, "to", diagnostics).map(|(end, _)| end);
    let (from, to) = (from?, to?);
    if matches!(from.target, Target::Module(_)) != matches!(to.target, Target::Module(_)) {
        diagnostics.push(
            Diagnostic::error(
                "Invalid \"moved\" addresses",
                "\"from\" and \"to\" have to be both resources or both modules.",
            )
            .at(block.header_range.clone()),
        );
        return None;
    }
    Some(Moved { from, to, decl_range: block.header_range.clone() })
}

/// The address in an argument, and how it is written.
fn address(content: &Content, name: &str, diagnostics: &mut Diagnostics) -> Option<(MovedEndpoint, Traversal)> {
    let traversal = traversal(&content.get(name)?.expr, diagnostics)?;
    match endpoint(&traversal) {
        Ok(end) => Some((end, traversal)),
        Err(problems) => {
            diagnostics.extend(problems);
            None
        }
    }
}

/// A `removed` block; `None` after an error.
pub(super) fn read_removed(block: &Block, diagnostics: &mut Diagnostics) -> Option<Removed> {
    let content = content(&block.body, &REMOVED, diagnostics);
    let from = address(&content, "from", diagnostics);
    let mut destroy = true;
    let mut lifecycles = content.blocks_of("lifecycle");
    if let Some(lifecycle) = lifecycles.next() {
        let inner = crate::config::content::content(&lifecycle.body, &LIFECYCLE, diagnostics);
        if let Some(attribute) = inner.get("destroy") {
            destroy = constant_bool(attribute, diagnostics).unwrap_or(true);
        }
    }
    super::resource::only_one("lifecycle", lifecycles, diagnostics);
    let mut connections = content.blocks_of("connection");
    let connection = connections.next().map(super::resource::connection);
    super::resource::only_one("connection", connections, diagnostics);
    let mut provisioners = Vec::new();
    for provisioner_block in content.blocks_of("provisioner") {
        let Some(provisioner) = super::resource::provisioner(provisioner_block, diagnostics) else { continue };
        if provisioner.when != ProvisionerWhen::Destroy {
            diagnostics.push(
                Diagnostic::error(
                    "Invalid provisioner block",
                    "What is removed can only have provisioners that run when it is destroyed: when = destroy.",
                )
                .at(provisioner.decl_range.clone()),
            );
        }
        provisioners.push(provisioner);
    }
    let (from, written) = from?;
    if let Some(problem) = key_problem(&from.target, &written) {
        diagnostics.push(problem);
        return None;
    }
    Some(Removed { from, destroy, provisioners, connection, decl_range: block.header_range.clone() })
}

/// What is removed is a whole module or resource.
fn key_problem(target: &Target, written: &Traversal) -> Option<Diagnostic> {
    let last_key: Option<&SourceRange> = written.steps.iter().rev().find_map(|step| match step {
        TraversalStep::Index(_, range) => Some(range),
        TraversalStep::Attribute(..) => None,
    });
    let module = match target {
        Target::Module(module) => module,
        Target::Resource(r) => {
            if r.resource.mode != ResourceMode::Managed {
                return Some(
                    Diagnostic::error(
                        "Data source address not allowed",
                        "Only managed resources can be removed: a data source leaves nothing behind.",
                    )
                    .at(written.range()),
                );
            }
            if r.key != InstanceKey::None {
                return Some(
                    Diagnostic::error(
                        "Resource instance keys not allowed",
                        format!("A whole resource is removed, not one instance of it: write {}.", r.resource),
                    )
                    .at(last_key.cloned()),
                );
            }
            &r.module
        }
    };
    let keyed = module.0.iter().any(|(_, key)| *key != InstanceKey::None);
    keyed.then(|| {
        Diagnostic::error(
            "Module instance keys not allowed",
            format!("A whole module is removed, not one instance of it: write {}.", module.path()),
        )
        .at(last_key.cloned())
    })
}
