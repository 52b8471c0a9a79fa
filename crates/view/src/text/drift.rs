//! The note about what changed outside of the configuration.

use infra_diag::wrap;
use infra_engine::plan::PlanMode;
use serde_json::Value as Json;

use super::diff::{Diff, Sign};
use super::paths::Paths;
use super::pen::Pen;
use super::resource::{Entry, compare, resource};
use super::{SchemaOf, TextOptions};

/// Objects that changed, as far as that matters for the plan. In a refresh-only plan, all of it matters.
pub(super) fn relevant_drift<'j, 's: 'j>(
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

/// The note, up to what it means for the plan.
pub(super) fn drift_note(drift: &[(Entry<'_>, Diff<'_>)], options: &TextOptions, pen: Pen) -> String {
    let note = pen.paint(super::pen::Ink::Cyan, "Note:");
    let found = "Terraform detected the following changes made outside of Terraform since the last \"terraform apply\" \
                 which may have affected this plan:";
    let mut out = format!("\n{note} Objects have changed outside of Terraform\n\n{}\n", wrap(found, options.width()));
    for (entry, diff) in drift {
        out += &format!("\n{}", resource(*entry, diff, true, pen));
    }
    let meaning = match options.mode {
        PlanMode::RefreshOnly => {
            "This is a refresh-only plan, so Terraform will not take any actions to undo these. If you were expecting \
             these changes then you can apply this plan to record the updated values in the Terraform state without \
             changing any remote objects."
        }
        PlanMode::Normal | PlanMode::Destroy => {
            "Unless you have made equivalent changes to your configuration, or ignored the relevant attributes using \
             ignore_changes, the following plan may include actions to undo or respond to these changes."
        }
    };
    out + &format!("\n\n{}\n", wrap(meaning, options.width()))
}
