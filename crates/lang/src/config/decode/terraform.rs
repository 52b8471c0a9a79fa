//! `terraform` blocks.

use infra_address::ProviderSource;
use infra_diag::{Diagnostic, Diagnostics};
use infra_value::Value;

use super::{Declarations, RequiredProvidersBlock, provider_ref, version, version_of};
use crate::config::content::{Spec, content};
use crate::config::names::is_identifier;
use crate::config::source::is_host_name;
use crate::config::static_expr::{constant, map_items, static_list};
use crate::config::{Backend, ProviderMeta, RequiredProvider};
use crate::syntax::ast::{Attribute, Block, Expr, ExprKind};

/// What may stand in a `terraform` block.
pub(crate) const TERRAFORM: Spec = Spec {
    attributes: &[("required_version", false), ("experiments", false), ("language", false)],
    blocks: &[("backend", &["type"]), ("cloud", &[]), ("required_providers", &[]), ("provider_meta", &["provider"])],
};

/// Adds what a `terraform` block says.
pub(super) fn read(block: &Block, out: &mut Declarations, diagnostics: &mut Diagnostics) {
    let content = content(&block.body, &TERRAFORM, diagnostics);
    if let Some(attribute) = content.get("required_version")
        && let Some(mut requirement) = version(attribute, diagnostics)
    {
        requirement.range = attribute.range.clone();
        out.required_version.push(requirement);
    }
    if let Some(attribute) = content.get("experiments") {
        let asked = static_list(&attribute.expr, diagnostics);
        if !asked.is_empty() {
            diagnostics.push(
                Diagnostic::error(
                    "Module uses experimental features",
                    "Experiments are features of prereleases. Remove the argument, and do without the feature.",
                )
                .at(attribute.range.clone()),
            );
        }
    }
    if let Some(attribute) = content.get("language")
        && crate::config::static_expr::keyword(&attribute.expr).as_deref() != Some("TF2021")
    {
        diagnostics.push(
            Diagnostic::error("Unsupported language edition", "The only edition of the language is TF2021.")
                .at(attribute.expr.range.clone()),
        );
    }
    for inner in content.blocks.iter() {
        match &*inner.ty {
            "backend" | "cloud" => out.backends.push(Backend {
                ty: inner.labels.first().map_or_else(|| inner.ty.clone(), |label| label.text.clone()),
                body: inner.body.clone(),
                ty_range: inner.labels.first().map_or(&inner.ty_range, |label| &label.range).clone(),
                decl_range: inner.header_range.clone(),
            }),
            "provider_meta" => out.provider_meta.extend(inner.labels.first().map(|label| ProviderMeta {
                provider: label.text.clone(),
                body: inner.body.clone(),
                decl_range: inner.header_range.clone(),
            })),
            "required_providers" => {
                if let Some(first) = out.required_providers.first() {
                    diagnostics.push(
                        Diagnostic::error(
                            "Duplicate required providers configuration",
                            format!(
                                "A module has one required_providers block. There is one at {} already.",
                                first.decl_range
                            ),
                        )
                        .at(inner.header_range.clone()),
                    );
                    continue;
                }
                let (attributes, problems) = inner.body.just_attributes();
                // With blocks in it, its arguments may belong to one of these.
                let attributes = if problems.has_errors() { Vec::new() } else { attributes };
                diagnostics.extend(problems);
                let entries = attributes.iter().filter_map(|a| required_provider(a, diagnostics)).collect();
                out.required_providers.push(RequiredProvidersBlock { entries, decl_range: inner.header_range.clone() });
            }
            _ => {}
        }
    }
}

/// `aws = { source = "hashicorp/aws", version = "~> 5.100" }`, or the constraint alone.
fn required_provider(attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<RequiredProvider> {
    let name = &attribute.name;
    let allowed = is_identifier(name) && !name.contains('_') && !name.ends_with('-');
    if !allowed || name.chars().any(char::is_uppercase) {
        diagnostics.push(
            Diagnostic::error(
                "Invalid provider local name",
                format!("\"{name}\" is no name for a provider. It holds lower-case letters, digits and dashes."),
            )
            .at(attribute.name_range.clone()),
        );
        return None;
    }
    let mut provider = RequiredProvider {
        local_name: name.clone(),
        source: ProviderSource::parse(name),
        version: None,
        configuration_aliases: Vec::new(),
        decl_range: attribute.range.clone(),
    };
    if let ExprKind::Literal(value) = &attribute.expr.kind
        && value.as_str().is_some()
    {
        provider.version = version_of(value, &attribute.expr, diagnostics);
        return Some(provider);
    }
    // What could not be read has been told.
    if matches!(&attribute.expr.kind, ExprKind::Literal(value) if !value.is_known()) {
        return None;
    }
    if !matches!(&attribute.expr.kind, ExprKind::Object(_)) {
        diagnostics.push(
            Diagnostic::error(
                "Invalid required_providers object",
                "A provider is required by an object: { source = \"hashicorp/aws\", version = \"~> 5.100\" }.",
            )
            .at(attribute.expr.range.clone()),
        );
        return None;
    }
    for (key, value) in map_items(&attribute.expr, diagnostics) {
        let word = match &key.kind {
            ExprKind::Literal(text) => text.as_str().map(str::to_string),
            ExprKind::Traversal(t) if t.steps.is_empty() => Some(t.root.to_string()),
            _ => None,
        };
        match word.as_deref() {
            Some("version") => {
                provider.version = constant(&value, diagnostics).and_then(|v| version_of(&v, &value, diagnostics));
            }
            Some("source") => {
                if let Some(source) = constant(&value, diagnostics).and_then(|v| source(&v, &value, diagnostics)) {
                    provider.source = source;
                }
            }
            Some("configuration_aliases") => {
                let items = static_list(&value, diagnostics);
                provider.configuration_aliases =
                    items.iter().filter_map(|item| provider_ref(item, diagnostics)).collect();
            }
            _ => diagnostics.push(
                Diagnostic::error(
                    "Invalid required_providers object",
                    "An entry has only source, version and configuration_aliases. A provider is configured in a \
                     provider block.",
                )
                .at(key.range.clone()),
            ),
        }
    }
    Some(provider)
}

/// The provider that a source names.
fn source(value: &Value, expr: &Expr, diagnostics: &mut Diagnostics) -> Option<ProviderSource> {
    let refuse = |summary: &str, detail: &str| Diagnostic::error(summary, detail).at(expr.range.clone());
    let Some(text) = value.as_str() else {
        diagnostics.push(refuse("Invalid source", "A source is a text, such as \"hashicorp/aws\"."));
        return None;
    };
    let parts: Vec<&str> = text.split('/').collect();
    let named = |part: &&str| is_identifier(&format!("x{part}")) && !part.is_empty() && !part.contains('_');
    let valid = match parts.as_slice() {
        [name] => named(name),
        [namespace, name] => named(namespace) && named(name),
        [host, namespace, name] => is_host_name(host) && named(namespace) && named(name),
        _ => false,
    };
    if !valid {
        diagnostics.push(refuse(
            "Invalid provider source string",
            "A source has the form [hostname/][namespace/]name, such as \"hashicorp/aws\".",
        ));
        return None;
    }
    Some(ProviderSource::parse(text))
}
