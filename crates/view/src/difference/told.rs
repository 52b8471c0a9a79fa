//! Which objects of a plan are told of, and how many of each kind.

use infra_engine::plan::{Action, PlanMode};
use serde_json::Value as Json;

use super::diff::{Diff, Sign};
use super::entry::{Entry, compare};
use super::paths::Paths;
use crate::text::SchemaOf;

/// The objects that are shown.
pub(crate) fn listed<'j, 's: 'j>(plan: &'j Json, schemas: SchemaOf<'_, 's>) -> Vec<(Entry<'j>, Diff<'j>)> {
    let entries = plan["resource_changes"].as_array().map_or(&[][..], Vec::as_slice);
    let entries = entries.iter().map(Entry::of).filter(|entry| match entry.action {
        Action::NoOp => entry.moved_from().is_some() || entry.is_imported(),
        Action::Delete => !entry.is_data(),
        _ => true,
    });
    entries.map(|entry| (entry, compare(entry, entry.schema(schemas), Paths::everything()))).collect()
}

/// What the closing line counts.
pub(crate) fn counts(changes: &[(Entry<'_>, Diff<'_>)]) -> String {
    let count = |of: &dyn Fn(&Entry<'_>) -> bool| changes.iter().filter(|(entry, _)| of(entry)).count();
    let replaced = count(&|e| e.action.is_replace());
    let add = count(&|e| e.action == Action::Create) + replaced;
    let change = count(&|e| e.action == Action::Update);
    let destroy = count(&|e| e.action == Action::Delete) + replaced;
    let imported = match count(&|e| e.is_imported()) {
        0 => String::new(),
        n => format!("{n} to import, "),
    };
    format!("{imported}{add} to add, {change} to change, {destroy} to destroy")
}

/// Objects that changed, as far as that matters for the plan. In a refresh-only plan, all of it matters.
pub(crate) fn relevant_drift<'j, 's: 'j>(
    plan: &'j Json,
    schemas: SchemaOf<'_, 's>,
    mode: PlanMode,
) -> Vec<(Entry<'j>, Diff<'j>)> {
    let entries = plan["resource_drift"].as_array().map_or(&[][..], Vec::as_slice);
    let entries = entries.iter().map(Entry::of);
    let compared = entries.filter_map(|entry| {
        let relevant = match mode {
            PlanMode::RefreshOnly => Paths::everything(),
            PlanMode::Normal | PlanMode::Destroy => relevant_paths(plan, entry.address()),
        };
        relevant.lead_on().then(|| (entry, compare(entry, entry.schema(schemas), relevant)))
    });
    compared.filter(|(_, diff)| mode == PlanMode::RefreshOnly || diff.sign != Sign::Same).collect()
}

fn relevant_paths<'j>(plan: &'j Json, address: &str) -> Paths<'j> {
    let all = plan["relevant_attributes"].as_array().map_or(&[][..], Vec::as_slice);
    Paths::within(all.iter().filter(|r| r["resource"].as_str() == Some(address)).map(|r| &r["attribute"]))
}
