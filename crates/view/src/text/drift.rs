//! The note about what changed outside of the configuration.

use infra_diag::wrap;
use infra_engine::plan::PlanMode;

use super::TextOptions;
use super::pen::Pen;
use super::resource::resource;
use crate::difference::diff::Diff;
use crate::difference::entry::Entry;

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
