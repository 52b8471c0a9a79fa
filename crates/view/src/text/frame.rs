//! The text of a plan as a whole: what stands around the objects.

use infra_diag::wrap;
use infra_engine::plan::{Action, PlanMode};
use serde_json::Value as Json;

use super::attention::attention;
use super::drift::drift_note;
use super::outputs::outputs;
use super::pen::{Ink, Pen};
use super::releases::releases;
use super::resource::{LEGEND, resource, symbol};
use super::{SchemaOf, TextOptions};
use crate::difference::diff::{Diff, Sign};
use crate::difference::entry::Entry;
use crate::difference::told::{counts, listed, relevant_drift};
use crate::releases::releasing;

/// The text of a plan, from its published JSON: everything between the progress lines and the closing advice. It begins
/// with the empty line that sets it off from what was printed before.
pub fn plan_text<'s>(plan: &Json, schemas: SchemaOf<'_, 's>, options: &TextOptions) -> String {
    let pen = Pen { colour: options.colour };
    let changes = listed(plan, schemas);
    let outputs = outputs(plan, pen);
    let mut drift = relevant_drift(plan, schemas, options.mode);
    let does_something = changes.iter().any(|(entry, diff)| diff.sign != Sign::Same || entry.moved_from().is_some());
    if options.mode != PlanMode::RefreshOnly && !does_something && outputs.is_empty() {
        drift.clear();
    }
    let mut out = attention(plan, options, pen);
    if !drift.is_empty() {
        out += &drift_note(&drift, options, pen);
    }
    let releases = releases(plan, options, pen);
    let releasing = releasing(plan);
    if changes.is_empty() && outputs.is_empty() && !releases.is_empty() {
        let closing = match releasing.is_empty() {
            true => String::new(),
            false => format!("\n{} {}{releasing}.\n", pen.paint(Ink::Bold, "Plan:"), counts(&changes)),
        };
        return out + &releases + &closing;
    }
    if changes.is_empty() && outputs.is_empty() {
        return out + &nothing(plan, !drift.is_empty(), options, pen);
    }
    if !drift.is_empty() {
        out += &format!("\n{}\n", options.rule());
    }
    if changes.iter().any(|(entry, _)| entry.action != Action::NoOp) {
        out += &legend(&changes, options, pen);
    }
    if !changes.is_empty() {
        out += match plan["errored"] == true {
            true => "\nTerraform planned the following actions, but then encountered a problem:\n",
            false => "\nTerraform will perform the following actions:\n",
        };
        for (entry, diff) in &changes {
            out += &format!("\n{}", resource(*entry, diff, false, pen));
        }
        out += &releases;
        out += &format!("\n{} {}{releasing}.\n", pen.paint(Ink::Bold, "Plan:"), counts(&changes));
    } else {
        out += &releases;
        if !releasing.is_empty() {
            out += &format!("\n{} {}{releasing}.\n", pen.paint(Ink::Bold, "Plan:"), counts(&changes));
        }
    }
    if !outputs.is_empty() {
        out += &format!("\nChanges to Outputs:\n{outputs}");
        if releasing.is_empty() && changes.iter().all(|(entry, _)| entry.action == Action::NoOp) {
            let only_outputs = "You can apply this plan to save these new output values to the Terraform state, without \
                                changing any real infrastructure.";
            out += &format!("\n{}\n", wrap(only_outputs, options.width()));
        }
    }
    out
}

fn legend(changes: &[(Entry<'_>, Diff<'_>)], options: &TextOptions, pen: Pen) -> String {
    let intro = "Terraform used the selected providers to generate the following execution plan. Resource actions are \
                 indicated with the following symbols:";
    let mut out = format!("\n{}\n", wrap(intro, options.width()));
    for (action, meaning) in LEGEND {
        if changes.iter().any(|(entry, _)| entry.action == action) {
            out += &format!("{} {meaning}\n", symbol(action, pen));
        }
    }
    out
}

/// What is said where there is nothing to do.
fn nothing(plan: &Json, drift: bool, options: &TextOptions, pen: Pen) -> String {
    if plan["errored"] == true {
        let failed = pen.paint(Ink::Red, "Planning failed.");
        let rule = if drift { format!("\n{}\n", options.rule()) } else { String::new() };
        return format!("{rule}\n{failed} Terraform encountered an error while generating this plan.\n\n");
    }
    let (first, then) = match options.mode {
        PlanMode::RefreshOnly if drift => return String::new(),
        PlanMode::RefreshOnly => (
            "Your infrastructure still matches the configuration.",
            "Terraform has checked that the real remote objects still match the result of your most recent changes, and \
             found no differences.",
        ),
        PlanMode::Destroy => (
            "No objects need to be destroyed.",
            "Either you have not created any objects yet or the existing objects were already deleted outside of \
             Terraform.",
        ),
        PlanMode::Normal => (
            "Your infrastructure matches the configuration.",
            "Terraform has compared your real infrastructure against your configuration and found no differences, so no \
             changes are needed.",
        ),
    };
    let rule = if drift { format!("\n{}\n", options.rule()) } else { String::new() };
    format!("{rule}\n{} {first}\n\n{}\n", pen.paint(Ink::Green, "No changes."), wrap(then, options.width()))
}

/// What a plan that can be applied ends with: where it was saved, and how to apply it.
pub fn plan_advice(saved_as: Option<&str>, generated_config: Option<&str>, options: &TextOptions) -> String {
    let mut out = format!("\n{}\n", options.rule());
    if let Some(file) = generated_config {
        let text = format!(
            "Terraform has generated configuration and written it to {file}. Please review the configuration and edit it \
             as necessary before adding it to version control."
        );
        out += &format!("\n{}\n", wrap(&text, options.width()));
    }
    out + &match saved_as {
        Some(file) => format!(
            "\nSaved the plan to: {file}\n\nTo perform exactly these actions, run the following command to apply:\n    \
             terraform apply \"{file}\"\n"
        ),
        None => {
            let note = "Note: You didn't use the -out option to save this plan, so Terraform can't guarantee to take \
                        exactly these actions if you run \"terraform apply\" now.";
            format!("\n{}\n", wrap(note, options.width()))
        }
    }
}
