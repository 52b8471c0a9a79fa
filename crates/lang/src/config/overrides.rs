//! Override files: their blocks are merged into those of the other files before either is read.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};

use crate::syntax::ast::{Block, Body, NativeBody};

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
            "terraform" => merge_terraform(base, block),
            "moved" | "import" | "removed" | "check" => diagnostics.push(
                Diagnostic::error(
                    format!("Cannot override '{}' blocks", block.ty),
                    format!("A block of type {} cannot stand in an override file.", block.ty),
                )
                .at(block.header_range.clone()),
            ),
            _ => match base.iter_mut().find(|other| same(other, &block)) {
                Some(other) => merge_body(&mut other.body, block.body, &block.ty, diagnostics),
                None => diagnostics.push(missing_base(&block)),
            },
        }
    }
}

/// Whether both are about the same object.
fn same(a: &Block, b: &Block) -> bool {
    let labels = |block: &Block| block.labels.iter().map(|l| l.text.clone()).collect::<Vec<Arc<str>>>();
    let alias = |block: &Block| match (&*block.ty, &block.body) {
        ("provider", Body::Native(body)) => {
            body.attributes.iter().find(|a| &*a.name == "alias").map(|a| a.expr.kind.clone())
        }
        _ => None,
    };
    a.ty == b.ty && labels(a) == labels(b) && alias(a) == alias(b)
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
fn merge_body(base: &mut Body, overriding: Body, ty: &str, diagnostics: &mut Diagnostics) {
    match (base, overriding) {
        (Body::Native(base), Body::Native(overriding)) => merge_native(base, overriding, ty, diagnostics),
        (Body::Json(base), Body::Json(overriding)) => {
            let merged: &[&str] = if has_lifecycle(ty) { &["lifecycle"] } else { &[] };
            *base = base.overridden_by(&overriding, merged);
        }
        (_, overriding) => diagnostics.push(two_syntaxes(overriding.range())),
    }
}

fn two_syntaxes(range: &SourceRange) -> Diagnostic {
    Diagnostic::error(
        "Unsupported override",
        "What is written in native syntax cannot be overridden in JSON, nor the other way round. Write the override in \
         the syntax of what it overrides.",
    )
    .at(range.clone())
}

fn has_lifecycle(ty: &str) -> bool {
    matches!(ty, "resource" | "data" | "ephemeral")
}

fn merge_native(base: &mut NativeBody, overriding: NativeBody, ty: &str, diagnostics: &mut Diagnostics) {
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
                Some(other) => merge_body(&mut other.body, block.body, "lifecycle", diagnostics),
                None => base.blocks.push(block),
            }
            continue;
        }
        let ty = produced_type(&block);
        if !replaced.contains(&ty) {
            base.blocks.retain(|b| produced_type(b) != ty);
            replaced.push(ty);
        }
        base.blocks.push(block);
    }
}

/// The type of the blocks that a block is or makes: `dynamic "ingress"` makes `ingress` blocks.
fn produced_type(block: &Block) -> Arc<str> {
    match (&*block.ty, block.labels.as_slice()) {
        ("dynamic", [label]) => label.text.clone(),
        _ => block.ty.clone(),
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
            (Some(Body::Json(_)), Body::Native(_)) => diagnostics.push(two_syntaxes(&attribute.range)),
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

/// What a `terraform` block says replaces what the others say about the same.
fn merge_terraform(base: &mut Vec<Block>, mut block: Block) {
    if let Body::Native(overriding) = &mut block.body {
        let others = base.iter_mut().filter(|b| &*b.ty == "terraform").filter_map(|b| match &mut b.body {
            Body::Native(body) => Some(body),
            Body::Json(_) => None,
        });
        for other in others {
            other.attributes.retain(|a| !overriding.attributes.iter().any(|o| o.name == a.name));
            for inner in &mut overriding.blocks {
                if &*inner.ty == "required_providers" {
                    keep_other_entries(other, inner);
                }
            }
            let backend = |b: &Block| matches!(&*b.ty, "backend" | "cloud");
            let replaces_backend = overriding.blocks.iter().any(backend);
            let replaces_providers = overriding.blocks.iter().any(|b| &*b.ty == "required_providers");
            let replaced =
                |b: &Block| replaces_backend && backend(b) || replaces_providers && &*b.ty == "required_providers";
            other.blocks.retain(|b| !replaced(b));
        }
    }
    base.push(block);
}

/// Adds the entries of the base's `required_providers` that the override does not have.
fn keep_other_entries(base: &NativeBody, overriding: &mut Block) {
    let Body::Native(into) = &mut overriding.body else { return };
    for block in base.blocks.iter().filter(|b| &*b.ty == "required_providers") {
        if let Body::Native(from) = &block.body {
            let missing: Vec<_> =
                from.attributes.iter().filter(|a| !into.attributes.iter().any(|o| o.name == a.name)).cloned().collect();
            into.attributes.extend(missing);
        }
    }
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
