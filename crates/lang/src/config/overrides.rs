//! Override files: their blocks are merged into those of the other files before either is read.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics};
use infra_value::Value;

use super::content::{attribute_of, content};
use super::decode::TERRAFORM;
use super::static_expr::constant;
use crate::syntax::Content;
use crate::syntax::ast::{Attribute, Block, Body, NativeBody};

/// Whether a file is merged into the others: `override.tf`, `…_override.tf`, and the same in JSON.
pub(crate) fn is_override_file(name: &str) -> bool {
    let stem = name.strip_suffix(".tf").or_else(|| name.strip_suffix(".tf.json")).unwrap_or(name);
    stem == "override" || stem.ends_with("_override")
}

/// Merges the blocks of an override file into those of the other files.
pub(crate) fn merge(base: &mut Vec<Block>, overriding: Vec<Block>, diagnostics: &mut Diagnostics) {
    for block in overriding {
        match &*block.ty {
            "locals" => merge_locals(base, block, diagnostics),
            "terraform" => merge_terraform(base, block, diagnostics),
            "moved" | "import" | "removed" | "check" => diagnostics.push(
                Diagnostic::error(
                    format!("Cannot override '{}' blocks", block.ty),
                    format!("A block of type {} cannot stand in an override file.", block.ty),
                )
                .at(block.header_range.clone()),
            ),
            _ => match base.iter_mut().find(|other| same(other, &block)) {
                Some(other) => merge_body(&mut other.body, block.body, &block.ty),
                // Where there is no block for a provider, its configuration is an empty one.
                None if &*block.ty == "provider" && alias(&block).is_none() => base.push(block),
                None => diagnostics.push(missing_base(&block)),
            },
        }
    }
}

/// Whether both are about the same object.
fn same(a: &Block, b: &Block) -> bool {
    let labels = |block: &Block| block.labels.iter().map(|l| l.text.clone()).collect::<Vec<Arc<str>>>();
    a.ty == b.ty && labels(a) == labels(b) && alias(a) == alias(b)
}

/// The alias of a provider block.
fn alias(block: &Block) -> Option<Value> {
    let alias = (&*block.ty == "provider").then(|| attribute_of(&block.body, "alias"))??;
    constant(&alias, &mut Diagnostics::new())
}

fn missing_base(block: &Block) -> Diagnostic {
    let (summary, what) = match &*block.ty {
        "variable" => ("Missing base variable declaration to override", "variable"),
        "output" => ("Missing base output definition to override", "output"),
        "module" => ("Missing module call to override", "module call"),
        "provider" => ("Missing base provider configuration for override", "provider configuration"),
        "data" => ("Missing data resource to override", "data source"),
        "ephemeral" => ("Missing ephemeral resource to override", "ephemeral resource"),
        _ => ("Missing resource to override", "resource"),
    };
    let name: Vec<&str> = block.labels.iter().map(|l| &*l.text).collect();
    Diagnostic::error(
        summary,
        format!(
            "There is no {what} {} in the other files. An override file can only change what another file declares.",
            name.join(".")
        ),
    )
    .at(block.header_range.clone())
}

/// Arguments replace those of the same name. Blocks replace all blocks of the same type, but `lifecycle` is merged.
fn merge_body(base: &mut Body, overriding: Body, ty: &str) {
    let merged: &'static [&'static str] = if has_lifecycle(ty) { &["lifecycle"] } else { &[] };
    match (base, overriding) {
        (Body::Native(base), Body::Native(overriding)) => merge_native(base, overriding, ty),
        (Body::Json(base), Body::Json(overriding)) => *base = base.overridden_by(&overriding, merged),
        (base, overriding) => *base = base.clone().overridden_by(overriding, merged),
    }
}

fn has_lifecycle(ty: &str) -> bool {
    matches!(ty, "resource" | "data" | "ephemeral")
}

fn merge_native(base: &mut NativeBody, overriding: NativeBody, ty: &str) {
    for attribute in overriding.attributes {
        match base.attributes.iter_mut().find(|a| a.name == attribute.name) {
            Some(other) => *other = attribute,
            None => base.attributes.push(attribute),
        }
    }
    let mut replaced: Vec<Arc<str>> = Vec::new();
    for block in overriding.blocks {
        if has_lifecycle(ty) && &*block.ty == "lifecycle" {
            match base.blocks.iter_mut().find(|b| b.ty == block.ty) {
                Some(other) => merge_body(&mut other.body, block.body, "lifecycle"),
                None => base.blocks.push(block),
            }
            continue;
        }
        let ty = block.produced_type();
        if !replaced.contains(&ty) {
            base.blocks.retain(|b| b.produced_type() != ty);
            replaced.push(ty);
        }
        base.blocks.push(block);
    }
}

/// Each local value is overridden by itself.
fn merge_locals(base: &mut [Block], block: Block, diagnostics: &mut Diagnostics) {
    for attribute in block.body.just_attributes().0 {
        let declares =
            |b: &&mut Block| &*b.ty == "locals" && b.body.just_attributes().0.iter().any(|a| a.name == attribute.name);
        match (base.iter_mut().find(declares).map(|b| &mut b.body), &block.body) {
            (Some(Body::Native(body)), _) => {
                if let Some(entry) = body.attributes.iter_mut().find(|a| a.name == attribute.name) {
                    *entry = attribute;
                }
            }
            (Some(Body::Json(body)), Body::Json(overriding)) => {
                if let Some(entry) = overriding.only(&attribute.name) {
                    *body = body.overridden_by(&entry, &[]);
                }
            }
            (Some(body), _) => *body = body.clone().overridden_by(only(attribute), &[]),
            (None, _) => diagnostics.push(
                Diagnostic::error(
                    "Missing base local value definition to override",
                    format!(
                        "There is no local value {} in the other files. An override file can only change what another \
                         file declares.",
                        attribute.name
                    ),
                )
                .at(attribute.range),
            ),
        }
    }
}

/// A native body with one argument.
fn only(attribute: Attribute) -> Body {
    let (range, missing_item_range) = (attribute.range.clone(), attribute.range.clone());
    Body::Native(NativeBody { attributes: vec![attribute], blocks: Vec::new(), range, missing_item_range })
}

/// What a `terraform` block says replaces what the others say about the same.
fn merge_terraform(base: &mut Vec<Block>, mut block: Block, diagnostics: &mut Diagnostics) {
    if !base.iter().any(|b| &*b.ty == "terraform") {
        return base.push(block);
    }
    let mut overriding = native_terraform(&block.body, diagnostics);
    for other in base.iter_mut().filter(|b| &*b.ty == "terraform") {
        let mut body = native_terraform(&other.body, diagnostics);
        body.attributes.retain(|a| !overriding.attributes.iter().any(|o| o.name == a.name));
        for inner in &mut overriding.blocks {
            if &*inner.ty == "required_providers" {
                keep_other_entries(&body, inner);
            }
        }
        let backend = |b: &Block| matches!(&*b.ty, "backend" | "cloud");
        let replaces_backend = overriding.blocks.iter().any(backend);
        let replaces_providers = overriding.blocks.iter().any(|b| &*b.ty == "required_providers");
        let replaced =
            |b: &Block| replaces_backend && backend(b) || replaces_providers && &*b.ty == "required_providers";
        body.blocks.retain(|b| !replaced(b));
        other.body = Body::Native(body);
    }
    block.body = Body::Native(overriding);
    base.push(block);
}

/// The arguments and blocks of a `terraform` block, whatever its syntax.
fn native_terraform(body: &Body, diagnostics: &mut Diagnostics) -> NativeBody {
    if let Body::Native(body) = body {
        return body.clone();
    }
    let Content { attributes, blocks, missing_item_range } = content(body, &TERRAFORM, diagnostics);
    NativeBody { attributes, blocks, range: body.range().clone(), missing_item_range }
}

/// Adds the entries of the base's `required_providers` that the override does not have.
fn keep_other_entries(base: &NativeBody, overriding: &mut Block) {
    let (mut entries, _) = overriding.body.just_attributes();
    for block in base.blocks.iter().filter(|b| &*b.ty == "required_providers") {
        let (from, _) = block.body.just_attributes();
        let missing: Vec<_> = from.into_iter().filter(|a| !entries.iter().any(|o| o.name == a.name)).collect();
        entries.extend(missing);
    }
    let (range, missing_item_range) = (overriding.body.range().clone(), overriding.body.missing_item_range());
    overriding.body = Body::Native(NativeBody { attributes: entries, blocks: Vec::new(), range, missing_item_range });
}

#[cfg(test)]
mod tests {
    use super::is_override_file;

    #[test]
    fn override_files_are_known_by_their_names() {
        for (name, is) in [
            ("override.tf", true),
            ("override.tf.json", true),
            ("a_override.tf", true),
            ("main.tf", false),
            ("overrides.tf", false),
        ] {
            assert_eq!(is_override_file(name), is, "{name}");
        }
    }
}
